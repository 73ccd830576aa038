/*
 * sim_shop.c - the clusters and who uses them: a shop that writes, a copier, a group that reads, and what befalls brokers.
 *
 * Each instance of the shop owns one partition and has one write under way, so the order of a partition is the order of
 * its writes on both sides.  A record counts as acknowledged when the high watermark passes it on the side that was
 * authoritative for its writer: the strictest reading.
 */
#include <stdlib.h>

#include "sim.h"

#define ASK_LONG_MS 120000 /* delivery time-out of the shop's producers */

bool sim_has(const struct sim *sim, int side, int id)
{
	int at = sim->at[side][id];

	return at >= 0 && at < sim->sides[side].logs[id % SIM_PARTITIONS].high;
}

static int64_t near(struct sim *sim, int most_ms)
{
	return 1 + sim_below(sim, most_ms);
}

/* ---- a partition ---- */

static void replicate(struct sim *sim, int64_t side, int64_t partition)
{
	struct sim_log *log = &sim->sides[side].logs[partition];

	while (log->high < log->end)
		sim_committed(sim, (int)side, log->ids[log->high++]);
}

static void append(struct sim *sim, int side, int id)
{
	struct sim_log *log = &sim->sides[side].logs[id % SIM_PARTITIONS];

	sim->at[side][id] = log->end;
	log->ids[log->end++] = id;
	sim_at(sim, near(sim, 4), replicate, side, id % SIM_PARTITIONS);
}

/* A new leader; what the old one alone had is gone. */
static void change_leader(struct sim *sim, int64_t side, int64_t partition)
{
	struct sim_log *log = &sim->sides[side].logs[partition];

	if (sim->now < sim->faults_until) {
		sim_trace(sim, "leader of %lld/%lld changes, %d records are cut", (long long)side,
			  (long long)partition, log->end - log->high);
		while (log->end > log->high)
			sim->at[side][log->ids[--log->end]] = -1;
		log->leader = (log->leader + 1) % SIM_BROKERS;
		log->epoch++;
		sim_at(sim, 500 + sim_below(sim, 20000), change_leader, side, partition);
	}
}

static void end_transaction(struct sim *sim, int64_t side, int64_t partition)
{
	if (sim->sides[side].logs[partition].open)
		sim->sides[side].logs[partition].open--;
}

static void leave_transaction(struct sim *sim, int64_t a, int64_t b)
{
	int side = sim_below(sim, SIM_SIDES), partition = sim_below(sim, SIM_PARTITIONS);

	if (sim->now >= sim->faults_until)
		return;
	sim->sides[side].logs[partition].open++;
	sim_at(sim, near(sim, 3000), end_transaction, side, partition);
	sim_at(sim, 1000 + sim_below(sim, 20000), leave_transaction, 0, 0);
}

static void learn(struct sim *sim, int64_t where, int64_t deny)
{
	struct sim_side *side = &sim->sides[where / SIM_BROKERS];

	side->known[where % SIM_BROKERS] = (unsigned)deny;
}

/* Brokers learn one by one, each in order. */
void sim_deny(struct sim *sim, int side, unsigned deny)
{
	sim_trace(sim, "ACL of side %d: %u", side, deny);
	sim->sides[side].deny = deny;
	for (int broker = 0; broker < SIM_BROKERS; broker++) {
		int64_t *learnt = &sim->sides[side].learnt[broker];
		int64_t at = sim->now + near(sim, sim->options.mutant == MUTANT_CANARY_LIES || sim_chance(sim, 100000) ? 4000 : 20);

		*learnt = at > *learnt ? at : *learnt + 1;
		sim_at(sim, *learnt - sim->now, learn, side * SIM_BROKERS + broker, deny);
	}
}

/* ---- the shop ---- */

static void send(struct sim *sim, int64_t i, int64_t side);
static void begin(struct sim *sim, int64_t i, int64_t b);

static void finish(struct sim *sim, int64_t i)
{
	sim->instances[i].busy = false;
	sim_at(sim, 20 + sim_below(sim, 150), begin, i, 0);
}

static void acknowledged(struct sim *sim, int64_t i, int64_t side)
{
	struct sim_instance *in = &sim->instances[i];

	in->acked[side] = true;
	if (!sim->dual || (in->acked[SIM_SOURCE] && in->acked[SIM_TARGET]))
		finish(sim, i);
	else if (side == in->side && !in->sent[1 - side])
		send(sim, i, 1 - side);
}

/* Refused.  What an earlier try may have left there decides: the shop reads it back. */
static void refused(struct sim *sim, int64_t i, int64_t side)
{
	struct sim_instance *in = &sim->instances[i];

	if (side != in->side || (sim->at[side][in->id] >= 0 && !sim_has(sim, (int)side, in->id)))
		sim_at(sim, near(sim, 20), send, i, side);
	else if (sim_has(sim, (int)side, in->id))
		acknowledged(sim, i, side);
	else
		finish(sim, i); /* its customer is told that nothing was bought */
}

static void hear(struct sim *sim, int64_t i, int64_t side)
{
	struct sim_instance *in = &sim->instances[i];

	if (!in->busy || in->acked[side])
		return;
	if (sim_has(sim, (int)side, in->id))
		acknowledged(sim, i, side);
	else
		sim_at(sim, near(sim, 10), send, i, side);
}

/* A produce request reaches the leader. */
static void arrive(struct sim *sim, int64_t i, int64_t side)
{
	struct sim_instance *in = &sim->instances[i];
	struct sim_log *log = &sim->sides[side].logs[i];

	if (!in->busy || in->acked[side])
		return;
	if (sim->sides[side].known[log->leader] & SIM_DENY_OURS) {
		refused(sim, i, side);
		return;
	}
	if (sim->at[side][in->id] < 0)
		append(sim, (int)side, in->id);
	sim_at(sim, sim_chance(sim, sim->lost_ppm) ? 50 + sim_below(sim, 500) : 5, hear, i, side);
}

static void send(struct sim *sim, int64_t i, int64_t side)
{
	struct sim_instance *in = &sim->instances[i];
	int64_t slow = sim_chance(sim, sim->slow_ppm) ? sim_below(sim, 3000) : near(sim, 3);

	if (!in->busy || in->acked[side])
		return;
	if (sim->now < in->asleep_until) {
		sim_at(sim, in->asleep_until - sim->now, send, i, side);
		return;
	}
	if (sim->now - in->begun > ASK_LONG_MS) {
		finish(sim, i);
		return;
	}
	in->sent[side] = true;
	sim_at(sim, slow, arrive, i, side);
}

static void begin(struct sim *sim, int64_t i, int64_t b)
{
	struct sim_instance *in = &sim->instances[i];

	if (in->busy)
		return;
	if (sim->now < in->asleep_until || in->mode == SIM_HOLD) {
		sim_at(sim, sim->now < in->asleep_until ? in->asleep_until - sim->now : 40, begin, i, b);
		return;
	}
	if (sim->id_count + SIM_PARTITIONS >= SIM_IDS_MAX)
		return;
	in->busy = true;
	in->begun = sim->now;
	in->side = in->mode;
	/* A number of its partition. */
	while (sim->id_count % SIM_PARTITIONS != i)
		sim->id_count++;
	in->id = sim->id_count++;
	sim->authority_of[in->id] = (int8_t)in->side;
	for (int side = 0; side < SIM_SIDES; side++)
		in->sent[side] = in->acked[side] = false;
	send(sim, i, in->side);
	if (sim->dual && sim->parallel)
		send(sim, i, 1 - in->side);
}

/* An instance reads its flag, or resolves its address, now and then. */
static void learn_mode(struct sim *sim, int64_t i, int64_t b)
{
	struct sim_instance *in = &sim->instances[i];
	const struct sim_told *told = &sim->told[sim->flag ? 0 : 1];

	if (sim->now >= in->asleep_until) {
		in->mode = told->values[i];
		in->epoch = told->epochs[i];
	}
	if (sim_chance(sim, 4000)) {
		in->asleep_until = sim->now + near(sim, sim_below(sim, 3) ? 300 : 8000);
		sim_trace(sim, "instance %lld sleeps for %lld ms", (long long)i,
			  (long long)(in->asleep_until - sim->now));
	}
	sim_at(sim, 10 + sim_below(sim, 40), learn_mode, i, b);
}

bool sim_shop_drained(struct sim *sim, uint64_t epoch)
{
	for (int i = 0; i < SIM_PARTITIONS; i++) {
		const struct sim_instance *in = &sim->instances[i];

		if (in->busy || in->mode != SIM_HOLD || in->epoch < epoch || sim->now < in->asleep_until)
			return false;
	}
	return true;
}

/* ---- copier and reader ---- */

/* Stop-and-switch: whoever lacks a record gets it, in order. */
static void copy(struct sim *sim, int64_t from, int64_t partition)
{
	struct sim_log *log = &sim->sides[from].logs[partition];
	int *done = &sim->copied[from][partition];

	for (int i = *done; !sim->copier_stopped && i < log->high; i++) {
		int id = log->ids[i];

		if (i == *done && sim_has(sim, (int)(1 - from), id))
			(*done)++;
		else if (sim->at[1 - from][id] < 0)
			append(sim, (int)(1 - from), id);
	}
	sim_at(sim, 20 + sim_below(sim, 60), copy, from, partition);
}

/* In a crossing that was given up: the present one, or one of those before it. */
static bool read_in_vain(const struct sim *sim, int64_t at)
{
	const struct sim_onlooker *o = &sim->onlooker;

	return (o->gave_up && at >= o->moved_at) || (o->past_moved_at && at >= o->past_moved_at && at <= o->moved_at);
}

static void read_on(struct sim *sim, int64_t a, int64_t b)
{
	int side = sim->told[2].value;

	for (int p = 0; side < SIM_SIDES && p < SIM_PARTITIONS; p++) {
		struct sim_log *log = &sim->sides[side].logs[p];

		for (; sim->positions[side][p] < log->high; sim->positions[side][p]++) {
			int id = log->ids[sim->positions[side][p]];

			/* Moved back, it reads again what it read while a crossing that was given up went on. */
			if (sim->read_at[id] && sim->acked[id] && !read_in_vain(sim, sim->read_at[id]))
				sim_fail(sim, "record %d was processed twice", id);
			sim->read_at[id] = sim->now + 1;
		}
	}
	sim_at(sim, 30 + sim_below(sim, 40), read_on, a, b);
}

void sim_shop_begin(struct sim *sim)
{
	for (int i = 0; i < SIM_PARTITIONS; i++) {
		sim_at(sim, near(sim, 20), begin, i, 0);
		sim_at(sim, near(sim, 20), learn_mode, i, 0);
		for (int side = 0; side < SIM_SIDES; side++) {
			if (!sim->dual)
				sim_at(sim, near(sim, 20), copy, side, i);
			if (!sim->options.calm && sim_below(sim, 2))
				sim_at(sim, near(sim, 20000), change_leader, side, i);
		}
	}
	if (sim->group_lever)
		sim_at(sim, near(sim, 20), read_on, 0, 0);
	if (!sim->options.calm && sim_below(sim, 3) == 0)
		sim_at(sim, near(sim, 10000), leave_transaction, 0, 0);
}

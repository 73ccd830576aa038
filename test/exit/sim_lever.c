/*
 * sim_lever.c - levers of every temper: slow, silent, refusing, answering for nothing, doing it later or twice.
 *
 * A lever that is told (flag, bootstrap, group) remembers the newest epoch and refuses older ones, unless this seed has one
 * that does not; then nothing reaches it late, for nobody could tell such a message from a new one.  The same holds for an
 * ACL: a broker knows no epochs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

enum kind { KIND_TOLD, KIND_ACL, KIND_POSITIONS, KIND_TRANSACTION, KIND_CONFIG, KIND_QUOTA };

static const struct {
	const char *name;
	enum kind kind;
	int which; /* of told; else the side */
} kinds[] = {
	{ "flag", KIND_TOLD, 0 },
	{ "bootstrap", KIND_TOLD, 1 },
	{ "group:billing", KIND_TOLD, 2 },
	{ "acl:source", KIND_ACL, SIM_SOURCE },
	{ "acl:target", KIND_ACL, SIM_TARGET },
	{ "positions:billing@source", KIND_POSITIONS, SIM_SOURCE },
	{ "positions:billing@target", KIND_POSITIONS, SIM_TARGET },
	{ "transaction:tx@source", KIND_TRANSACTION, SIM_SOURCE },
	{ "transaction:tx@target", KIND_TRANSACTION, SIM_TARGET },
	{ "config:retention.ms@source", KIND_CONFIG, SIM_SOURCE },
	{ "config:retention.ms@target", KIND_CONFIG, SIM_TARGET },
	{ "quota:source", KIND_QUOTA, SIM_SOURCE },
	{ "quota:target", KIND_QUOTA, SIM_TARGET },
};

#define COUNT (int)(sizeof kinds / sizeof kinds[0])

struct sim_lever {
	struct lever lever; /* first */
	struct sim_controller *k;
	int index;
};

#define LIMIT_MS 1500 /* of its own */

static const char *const sides[] = { "source", "target", "hold" };
static const char *const groups[] = { "running source", "running target", "stopped" };

static struct sim_lever *of(struct lever *lever)
{
	return (struct sim_lever *)lever;
}

static const char *told_word(int which, int value)
{
	return which == 2 ? groups[value] : sides[value];
}

static const char *acl_text(unsigned deny)
{
	static const char *const texts[] = { "", "others", "ours", "others;ours" };

	return texts[deny & 3];
}

/* Whether its instances stand together; where they do not, nobody can say where it stands. */
static bool agrees(const struct sim *sim, int which)
{
	for (int p = 0; p < SIM_PARTITIONS; p++)
		if (which != 2 && sim->told[which].values[p] != sim->told[which].value)
			return false;
	return true;
}

void sim_lever_stands(struct sim *sim, int index, char value[80])
{
	int which = kinds[index].which;
	const int *at = sim->positions[which < SIM_SIDES ? which : 0];

	switch (kinds[index].kind) {
	case KIND_TOLD:
		snprintf(value, 80, "%s",
			 agrees(sim, which) ? told_word(which, sim->told[which].value) : "here and there");
		break;
	case KIND_ACL: snprintf(value, 80, "%s", acl_text(sim->sides[which].deny)); break;
	case KIND_POSITIONS: snprintf(value, 80, "%d,%d", at[0], at[1]); break;
	case KIND_TRANSACTION: snprintf(value, 80, "epoch %d", sim->sides[which].tx_epoch); break;
	case KIND_CONFIG: snprintf(value, 80, "%d", sim->sides[which].kept); break;
	case KIND_QUOTA: snprintf(value, 80, "%d", sim->sides[which].limit); break;
	}
}

/* ---- the world's side of it ---- */

static void told_lands(struct sim *sim, int64_t which, int64_t packed)
{
	struct sim_told *told = &sim->told[which];
	uint64_t epoch = (uint64_t)packed >> 2;

	if (sim->guarded && sim->options.mutant != MUTANT_LEVERS_DEAF && epoch < told->epoch) {
		sim_trace(sim, "%s refuses epoch %llu, it has %llu", kinds[which].name,
			  (unsigned long long)epoch, (unsigned long long)told->epoch);
		return;
	}
	told->value = (int)(packed & 3);
	told->epoch = epoch;
	for (int p = 0; p < SIM_PARTITIONS; p++) {
		told->values[p] = told->value;
		told->epochs[p] = epoch;
	}
	sim_trace(sim, "%s is %s (%llu)", kinds[which].name, told_word((int)which, told->value),
		  (unsigned long long)epoch);
}

/* One instance at least is down and does not hear it; another one may. */
static void told_lands_in_part(struct sim *sim, int which, uint64_t epoch, int value)
{
	struct sim_told *told = &sim->told[which];
	int away = sim_below(sim, SIM_PARTITIONS);

	for (int p = 0; p < SIM_PARTITIONS; p++) {
		if (p == away || sim_below(sim, 2))
			continue;
		told->value = told->values[p] = value;
		told->epoch = told->epochs[p] = epoch;
		sim_trace(sim, "instance %d of %s is %s (%llu)", p, kinds[which].name, told_word(which, value),
			  (unsigned long long)epoch);
	}
}

static int64_t pack(uint64_t epoch, int value)
{
	return (int64_t)(epoch << 2 | (uint64_t)value);
}

static int find(int which, const char *value)
{
	for (int i = 0; i < 3; i++)
		if (strcmp(told_word(which, i), value) == 0)
			return i;
	return -1;
}

static int set_told(struct sim_lever *l, const char *value, uint64_t epoch, struct fault *fault)
{
	struct sim *sim = l->k->sim;
	int which = kinds[l->index].which, wanted = find(which, value);
	struct sim_told *told = &sim->told[which];

	if (wanted < 0)
		return fault_set(fault, ERR_USAGE, "%s cannot stand at %s", l->lever.name, value);
	if (sim->guarded && epoch < told->epoch && sim->options.mutant != MUTANT_LEVERS_DEAF)
		return fault_set(fault, ERR_CONFLICT, "%s has seen epoch %llu", l->lever.name,
				 (unsigned long long)told->epoch);
	if (which == 2 && told->stubborn && sim->now < sim->faults_until)
		return fault_set(fault, ERR_TIMEOUT, "the group does not stop");
	/*
	 * A group is stopped and started in one epoch: its guard cannot tell a late stop, and no promise covers one.  A start
	 * may come late or twice, but for the one that sets it back: it shares its epoch with the next attempt's stop.
	 */
	if ((sim->guarded || sim->options.mutant == MUTANT_LEVERS_DEAF) &&
	    (which != 2 || (wanted != SIM_HOLD && !sim->onlooker.returning)) && sim_chance(sim, sim->lost_ppm)) {
		/* Later, or now and once more. */
		if (sim_below(sim, 2))
			told_lands(sim, which, pack(epoch, wanted));
		sim_at(sim, 100 + sim_below(sim, which == 2 ? 60000 : 8000), told_lands, which, pack(epoch, wanted));
		return fault_set(fault, ERR_TIMEOUT, "%s does not answer", l->lever.name);
	}
	/* Says that it failed, though it has heard; or that all have it, a while before that is so. */
	if (sim->guarded && which != 2 && sim_chance(sim, sim->lost_ppm / 2)) {
		if (sim_below(sim, 2))
			told_lands(sim, which, pack(epoch, wanted));
		return fault_set(fault, ERR_BROKER, "%s failed", l->lever.name);
	}
	if (sim->guarded && which != 2 && sim_chance(sim, sim->lost_ppm / 2)) {
		told_lands_in_part(sim, which, epoch, wanted);
		return fault_set(fault, (int[]){ ERR_STALE, ERR_BROKER, ERR_TIMEOUT }[sim_below(sim, 3)],
				 "%s has not come about everywhere", l->lever.name);
	}
	if (sim->guarded && which != 2 && sim_chance(sim, sim->lost_ppm / 2)) {
		sim_at(sim, sim_below(sim, 3000), told_lands, which, pack(epoch, wanted));
		return 0;
	}
	told_lands(sim, which, pack(epoch, wanted));
	return 0;
}

static int set_acl(struct sim_lever *l, const char *value, struct fault *fault)
{
	struct sim *sim = l->k->sim;
	unsigned deny = (strstr(value, "others") ? SIM_DENY_OTHERS : 0) | (strstr(value, "ours") ? SIM_DENY_OURS : 0);

	if (sim->options.mutant == MUTANT_UNDO_WIDE && !(deny & SIM_DENY_OURS))
		deny = 0;
	sim_deny(sim, kinds[l->index].which, deny);
	return 0;
}

static int set_positions(struct sim_lever *l, const char *value, struct fault *fault)
{
	struct sim *sim = l->k->sim;
	int side = kinds[l->index].which, *at = sim->positions[side];

	if (sim->told[2].value == side)
		return fault_set(fault, ERR_DENIED, "the group reads there");
	sscanf(value, "%d,%d", &at[0], &at[1]);
	return 0;
}

static int set_transaction(struct sim_lever *l, const char *value, struct fault *fault)
{
	struct sim_side *side = &l->k->sim->sides[kinds[l->index].which];

	sscanf(value, "epoch %d", &side->tx_epoch);
	for (int p = 0; p < SIM_PARTITIONS; p++)
		side->logs[p].open = 0;
	return 0;
}

/* ---- the lever ---- */

static int silent(struct sim_lever *l, int64_t timeout_ms, struct fault *fault)
{
	sim_pass(l->k->sim, timeout_ms < LIMIT_MS ? timeout_ms : LIMIT_MS);
	return fault_set(fault, ERR_TIMEOUT, "%s does not answer", l->lever.name);
}

/* A question or order that reaches it, or why it does not. */
static int reach(struct sim_lever *l, int64_t timeout_ms, const char *what, struct fault *fault)
{
	struct sim *sim = l->k->sim;
	int64_t slow = sim_chance(sim, sim->slow_ppm) ? sim_below(sim, LIMIT_MS) : 1 + sim_below(sim, 4);
	bool told = kinds[l->index].kind == KIND_TOLD, set = strcmp(what, "before") == 0;

	int err;

	/*
	 * What knows no epochs cannot tell an order of now from one that lay in a process for minutes.  Nor can we: a
	 * controller that is stopped between its last look at the journal and its word to a broker is outside of the promise.
	 */
	sim->steady = set && !(told && sim->guarded && kinds[l->index].which != 2);
	err = set ? sim_point(l->k, what, sim->onlooker.effect) : sim_call(l->k, what, l->lever.name);
	sim->steady = false;
	if (err < 0)
		return fault_set(fault, ERR_CANCELLED, "the process has ended");
	if (told && sim_chance(sim, 2000))
		sim->told[kinds[l->index].which].silent_until = sim->now + sim_below(sim, 60000);
	if ((told && sim->now < sim->told[kinds[l->index].which].silent_until && sim->now < sim->faults_until) ||
	    slow > timeout_ms)
		return silent(l, timeout_ms, fault);
	if (sim_chance(sim, sim->lost_ppm / 2))
		return fault_set(fault, ERR_NETWORK, "%s cannot be reached", l->lever.name);
	sim_pass(sim, slow);
	return 0;
}

static int after(struct sim_lever *l, struct fault *fault)
{
	if (sim_point(l->k, "after", l->k->sim->onlooker.effect) < 0)
		return fault_set(fault, ERR_CANCELLED, "the process has ended");
	if (sim_chance(l->k->sim, l->k->sim->lost_ppm))
		return fault_set(fault, ERR_TIMEOUT, "%s does not answer", l->lever.name);
	return 0;
}

static int observe(struct lever *lever, int64_t timeout_ms, struct buffer *value, struct fault *fault)
{
	struct sim_lever *l = of(lever);
	struct sim *sim = l->k->sim;
	bool told = kinds[l->index].kind == KIND_TOLD;
	char text[80];
	int err = reach(l, timeout_ms, "look at", fault);

	if (err < 0)
		return err;
	if (sim_chance(sim, sim->lost_ppm / 4))
		return fault_set(fault, ERR_MALFORMED, "%s answers nonsense", lever->name);
	if (told && !agrees(sim, kinds[l->index].which))
		return fault_set(fault, ERR_BROKER, "the instances of %s disagree", lever->name);
	sim_lever_stands(sim, l->index, text);
	buffer_text(value, text);
	if (kinds[l->index].kind == KIND_ACL && sim->options.mutant != MUTANT_CANARY_LIES) {
		const struct sim_side *side = &sim->sides[kinds[l->index].which];

		for (int broker = 0; broker < SIM_BROKERS; broker++)
			if (side->known[broker] != side->deny)
				return fault_set(fault, ERR_STALE, "%s: broker %d has not learnt it",
						 lever->name, broker);
	}
	return 0;
}

/* The other side's place, by records and not by numbers. */
static int aim_positions(struct sim_lever *l, struct buffer *value, struct fault *fault)
{
	struct sim *sim = l->k->sim;
	int side = kinds[l->index].which, places[SIM_PARTITIONS];

	for (int p = 0; p < SIM_PARTITIONS; p++) {
		int at = sim->positions[1 - side][p];
		int id = at ? sim->sides[1 - side].logs[p].ids[at - 1] : -1;

		if (id >= 0 && !sim_has(sim, side, id))
			return fault_set(fault, ERR_NOT_FOUND, "record %d is not there yet", id);
		places[p] = id < 0 ? 0 : sim->at[side][id] + 1;
	}
	buffer_printf(value, "%d,%d", places[0], places[1]);
	return 0;
}

static int aim(struct lever *lever, const char *word, const char *before, struct buffer *value, struct fault *fault)
{
	struct sim_lever *l = of(lever);
	int which = kinds[l->index].which;

	switch (kinds[l->index].kind) {
	case KIND_TOLD:
		for (int i = 0; i < 3; i++) {
			const char *says = which == 2 ? (const char *[]){ "start source", "start target", "stop" }[i] :
							sides[i];
			if (strcmp(says, word) == 0)
				buffer_text(value, told_word(which, i));
		}
		return value->size ? 0 : fault_set(fault, ERR_USAGE, "no word %s", word);
	case KIND_ACL: buffer_text(value, strstr(before, "others") ? "others;ours" : "ours"); return 0;
	case KIND_POSITIONS: return aim_positions(l, value, fault);
	case KIND_TRANSACTION: buffer_printf(value, "epoch %d", atoi(before + 6) + 1); return 0;
	case KIND_CONFIG: buffer_text(value, "7"); return 0;
	case KIND_QUOTA: buffer_text(value, "3"); return 0;
	}
	return ERR_INTERNAL;
}

/* In a calm run each order can be asked to get lost. */
static bool is_lost(struct sim_lever *l, const char *value)
{
	struct sim *sim = l->k->sim;

	if (!sim->options.calm || ++sim->orders != sim->options.lose_at)
		return false;
	snprintf(sim->options.lost_label, SIM_LABEL_SIZE, "%s to '%s'", l->lever.name, value);
	sim_trace(sim, "%s gets lost: %s", sim->options.lose_answer ? "an answer" : "an order", sim->options.lost_label);
	return true;
}

static int set(struct lever *lever, const char *value, uint64_t epoch, int64_t timeout_ms, struct fault *fault)
{
	struct sim_lever *l = of(lever);
	struct sim *sim = l->k->sim;
	int err = reach(l, timeout_ms, "before", fault);
	bool lost = err == 0 && is_lost(l, value);

	if (err < 0)
		return err;
	if (lost && !sim->options.lose_answer)
		return fault_set(fault, ERR_NETWORK, "%s cannot be reached", lever->name);
	if (sim_chance(sim, sim->lost_ppm / 4))
		return fault_set(fault, ERR_DENIED, "%s refuses", lever->name);
	if (sim->wedged && kinds[l->index].kind != KIND_TOLD)
		return fault_set(fault, ERR_BROKER, "%s: the metadata cannot be written", lever->name);
	sim_trace(sim, "set %s to '%s' (%llu)", lever->name, value, (unsigned long long)epoch);
	switch (kinds[l->index].kind) {
	case KIND_TOLD: err = set_told(l, value, epoch, fault); break;
	case KIND_ACL: err = set_acl(l, value, fault); break;
	case KIND_POSITIONS: err = set_positions(l, value, fault); break;
	case KIND_TRANSACTION: err = set_transaction(l, value, fault); break;
	case KIND_CONFIG: sim->sides[kinds[l->index].which].kept = atoi(value); break;
	case KIND_QUOTA: sim->sides[kinds[l->index].which].limit = atoi(value); break;
	}
	if (lost)
		return fault_set(fault, ERR_NETWORK, "%s closed the connection", lever->name);
	return err ? err : after(l, fault);
}

static int drained(struct lever *lever, uint64_t epoch, int64_t timeout_ms, struct fault *fault)
{
	struct sim_lever *l = of(lever);
	struct sim *sim = l->k->sim;
	const struct sim_told *told = &sim->told[kinds[l->index].which];
	int err;

	if (!sim->flag_drained)
		return fault_set(fault, ERR_UNSUPPORTED, "the plan gives no way to ask");
	err = reach(l, timeout_ms, "ask drained", fault);
	if (err < 0)
		return err;
	if (sim->guarded && epoch < told->epoch)
		return fault_set(fault, ERR_CONFLICT, "a newer epoch was seen");
	if (sim->options.mutant == MUTANT_DRAINED_LIES)
		return LEVER_DRAINED;
	return sim_shop_drained(sim, epoch) ? LEVER_DRAINED : LEVER_WAITS;
}

static void describe(const struct lever *lever, const char *word, struct buffer *out)
{
	buffer_printf(out, "%s %s", lever->name, word);
}

static void lever_gone(struct lever *lever)
{
	free(of(lever));
}

/* A lever that says what was asked for, and does nothing. */
static int lie_observe(struct lever *lever, int64_t timeout_ms, struct buffer *value, struct fault *fault)
{
	struct sim *sim = of(lever)->k->sim;

	buffer_text(value, sim->lies[of(lever)->index][0] ? sim->lies[of(lever)->index] : "source");
	return 0;
}

static int lie_set(struct lever *lever, const char *value, uint64_t epoch, int64_t timeout_ms, struct fault *fault)
{
	struct sim *sim = of(lever)->k->sim;

	snprintf(sim->lies[of(lever)->index], sizeof sim->lies[0], "%s", value);
	return sim_call(of(lever)->k, "set", lever->name);
}

static int lie_drained(struct lever *lever, uint64_t epoch, int64_t timeout_ms, struct fault *fault)
{
	return ERR_UNSUPPORTED;
}

static const struct lever_ops ops = { observe, aim, set, drained, describe, lever_gone };
static const struct lever_ops lying = { lie_observe, aim, lie_set, lie_drained, describe, lever_gone };

const char *sim_lever_name(int index)
{
	return index < COUNT ? kinds[index].name : NULL;
}

bool sim_lever_in_plan(const struct sim *sim, int index)
{
	switch (kinds[index].kind) {
	case KIND_TOLD:
		return kinds[index].which == 0   ? sim->flag
		       : kinds[index].which == 1 ? sim->bootstrap
						 : sim->group_lever;
	case KIND_ACL: return sim->acl;
	case KIND_POSITIONS: return sim->group_lever || sim->group_placed;
	case KIND_TRANSACTION: return sim->transactional;
	case KIND_CONFIG: return sim->config;
	case KIND_QUOTA: return sim->quota;
	}
	return false;
}

struct sim_lever *sim_lever_new(struct sim_controller *k, int index)
{
	struct sim_lever *l;

	if (index >= COUNT || !sim_lever_in_plan(k->sim, index))
		return NULL;
	l = calloc(1, sizeof *l);
	if (!l)
		abort();
	l->lever.ops = k->sim->options.mutant == MUTANT_LEVER_LIES && index == 0 ? &lying : &ops;
	l->lever.name = kinds[index].name;
	l->lever.told = kinds[index].kind == KIND_TOLD;
	l->k = k;
	l->index = index;
	return l;
}

struct lever *sim_lever_of(struct sim_lever *lever)
{
	return lever ? &lever->lever : NULL;
}

/* sim_run.c - one run: the world that the seed makes, its controllers and owners, and how it must end. */
#include <stdio.h>
#include <stdlib.h>

#include "exit/act.h"
#include "sim.h"

#define OWNER "owner@example.org"

/* ---- the world of a seed ---- */

static void write_plan(struct sim *sim, struct buffer *out, int order, int stop)
{
	static const char *const stops[] = { "hold", "freeze", "revert" };
	bool slow = sim->flag && !sim->flag_drained;

	buffer_printf(out,
		      "exit: sim\nsource: localhost:1\ntarget: localhost:2\n"
		      "classes:\n  quick: { like: rehearsal, pause: %s, deadline: %s, observe: 3s, stop: { parity: %s, rollback: %s, "
		      "progress: hold } }\n"
		      "families:\n  - name: orders\n    class: quick\n    pattern: %s\n    topics: [ orders ]\n"
		      "    producers: [ \"User:orders\" ]\n    first: %s\n    groups: %s\n    owners: { decision: " OWNER
		      " }\n",
		      slow ? "200s" : "2s", slow ? "300s" : "10s", stops[stop], stops[stop], sim->dual ? "dual-write" : "stop-and-switch",
		      order ? "producers" : "consumers", sim->group_lever || sim->group_placed ? "[ billing ]" : "none");
	buffer_text(out, "    levers:\n");
	if (sim->flag)
		buffer_printf(out, "      flag: { get: exec ./f, set: exec ./f%s }\n",
			      sim->flag_drained ? ", drained: exec ./f" : "");
	if (sim->bootstrap)
		buffer_printf(out, "      bootstrap: { get: exec ./b, set: exec ./b%s }\n",
			      sim->flag_drained ? ", drained: exec ./b" : "");
	if (sim->acl)
		buffer_text(out, "      acl: yes\n");
	if (sim->transactional)
		buffer_text(out, "      transactional-ids: [ tx ]\n");
	if (sim->config)
		buffer_text(out, "      topic-config: { retention.ms: 7 }\n");
	if (sim->quota)
		buffer_text(out, "      quota: 3B/s\n");
	if (sim->group_lever)
		buffer_text(out, "      groups: { billing: { get: exec ./g, set: exec ./g } }\n");
}

static void make_plan(struct sim *sim, int order, int stop)
{
	struct plan_faults faults;
	struct buffer text, says;

	buffer_init(&text, 10000);
	buffer_init(&says, 10000);
	plan_faults_init(&faults, "exit.yaml");
	write_plan(sim, &text, order, stop);
	if (plan_parse(buffer_bytes(&text), "", &faults, &sim->plan) < 0) {
		plan_faults_print(&faults, &says);
		snprintf(sim->why, sizeof sim->why, "%s", buffer_string(&says));
	} else {
		sim->family = &sim->plan->families[0];
	}
	sim->plan_text = strdup(buffer_string(&text));
	plan_faults_done(&faults);
	buffer_done(&says);
	buffer_done(&text);
}

/* What chance decides; a calm run has the pattern that it was asked for, and everything else plain. */
static void choose(struct sim *sim)
{
	bool calm = sim->options.calm;
	int pattern = calm ? sim->options.pattern : sim_below(sim, 6), order = sim_below(sim, 2),
	    stop = sim_below(sim, 3), group = calm ? pattern == 4 : sim_below(sim, 3);

	sim->dual = pattern < 4;
	sim->flag = sim->dual;
	sim->flag_drained = pattern == 0 || pattern == 1 || pattern == 5;
	sim->acl = pattern == 1 || pattern == 2 || pattern == 4;
	sim->bootstrap = !sim->dual;
	sim->bootstrap_hold = pattern == 5;
	sim->group_lever = group == 0;
	sim->group_placed = group == 1; /* nobody can stop it for us, and its members are away */
	if (!sim->group_lever)
		sim->told[2].value = SIM_HOLD;
	sim->transactional = pattern == 1 && (calm || sim_below(sim, 2));
	sim->guarded = calm || sim_below(sim, 4);
	sim->parallel = !sim->acl && sim_below(sim, 2);
	sim->same_host = calm || sim_below(sim, 2);
	sim->controllers = calm ? 1 : 1 + sim_below(sim, 2);
	sim->crash_ppm = (int[]){ 0, 1000, 5000, 20000 }[sim_below(sim, 4)];
	sim->lost_ppm = (int[]){ 0, 2000, 20000, 100000 }[sim_below(sim, 4)];
	sim->slow_ppm = (int[]){ 0, 5000, 50000 }[sim_below(sim, 3)];
	sim->pause_ppm = (int[]){ 0, 1000, 10000 }[sim_below(sim, 3)];
	sim->disk_ppm = (int[]){ 0, 0, 1000, 10000 }[sim_below(sim, 4)];
	sim->takes_turns = sim_below(sim, 2);
	sim->config = calm ? pattern == 4 : sim_below(sim, 3) == 0;
	sim->quota = calm ? pattern == 4 : sim_below(sim, 4) == 0;
	if (sim->options.mutant == MUTANT_LEVERS_DEAF)
		sim->lost_ppm = 100000;
	make_plan(sim, order, calm ? 0 : stop);
}

/* ---- controllers ---- */

#define STALL_RARER 10 /* than a pause in a call */

static int64_t clock_monotonic(const struct clock *clock)
{
	return ((const struct sim_controller *)clock->context)->sim->now * 1000000;
}

static int64_t clock_wall(const struct clock *clock)
{
	struct sim_controller *k = clock->context;
	struct sim *sim = k->sim;
	int64_t now_ms = 1700000000000 + sim->now + sim->wall_offset;

	/* Read, and then stopped for a while: what is done with it comes late. */
	if (!sim->options.calm && !sim->steady && !k->dead && !k->paused &&
	    sim_chance(sim, sim->pause_ppm / STALL_RARER)) {
		sim_trace(sim, "%s is stopped behind its look at the clock", k->holder);
		k->paused = true;
		sim_pass(sim, 500 + sim_below(sim, 10000));
		k->paused = false;
	}
	return now_ms;
}

/* Whoever may look into the other's process table knows that a holder is dead. */
static struct sim *looking;

static bool has_ended(const char *holder)
{
	for (int i = 0; i < SIM_CONTROLLERS; i++)
		if (!looking->all[i].dead && strcmp(looking->all[i].holder, holder) == 0)
			return false;
	return true;
}

static void begin_controller(struct sim_controller *k)
{
	struct sim *sim = k->sim;
	struct journal_options options = { .clock = &k->clock, .holder = k->holder,
					   .ended = sim->same_host ? has_ended : NULL };
	struct fault fault = { 0 };
	int err;

	k->dead = k->planned = false;
	snprintf(k->holder, sizeof k->holder, "controller %c%d", 'A' + k->index, ++k->incarnation);
	options.store = sim_store(sim, k);
	err = journal_open(&options, &k->journal, &fault);
	if (err < 0)
		k->journal = NULL;
	if (err == ERR_CHECKSUM || err == ERR_MALFORMED)
		sim_fail(sim, "I5: the journal cannot be opened: %s", fault.text);
}

static void end_controller(struct sim_controller *k)
{
	k->dead = true;
	journal_close(k->journal);
	k->journal = NULL;
	k->restart_at = k->sim->now + 700 + (k->sim->options.calm ? 0 : sim_below(k->sim, 5000));
}

/* Once round: what the controller does between two rests. */
static int turn(struct sim_controller *k, struct fault *fault)
{
	struct mover mover = { .journal = k->journal,
			       .world = &k->world,
			       .plan = k->sim->plan,
			       .takes_turns = k->sim->takes_turns };
	enum mover_answer answer;
	uint64_t act;
	int moved, err = 0;

	if (!journal_lease_held(k->journal)) {
		err = journal_lease_take(k->journal, fault);
		k->planned = false;
	}
	if (!err && !k->planned)
		err = mover_plan(&mover, view_text(k->sim->plan_text), fault);
	k->planned = k->planned || !err;
	err = err ? err : journal_lease_beat(k->journal, fault);
	err = err ? err : mover_recover(&mover, &moved, fault);
	if (!err)
		err = journal_sync(k->journal, fault);
	act = err < 0 ? 0 : mover_next_act(&mover, 0);
	err = err < 0 ? err : 0;
	if (!err && act)
		err = mover_act(&mover, act, &answer, fault);
	if (!err && !act && k->sim->now >= k->judge_at && !mover_is_under_way(&mover, k->sim->family)) {
		k->judge_at = k->sim->now + 2000;
		err = mover_judge(&mover, k->sim->family, fault);
	}
	return err;
}

static void controller_turn(struct sim_controller *k)
{
	struct sim *sim = k->sim;
	struct fault fault = { 0 };
	int err;

	looking = sim;
	if (!k->journal && sim->now >= k->restart_at)
		begin_controller(k);
	if (!k->journal) {
		sim_pass(sim, 50);
		k->restart_at = k->dead ? k->restart_at : sim->now;
		return;
	}
	err = k->dead ? ERR_CANCELLED : turn(k, &fault);
	if (k->dead) {
		end_controller(k);
		return;
	}
	if (err < 0 && err != ERR_CONFLICT)
		sim_trace(sim, "%s: %d %s", k->holder, err, fault.text);
	if (err == ERR_MALFORMED || err == ERR_INTERNAL || err == ERR_CHECKSUM || err == ERR_LIMIT)
		sim_fail(sim, "a bug of ours: %s", fault.text);
	sim_pass(sim, err < 0 ? 300 : 150);
}

void sim_controller_until(struct sim_controller *k, int64_t until)
{
	while (k->sim->now < until && !k->sim->broken)
		controller_turn(k);
}

/* Beside whatever it waits for, a controller that is not paused keeps its lease. */
static void beat(struct sim *sim, int64_t a, int64_t b)
{
	for (int i = 0; i < SIM_CONTROLLERS; i++) {
		struct sim_controller *k = &sim->all[i];

		if (!k->dead && !k->paused && strcmp(k->holder, sim->lease.holder) == 0)
			sim->lease.beat++;
	}
	sim_at(sim, 500, beat, 0, 0);
}

/* ---- owners and chance ---- */

static bool owners_read(struct sim *sim)
{
	struct journal_options options = { .clock = &sim->all[0].clock, .holder = "an owner" };
	struct fault fault = { 0 };
	int err;

	if (sim->owners) {
		err = journal_sync(sim->owners, &fault);
	} else {
		options.store = sim_store(sim, NULL);
		err = journal_open(&options, &sim->owners, &fault);
		sim->owners = err < 0 ? NULL : sim->owners;
	}
	if (err < 0)
		sim_fail(sim, "I5: an owner cannot read the journal: %s", fault.text);
	return err >= 0;
}

void sim_ask_for(struct sim *sim, const char *act)
{
	struct fault fault = { 0 };

	sim_trace(sim, "an owner asks for %s", act);
	if (!owners_read(sim))
		return;
	if (journal_append(sim->owners, FRAME_ACT,
			   json_pack("{s:s, s:s, s:s, s:s}", "act", act, "family", "orders", "by", OWNER, "reason",
				     "it is time"),
			   NULL, &fault) < 0)
		sim_fail(sim, "an owner cannot ask for %s: %s", act, fault.text);
}

static void owner(struct sim *sim, int64_t a, int64_t b)
{
	static const char *const acts[] = { "promote", "promote", "promote", "rollback",
					    "rollback", "hold", "resume", "resume" };

	if (sim->now >= sim->faults_until)
		return;
	sim_ask_for(sim, acts[sim_below(sim, 8)]);
	sim_at(sim, 200 + sim_below(sim, sim_below(sim, 2) ? 1500 : 12000), owner, 0, 0);
}

static void mischief(struct sim *sim, int64_t a, int64_t b)
{
	int64_t until = sim->now + 500 + sim_below(sim, 15000);

	if (sim->now >= sim->faults_until)
		return;
	switch (sim_below(sim, 7)) {
	case 0: sim->publish_back_at = until; break;
	case 1: sim->full_until = until; break;
	case 2:
	case 3:
		sim->gate = sim_below(sim, GATE_COUNT);
		sim->gate_verdict = sim_below(sim, 2) ? VERDICT_SHUT : VERDICT_UNKNOWN;
		sim->gate_back_at = until;
		break;
	case 4:
		sim->wall_offset += (sim_below(sim, 2) ? 1 : -1) *
				    (int64_t)(sim_below(sim, 3) ? sim_below(sim, 20000) : 86400000);
		sim->jumped_at = sim->now;
		sim_trace(sim, "the clock jumps to %+lld", (long long)sim->wall_offset);
		break;
	case 5: sim->told[2].stubborn = !sim->told[2].stubborn; break;
	case 6: sim->copier_stopped = !sim->copier_stopped; break;
	}
	sim_at(sim, 500 + sim_below(sim, 10000), mischief, 0, 0);
}

/* ---- the run ---- */

static void begin(struct sim *sim)
{
	size_t records = SIM_IDS_MAX;

	for (int side = 0; side < SIM_SIDES; side++) {
		sim->at[side] = malloc(records * sizeof(int));
		for (size_t i = 0; i < records; i++)
			sim->at[side][i] = -1;
		for (int p = 0; p < SIM_PARTITIONS; p++)
			sim->sides[side].logs[p].ids = calloc(records, sizeof(int));
		sim->sides[side].deny = sim->acl ? SIM_DENY_OTHERS : 0;
		for (int broker = 0; broker < SIM_BROKERS; broker++)
			sim->sides[side].known[broker] = sim->sides[side].deny;
	}
	sim->authority_of = calloc(records, 1);
	sim->acked = calloc(records, sizeof(bool));
	sim->read_at = calloc(records, sizeof(int64_t));
	sim->acked_at = calloc(records, sizeof(int64_t));
	for (int i = 0; i < 3; i++) {
		sim->told[i].epoch = 1;
		for (int p = 0; p < SIM_PARTITIONS; p++) {
			sim->told[i].values[p] = sim->told[i].value;
			sim->told[i].epochs[p] = 1;
		}
	}
	for (int i = 0; sim_lever_name(i); i++)
		sim_lever_stands(sim, i, sim->onlooker.wanted[i]);
	for (int i = 0; i < SIM_CONTROLLERS; i++) {
		struct sim_controller *k = &sim->all[i];

		k->world.ops = &sim_world_ops;
		k->sim = sim;
		k->index = i;
		k->dead = true;
		k->clock = (struct clock){ clock_monotonic, clock_wall, k };
		for (int lever = 0; sim_lever_name(lever); lever++)
			k->levers[lever] = sim_lever_new(k, lever);
	}
	sim_shop_begin(sim);
	sim_at(sim, 500, beat, 0, 0);
}

static void end(struct sim *sim)
{
	journal_close(sim->owners);
	for (int i = 0; i < SIM_CONTROLLERS; i++) {
		sim->all[i].dead = true;
		journal_close(sim->all[i].journal);
		for (int lever = 0; lever < SIM_LEVERS; lever++)
			lever_free(sim_lever_of(sim->all[i].levers[lever]));
	}
	for (int side = 0; side < SIM_SIDES; side++) {
		free(sim->at[side]);
		for (int p = 0; p < SIM_PARTITIONS; p++)
			free(sim->sides[side].logs[p].ids);
	}
	free(sim->authority_of);
	free(sim->acked);
	free(sim->read_at);
	free(sim->acked_at);
	for (int i = 0; i < sim->frame_count; i++)
		free(sim->frames[i].at);
	for (int i = 0; i < sim->blob_count; i++)
		buffer_done(&sim->blobs[i].bytes);
	plan_free(sim->plan);
	free(sim->plan_text);
}

static void all_turn(struct sim *sim)
{
	for (int i = 0; i < sim->controllers; i++)
		controller_turn(&sim->all[i]);
}

/* The family as a reader of the journal sees it; false before there is one. */
static bool standing(struct sim *sim, struct journal **journal, struct standing *out)
{
	for (int i = 0; i < sim->controllers; i++) {
		*journal = sim->all[i].journal;
		if (*journal && journal_lease_held(*journal) &&
		    journal_state(*journal)->sequence == (uint64_t)sim->frame_count)
			return state_family(journal_state(*journal), "orders", out);
	}
	return false;
}

static bool at_rest(struct sim *sim, struct standing *now)
{
	struct journal *journal;

	return standing(sim, &journal, now) &&
	       json_object_size(json_object_get(journal_state(journal)->root, "acts")) == 0 &&
	       (now->moving == AUTHORITY_NONE || now->overlay != OVERLAY_NONE);
}

/* Until nothing is under way; a bound is part of the promise. */
static struct standing come_to_rest(struct sim *sim, int64_t bound_ms)
{
	int64_t until = sim->now + bound_ms;
	struct standing now = { 0 };

	do {
		all_turn(sim);
		if (sim->now > until)
			sim_fail(sim, "liveness: not at rest %lld ms after the last fault: %s%s moving %s",
				 (long long)bound_ms, now.json ? stage_word(now.stage) : "?",
				 now.returning ? " returning" : "", now.json ? authority_word(now.moving) : "?");
	} while (!sim->broken && !at_rest(sim, &now));
	if (sim->broken)
		return (struct standing){ 0 };
	sim_trace(sim, "at rest: %s %s: %s", stage_word(now.stage),
		  now.overlay ? overlay_word(now.overlay) : "", now.cause);
	if (now.overlay != OVERLAY_NONE && (!now.cause || !now.cause[0]))
		sim_fail(sim, "liveness: %s without a cause", overlay_word(now.overlay));
	return now;
}

static void be_kind(struct sim *sim)
{
	if (sim->faults_until > sim->now)
		sim->faults_until = sim->now;
	sim->copier_stopped = sim->told[2].stubborn = false;
	sim->full_until = sim->publish_back_at = sim->gate_back_at = 0;
	for (int i = 0; i < SIM_PARTITIONS; i++)
		sim->instances[i].asleep_until = sim->now;
	/* What is still on its way arrives; controllers that died come back. */
	for (int64_t until = sim->now + 6000; sim->now < until && !sim->broken;)
		all_turn(sim);
}

#define BOUND_MS 700000

/* A freeze whose fence failed is tried again by itself, and nobody has to ask for it. */
static struct standing must_freeze(struct sim *sim, struct standing now)
{
	for (int64_t until = sim->now + 40000; now.moving != AUTHORITY_NONE && now.overlay == OVERLAY_HELD &&
					       !now.returning && (now.stage == STAGE_FENCING || now.stage == STAGE_TARGET) && !sim->broken &&
					       !strstr(now.cause, "the fence stands");) {
		if (sim->now > until)
			sim_fail(sim, "liveness: in a kind world the fence of a freeze does not stand: %s", now.cause);
		all_turn(sim);
		now = come_to_rest(sim, BOUND_MS);
	}
	return now;
}

/* After everything: whoever is held is resumed, and then a crossing must succeed. */
static void must_cross(struct sim *sim)
{
	struct standing now = must_freeze(sim, come_to_rest(sim, BOUND_MS));
	uint64_t decisions;

	if (now.overlay == OVERLAY_NONE)
		sim_check_rest(sim);
	for (int i = 0; i < 4 && !sim->broken && now.overlay != OVERLAY_NONE; i++) {
		sim_ask_for(sim, "resume");
		now = come_to_rest(sim, BOUND_MS);
	}
	if (now.overlay != OVERLAY_NONE)
		sim_fail(sim, "liveness: still %s after resume: %s", overlay_word(now.overlay), now.cause);
	sim_check_rest(sim);
	for (int way = 0; way < 2 && !sim->broken; way++) {
		decisions = sim->onlooker.decisions;
		/* Evidence needs a moment of parity. */
		for (int64_t until = sim->now + 5000; sim->now < until && !sim->broken;)
			all_turn(sim);
		sim_ask_for(sim, sim->onlooker.owner == SIM_SOURCE ? "promote" : "rollback");
		now = come_to_rest(sim, BOUND_MS);
		if (sim->onlooker.decisions != decisions + 1 || now.overlay != OVERLAY_NONE)
			sim_fail(sim, "liveness: a crossing in a kind world did not arrive: %s %s %s",
				 stage_word(now.stage), now.overlay ? overlay_word(now.overlay) : "",
				 now.cause ? now.cause : "");
		sim_check_rest(sim);
	}
}

static void let_pass(struct sim *sim, int64_t ms)
{
	for (int64_t until = sim->now + ms; sim->now < until && !sim->broken;)
		all_turn(sim);
}

static struct standing ask_and_rest(struct sim *sim, const char *act)
{
	sim_ask_for(sim, act);
	return come_to_rest(sim, BOUND_MS);
}

/* Of what we set nothing is left; what others set stands still. */
static void nothing_is_left(struct sim *sim)
{
	for (int side = 0; side < SIM_SIDES; side++) {
		const struct sim_side *s = &sim->sides[side];

		if (s->deny & SIM_DENY_OURS || s->kept || s->limit)
			sim_fail(sim, "retired, and on side %d stand still: deny %u, config %d, quota %d", side,
				 s->deny, s->kept, s->limit);
	}
}

/*
 * Sealed and retired while everything fails, and then in a kind world: it must come to its end there.  Where a cluster takes
 * no change the owner is told so, and nobody waits for it for ever.
 */
static void must_retire(struct sim *sim)
{
	static const char *const acts[] = { "seal", "retire" };
	struct standing now = { 0 };

	if (sim->onlooker.owner == SIM_SOURCE) {
		let_pass(sim, 5000);
		ask_and_rest(sim, "promote");
	}
	sim->faults_until = sim->now + 15000;
	while (sim->now < sim->faults_until && !sim->broken) {
		sim_ask_for(sim, acts[sim_below(sim, 2)]);
		let_pass(sim, 500 + sim_below(sim, 4000));
	}
	be_kind(sim);
	if (!sim->broken)
		now = come_to_rest(sim, BOUND_MS);
	if (now.overlay != OVERLAY_NONE && !sim->broken)
		ask_and_rest(sim, "resume");
	for (int i = 0; i < 4 && !sim->broken; i++) {
		sim->wedged = i < 2;
		now = ask_and_rest(sim, acts[i % 2]);
	}
	if (!sim->broken && now.stage != STAGE_RETIRED)
		sim_fail(sim, "liveness: in a kind world it could not be retired: %s %s", stage_word(now.stage),
			 now.cause ? now.cause : "");
	nothing_is_left(sim);
}

static void told_story(struct sim *sim)
{
	const char *story = sim->options.story;
	struct standing now;

	let_pass(sim, 5000);
	now = ask_and_rest(sim, "promote");
	if (strcmp(story, "back") == 0) {
		if (now.stage == STAGE_TARGET && now.overlay == OVERLAY_NONE)
			sim_ask_for(sim, "rollback");
		now = come_to_rest(sim, BOUND_MS);
	}
	for (int i = 0; strcmp(story, "retire") == 0 && i < 2 && now.stage >= STAGE_TARGET; i++) {
		let_pass(sim, 5000);
		now = ask_and_rest(sim, (const char *[]){ "seal", "retire" }[i]);
	}
	if (now.json && now.stage == STAGE_RETIRED)
		nothing_is_left(sim);
	if (sim->options.end && !sim->broken)
		snprintf(sim->options.end, 40, "%s %s after %d decisions%s", authority_word(now.authority),
			 now.overlay ? overlay_word(now.overlay) : "free", (int)sim->onlooker.decisions,
			 now.stage == STAGE_RETIRED ? ", retired" : "");
}

static void play(struct sim *sim)
{
	begin(sim);
	if (sim->options.calm) {
		told_story(sim);
	} else {
		sim->faults_until = 20000 + sim_below(sim, 25000);
		sim_at(sim, 3000 + sim_below(sim, 5000), owner, 0, 0);
		sim_at(sim, sim_below(sim, 10000), mischief, 0, 0);
		while (sim->now < sim->faults_until && !sim->broken)
			all_turn(sim);
	}
	if (!sim->broken)
		be_kind(sim);
	if (!sim->broken && !sim->options.calm)
		must_cross(sim);
	if (!sim->broken && !sim->options.calm && sim->options.seed % 3 == 0)
		must_retire(sim);
	if (!sim->broken)
		sim_check_rest(sim);
	if (!sim->broken)
		sim_check_replay(sim);
	if (!sim->broken)
		sim_check_audit(sim);
}

int sim_run(const struct sim_options *options, char *why, uint64_t *hash)
{
	struct sim *sim = calloc(1, sizeof *sim);
	bool failed;

	if (!sim) {
		snprintf(why, 1500, "no memory");
		return 1;
	}
	sim->options = *options;
	sim->hash = 0xcbf29ce484222325u;
	random_seed(&sim->chance, options->seed);
	choose(sim);
	if (sim->plan)
		play(sim);
	failed = !sim->plan || sim->broken;
	snprintf(why, 1500, "%s", sim->why);
	if (hash)
		*hash = sim->hash;
	end(sim);
	free(sim);
	return failed;
}

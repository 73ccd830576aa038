/* sim_world.c - what a mover is told of the simulated world. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "exit/note.h"
#include "sim.h"

static struct sim_controller *of(struct world *world)
{
	return (struct sim_controller *)world;
}

static int side_of(enum authority authority)
{
	return authority == AUTHORITY_TARGET ? SIM_TARGET : SIM_SOURCE;
}

static int gone(struct fault *fault)
{
	return fault_set(fault, ERR_CANCELLED, "the process has ended");
}

/* A question to brokers: some time, and sometimes no answer. */
static int ask(struct sim_controller *k, const char *what, int64_t timeout_ms, struct fault *fault)
{
	struct sim *sim = k->sim;

	if (sim_call(k, what, "") < 0)
		return gone(fault);
	sim_pass(sim, 1 + sim_below(sim, 4));
	if (sim_chance(sim, sim->lost_ppm)) {
		sim_pass(sim, timeout_ms < 1000 ? timeout_ms : 1000);
		return fault_set(fault, ERR_TIMEOUT, "%s: no answer", what);
	}
	return 0;
}

static struct lever *world_lever(struct world *world, const struct plan_family *family, const char *name)
{
	struct sim_controller *k = of(world);

	for (int i = 0; sim_lever_name(i); i++)
		if (strcmp(sim_lever_name(i), name) == 0)
			return sim_lever_of(k->levers[i]);
	return NULL;
}

/* What was so up to some seconds ago. */
static int lie(struct sim *sim, int side, struct look *out)
{
	for (int p = 0; p < SIM_PARTITIONS; p++) {
		int *end = &sim->lie_ends[side][p];

		if (sim->now >= sim->lies_until || !*end)
			*end = sim->sides[side].logs[p].high;
		json_array_append_new(out->ends, json_pack("[s, i, i, i]", "orders", p, *end, 0));
	}
	if (sim->now >= sim->lies_until)
		sim->lies_until = sim->now + 200000;
	return 0;
}

static int world_look(struct world *world, const struct plan_family *family, enum authority authority,
		      int64_t timeout_ms, struct look *out, struct fault *fault)
{
	struct sim_controller *k = of(world);
	const struct sim_side *side = &k->sim->sides[side_of(authority)];
	int err = ask(k, "look", timeout_ms, fault);

	if (err < 0)
		return err;
	*out = (struct look){ .ends = json_array(), .settled = true };
	if (k->sim->options.mutant == MUTANT_LOOK_LIES)
		return lie(k->sim, side_of(authority), out);
	for (int p = 0; p < SIM_PARTITIONS; p++) {
		const struct sim_log *log = &side->logs[p];

		json_array_append_new(out->ends,
				      json_pack("[s, i, i, i]", "orders", p, log->end, log->epoch));
		out->open_transactions += log->open;
		if (log->high != log->end || log->open)
			out->settled = false;
	}
	if (sim_chance(k->sim, k->sim->lost_ppm))
		out->open_transactions = -1;
	if (!out->settled)
		snprintf(out->text, sizeof out->text, "something is on its way");
	return 0;
}

static int world_canary(struct world *world, const struct plan_family *family, enum authority authority,
			int64_t timeout_ms, struct canaries *out, struct fault *fault)
{
	struct sim_controller *k = of(world);
	const struct sim_side *side = &k->sim->sides[side_of(authority)];
	int err = ask(k, "canary", timeout_ms, fault);

	if (err < 0)
		return err;
	*out = (struct canaries){ 0 };
	for (int p = 0; p < SIM_PARTITIONS; p++) {
		if (sim_chance(k->sim, k->sim->lost_ppm))
			out->unknown++;
		else if (side->known[side->logs[p].leader] & SIM_DENY_OURS ||
			 k->sim->options.mutant == MUTANT_CANARY_LIES)
			out->denied++;
		else
			out->allowed++;
	}
	return 0;
}

/* Everything that the owner acknowledged some time ago is on the other side. */
static bool has_parity(const struct sim *sim)
{
	int other = 1 - sim->onlooker.owner;

	for (int id = sim->id_count - 1; id >= 0 && id > sim->id_count - 4000; id--)
		if (sim->acked[id] && sim->acked_at[id] < sim->now - 3000 && !sim_has(sim, other, id))
			return false;
	return true;
}

/* Where nothing proves silence, evidence grows old in the silence: then the crossing has to judge anew. */
static int64_t valid_ms(struct sim *sim)
{
	return (sim->options.calm ? 30000 : 2000) + sim_below(sim, 60000);
}

static int world_judge(struct world *world, const struct plan_family *family, json_t *state, json_t **body,
		       struct fault *fault)
{
	struct sim_controller *k = of(world);
	struct sim *sim = k->sim;
	enum verdict all = VERDICT_OPEN;
	json_t *gates, *reasons;
	char hash[SHA256_TEXT_SIZE];
	int err = ask(k, "judge", 2000, fault);

	if (err < 0)
		return err;
	sim_pass(sim, 20);
	gates = json_object();
	reasons = json_array();
	for (int gate = 0; gate < GATE_COUNT; gate++) {
		enum verdict verdict =
			gate == GATE_PARITY && !has_parity(sim) ? VERDICT_UNKNOWN : VERDICT_OPEN;

		if (gate == sim->gate && sim->now < sim->gate_back_at && sim->now < sim->faults_until)
			verdict = (enum verdict)sim->gate_verdict;
		all = verdict_both(all, verdict);
		json_object_set_new(gates, gate_word((enum gate)gate), json_string(verdict_word(verdict)));
		if (verdict != VERDICT_OPEN)
			json_array_append_new(reasons,
					      json_pack("{s:s, s:s, s:s}", "gate", gate_word((enum gate)gate),
							"code", "SIMULATED", "text", "the seed says so"));
	}
	*body = json_pack("{s:s, s:s, s:o, s:o, s:I, s:O}", "input",
			  sha256_text(sha256_of(VIEW_LITERAL("facts")), hash), "verdict", verdict_word(all),
			  "gates", gates, "reasons", reasons, "valid_until",
			  (json_int_t)(clock_wall_ms(&k->clock) + valid_ms(sim)), "authority",
			  json_object_get(state, "epoch"));
	return 0;
}

static int world_forecast(struct world *world, const struct plan_family *family, enum authority to,
			  int64_t timeout_ms, struct forecast *out, struct fault *fault)
{
	struct sim_controller *k = of(world);
	int err = ask(k, "forecast", timeout_ms, fault);

	if (err < 0)
		return err;
	sim_pass(k->sim, 10 + sim_below(k->sim, 100));
	*out = (struct forecast){ .may = !sim_chance(k->sim, k->sim->lost_ppm),
				  .pause_ms = 50,
				  .acl_binds = true };
	return 0;
}

static int world_level(struct world *world, const struct plan_family *family, enum authority to,
		       const json_t *ends, int64_t timeout_ms, struct level *out, struct fault *fault)
{
	struct sim_controller *k = of(world);
	struct sim *sim = k->sim;
	int side = side_of(to), err = ask(k, "level", timeout_ms, fault);
	json_t *row;
	size_t index;

	if (err < 0)
		return err;
	*out = (struct level){ .answer = LEVEL_YES, .claim = "key-order" };
	json_array_foreach(ends, index, row)
	{
		int p = (int)json_integer_value(json_array_get(row, 1));
		int end = (int)json_integer_value(json_array_get(row, 2));

		for (int i = 0; i < end; i++) {
			out->records++;
			if (i < sim->sides[1 - side].logs[p].end &&
			    sim_has(sim, side, sim->sides[1 - side].logs[p].ids[i]))
				out->matched++;
		}
	}
	if (out->matched < out->records && sim->options.mutant != MUTANT_LEVEL_LIES)
		out->answer = LEVEL_BEHIND;
	/* Retention took what the reader still wanted. */
	if (sim_chance(sim, sim->lost_ppm))
		out->answer = sim_below(sim, 4) ? LEVEL_UNKNOWN : LEVEL_DIFFERENT;
	snprintf(out->text, sizeof out->text, "%llu of %llu", (unsigned long long)out->matched,
		 (unsigned long long)out->records);
	return 0;
}

static void world_release(struct world *world, const struct plan_family *family)
{
}

/* The same key in every process, so that the frames of a seed are the same bytes; its file is gone at once. */
static struct note_key *signer(void)
{
	static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
				  "MC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n"
				  "-----END PRIVATE KEY-----\n";
	static struct note_key *key;
	char path[] = "/tmp/exit-sim-XXXXXX";
	int file;

	if (key)
		return key;
	file = mkstemp(path);
	if (file < 0 || write(file, pem, sizeof pem - 1) != sizeof pem - 1 || note_key_open(path, false, &key, NULL) < 0)
		abort();
	close(file);
	unlink(path);
	return key;
}

static json_t *note_of(uint64_t size, struct sha256 head, int64_t wall_ms)
{
	struct note note = { .exit = "sim", .size = size, .root = head, .wall_ms = wall_ms };
	struct buffer text;
	json_t *out;

	buffer_init(&text, NOTE_SIZE_MAX);
	if (note_write(&note, signer(), &text) < 0)
		abort();
	out = json_string(buffer_string(&text));
	buffer_done(&text);
	return out;
}

static int world_publish(struct world *world, uint64_t size, struct sha256 head, int64_t timeout_ms,
			 json_t **note, json_t **holders, struct fault *fault)
{
	struct sim_controller *k = of(world);

	if (sim_point(k, "before", "publish") < 0)
		return gone(fault);
	sim_pass(k->sim, 3);
	if (k->sim->now < k->sim->publish_back_at && k->sim->now < k->sim->faults_until) {
		sim_pass(k->sim, 500);
		return fault_set(fault, ERR_TIMEOUT, "no holder answers");
	}
	if (sim_point(k, "after", "publish") < 0)
		return gone(fault);
	*note = note_of(size, head, clock_wall_ms(&k->clock));
	*holders = json_pack("[s]", "somebody");
	return 1;
}

static int world_pause(struct world *world, int64_t ms)
{
	if (sim_call(of(world), "pause", "") < 0)
		return ERR_CANCELLED;
	sim_pass(of(world)->sim, ms);
	return 0;
}

static void world_tell(struct world *world, const struct plan_family *family, const char *text)
{
	sim_trace(of(world)->sim, "%s: %s", of(world)->holder, text);
}

/* The plan of this world has nothing of the operator's own that is temporary; what was set by us is. */
static int no_file(struct world *world, const struct plan_family *family, char *path, size_t size, struct fault *fault)
{
	return sim_call(of(world), "look for files", "") < 0 ? gone(fault) : 0;
}

static const struct world_scaffold_ops scaffold = { .file = no_file };

const struct world_ops sim_world_ops = {
	.lever = world_lever,
	.look = world_look,
	.canary = world_canary,
	.judge = world_judge,
	.forecast = world_forecast,
	.level = world_level,
	.release = world_release,
	.publish = world_publish,
	.pause = world_pause,
	.tell = world_tell,
	.scaffold = &scaffold,
};

/*
 * play.c - the scenes.
 *
 *	brokers, topic, shop, billing - check - a stray order shuts a gate - drill - promote - a counter drifts: back -
 *	promote - seal - retire - runbook - verify - what the shop saw
 *
 * A scene is a function that returns an error when the story did not go as told.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/admin_topics.h"
#include "client/producer.h"
#include "demo/play.h"

#define TOPIC_MS        10000
#define WAIT_MS         60000
#define LOOK_MS         200
#define RATE            200
#define RUNBOOK_LINES   28
#define RUNBOOK_MAX     ((size_t)1 << 20)
#define RETIRED_WAIT_MS 30000

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define ACT(verb, reason, ...)                                                                               \
	WORDS(verb, PLAY_FAMILY, "--as", PLAY_OWNER, "--reason", reason, "--yes", ##__VA_ARGS__)

static int run(struct play *play, const char *const *words, int expected, struct fault *fault)
{
	return teller_run(&play->teller, words, expected, 0, fault);
}

static int pause_ms(struct play *play, int64_t ms, struct fault *fault)
{
	static const bool never;
	int err = loop_until(play->teller.loop, &never, loop_now_ms(play->teller.loop) + ms);

	return err == ERR_CANCELLED ? fault_set(fault, err, "interrupted") : 0;
}

/* ---- where the family stands ---- */

struct standing {
	char stage[32], overlay[32], verdict[32];
};

static void take(json_t *family, const char *name, char out[32])
{
	const char *text = json_string_value(json_object_get(family, name));

	snprintf(out, 32, "%s", text ? text : "");
}

static int look(struct play *play, struct standing *out, struct fault *fault)
{
	struct buffer text;
	json_t *said = NULL, *family;
	int err;

	buffer_init(&text, RUNBOOK_MAX);
	err = teller_ask(&play->teller, WORDS("status", "--json"), &text, fault);
	if (err == 0) {
		said = json_loadb((const char *)text.at, text.size, 0, NULL);
		family = json_array_get(json_object_get(said, "families"), 0);
		take(family, "stage", out->stage);
		take(family, "overlay", out->overlay);
		take(family, "verdict", out->verdict);
	}
	json_decref(said);
	buffer_done(&text);
	return err;
}

/* NULL: whatever it is. */
static int wait_for(struct play *play, const char *stage, const char *overlay, const char *verdict,
		    struct fault *fault)
{
	int64_t until_ms = loop_now_ms(play->teller.loop) + WAIT_MS;
	struct standing at = { 0 };
	int err = 0;

	while (err == 0) {
		err = look(play, &at, fault);
		if (err == 0 && (!stage || strcmp(at.stage, stage) == 0) &&
		    (!overlay || strcmp(at.overlay, overlay) == 0) &&
		    (!verdict || strcmp(at.verdict, verdict) == 0))
			return 0;
		if (err == 0 && loop_now_ms(play->teller.loop) > until_ms)
			return fault_set(
				fault, ERR_INTERNAL,
				"the play waited a minute in vain for %s; the family stands in %s %s, %s",
				stage ? stage : verdict, at.stage, at.overlay, at.verdict);
		if (err == 0)
			err = pause_ms(play, LOOK_MS, fault);
	}
	return err;
}

/* ---- the stage is set ---- */

static int make_topic(struct play *play, int side, struct fault *fault)
{
	struct topic_spec spec = { .name = ORDER_TOPIC, .partitions = ORDER_PARTITIONS, .replication = 1 };
	struct cluster *cluster = NULL;
	struct arena arena;
	int err;

	arena_init(&arena, RUNBOOK_MAX);
	err = client_open(play->teller.loop, side_words[side], play->brokers[side].port, &cluster, fault);
	if (err == 0)
		err = topics_create(cluster, &spec, 1, false, TOPIC_MS, &arena, fault);
	cluster_free(cluster);
	arena_done(&arena);
	return err;
}

static int scene_brokers(struct play *play, struct fault *fault)
{
	char folder[PLACE_PATH_SIZE + 16];
	int err = 0;

	tell_scene(&play->teller, "Two clusters: Interlock's own brokers, in this very process");
	for (int side = 0; side < SIDES && err == 0; side++) {
		snprintf(folder, sizeof folder, "%s/%s", play->folder, side_words[side]);
		err = embedded_start(&play->brokers[side], folder, fault);
		if (err == 0)
			err = make_topic(play, side, fault);
		if (err == 0)
			tell(&play->teller, "%s: cluster %s at 127.0.0.1:%u", side_words[side],
			     play->brokers[side].cluster_id, play->brokers[side].port);
	}
	return err;
}

/* Until the shop has begun so many orders more: a crossing without load proves nothing. */
static int let_it_write(struct play *play, uint32_t count, struct fault *fault)
{
	int64_t until_ms = loop_now_ms(play->teller.loop) + WAIT_MS;
	uint32_t wanted = atomic_load(&play->shop.begun) + count;
	int err = 0;

	while (err == 0 &&
	       (atomic_load(&play->shop.begun) < wanted || !atomic_load(&play->billing.running))) {
		if (loop_now_ms(play->teller.loop) > until_ms)
			return fault_set(fault, ERR_INTERNAL,
					 "the shop does not write, or billing does not read");
		err = pause_ms(play, 20, fault);
	}
	return err;
}

static int scene_shop(struct play *play, struct fault *fault)
{
	int err;

	tell_scene(&play->teller,
		   "A shop writes each order to both, two hundred a second; the group `" BILLING_GROUP
		   "` reads");
	for (int side = 0; side < SIDES; side++)
		play->shop.ports[side] = play->billing.ports[side] = play->brokers[side].port;
	play->shop.rate = RATE;
	err = shop_start(&play->shop, fault);
	if (err == 0)
		err = billing_start(&play->billing, fault);
	if (err == 0)
		err = play_plan_write(play, fault);
	if (err == 0)
		err = let_it_write(play, 400, fault);
	if (err == 0)
		tell(&play->teller, "%u orders so far, %u of them read", atomic_load(&play->shop.begun),
		     atomic_load(&play->billing.read));
	return err;
}

/* ---- before the move ---- */

static int scene_check(struct play *play, struct fault *fault)
{
	int err;

	tell_scene(&play->teller, "Six gates stand before the move");
	err = run(play, WORDS("check", PLAY_FAMILY), 2, fault);
	if (err == 0)
		tell(&play->teller, "all but one thing: nobody has rehearsed it yet");
	return err;
}

/* A write around the shop: to one side only. */
static int write_stray(struct play *play, int side, int64_t created_ms, struct fault *fault)
{
	static const struct producer_options producing = { .acks = -1, .idempotent = true };
	struct cluster *cluster = NULL;
	struct producer *producer = NULL;
	struct buffer bytes;
	int err;

	buffer_init(&bytes, 4096);
	err = order_write_stray(created_ms, &bytes);
	if (err == 0)
		err = client_open(play->teller.loop, side_words[side], play->brokers[side].port, &cluster,
				  fault);
	if (err == 0)
		err = producer_new(cluster, &producing, &producer, fault);
	if (err == 0)
		err = producer_put(producer, ORDER_TOPIC, 0, buffer_bytes(&bytes), NULL, fault);
	producer_free(producer);
	cluster_free(cluster);
	buffer_done(&bytes);
	return err;
}

static int scene_stray(struct play *play, struct fault *fault)
{
	int64_t created_ms = clock_wall_ms(&clock_system);
	int err;

	tell_scene(&play->teller,
		   "An old job writes one order around the shop, to one side only.  Would anybody notice?");
	err = write_stray(play, SOURCE, created_ms, fault);
	if (err == 0)
		err = run(play, ACT("promote", "CHG-4711"), 1, fault);
	if (err == 0)
		tell(&play->teller, "the order is written to the other side too; an owner has seen it, and "
				    "lets the family go on");
	if (err == 0)
		err = write_stray(play, TARGET, created_ms, fault);
	if (err == 0)
		err = run(play, ACT("hold", "mending"), 0, fault);
	if (err == 0)
		err = run(play, ACT("resume", "the stray order is on both sides"), 0, fault);
	return err;
}

static int scene_rehearsal(struct play *play, struct fault *fault)
{
	int err;

	tell_scene(&play->teller, "The steps, before anybody takes them");
	err = run(play, WORDS("plan", PLAY_FAMILY), 0, fault);
	if (err < 0)
		return err;
	tell_scene(&play->teller,
		   "A rehearsal first: a shadow of the family crosses and comes back, on topics of its own");
	return run(play, ACT("drill", "weekly"), 0, fault);
}

/* ---- the move; a controller runs ---- */

static int scene_crossing(struct play *play, struct fault *fault)
{
	int err = wait_for(play, "ARMED", NULL, NULL, fault);

	if (err < 0)
		return err;
	tell_scene(&play->teller, "Authority crosses, while the shop goes on writing");
	err = run(play, ACT("promote", "CHG-4711"), 0, fault);
	if (err == 0)
		err = wait_for(play, NULL, NULL, "open", fault);
	if (err == 0)
		err = run(play, WORDS("status"), 0, fault);
	return err;
}

static int scene_return(struct play *play, struct fault *fault)
{
	int err;

	tell_scene(&play->teller,
		   "A business counter drifts apart: the class says `stop: { parity: revert }`");
	err = play_plan_revenue(play, TARGET, "1190.00", fault);
	if (err == 0)
		err = wait_for(play, "OBSERVING", "HELD", NULL, fault);
	if (err == 0)
		err = run(play, WORDS("status"), 0, fault);
	if (err == 0)
		tell(&play->teller,
		     "the counter was a report that ran twice; it is mended, and the owner says so");
	if (err == 0)
		err = play_plan_revenue(play, TARGET, "1204.50", fault);
	if (err == 0)
		err = run(play, ACT("resume", "the report ran twice"), 0, fault);
	if (err == 0)
		err = wait_for(play, "ARMED", NULL, NULL, fault);
	return err;
}

static int scene_end(struct play *play, struct fault *fault)
{
	int err;

	tell_scene(&play->teller, "The second crossing; and after the time that the class wants to watch, "
				  "the way back is closed");
	err = run(play, ACT("promote", "CHG-4711, again"), 0, fault);
	if (err == 0)
		err = pause_ms(play, 5000, fault);
	if (err == 0)
		err = wait_for(play, NULL, NULL, "open", fault);
	if (err == 0)
		err = run(play, ACT("seal", "five quiet seconds", "--second", PLAY_SECOND), 0, fault);
	if (err < 0)
		return err;
	tell_scene(&play->teller, "What was temporary goes, one thing at a time, and is proved gone");
	return run(play, ACT("retire", "done", "--second", PLAY_SECOND), 0, fault);
}

/* `interlock run` in the background, as it would be in production; it ends by itself once every family is retired. */
static int scenes_with_controller(struct play *play, struct fault *fault)
{
	static const char *const controller[] = { "run", NULL };
	struct beside *beside = NULL;
	int err;

	tell_typed(&play->teller, controller, " &");
	err = teller_begin(&play->teller, controller, &beside, fault);
	if (err == 0)
		err = scene_crossing(play, fault);
	if (err == 0)
		err = scene_return(play, fault);
	if (err == 0)
		err = scene_end(play, fault);
	if (err == 0)
		err = teller_wait(&play->teller, beside, RETIRED_WAIT_MS, fault);
	teller_end(beside);
	return err;
}

/* ---- afterwards ---- */

static int scene_papers(struct play *play, struct fault *fault)
{
	static const char *const runbook[] = { "runbook", PLAY_FAMILY, NULL };
	struct buffer text;
	int err;

	buffer_init(&text, RUNBOOK_MAX);
	err = teller_run(&play->teller, runbook, 0, RUNBOOK_LINES, fault);
	if (err == 0)
		err = teller_ask(&play->teller, runbook, &text, fault);
	if (err == 0)
		err = place_write(play->folder, "runbook.md", buffer_string(&text), false, fault);
	buffer_done(&text);
	if (err < 0)
		return err;
	tell_scene(&play->teller, "The audit: the journal, held against what left the house");
	return run(play, WORDS("verify", "interlock.db", "--checkpoint", "checkpoints.txt"), 0, fault);
}

/* Billing may be some records behind: it has the time that a reader has. */
static int let_it_read(struct play *play, struct fault *fault)
{
	int64_t until_ms = loop_now_ms(play->teller.loop) + WAIT_MS / 3;
	int err = 0;

	while (err == 0 && atomic_load(&play->billing.read) < atomic_load(&play->shop.begun) &&
	       loop_now_ms(play->teller.loop) < until_ms)
		err = pause_ms(play, 20, fault);
	return err;
}

static void tell_side(struct play *play, int side, const struct side_tally *s)
{
	tell(&play->teller,
	     "%s: %u of its orders, %u lost, %u doubled, %u reordered, %u that are not the shop's",
	     side_words[side], s->orders, s->missing, s->doubled, s->reordered, s->others);
}

static int scene_tally(struct play *play, struct tally *tally, struct fault *fault)
{
	int err;

	tell_scene(&play->teller, "And what the shop itself saw, all the time");
	err = shop_end(&play->shop, fault);
	if (err == 0)
		err = let_it_read(play, fault);
	if (err == 0)
		err = billing_end(&play->billing, fault);
	if (err == 0)
		err = tally_take(play->teller.loop, &play->shop, &play->billing, tally, fault);
	if (err < 0)
		return err;
	tell(&play->teller, "the shop: %u orders, %u acknowledged by both sides, %u by one alone",
	     tally->begun, tally->acknowledged, tally->half);
	for (int side = 0; side < SIDES; side++)
		tell_side(play, side, &tally->sides[side]);
	tell(&play->teller, "billing: %u orders that it never read", tally->unread);
	if (play->shop.failed.err || play->billing.failed.err) {
		*fault = play->shop.failed.err ? play->shop.failed : play->billing.failed;
		return fault->err = ERR_INTERNAL;
	}
	if (!tally_holds(tally, 1))
		return fault_set(fault, ERR_INTERNAL,
				 "the play lost, doubled or reordered something, or the one order "
				 "that it planted is not there");
	tell(&play->teller, "nothing lost, doubled or reordered; the one order that is not the shop's is the "
			    "one we planted");
	return 0;
}

static int play_all(struct play *play, struct tally *tally, struct fault *fault)
{
	int err = scene_brokers(play, fault);

	if (err == 0)
		err = scene_shop(play, fault);
	if (err == 0)
		err = scene_check(play, fault);
	if (err == 0)
		err = scene_stray(play, fault);
	if (err == 0)
		err = scene_rehearsal(play, fault);
	if (err == 0)
		err = scenes_with_controller(play, fault);
	if (err == 0)
		err = scene_papers(play, fault);
	if (err == 0)
		err = scene_tally(play, tally, fault);
	return err;
}

/* ---- the house ---- */

/* The terminal is gone: as SIGTERM, so that nothing stays behind. */
static void hung_up(int number)
{
	kill(getpid(), SIGTERM);
}

static void interrupted(void *owner, int number)
{
	loop_stop(owner);
}

static int end_all(struct play *play, struct fault *fault)
{
	int err = shop_end(&play->shop, fault), other;

	other = billing_end(&play->billing, fault);
	err = err < 0 ? err : other;
	for (int side = 0; side < SIDES; side++) {
		other = embedded_end(&play->brokers[side], fault);
		err = err < 0 ? err : other;
	}
	shop_done(&play->shop);
	billing_done(&play->billing);
	return err;
}

int demo_play(const struct demo_options *options, struct tally *out, struct fault *fault)
{
	struct play *play = calloc(1, sizeof *play);
	struct signals *signals = NULL;
	int err, ended;

	if (!play)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	play->teller = (struct teller){ .out = options->out,
					.color = options->color,
					.program = options->program,
					.folder = play->folder };
	err = place_make(options->keep, play->folder, fault);
	if (err < 0)
		goto free_play;
	err = loop_new(&clock_system, 1, &play->teller.loop);
	if (err < 0)
		goto remove_place;
	err = signals_new(play->teller.loop, interrupted, play->teller.loop, &signals);
	signal(SIGHUP, hung_up);
	if (err == 0)
		err = play_all(play, out, fault);
	ended = end_all(play, err < 0 ? NULL : fault);
	err = err < 0 ? err : ended;
	signals_free(signals);
	loop_free(play->teller.loop);
	if (options->keep)
		tell(&play->teller, "\n   Both brokers are stopped. Everything is in %s", play->folder);
	else if (err == 0)
		tell(&play->teller, "\n   Both brokers are stopped, and their data is gone.");
remove_place:
	if (!options->keep)
		place_remove(play->folder);
free_play:
	free(play);
	return err;
}

/* controller.c - the lease, the acts, the round of judgements. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/boot.h"
#include "base/file.h"
#include "exit/controller_inside.h"
#include "exit/journal_look.h"
#include "exit/preview.h"
#include "exit/world_clusters.h"
#include "loop/loop.h"

#define ACT_POLL_MS      50
#define BEAT_MS          500
#define PAGE_LOOK_MS     500   /* whether somebody is to be called */
#define PAGE_AGAIN_MS    10000 /* after a call, which may have failed */
#define JUDGE_AGAIN_MS   2000  /* between two tries, while nothing is known of a family */
#define TROUBLE_PAUSE_MS 1000
#define PUBLISH_EVERY_MS 3600000
/* The fence of a family that is to be frozen: tried again at once, and then less and less often, for as long as it takes. */
#define FENCE_PAUSE_MS     1000
#define FENCE_PAUSE_MS_MAX 30000

void controller_tell(struct controller *c, const char *family, const char *text)
{
	if (c->options.tell)
		c->options.tell(c->options.context, family, text);
}

static void tell_family(void *context, const char *family, const char *text)
{
	controller_tell(context, family, text);
}

static struct clock const *clock_of(const struct controller *c)
{
	return loop_clock(c->options.loop);
}

int controller_rest(struct controller *c, int64_t ms)
{
	bool never = false;
	int err = loop_until(c->options.loop, &never, loop_now_ms(c->options.loop) + ms);

	return err == ERR_TIMEOUT ? 0 : err;
}

/* ---- opening ---- */

static bool has_ended(const char *holder)
{
	return journal_holder_state(holder) == HOLDER_GONE;
}

static int open_journal(struct controller *c, bool read_only, struct fault *fault)
{
	struct journal_options options = { .clock = clock_of(c), .read_only = read_only, .ended = has_ended };
	const char *address = journal_address(c->plan, &c->arena);
	int err;

	if (!address)
		return fault_set(fault, ERR_MEMORY, "no memory for the journal");
	err = journal_holder_self(c->holder, fault);
	if (err < 0)
		return err;
	options.holder = c->holder;
	boot_id(options.boot);
	err = journal_store_at(address, read_only, &options.store, fault);
	return err ? err : journal_open(&options, &c->journal, fault);
}

int controller_open(const struct controller_options *options, bool read_only, struct plan_faults *faults,
		    struct controller **out, struct fault *fault)
{
	struct controller *c = calloc(1, sizeof *c);
	int err;

	if (!c)
		return fault_set(fault, ERR_MEMORY, "no memory for a controller");
	c->options = *options;
	c->file = options->plan_file ? options->plan_file : "exit.yaml";
	arena_init(&c->arena, (size_t)64 << 20);
	buffer_init(&c->text, PLAN_SIZE_MAX);
	err = plan_load(c->file, faults, &c->plan);
	if (err == ERR_CONFIG)
		fault_set(fault, err, "%s is wrong in %d place%s: nothing was done", c->file,
			  faults->count + faults->more, faults->count + faults->more == 1 ? "" : "s");
	else if (err < 0)
		fault_set(fault, err, "the plan could not be read: %s", err_text(err));
	err = err ? err : file_read(c->file, &c->text, fault);
	err = err ? err : open_journal(c, read_only, fault);
	if (err == 0) {
		c->judged_ms = calloc((size_t)c->plan->family_count + 1, sizeof *c->judged_ms);
		c->fences = calloc((size_t)c->plan->family_count + 1, sizeof *c->fences);
		err = c->judged_ms && c->fences ? 0
						: fault_set(fault, ERR_MEMORY, "no memory for a controller");
	}
	if (err < 0) {
		controller_close(c);
		return err;
	}
	*out = c;
	return 0;
}

void controller_give_up_lease(struct controller *c)
{
	timer_free(c->beat);
	c->beat = NULL;
	world_close(c->world);
	c->world = NULL;
	journal_lease_release(c->journal, NULL);
}

void controller_close(struct controller *c)
{
	if (!c)
		return;
	if (c->journal)
		controller_give_up_lease(c);
	journal_close(c->journal);
	free(c->judged_ms);
	free(c->fences);
	plan_free(c->plan);
	buffer_done(&c->text);
	arena_done(&c->arena);
	free(c);
}

const struct plan *controller_plan(const struct controller *c)
{
	return c->plan;
}

struct journal *controller_journal(const struct controller *c)
{
	return c->journal;
}

bool controller_is_alive(struct controller *c)
{
	const json_t *lease = json_object_get(journal_state(c->journal)->root, "lease");
	const char *holder = body_text(lease, "holder");

	return json_is_true(json_object_get(lease, "taken")) && holder && !has_ended(holder);
}

/* ---- the lease ---- */

static bool acts_wait(const struct controller *c)
{
	return json_object_size(json_object_get(journal_state(c->journal)->root, "acts")) > 0;
}

/* Twice a second: the lease is kept, and a judgement that stands in the way of an act is cut short. */
static void on_beat(void *owner)
{
	struct controller *c = owner;
	struct fault fault;

	if (journal_lease_beat(c->journal, &fault) == ERR_STALE) {
		c->lost = true;
		loop_stop(c->options.loop);
		return;
	}
	if (c->world && world_is_gathering(c->world) && journal_is_behind(c->journal)) {
		c->cut_short = true;
		loop_stop(c->options.loop);
	}
	timer_start(c->beat, BEAT_MS);
}

static int open_world(struct controller *c, struct world **out, struct fault *fault)
{
	struct world_options options = { .loop = c->options.loop,
					 .plan = c->plan,
					 .plan_file = c->file,
					 .journal = c->journal,
					 .state_folder = c->plan->folder,
					 .timeout_ms = c->options.timeout_ms,
					 .memory_bytes = c->options.memory_bytes,
					 .rate_bytes_per_s = c->options.rate_bytes_per_s,
					 .interrupts = c->options.interrupts,
					 .tell = tell_family,
					 .context = c };

	return world_open(&options, out, fault);
}

/* After the lease: the plan in force, the world, and what was under way. */
static int settle_in(struct controller *c, struct fault *fault)
{
	int moved, err;

	c->lost = false;
	err = timer_new(c->options.loop, on_beat, c, &c->beat);
	if (err < 0)
		return fault_set(fault, err, "no timer");
	timer_start(c->beat, BEAT_MS);
	err = open_world(c, &c->world, fault);
	if (err < 0)
		return err;
	c->mover = (struct mover){
		.journal = c->journal, .world = c->world, .plan = c->plan, .takes_turns = c->takes_turns
	};
	err = mover_plan(&c->mover, buffer_bytes(&c->text), fault);
	return err ? err : mover_recover(&c->mover, &moved, fault);
}

/* A crossing is under way for that act. */
static bool is_carried(const struct controller *c, uint64_t act)
{
	const struct state *state = journal_state(c->journal);
	struct standing now;
	const char *name;
	json_t *family;

	json_object_foreach(json_object_get(state->root, "families"), name, family)
	{
		if (state_family(state, name, &now) && now.moving != AUTHORITY_NONE && now.act == act)
			return true;
	}
	return false;
}

/*
 * A verb whose plan or journal will not do ends with that as its error: its act is not left behind for whoever mends it to
 * carry out.  What is under way is no longer the verb's to take back.
 */
static void take_back(struct controller *c, int err, const struct fault *fault)
{
	if (!c->own_act || controller_may_pass(err) || err == ERR_CANCELLED || err == ERR_STALE || !fault ||
	    !journal_lease_held(c->journal) || is_carried(c, c->own_act) ||
	    !controller_act_waits(c, c->own_act))
		return;
	journal_append(c->journal, FRAME_ANSWER,
		       json_pack("{s:I, s:s, s:s}", "act", (json_int_t)c->own_act, "result", "refused",
				 "text", fault->text),
		       NULL, NULL);
}

int controller_take_lease(struct controller *c, struct fault *fault)
{
	int err = journal_lease_take(c->journal, fault);

	if (err < 0)
		return err;
	err = settle_in(c, fault);
	if (err < 0)
		take_back(c, err, fault);
	if (err < 0)
		controller_give_up_lease(c);
	return err;
}

/* ---- acts ---- */

/*
 * A stop of the loop is heard once, by whoever waits just then, and he may be one who only looks whether the journal can be
 * reached again; so the wish itself is asked for.
 */
bool controller_asked_to_end(struct controller *c, int err)
{
	if (c->options.interrupts && *c->options.interrupts)
		return true;
	if (err != ERR_CANCELLED)
		return false;
	if (c->cut_short) {
		c->cut_short = false;
		return false;
	}
	return !c->lost;
}

bool controller_act_waits(const struct controller *c, uint64_t act)
{
	char key[24];

	snprintf(key, sizeof key, "%llu", (unsigned long long)act);
	return json_object_get(json_object_get(journal_state(c->journal)->root, "acts"), key) != NULL;
}

bool controller_may_pass(int err)
{
	return err == ERR_NETWORK || err == ERR_TIMEOUT || err == ERR_IO || err == ERR_FULL;
}

bool controller_is_moving(const struct controller *c, const struct plan_family *family)
{
	for (int i = 0; i < c->plan->family_count; i++) {
		const struct plan_family *each = &c->plan->families[i];
		struct standing now;
		char name[300];

		snprintf(name, sizeof name, "%.*s", VIEW_ARGS(each->name.text));
		if ((!family || each == family) && state_family(journal_state(c->journal), name, &now) &&
		    now.moving != AUTHORITY_NONE)
			return true;
	}
	return false;
}

int controller_finish(struct controller *c, struct fault *fault)
{
	bool moving = controller_is_moving(c, NULL);
	int moved, err;

	if (!journal_lease_held(c->journal) || !c->world)
		return 0;
	c->mover.give_up = c->world->finishing = true;
	err = mover_recover(&c->mover, &moved, fault);
	c->mover.give_up = c->world->finishing = false;
	if (err < 0 && moving)
		fault_at(fault, "a crossing is under way, and could not be brought to an end");
	if (err < 0)
		controller_tell(c, NULL, fault->text);
	/* A verb that was interrupted before its act began takes it back: nobody expects it to happen later. */
	if (c->own_act && !(moving && err < 0) && controller_act_waits(c, c->own_act))
		journal_append(c->journal, FRAME_ANSWER,
			       json_pack("{s:I, s:s, s:s}", "act", (json_int_t)c->own_act, "result",
					 "refused", "text", "interrupted before it began; nothing was done"),
			       NULL, NULL);
	return moving ? err : 0;
}

/* What its owner said or did may be what a gate waited for: nobody waits for the next round to see it. */
static void look_soon(struct controller *c, uint64_t act)
{
	char key[24];
	const char *name;

	snprintf(key, sizeof key, "%llu", (unsigned long long)act);
	name = body_text(json_object_get(json_object_get(journal_state(c->journal)->root, "acts"), key),
			 "family");
	for (int i = 0; name && i < c->plan->family_count; i++)
		if (view_is(c->plan->families[i].name.text, name))
			c->judged_ms[i] = 0;
}

int controller_carry_out(struct controller *c, struct fault *fault)
{
	int err = journal_sync(c->journal, fault);
	uint64_t act = 0;

	while (err >= 0 && (act = mover_next_act(&c->mover, act))) {
		enum mover_answer answer;

		look_soon(c, act);
		err = mover_act(&c->mover, act, &answer, fault);
	}
	return err < 0 ? err : 0;
}

/* ---- the round ---- */

/* When the family is to be judged, on the monotonic clock; INT64_MAX: not as things stand. */
static int64_t due_ms(const struct controller *c, const struct plan_family *family, int64_t judged_ms)
{
	int64_t every_ms = plan_every_ms(c->plan, family);
	struct standing standing;
	char name[300];

	snprintf(name, sizeof name, "%.*s", VIEW_ARGS(family->name.text));
	if (!state_family(journal_state(c->journal), name, &standing) || standing.stage >= STAGE_SEALED ||
	    standing.moving != AUTHORITY_NONE || standing.overlay == OVERLAY_UNKNOWN)
		return INT64_MAX;
	if (!judged_ms)
		return 0;
	/* Authority has moved since: nothing is known of the family, so nobody waits for the next round. */
	if (standing.verdict.authority != standing.epoch && JUDGE_AGAIN_MS < every_ms)
		every_ms = JUDGE_AGAIN_MS;
	return judged_ms + every_ms;
}

/*
 * One at a time, for an act must not wait behind all of them; and the one that has been due for longest, so that each has its
 * turn however many there are.  1: somebody was judged.
 */
static int judge_due(struct controller *c, struct fault *fault)
{
	int64_t first_ms = loop_now_ms(c->options.loop) + 1;
	int found = -1, err;
	char name[300];

	for (int i = 0; i < c->plan->family_count; i++) {
		int64_t at_ms = due_ms(c, &c->plan->families[i], c->judged_ms[i]);

		if (at_ms < first_ms) {
			first_ms = at_ms;
			found = i;
		}
	}
	if (found < 0)
		return 0;
	snprintf(name, sizeof name, "%.*s", VIEW_ARGS(c->plan->families[found].name.text));
	err = mover_judge(&c->mover, &c->plan->families[found], fault);
	if (err == ERR_CANCELLED)
		return err;
	c->judged_ms[found] = loop_now_ms(c->options.loop);
	if (err < 0)
		controller_tell(c, name, fault->text);
	/* What the journal itself refuses ends the round; what a cluster refuses is for the next one. */
	if (err < 0 && (err == ERR_STALE || err == ERR_FULL || err == ERR_IO || err == ERR_MALFORMED))
		return err;
	return 1;
}

/* A call that fails is tried again after a while, and not in each round. */
static int page_due(struct controller *c, struct fault *fault)
{
	bool called = false;
	int err = 0;

	if (loop_now_ms(c->options.loop) < c->page_due_ms)
		return 0;
	for (int i = 0; i < c->plan->family_count && err >= 0; i++) {
		bool tried;

		err = mover_page(&c->mover, &c->plan->families[i], &tried, fault);
		called |= tried;
	}
	c->page_due_ms = loop_now_ms(c->options.loop) + (called ? PAGE_AGAIN_MS : PAGE_LOOK_MS);
	return err;
}

static bool is_frozen(const struct controller *c, const struct plan_family *family)
{
	struct standing standing;
	char name[300];

	snprintf(name, sizeof name, "%.*s", VIEW_ARGS(family->name.text));
	return state_family(journal_state(c->journal), name, &standing) &&
	       standing.moving != AUTHORITY_NONE && standing.overlay == OVERLAY_HELD;
}

static int freeze_due(struct controller *c, struct fault *fault)
{
	for (int i = 0; i < c->plan->family_count; i++) {
		struct fence_again *again = &c->fences[i];
		bool stands;
		int err;

		if (!is_frozen(c, &c->plan->families[i])) {
			*again = (struct fence_again){ .pause_ms = FENCE_PAUSE_MS };
			continue;
		}
		if (loop_now_ms(c->options.loop) < again->at_ms)
			continue;
		err = mover_freeze(&c->mover, &c->plan->families[i], &stands, fault);
		if (err < 0)
			return err;
		again->at_ms = loop_now_ms(c->options.loop) + again->pause_ms;
		again->pause_ms =
			2 * again->pause_ms < FENCE_PAUSE_MS_MAX ? 2 * again->pause_ms : FENCE_PAUSE_MS_MAX;
		return 0; /* one at a time here, too */
	}
	return 0;
}

static int publish_due(struct controller *c, struct fault *fault)
{
	int64_t now_ms = loop_now_ms(c->options.loop);
	int err;

	if (c->published_ms && now_ms - c->published_ms < PUBLISH_EVERY_MS)
		return 0;
	c->published_ms = now_ms;
	err = mover_publish(&c->mover, fault);
	if (err == ERR_NETWORK) {
		controller_tell(c, NULL, fault->text);
		return 0;
	}
	return err;
}

/* Crossings that could not get on when they had their turn, and whose writers wait: before anybody else. */
static int go_on_due(struct controller *c, struct fault *fault)
{
	int moved;

	for (int i = 0; i < c->plan->family_count; i++)
		if (mover_is_under_way(&c->mover, &c->plan->families[i]))
			return mover_recover(&c->mover, &moved, fault);
	return 0;
}

static int one_round(struct controller *c, struct fault *fault)
{
	int err = go_on_due(c, fault), judged;

	err = err ? err : controller_carry_out(c, fault);
	err = err ? err : freeze_due(c, fault);
	err = err ? err : page_due(c, fault);
	judged = err ? err : judge_due(c, fault);
	err = judged < 0 ? judged : publish_due(c, fault);
	return err ? err : controller_rest(c, judged ? 1 : ACT_POLL_MS);
}

/* Every family is retired, and nobody waits for an answer: there is nothing left to keep. */
static bool is_complete(const struct controller *c)
{
	return json_object_get(journal_state(c->journal)->root, "complete") && !acts_wait(c);
}

/* Nothing is done until it can be written down.  Said once for as long as it is the same. */
static int wait_for_journal(struct controller *c, struct buffer *said, struct fault *fault)
{
	int moved, err;

	if (!view_equal(buffer_bytes(said), view_text(fault->text)))
		controller_tell(c, NULL, fault->text);
	buffer_reset(said);
	buffer_text(said, fault->text);
	err = controller_rest(c, TROUBLE_PAUSE_MS);
	if (err < 0)
		return err;
	err = mover_recover(&c->mover, &moved, fault);
	return err == ERR_CANCELLED ? err : 0;
}

/* While the lease is ours.  Ends when it is lost, when we are asked to end, and by itself (0) when the exit is complete. */
static int keep_on(struct controller *c, struct buffer *said, struct fault *fault)
{
	for (;;) {
		int err = one_round(c, fault);

		if (err == 0 && is_complete(c)) {
			controller_tell(
				c, NULL,
				"every family is retired: the exit is complete, and the controller ends");
			/* The last word is held outside too, when anybody is there to hold it. */
			return mover_publish(&c->mover, fault) == ERR_STALE ? ERR_STALE : 0;
		}
		if (err >= 0)
			buffer_reset(said);
		if (c->lost || err == ERR_STALE)
			return ERR_STALE;
		if (err == ERR_MALFORMED || err == ERR_CHECKSUM || err == ERR_MEMORY)
			return err;
		if (err < 0 && err != ERR_CANCELLED && !controller_asked_to_end(c, err))
			err = wait_for_journal(c, said, fault);
		if (err < 0 && controller_asked_to_end(c, err))
			return ERR_CANCELLED;
	}
}

static int keep(struct controller *c, struct fault *fault)
{
	struct buffer said;
	int err;

	buffer_init(&said, sizeof fault->text);
	err = keep_on(c, &said, fault);
	buffer_done(&said);
	return err;
}

int controller_run(struct controller *c, struct fault *fault)
{
	bool said = false;

	c->takes_turns = true;
	for (;;) {
		int err = controller_take_lease(c, fault);

		if (err == 0) {
			said = false;
			controller_tell(c, NULL, "holds the lease, and keeps this exit");
			err = keep(c, fault);
			if (err == ERR_CANCELLED) {
				int finished = controller_finish(c, fault);

				err = finished < 0 && finished != ERR_STALE ? finished : err;
				controller_give_up_lease(c);
				return err;
			}
			controller_give_up_lease(c);
			if (err == 0)
				return 0;
		}
		if (err == ERR_CONFIG || err == ERR_MALFORMED || err == ERR_CHECKSUM || err == ERR_MEMORY ||
		    err == ERR_UNSUPPORTED)
			return err;
		if (controller_asked_to_end(c, err))
			return ERR_CANCELLED;
		if (!said && err != ERR_CANCELLED)
			controller_tell(c, NULL, fault->text);
		said = true;
		err = controller_rest(c, LEASE_POLL_MS);
		if (err < 0 && controller_asked_to_end(c, err))
			return ERR_CANCELLED;
	}
}

/* ---- looking ahead ---- */

int controller_preview(struct controller *c, const struct plan_family *family, enum authority to,
		       json_t **out, struct fault *fault)
{
	const char *name = arena_printf(&c->arena, "%.*s", VIEW_ARGS(family->name.text));
	struct standing now = { .name = name, .epoch = 1 };
	json_t *list = json_array();
	struct world *world = NULL;
	int err = list && name ? open_world(c, &world, fault)
			       : fault_set(fault, ERR_MEMORY, "no memory to look ahead");

	if (err == 0) {
		/* Before the first act the journal knows nothing of it. */
		state_family(journal_state(c->journal), name, &now);
		err = preview_steps(world, family, &now, to, 5000, list, fault);
	}
	world_close(world);
	if (err < 0)
		json_decref(list);
	else
		*out = list;
	return err;
}

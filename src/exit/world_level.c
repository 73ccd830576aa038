/*
 * world_level.c - the follower that proves the target level, and what preflight makes of it.
 *
 * It starts at preflight, while writes go on, from where the last comparison stood, and reads until it is at both ends.
 * From then on only what is written in these milliseconds is left to prove.  With authority on the target its sides are
 * exchanged: the comparer's source is whichever side is the baseline.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "exit/lever_acl.h"
#include "exit/parity_choice.h"
#include "exit/world_inside.h"
#include "parity/live.h"

#define GLANCE_EVERY_MS 20
#define ENDS_MAX        100000

struct follower {
	struct arena arena;
	struct parity_options parity;
	struct live *live;
	enum authority to;
};

void follower_stop(struct scene *scene)
{
	struct follower *follower = scene->follower;

	if (!follower)
		return;
	live_stop(follower->live);
	arena_done(&follower->arena);
	free(follower);
	scene->follower = NULL;
}

void world_release(struct world *world, const struct plan_family *family)
{
	struct scene *scene;

	if (scene_of((struct clusters *)world, family, &scene, NULL) == 0)
		follower_stop(scene);
}

static int follower_start(struct clusters *w, struct scene *scene, enum authority to, struct fault *fault)
{
	enum side reference = to == AUTHORITY_TARGET ? SIDE_SOURCE : SIDE_TARGET;
	enum side held = reference == SIDE_SOURCE ? SIDE_TARGET : SIDE_SOURCE;
	struct live_options options = { .configs = { survey_config(w->survey, reference),
						     survey_config(w->survey, held) },
					.names = { side_word(reference), side_word(held) } };
	struct follower *follower;
	char checkpoint[1024];
	int err;

	if (scene->follower && scene->follower->to == to)
		return 0;
	follower_stop(scene);
	follower = calloc(1, sizeof *follower);
	if (!follower)
		return fault_set(fault, ERR_MEMORY, "no memory for a follower");
	arena_init(&follower->arena, (size_t)16 << 20);
	follower->to = to;
	err = parity_choice(scene->family, scene->topics, scene->topic_count, reference == SIDE_TARGET,
			    &follower->arena, &follower->parity);
	scene_checkpoint(w, scene, reference, checkpoint, sizeof checkpoint);
	follower->parity.checkpoint = arena_text(&follower->arena, checkpoint);
	if (w->options.memory_bytes)
		follower->parity.memory = w->options.memory_bytes;
	follower->parity.rate = w->options.rate_bytes_per_s;
	options.parity = &follower->parity;
	if (err < 0 || !follower->parity.checkpoint)
		err = fault_set(fault, ERR_MEMORY, "no memory for a follower");
	err = err ? err : live_start(&options, &follower->live, fault);
	if (err < 0) {
		arena_done(&follower->arena);
		free(follower);
		return err;
	}
	scene->follower = follower;
	return 0;
}

/* ---- preflight ---- */

/*
 * How far the comparison is behind, in ms of what is being written; -1 when it cannot be told.  Under load a twin is always
 * on its way, and the ends move on: that is no lag as long as it is no more than was written in these moments.  What waits on
 * one side is written to the other, and so comes at the pace at which that one grows: for a copier that is how long it will
 * need once nobody writes.  What is read in a second is no measure: a follower that has just begun reads the past, a hundred
 * times as fast.
 */
static int64_t lag_of(const struct live_glance *glance)
{
	double behind[2] = { (double)glance->pending[0], (double)glance->pending[1] }, lag_ms = 0;

	if ((glance->state != LIVE_READING && glance->state != LIVE_FOLLOWING) || glance->overdue[0] ||
	    glance->overdue[1])
		return -1;
	if (glance->caught_up)
		return 0;
	for (size_t i = 0; i < glance->partition_count; i++) {
		for (int side = 0; side < 2; side++) {
			const struct live_place *place = &glance->partitions[i].side[side];

			if (!place->known || place->stopped || place->high < 0)
				return -1;
			behind[side] +=
				place->high > place->position ? (double)(place->high - place->position) : 0;
		}
	}
	for (int side = 0; side < 2; side++) {
		double rate = glance->growth_per_second[!side];

		rate = rate > 0 ? rate : glance->growth_per_second[side];
		if (behind[side] > 0 && rate <= 0)
			return -1;
		if (behind[side] > 0 && behind[side] * 1000 / rate > lag_ms)
			lag_ms = behind[side] * 1000 / rate;
	}
	return (int64_t)lag_ms;
}

/* A lag that stays is how far a copier is behind, and no moment: then it counts as a part of the pause. */
#define LAG_STAYS_MS 5000

/* Until it is at both ends, or as near as it comes, or says why it never will be. */
static int wait_caught_up(struct clusters *w, struct scene *scene, int64_t timeout_ms, struct forecast *out,
			  struct fault *fault)
{
	int64_t pause_ms = scene->family->class->limits[LIMIT_PAUSE].value;
	int64_t began_ms = loop_now_ms(w->options.loop), deadline_ms = began_ms + timeout_ms;

	for (;;) {
		struct live_glance glance;
		int err = live_glance(scene->follower->live, &glance);
		int64_t lag_ms = err == 0 ? lag_of(&glance) : -1;
		bool stays = loop_now_ms(w->options.loop) - began_ms >= LAG_STAYS_MS;
		bool caught_up = lag_ms >= 0 && lag_ms <= (stays ? pause_ms : pause_ms / 4);
		char far[80] = "", lag[UNIT_TEXT_SIZE];

		if (err < 0)
			return fault_set(fault, err, "no memory for a glance");
		out->pause_ms = lag_ms;
		if (lag_ms > 0)
			snprintf(far, sizeof far, ", about %s behind", duration_text(lag_ms, lag));
		if (glance.state == LIVE_FAILED)
			snprintf(out->text, sizeof out->text, "the comparison cannot go on: %s",
				 glance.fault.text);
		else
			snprintf(out->text, sizeof out->text,
				 "the comparison has not caught up: %llu records wait for their twin on the "
				 "%s, %llu on the other side%s%s%s",
				 (unsigned long long)glance.pending[0],
				 scene->follower->to == AUTHORITY_TARGET ? "source" : "target",
				 (unsigned long long)glance.pending[1], far, glance.fault.err ? ": " : "",
				 glance.fault.err ? glance.fault.text : "");
		err = glance.state == LIVE_FAILED ? ERR_IO : 0;
		live_glance_done(&glance);
		if (caught_up || err)
			return err ? 1 : 0;
		if (loop_now_ms(w->options.loop) >= deadline_ms) {
			out->behind = true;
			return 1;
		}
		if (w->world.ops->pause(&w->world, GLANCE_EVERY_MS) < 0)
			return ERR_CANCELLED;
	}
}

/* What one answer of the operator's lever costs now; a lever that does not answer is no fence. */
static int time_lever(struct clusters *w, struct scene *scene, const char *name, int64_t *ms,
		      struct forecast *out, struct fault *fault)
{
	struct lever *lever = w->world.ops->lever(&w->world, scene->family, name);
	int64_t began_ms = loop_now_ms(w->options.loop);
	struct buffer value;
	int err;

	if (!lever) {
		snprintf(out->text, sizeof out->text, "lever %s cannot be made from the plan", name);
		return 1;
	}
	buffer_init(&value, LEVER_VALUE_SIZE_MAX);
	err = lever_observe(lever, 5000, &value, fault);
	buffer_done(&value);
	if (err == ERR_CANCELLED || err == ERR_MEMORY)
		return err;
	if (err < 0) {
		snprintf(out->text, sizeof out->text, "lever %s does not answer: %s", name,
			 fault ? fault->text : "");
		return 1;
	}
	*ms += loop_now_ms(w->options.loop) - began_ms;
	return 0;
}

/*
 * What makes a deny no fence.  That a right is not known to come from an ACL is enough: the family writes now, so whoever no
 * ACL allows is bound by none.
 */
static bool is_no_fence(enum lever_acl_bound bound)
{
	return bound <= LEVER_ACL_BLOCKS_LAST || bound == LEVER_ACL_NOT_ALLOWED ||
	       bound == LEVER_ACL_NO_WITNESS || bound == LEVER_ACL_WITNESS_FREE ||
	       bound == LEVER_ACL_WITNESS_THERE;
}

/* That a canary is refused behind the fence says something only when it was let through before. */
static int canary_is_let_through(struct lever *lever, int64_t timeout_ms, struct forecast *out,
				 struct fault *fault)
{
	struct buffer how;
	int err;

	buffer_init(&how, LEVER_VALUE_SIZE_MAX);
	err = lever_acl_felt(lever, false, timeout_ms, &how, fault);
	buffer_done(&how);
	if (err == 0 || err == ERR_CANCELLED || err == ERR_MEMORY)
		return err;
	out->acl_binds = false;
	snprintf(out->text, sizeof out->text,
		 "a canary must be let through before the fence, which needs WRITE on the topics: %s",
		 fault->text);
	return 1;
}

/* Whether a deny would hold the family's writers on that side, as far as that can be known before. */
static int acl_may_fence(struct clusters *w, struct scene *scene, enum side side, int64_t timeout_ms,
			 int64_t *ms, struct forecast *out, struct fault *fault)
{
	const char *name = side == SIDE_TARGET ? "acl:target" : "acl:source";
	struct lever *lever = w->world.ops->lever(&w->world, scene->family, name);
	struct lever_acl_bounds bounds;
	struct arena arena;
	int err;

	if (!lever) {
		snprintf(out->text, sizeof out->text, "lever %s cannot be made from the plan", name);
		return 1;
	}
	arena_init(&arena, (size_t)16 << 20);
	err = lever_acl_bounds(lever, timeout_ms, &arena, &bounds, fault);
	if (err < 0 && err != ERR_CANCELLED && err != ERR_MEMORY) {
		snprintf(out->text, sizeof out->text, "whether ACLs bind on the %s cannot be told: %s",
			 side_word(side), fault->text);
		err = 1;
	}
	for (int i = 0; err == 0 && i < bounds.count; i++) {
		bool blocks = is_no_fence(bounds.at[i].bound);

		out->acl_binds = out->acl_binds && !blocks;
		if (blocks && !out->text[0])
			snprintf(out->text, sizeof out->text, "%s on the %s: %s",
				 lever_acl_bound_code(bounds.at[i].bound), side_word(side),
				 bounds.at[i].text);
	}
	arena_done(&arena);
	if (err || !out->acl_binds)
		return err ? err : 1;
	err = canary_is_let_through(lever, timeout_ms, out, fault);
	return err ? err : time_lever(w, scene, name, ms, out, fault);
}

#define STILL_MS 30 /* two looks at the ends, a proof of being level, the decision and its checkpoint */

int world_forecast(struct world *world, const struct plan_family *family, enum authority to,
		   int64_t timeout_ms, struct forecast *out, struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	const struct plan_levers *levers = &family->levers;
	struct forecast made = { .acl_binds = true };
	char lag[UNIT_TEXT_SIZE];
	struct scene *scene;
	int64_t lever_ms = 0;
	struct fault why = { 0 };
	int err = scene_of(w, family, &scene, fault);

	if (err < 0)
		return err;
	if (!levers->flag.head.given && !levers->bootstrap.head.given && !levers->acl.value &&
	    !levers->transactional_ids.count) {
		snprintf(made.text, sizeof made.text,
			 "the plan has no lever that fences this family: give it flag, bootstrap, acl or "
			 "transactional-ids");
		*out = made;
		return 0;
	}
	/* A fence alone moves nobody: once it is lifted, the application writes where it wrote before. */
	if (family->pattern.value == PLAN_PATTERN_DUAL_WRITE && !levers->flag.head.given &&
	    !levers->bootstrap.head.given) {
		snprintf(made.text, sizeof made.text,
			 "the plan has no lever that tells an application which writes to both sides where "
			 "authority is: give the family flag or bootstrap; acl and transactional-ids only "
			 "fence");
		*out = made;
		return 0;
	}
	if (levers->flag.head.given)
		err = time_lever(w, scene, "flag", &lever_ms, &made, &why);
	if (!err && levers->bootstrap.head.given)
		err = time_lever(w, scene, "bootstrap", &lever_ms, &made, &why);
	if (!err && levers->acl.value)
		err = acl_may_fence(w, scene, to == AUTHORITY_TARGET ? SIDE_SOURCE : SIDE_TARGET, timeout_ms,
				    &lever_ms, &made, &why);
	if (!err)
		err = follower_start(w, scene, to, fault);
	if (!err)
		err = wait_caught_up(w, scene, timeout_ms, &made, fault);
	if (err < 0)
		return err;
	made.may = err == 0;
	if (made.may && made.pause_ms > family->class->limits[LIMIT_PAUSE].value / 4)
		snprintf(made.text, sizeof made.text,
			 "the other side is %s behind, which is waited for; levers answered in %lld ms",
			 duration_text(made.pause_ms, lag), (long long)lever_ms);
	else if (made.may)
		snprintf(made.text, sizeof made.text,
			 "the comparison is at both ends; levers answered in %lld ms", (long long)lever_ms);
	/* Set, seen, drained, set, seen: five answers, as quick as the ones just had. */
	made.pause_ms += 5 * lever_ms + STILL_MS;
	*out = made;
	return 0;
}

/* ---- level ---- */

static int read_ends(const json_t *ends, struct live_end *out)
{
	json_t *end;
	size_t index;
	int count = 0;

	json_array_foreach(ends, index, end)
	{
		out[count++] =
			(struct live_end){ .topic = json_string_value(json_array_get(end, 0)),
					   .partition = (int32_t)json_integer_value(json_array_get(end, 1)),
					   .offset = json_integer_value(json_array_get(end, 2)),
					   .leader_epoch =
						   (int32_t)json_integer_value(json_array_get(end, 3)) };
	}
	return count;
}

/* What is behind may come yet; what contradicts does not go away. */
static enum level_answer answer_of(const struct live_answer *answer)
{
	if (answer->verdict == LIVE_LEVEL)
		return LEVEL_YES;
	if (answer->verdict == LIVE_CANNOT_TELL)
		return LEVEL_UNKNOWN;
	return strcmp(answer->code, "TARGET_BEHIND") == 0 ? LEVEL_BEHIND : LEVEL_DIFFERENT;
}

int world_level(struct world *world, const struct plan_family *family, enum authority to, const json_t *ends,
		int64_t timeout_ms, struct level *out, struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	struct live_answer answer;
	struct live_end *list;
	struct scene *scene;
	int count, err = scene_of(w, family, &scene, fault);

	/* After a crash there is none yet; it begins where the last one stood. */
	err = err ? err : follower_start(w, scene, to, fault);
	if (err < 0)
		return err;
	list = calloc(json_array_size(ends) + 1, sizeof *list);
	if (!list)
		return fault_set(fault, ERR_MEMORY, "no memory for the ends of the logs");
	count = read_ends(ends, list);
	err = live_level(scene->follower->live, list, (size_t)count, NULL, 0, timeout_ms, &answer);
	free(list);
	if (err < 0)
		return fault_set(fault, err, "the follower could not be asked: %s", err_text(err));
	*out = (struct level){ .answer = answer_of(&answer),
			       .records = answer.matched + answer.pending[0],
			       .matched = answer.matched,
			       .pending = answer.pending[0] + answer.pending[1] };
	snprintf(out->claim, sizeof out->claim, "%s",
		 claim_word(answer.proved) ? claim_word(answer.proved) : "nothing");
	snprintf(out->text, sizeof out->text, "%s%s%s",
		 answer.code[0] ? answer.code : live_verdict_word(answer.verdict), answer.text[0] ? ": " : "",
		 answer.text);
	live_answer_done(&answer);
	return 0;
}

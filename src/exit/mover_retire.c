/*
 * mover_retire.c - what was temporary goes, one thing at a time, with proof.
 *
 *	probe --> SCAFFOLD present --> SCAFFOLD removing --> remove --> SCAFFOLD removed --> probe --> SCAFFOLD absent
 *
 * The first thing that cannot be told, is in use, or does not go ends it with a refusal that names it; the family stays
 * SEALED, and the next `retire` begins by looking at everything again.  Nothing is removed that cannot be looked at.
 */
#include <stdio.h>

#include "exit/mover_inside.h"

#define REMOVE_TIMEOUT_MS 30000
#define LOOK_AGAIN_MS     100
#define COPY_SIZE_MAX     65536

struct retiring {
	struct crossing *c;
	const struct world_scaffold_ops *ops;
	char refusal[900];
};

static int refuse(struct retiring *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refuse(struct retiring *r, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(r->refusal, sizeof r->refusal, format, list);
	va_end(list);
	return 0;
}

static struct world *world_of(const struct retiring *r)
{
	return r->c->mover->world;
}

/* Owner and copy are kept from the first frame that names them. */
static int put_event(struct retiring *r, const char *item, const char *kind, const char *event,
		     const char *proof, json_t *copy)
{
	json_t *body = json_pack("{s:s, s:s, s:s}", "item", item, "kind", kind, "event", event);

	if (body && proof)
		json_object_set_new(body, "proof", json_string(proof));
	if (body && copy)
		json_object_set_new(body, "copy", copy);
	else
		json_decref(copy);
	return crossing_frame(r->c, FRAME_SCAFFOLD, body, NULL);
}

static bool is_absent(const struct retiring *r, const char *item)
{
	const char *event =
		body_text(json_object_get(json_object_get(r->c->now.json, "scaffold"), item), "event");

	return event && strcmp(event, "absent") == 0;
}

/* ---- items of the plan ---- */

/* As a person would type it. */
static void put_words(struct buffer *out, const char *what, const struct plan_exec *exec)
{
	buffer_printf(out, "%s%s:", out->size ? "; " : "", what);
	if (!exec->given)
		buffer_text(out, " the plan has no way");
	else if (exec->url.at)
		buffer_printf(out, " %.*s", VIEW_ARGS(exec->url));
	for (int i = 0; i < exec->word_count; i++)
		buffer_printf(out, " %.*s", VIEW_ARGS(exec->words[i]));
}

static int put_present(struct retiring *r, const char *item, const struct plan_probe *plan)
{
	struct view owner = plan->owner.text.at ? plan->owner.text : r->c->family->owners.decision.text;
	struct buffer copy;
	json_t *body;

	buffer_init(&copy, COPY_SIZE_MAX);
	put_words(&copy, "probe", &plan->probe);
	put_words(&copy, "remove", &plan->remove);
	put_words(&copy, "restore", &plan->restore);
	body = json_pack("{s:s, s:s, s:s, s:s%, s:s}", "item", item, "kind", "plan", "event", "present",
			 "owner", owner.at ? (const char *)owner.at : "", owner.size, "copy",
			 buffer_string(&copy));
	buffer_done(&copy);
	return crossing_frame(r->c, FRAME_SCAFFOLD, body, NULL);
}

/* Looks until it is gone, as long as its own limit says. */
static int wait_gone(struct retiring *r, const struct plan_probe *plan)
{
	const struct clock *clock = journal_clock(r->c->mover->journal);
	int64_t until_ms = clock_monotonic_ms(clock) + plan->timeout_ms.value;

	for (;;) {
		int err, is_there = r->ops->there(world_of(r), r->c->family, plan, r->c->now.epoch,
						  &r->c->fault);

		if (is_there == 0 || is_there == ERR_CANCELLED || clock_monotonic_ms(clock) >= until_ms)
			return is_there;
		err = world_of(r)->ops->pause(world_of(r), LOOK_AGAIN_MS);
		if (err < 0)
			return err;
	}
}

static int take_away(struct retiring *r, const char *item, const struct plan_probe *plan)
{
	char why[400] = "its removal said that it was done";
	int gone, err = put_present(r, item, plan);

	err = err ? err : put_event(r, item, "plan", "removing", NULL, NULL);
	if (err < 0)
		return err;
	/* Killed in here, it is looked at first next time; a removal must be fit to be asked for twice. */
	err = r->ops->remove(world_of(r), r->c->family, plan, r->c->now.epoch, &r->c->fault);
	if (err == ERR_CANCELLED)
		return err;
	if (err < 0)
		snprintf(why, sizeof why, "its removal failed: %.300s", r->c->fault.text);
	else
		err = put_event(r, item, "plan", "removed", why, NULL);
	if (r->c->stopped)
		return err;
	gone = wait_gone(r, plan);
	if (gone == ERR_CANCELLED)
		return gone;
	if (gone == 0) {
		return put_event(r, item, "plan", "absent", "its probe says that it is not there any more",
				 NULL);
	}
	err = put_event(r, item, "plan", "present", why, NULL);
	if (err < 0)
		return err;
	return gone < 0 ? refuse(r, "%s: %s, and whether it is gone cannot be told: %s", item, why,
				 r->c->fault.text)
			: refuse(r, "%s does not go: %s, and its probe says that it is still there", item,
				 why);
}

static int clear_item(struct retiring *r, const struct plan_probe *plan)
{
	char item[300];
	int is_there, is_used = 0;

	snprintf(item, sizeof item, "%.*s", VIEW_ARGS(plan->name.text));
	crossing_tell(r->c, "retire: %s", item);
	is_there = r->ops->there(world_of(r), r->c->family, plan, r->c->now.epoch, &r->c->fault);
	if (is_there > 0)
		is_used = r->ops->used(world_of(r), r->c->family, plan, r->c->now.epoch, &r->c->fault);
	if (is_there == ERR_CANCELLED || is_used == ERR_CANCELLED)
		return ERR_CANCELLED;
	if (is_there < 0)
		return refuse(r, "%s: whether it is there cannot be told, so it is not touched: %s", item,
			      r->c->fault.text);
	if (is_used < 0)
		return refuse(r, "%s: whether anybody uses it cannot be told, so it is not touched: %s", item,
			      r->c->fault.text);
	if (is_used)
		return refuse(r, "%s is still in use, by what its plan asks; end that first", item);
	if (is_there)
		return take_away(r, item, plan);
	return is_absent(r, item)
		       ? 0
		       : put_event(r, item, "plan", "absent", "its probe says that it is not there", NULL);
}

/* ---- what we set ourselves ---- */

/* A flag, a route, a group stand where the crossing put them, which is where they belong now; these were for a while. */
static bool is_temporary(const char *lever)
{
	return strncmp(lever, "acl:", 4) == 0 || strncmp(lever, "config:", 7) == 0 ||
	       strncmp(lever, "quota:", 6) == 0;
}

static const char *next_standing(const struct crossing *c)
{
	json_t *value;
	const char *lever;

	json_object_foreach(json_object_get(c->now.json, "standing"), lever, value)
	{
		if (is_temporary(lever))
			return lever;
	}
	return NULL;
}

/* Who still wrote there would get through once the fence is lifted. */
static int is_silent(struct retiring *r, bool *silent)
{
	struct crossing *c = r->c;
	json_t *now = NULL;
	char text[600] = "";
	int leaked = 0;

	*silent = true;
	/* What a `return` has carried there is no stranger's. */
	if (c->family->pattern.value == PLAN_PATTERN_DUAL_WRITE || c->family->back.head.given ||
	    !world_of(r)->ops->leak)
		return 0;
	leaked = world_of(r)->ops->leak(world_of(r), c->family, AUTHORITY_SOURCE,
					json_object_get(c->now.json, "ends"), EFFECT_TIMEOUT_MS, text,
					sizeof text, &now, &c->fault);
	json_decref(now);
	if (leaked == ERR_CANCELLED)
		return leaked;
	*silent = leaked == 0;
	if (leaked < 0)
		refuse(r,
		       "whether anybody wrote behind the fence on the source cannot be told, so it stays: %s",
		       c->fault.text);
	else if (leaked)
		refuse(r, "somebody writes to the source still, so its fence stays: %s", text);
	return 0;
}

static int set_back(struct retiring *r, const char *lever)
{
	struct crossing *c = r->c;
	char item[STEP_NAME_SIZE], name[STEP_NAME_SIZE + 20];
	const char *value = arena_text(&c->arena, state_standing(&c->now, lever));
	enum effect effect = EFFECT_FAILED;
	bool silent = false;
	int err;

	if (!value)
		return fault_set(&c->fault, ERR_MEMORY, "no memory to clear up");
	snprintf(item, sizeof item, "lever %s", lever);
	/* Of this try alone: what an earlier one came to is in the standing itself. */
	snprintf(name, sizeof name, "retire %s %llu", lever,
		 (unsigned long long)journal_state(c->mover->journal)->sequence);
	crossing_tell(c, "retire: %s as it was", lever);
	err = is_silent(r, &silent);
	if (err < 0 || !silent)
		return err;
	err = effect_settle(c, true, &effect);
	err = err ? err : put_event(r, item, "lever", "removing", NULL, json_string(value));
	err = err ? err
		  : effect_bring_about(c, name, lever, "as it was", value,
				       REMOVE_TIMEOUT_MS, &effect);
	if (err < 0)
		return err;
	if (effect != EFFECT_DONE)
		return refuse(r, "%s does not go back to where it stood before: %s", lever, c->fault.text);
	return put_event(r, item, "lever", "absent",
			 "it was seen to stand where it stood before we touched it", NULL);
}

static int clear_levers(struct retiring *r)
{
	const char *lever;
	int err = 0;

	while (!err && !r->refusal[0] && (lever = next_standing(r->c))) {
		char *name = arena_text(&r->c->arena, lever);

		err = name ? set_back(r, name) : fault_set(&r->c->fault, ERR_MEMORY, "no memory to clear up");
	}
	return err;
}

static int clear_files(struct retiring *r)
{
	for (;;) {
		char path[1024], item[1100], last[1024] = "";
		int err, found = r->ops->file(world_of(r), r->c->family, path, sizeof path, &r->c->fault);

		if (found < 0)
			return refuse(r, "the files of comparisons cannot be looked for: %s",
				      r->c->fault.text);
		if (found == 0)
			return 0;
		snprintf(item, sizeof item, "file %s", path);
		err = put_event(r, item, "file", "removing", NULL,
				json_string("a comparison without it reads everything again"));
		if (err < 0)
			return err;
		if (r->ops->remove_file(world_of(r), path, &r->c->fault) < 0)
			return refuse(r, "%s", r->c->fault.text);
		found = r->ops->file(world_of(r), r->c->family, last, sizeof last, &r->c->fault);
		if (found > 0 && strcmp(last, path) == 0)
			return refuse(r, "%s was removed, and is there again", path);
		err = put_event(r, item, "file", "absent", "the folder does not have it any more", NULL);
		if (err < 0)
			return err;
	}
}

/* ---- the end ---- */

/* One that moved, or moves, and was then taken out of the plan: its way back, its scaffold are still there. */
static bool is_left_behind(const struct state *state)
{
	struct standing now;
	const char *name;
	json_t *family;

	json_object_foreach(json_object_get(state->root, "families"), name, family)
	{
		if (state_family(state, name, &now) && !now.of &&
		    (now.moving != AUTHORITY_NONE || now.stage == STAGE_TARGET || now.stage == STAGE_SEALED))
			return true;
	}
	return false;
}

int mover_complete(struct mover *mover, struct fault *fault)
{
	const struct state *state = journal_state(mover->journal);

	if (json_object_get(state->root, "complete") || !mover->plan->family_count)
		return 0;
	for (int i = 0; i < mover->plan->family_count; i++) {
		char name[300];
		struct standing now;

		snprintf(name, sizeof name, "%.*s", VIEW_ARGS(mover->plan->families[i].name.text));
		if (!state_family(state, name, &now) || now.stage != STAGE_RETIRED)
			return 0;
	}
	if (is_left_behind(state))
		return 0;
	return journal_append(mover->journal, FRAME_NOTE,
			      json_pack("{s:b, s:s}", "complete", 1, "text",
					"every family is retired: the exit is complete"),
			      NULL, fault);
}

/* What was there and is not any more; what the plan's probe never found was not ours to remove. */
static void count_removed(const struct crossing *c, int *removed, int *without_way_back)
{
	const struct plan_probes *items = &c->family->scaffold;
	json_t *note, *scaffold = json_object_get(c->now.json, "scaffold");
	const char *item;

	*removed = *without_way_back = 0;
	json_object_foreach(scaffold, item, note)
	{
		*removed += json_object_get(note, "copy") != NULL;
		for (int i = 0; i < items->count && json_object_get(note, "copy"); i++)
			*without_way_back +=
				view_is(items->at[i].name.text, item) && !items->at[i].restore.given;
	}
}

static int arrive(struct retiring *r, uint64_t act)
{
	struct crossing *c = r->c;
	const struct plan *plan = c->mover->plan;
	struct view topic = plan->checkpoints.topic.text;
	char text[900], stays[300] = "";
	int removed, without, err;

	if (!topic.at && !plan->checkpoints.head.given)
		topic = VIEW_LITERAL("__interlock");
	if (topic.at)
		snprintf(stays, sizeof stays, ", and topic %.*s with its checkpoints on both clusters",
			 VIEW_ARGS(topic));
	count_removed(c, &removed, &without);
	snprintf(text, sizeof text,
		 "the scaffold is gone and was looked for: %d thing%s removed, %d of them without a way to "
		 "put it back; "
		 "for audit stay the journal%s; the target is the source for restore, replay and "
		 "reconciliation",
		 removed, removed == 1 ? " was" : "s were", without, stays);
	err = crossing_stage(c, STAGE_RETIRED, -1, text, json_pack("{s:I}", "act", (json_int_t)act));
	err = err ? err : mover_complete(c->mover, &c->fault);
	return err ? err : mover_answer_act(c, act, MOVER_DONE, text);
}

static const char *not_now(const struct crossing *c)
{
	if (!c->mover->world->ops->scaffold)
		return "nothing can be cleared up here";
	if (c->now.overlay != OVERLAY_NONE)
		return "the family is held: an owner resumes it first";
	return c->now.stage == STAGE_SEALED ? NULL : "only a family that is sealed can be retired";
}

static int clear(struct retiring *r)
{
	const struct plan_probes *items = &r->c->family->scaffold;
	int err = 0;

	for (int i = 0; i < items->count && !err && !r->refusal[0]; i++)
		err = clear_item(r, &items->at[i]);
	if (!err && !r->refusal[0])
		err = clear_levers(r);
	if (!err && !r->refusal[0]) {
		err = mover_drill_clear(r->c);
		if (err < 0 && !mover_must_stop(r->c, err))
			err = refuse(r, "what a drill left does not go: %s", r->c->fault.text);
	}
	return err || r->refusal[0] ? err : clear_files(r);
}

int mover_retire(struct crossing *c, uint64_t act, const json_t *json, enum mover_answer *out)
{
	struct retiring r = { .c = c, .ops = c->mover->world->ops->scaffold };
	const char *why = not_now(c);
	int err;

	(void)json;
	if (c->now.stage == STAGE_RETIRED) {
		*out = MOVER_DONE;
		return mover_answer_act(c, act, *out, "it is retired already");
	}
	*out = MOVER_REFUSED;
	if (why)
		return mover_answer_act(c, act, *out, why);
	err = clear(&r);
	if (err < 0)
		return err;
	if (r.refusal[0])
		return mover_answer_act(c, act, *out, r.refusal);
	*out = MOVER_DONE;
	return arrive(&r, act);
}

/* report_journal.c - one walk over the frames, each told into the family that it is about. */
#include <stdlib.h>
#include <string.h>

#include "exit/report_journal.h"

struct telling {
	const char *only;                       /* NULL: every family */
	json_t *root, *families, *audit, *acts; /* acts: sequence -> the object that stands in a list */
	json_t *shadows;                        /* names: what a drill moves is no family */
};

static json_t *list_in(json_t *object, const char *key)
{
	json_t *list = json_object_get(object, key);

	if (!list) {
		json_object_set_new(object, key, json_array());
		list = json_object_get(object, key);
	}
	return list;
}

static void add_one(json_t *object, const char *key)
{
	json_object_set_new(object, key, json_integer(body_number(object, key) + 1));
}

static json_t *family_of(struct telling *t, const json_t *body)
{
	static const char *const lists[] = {
		"crossings", "acts", "holds", "drills", "leaks", "pages", "scaffold", NULL
	};
	const char *name = body_text(body, "family");
	json_t *family;

	if (!name || (t->only && strcmp(name, t->only) != 0) || json_object_get(t->shadows, name))
		return NULL;
	family = json_object_get(t->families, name);
	if (family)
		return family;
	json_object_set_new(t->families, name,
			    json_pack("{s:s, s:{s:i, s:i, s:i}}", "family", name, "verdicts", "open", 0,
				      "shut", 0, "unknown", 0));
	family = json_object_get(t->families, name);
	for (int i = 0; lists[i]; i++)
		list_in(family, lists[i]);
	return family;
}

/* A drill begins: its shadow is known from now on.  False for a frame that tells how one ended. */
static bool begins_drill(struct telling *t, const json_t *body)
{
	const char *event = body_text(body, "event"), *shadow = body_text(body, "shadow");

	if (!event || strcmp(event, "began") != 0)
		return false;
	if (shadow)
		json_object_set_new(t->shadows, shadow, json_true());
	return true;
}

/* A body with when and where it was written. */
static json_t *dated(const struct frame *frame, const json_t *body)
{
	json_t *copy = json_deep_copy(body);

	json_object_del(copy, "family");
	json_object_set_new(copy, "sequence", json_integer((json_int_t)frame->sequence));
	json_object_set_new(copy, "wall", json_integer(frame->moment.wall_ms));
	return copy;
}

static void take(json_t *to, const json_t *from, const char *key)
{
	if (json_object_get(from, key))
		json_object_set_new(to, key, json_deep_copy(json_object_get(from, key)));
}

static json_t *last_of(json_t *family, const char *key)
{
	json_t *list = json_object_get(family, key);

	return json_array_get(list, json_array_size(list) - 1);
}

/* The crossing that is under way; NULL when none is. */
static json_t *crossing_of(json_t *family)
{
	json_t *last = last_of(family, "crossings");

	return last && !json_object_get(last, "ended") ? last : NULL;
}

/* ---- the kinds ---- */

static void tell_act(struct telling *t, const struct frame *frame, json_t *family, const json_t *body)
{
	json_t *act = dated(frame, body), *arguments = json_object_get(act, "arguments");
	char key[24];

	take(act, arguments, "second");
	json_object_set_new(act, "result", json_null());
	snprintf(key, sizeof key, "%llu", (unsigned long long)frame->sequence);
	json_object_set(t->acts, key, act);
	json_array_append_new(json_object_get(family, "acts"), act);
}

static void tell_answer(struct telling *t, const struct frame *frame, const json_t *body)
{
	char key[24];
	json_t *act;

	snprintf(key, sizeof key, "%lld", (long long)body_number(body, "act"));
	act = json_object_get(t->acts, key);
	if (!act)
		return;
	take(act, body, "result");
	take(act, body, "text");
	json_object_set_new(act, "answered", json_integer(frame->moment.wall_ms));
}

static void tell_move(const struct frame *frame, json_t *family, const json_t *body)
{
	json_t *crossing = dated(frame, body);

	json_object_set_new(crossing, "began", json_integer(frame->moment.wall_ms));
	json_object_set_new(crossing, "result", json_string("under way"));
	json_object_set_new(crossing, "effects", json_integer(0));
	json_object_del(crossing, "wall");
	json_array_append_new(json_object_get(family, "crossings"), crossing);
}

/* Where one ends: on TARGET after the way there, on OBSERVING after the way back, or where it began. */
static void end_crossing(const struct frame *frame, json_t *crossing, const json_t *body)
{
	bool decided = json_object_get(crossing, "decision") != NULL;

	json_object_set_new(crossing, "ended", json_integer(frame->moment.wall_ms));
	json_object_set_new(crossing, "result", json_string(decided ? "arrived" : "returned"));
	take(crossing, body, "pause_ms");
	if (!json_object_get(crossing, "pause_ms"))
		json_object_set_new(crossing, "pause_ms", json_null());
}

static void tell_overlay(const struct frame *frame, json_t *family, const json_t *body)
{
	const char *overlay = body_text(body, "overlay");
	json_t *last = last_of(family, "holds"), *hold;
	bool open = last && !json_object_get(last, "ended");

	/* A hold for want of knowing may become one for a gate that is shut: that is another one. */
	if (open && (!overlay || strcmp(overlay, body_text(last, "overlay")) != 0 ||
		     !json_equal(json_object_get(body, "cause"), json_object_get(last, "cause")))) {
		json_object_set_new(last, "ended", json_integer(frame->moment.wall_ms));
		open = false;
	}
	if (!overlay || open)
		return;
	hold = json_pack("{s:I, s:I, s:s}", "sequence", (json_int_t)frame->sequence, "wall",
			 (json_int_t)frame->moment.wall_ms, "overlay", overlay);
	take(hold, body, "stage");
	take(hold, body, "cause");
	json_array_append_new(json_object_get(family, "holds"), hold);
}

static void tell_stage(const struct frame *frame, json_t *family, const json_t *body)
{
	const char *stage = body_text(body, "stage");
	int at = stage ? stage_find(view_text(stage)) : -1;
	json_t *crossing = crossing_of(family);

	tell_overlay(frame, family, body);
	if (crossing && at >= 0 && !stage_is_crossing((enum stage)at) && at != STAGE_DECIDED &&
	    at != STAGE_ARMED)
		end_crossing(frame, crossing, body);
}

/* The frame that proves something, and what it says of itself. */
static void tell_proof(const struct frame *frame, json_t *family, const json_t *body, const char *key)
{
	static const char *const keys[] = { "proof", "still_ms", "records", "matched",
					    "claim", "verdict",  "epoch",   NULL };
	json_t *crossing = crossing_of(family);

	if (!crossing)
		return;
	json_object_set_new(crossing, key, json_integer((json_int_t)frame->sequence));
	for (int i = 0; keys[i]; i++)
		take(crossing, body, keys[i]);
}

static void tell_checkpoint(struct telling *t, const struct frame *frame, const json_t *body)
{
	const char *text = body_text(body, "note"), *key = text ? strstr(text, "\nkey ") : NULL;
	json_t *note = dated(frame, body);

	json_object_del(note, "note");
	if (key)
		json_object_set_new(note, "key", json_stringn(key + 5, strcspn(key + 5, "\n")));
	json_array_append_new(list_in(t->audit, "checkpoints"), note);
}

static void tell_of_family(struct telling *t, const struct frame *frame, json_t *family, const json_t *body)
{
	json_t *crossing = crossing_of(family);

	switch (frame->kind) {
	case FRAME_VERDICT:
		if (body_text(body, "verdict"))
			add_one(json_object_get(family, "verdicts"), body_text(body, "verdict"));
		break;
	case FRAME_ACT: tell_act(t, frame, family, body); break;
	case FRAME_MOVE: tell_move(frame, family, body); break;
	case FRAME_STAGE: tell_stage(frame, family, body); break;
	case FRAME_INTENT:
		if (crossing)
			add_one(crossing, "effects");
		break;
	case FRAME_QUIET: tell_proof(frame, family, body, "quiet"); break;
	case FRAME_LEVEL: tell_proof(frame, family, body, "level"); break;
	case FRAME_DECISION: tell_proof(frame, family, body, "decision"); break;
	case FRAME_RETURN:
		if (crossing)
			take(crossing, body, "cause");
		break;
	case FRAME_DRILL:
		if (!begins_drill(t, body))
			json_array_append_new(json_object_get(family, "drills"), dated(frame, body));
		break;
	case FRAME_LEAK: json_array_append_new(json_object_get(family, "leaks"), dated(frame, body)); break;
	case FRAME_PAGE: json_array_append_new(json_object_get(family, "pages"), dated(frame, body)); break;
	case FRAME_SCAFFOLD:
		json_array_append_new(json_object_get(family, "scaffold"), dated(frame, body));
		break;
	default: break;
	}
}

static int tell(void *context, const struct frame *frame)
{
	struct telling *t = context;
	json_t *body = frame_body_read(frame, NULL), *family = family_of(t, body);

	add_one(t->audit, "frames");
	if (!json_object_get(t->audit, "first"))
		json_object_set_new(t->audit, "first", json_integer(frame->moment.wall_ms));
	json_object_set_new(t->audit, "last", json_integer(frame->moment.wall_ms));
	if (frame->kind == FRAME_PLAN)
		json_array_append_new(
			list_in(t->root, "plans"),
			json_pack("{s:I, s:s?, s:I, s:I}", "number", (json_int_t)body_number(body, "number"),
				  "hash", body_text(body, "plan"), "sequence", (json_int_t)frame->sequence,
				  "wall", (json_int_t)frame->moment.wall_ms));
	else if (frame->kind == FRAME_LEASE && body_text(body, "event") &&
		 strcmp(body_text(body, "event"), "taken") == 0)
		add_one(t->audit, "leases");
	else if (frame->kind == FRAME_CHECKPOINT)
		tell_checkpoint(t, frame, body);
	else if (frame->kind == FRAME_NOTE && !family)
		json_array_append_new(list_in(t->root, "notes"), dated(frame, body));
	else if (frame->kind == FRAME_ANSWER)
		tell_answer(t, frame, body);
	if (family)
		tell_of_family(t, frame, family, body);
	json_decref(body);
	return 0;
}

/* ---- the end ---- */

static void add_standing(const struct state *state, json_t *family)
{
	struct standing now;

	if (!state_family(state, body_text(family, "family"), &now))
		return;
	json_object_set_new(family, "stage", json_string(stage_word(now.stage)));
	json_object_set_new(family, "overlay",
			    now.overlay ? json_string(overlay_word(now.overlay)) : json_null());
	json_object_set_new(family, "cause", now.cause ? json_string(now.cause) : json_null());
	json_object_set_new(family, "authority", json_string(authority_word(now.authority)));
	json_object_set_new(family, "epoch", json_integer((json_int_t)now.epoch));
	json_object_set_new(family, "complete", json_boolean(now.stage == STAGE_RETIRED));
}

int report_journal(struct journal *journal, const char *only, json_t **out, struct fault *fault)
{
	struct telling t = { .only = only,
			     .root = json_object(),
			     .families = json_object(),
			     .audit = json_pack("{s:i, s:i, s:[]}", "frames", 0, "leases", 0, "checkpoints"),
			     .acts = json_object(),
			     .shadows = json_object() };
	json_t *list, *each;
	char head[SHA256_TEXT_SIZE];
	const char *name;
	int err = t.root && t.families && t.audit && t.acts && t.shadows
			  ? journal_walk(journal, 1, tell, &t, fault)
			  : fault_set(fault, ERR_MEMORY, "no memory for a report");

	if (err == 0) {
		const struct state *state = journal_state(journal);

		list_in(t.root, "plans");
		list_in(t.root, "notes");
		list = list_in(t.root, "families");
		json_object_foreach(json_object_get(state->root, "families"), name, each)
		{
			json_t *asked = json_pack("{s:s}", "family", name);

			family_of(&t, asked);
			json_decref(asked);
		}
		json_object_foreach(t.families, name, each)
		{
			add_standing(state, each);
			json_array_append(list, each);
		}
		json_object_set_new(t.audit, "head", json_string(sha256_text(state->head, head)));
		take(t.root, state->root, "exit");
		json_object_set(t.root, "audit", t.audit);
		*out = json_incref(t.root);
	}
	json_decref(t.shadows);
	json_decref(t.acts);
	json_decref(t.audit);
	json_decref(t.families);
	json_decref(t.root);
	return err;
}

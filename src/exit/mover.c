/*
 * mover.c - acts and their answers, what is picked up after a crash, and the small frames around a crossing.
 *
 * The acts that lead to a crossing are in mover_act.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exit/mover_inside.h"

#define PUBLISH_TIMEOUT_MS 5000
#define CROSSING_MEMORY    ((size_t)64 << 20)

int64_t mover_wall(const struct mover *mover)
{
	return clock_wall_ms(journal_clock(mover->journal));
}

json_t *mover_text(const char *text)
{
	json_t *json = json_string(text);
	char clean[1600];
	size_t size = 0;

	/* Levers and brokers say what they like, and a sentence may have been cut inside a letter. */
	for (; !json && text[size] && size < sizeof clean - 1; size++)
		clean[size] = (char)((uint8_t)text[size] < 0x80 ? text[size] : '?');
	clean[size] = 0;
	return json ? json : json_string(clean);
}

void crossing_look(struct crossing *c)
{
	if (!state_family(journal_state(c->mover->journal), c->name, &c->now))
		c->now = (struct standing){ .name = c->name };
}

int crossing_frame(struct crossing *c, enum frame_kind kind, json_t *body, uint64_t *sequence)
{
	struct fault fault = { 0 };
	int err;

	if (body && json_object_set_new(body, "family", json_string(c->name)) < 0) {
		json_decref(body);
		body = NULL;
	}
	err = journal_append(c->mover->journal, kind, body, sequence, &fault);
	crossing_look(c);
	if (err < 0) {
		c->stopped = true;
		c->fault = fault;
	}
	return err;
}

bool crossing_came_late(struct crossing *c, int err)
{
	if (err != ERR_MALFORMED || c->now.verdict.valid_until_ms >= mover_wall(c->mover))
		return false;
	c->stopped = false;
	return true;
}

int crossing_stage(struct crossing *c, enum stage stage, int overlay, const char *cause, json_t *more)
{
	enum overlay over = overlay < 0 ? c->now.overlay : (enum overlay)overlay;
	json_t *body = more ? more : json_object();

	if (body && (json_object_set_new(body, "stage", json_string(stage_word(stage))) < 0 ||
		     json_object_set_new(body, "cause", mover_text(cause)) < 0 ||
		     (over != OVERLAY_NONE &&
		      json_object_set_new(body, "overlay", json_string(overlay_word(over))) < 0))) {
		json_decref(body);
		body = NULL;
	}
	return crossing_frame(c, FRAME_STAGE, body, NULL);
}

bool mover_must_stop(const struct crossing *c, int err)
{
	return err < 0 && (c->stopped || err == ERR_CANCELLED || err == ERR_MEMORY || err == ERR_INTERNAL);
}

void crossing_tell(struct crossing *c, const char *format, ...)
{
	char text[700];
	va_list list;

	if (!c->mover->world->ops->tell)
		return;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	c->mover->world->ops->tell(c->mover->world, c->family, text);
}

int crossing_open(struct crossing *c, struct mover *mover, const struct plan_family *family)
{
	int err;

	*c = (struct crossing){ .mover = mover, .family = family };
	c->fenced_ms = clock_monotonic_ms(journal_clock(mover->journal));
	arena_init(&c->arena, CROSSING_MEMORY);
	c->name = arena_printf(&c->arena, "%.*s", VIEW_ARGS(family->name.text));
	if (!c->name) {
		arena_done(&c->arena);
		return fault_set(&c->fault, ERR_MEMORY, "no memory for a crossing");
	}
	crossing_look(c);
	c->to = c->now.moving;
	if (c->to == AUTHORITY_NONE)
		c->to = c->now.authority == AUTHORITY_TARGET ? AUTHORITY_SOURCE : AUTHORITY_TARGET;
	err = steps_make(family, c->to, &c->arena, &c->steps);
	if (err < 0) {
		arena_done(&c->arena);
		return fault_set(&c->fault, err, "family %s has more steps than a crossing may have",
				 c->name);
	}
	return 0;
}

void crossing_close(struct crossing *c)
{
	arena_done(&c->arena);
}

/* ---- small frames ---- */

int mover_publish(struct mover *mover, struct fault *fault)
{
	json_t *note = NULL, *holders = NULL;
	char head[SHA256_TEXT_SIZE];
	struct sha256 root;
	uint64_t size;
	/* What is signed must be in the journal, and not only in our memory of a frame that failed. */
	int held, err = journal_sync(mover->journal, fault);

	if (err < 0)
		return err == ERR_NETWORK ? ERR_IO : err;
	size = journal_state(mover->journal)->sequence;
	root = journal_state(mover->journal)->head;
	held = mover->world->ops->publish(mover->world, size, root, PUBLISH_TIMEOUT_MS, &note, &holders,
					  fault);
	if (held <= 0) {
		char why[sizeof fault->text] = "";

		if (fault && fault->err)
			snprintf(why, sizeof why, ": %s", fault->text);
		json_decref(note);
		json_decref(holders);
		return held == ERR_CANCELLED
			       ? held
			       : fault_set(fault, ERR_NETWORK, "nobody outside holds the checkpoint%s", why);
	}
	err = journal_append(mover->journal, FRAME_CHECKPOINT,
			     json_pack("{s:I, s:s, s:o, s:o}", "size", (json_int_t)size, "head",
				       sha256_text(root, head), "note", note, "holders", holders),
			     NULL, fault);
	return err == ERR_NETWORK
		       ? ERR_IO
		       : err; /* of the journal's own database: not the same as nobody holding it */
}

int mover_hold(struct mover *mover, const struct plan_family *family, const char *cause, struct fault *fault)
{
	struct crossing c;
	int err = journal_sync(mover->journal, fault);

	if (err < 0)
		return err;
	err = crossing_open(&c, mover, family);
	if (err == 0) {
		err = crossing_stage(&c, c.now.stage, OVERLAY_HELD, cause, NULL);
		crossing_close(&c);
	}
	if (err < 0 && fault)
		*fault = c.fault;
	return err;
}

static json_t *family_names(const struct plan *plan)
{
	json_t *names = json_array();

	for (int i = 0; i < plan->family_count; i++)
		json_array_append_new(names, json_stringn((const char *)plan->families[i].name.text.at,
							  plan->families[i].name.text.size));
	return names;
}

static int begin_observing(struct mover *mover, struct fault *fault)
{
	int err = 0;

	for (int i = 0; i < mover->plan->family_count && !err; i++) {
		struct crossing c;

		err = crossing_open(&c, mover, &mover->plan->families[i]);
		if (err < 0) {
			if (fault)
				*fault = c.fault;
			return err;
		}
		if (c.now.stage == STAGE_PLANNED)
			err = crossing_stage(&c, STAGE_OBSERVING, -1, "the plan is in force", NULL);
		if (err < 0 && fault)
			*fault = c.fault;
		crossing_close(&c);
	}
	return err;
}

static bool same_keys(const json_t *a, const json_t *b)
{
	return (!a && !b) || json_equal(a, b);
}

int mover_plan(struct mover *mover, struct view text, struct fault *fault)
{
	json_t *plan;
	char hash[SHA256_TEXT_SIZE], blob_hash[SHA256_TEXT_SIZE];
	struct sha256 now = { { 0 } }, blob;
	json_t *keys;
	int err = journal_sync(mover->journal, fault);

	err = err < 0 ? err : mover_keys(mover->plan, &keys, fault);
	if (err < 0)
		return err;
	plan = json_object_get(journal_state(mover->journal)->root, "plan");
	body_hash(plan, "hash", &now);
	/* A key that was exchanged in its file is another plan, though its text is the same. */
	if (sha256_equal(now, mover->plan->hash) && same_keys(json_object_get(plan, "keys"), keys)) {
		json_decref(keys);
		return begin_observing(mover, fault);
	}
	err = mover_may_change(journal_state(mover->journal), mover->plan, fault);
	err = err ? err : journal_blob_put(mover->journal, text, &blob, fault);
	if (err == 0) {
		json_t *body = json_pack(
			"{s:s%, s:s, s:s, s:I, s:o}", "exit", (const char *)mover->plan->exit.text.at,
			mover->plan->exit.text.size, "plan", sha256_text(mover->plan->hash, hash), "text",
			sha256_text(blob, blob_hash), "number", (json_int_t)body_number(plan, "number") + 1,
			"families", family_names(mover->plan));

		if (body && keys)
			json_object_set(body, "keys", keys);
		err = journal_append(mover->journal, FRAME_PLAN, body, NULL, fault);
	}
	json_decref(keys);
	return err ? err : begin_observing(mover, fault);
}

/* ---- after a crash ---- */

static const struct plan_family *family_of(const struct mover *mover, const char *name)
{
	return name ? plan_family(mover->plan, view_text(name)) : NULL;
}

static const char *answer_word(enum mover_answer answer)
{
	static const char *const words[] = { "done", "refused", "returned", "unknown" };

	return words[answer];
}

int mover_answer_act(struct crossing *c, uint64_t act, enum mover_answer answer, const char *text)
{
	return crossing_frame(c, FRAME_ANSWER,
			      json_pack("{s:I, s:s, s:o}", "act", (json_int_t)act, "result",
					answer_word(answer), "text", mover_text(text)),
			      NULL);
}

static bool act_waits(const struct mover *mover, uint64_t act)
{
	char key[24];

	snprintf(key, sizeof key, "%llu", (unsigned long long)act);
	return json_object_get(json_object_get(journal_state(mover->journal)->root, "acts"), key) != NULL;
}

int mover_carry(struct crossing *c, enum mover_answer *out)
{
	uint64_t act = c->now.act;
	int err = cross_go_on(c, out);

	if (err < 0 || c->turned)
		return err;
	if (c->now.overlay == OVERLAY_UNKNOWN)
		*out = MOVER_UNKNOWN;
	if (act && act_waits(c->mover, act))
		err = mover_answer_act(c, act, *out, c->now.cause ? c->now.cause : "");
	c->mover->world->ops->release(c->mover->world, c->family);
	return err;
}

int mover_recover(struct mover *mover, int *moved, struct fault *fault)
{
	/* A frame that could not be written may be in memory; what follows must rest on what was. */
	int err = journal_sync(mover->journal, fault);

	*moved = 0;
	if (err < 0)
		return err;
	err = 0;
	for (int i = 0; i < mover->plan->family_count && !err; i++) {
		enum mover_answer answer = MOVER_UNKNOWN;
		struct crossing c;
		bool stands;

		err = crossing_open(&c, mover, &mover->plan->families[i]);
		if (err == 0 && c.now.moving != AUTHORITY_NONE && c.now.overlay == OVERLAY_NONE) {
			(*moved)++;
			err = mover_carry(&c, &answer);
		} else if (err == 0 && freeze_is_under_way(&c)) {
			err = freeze_go_on(&c, &stands);
		}
		if (err < 0 && fault)
			*fault = c.fault;
		if (err == 0 || c.name)
			crossing_close(&c);
	}
	/* Behind every crossing: what a drill left may take its time to go, and writers may be held meanwhile. */
	for (int i = 0; i < mover->plan->family_count && !err; i++) {
		struct crossing c;

		err = crossing_open(&c, mover, &mover->plan->families[i]);
		if (err == 0)
			err = mover_drill_recover(&c);
		if (err < 0 && fault)
			*fault = c.fault;
		if (err == 0 || c.name)
			crossing_close(&c);
	}
	return err ? err : mover_complete(mover, fault);
}

/* ---- acts ---- */

static bool is_under_way(const struct mover *mover, const char *name)
{
	struct standing now;

	return name && state_family(journal_state(mover->journal), name, &now) &&
	       now.moving != AUTHORITY_NONE && now.overlay == OVERLAY_NONE;
}

bool mover_is_under_way(const struct mover *mover, const struct plan_family *family)
{
	char name[300];

	snprintf(name, sizeof name, "%.*s", VIEW_ARGS(family->name.text));
	return is_under_way(mover, name);
}

uint64_t mover_next_act(const struct mover *mover, uint64_t after)
{
	json_t *acts = json_object_get(journal_state(mover->journal)->root, "acts"), *act;
	uint64_t first = 0;
	const char *key;

	json_object_foreach(acts, key, act)
	{
		uint64_t sequence = strtoull(key, NULL, 10);

		if (sequence > after && (!first || sequence < first) &&
		    !is_under_way(mover, body_text(act, "family")))
			first = sequence;
	}
	return first;
}

int mover_act(struct mover *mover, uint64_t act, enum mover_answer *out, struct fault *fault)
{
	const struct plan_family *family;
	struct crossing c;
	json_t *json;
	char key[24];
	int err = journal_sync(mover->journal, fault);

	if (err < 0)
		return err;
	snprintf(key, sizeof key, "%llu", (unsigned long long)act);
	json = json_incref(
		json_object_get(json_object_get(journal_state(mover->journal)->root, "acts"), key));
	*out = MOVER_REFUSED;
	if (!json)
		return 0; /* it was answered meanwhile */
	family = family_of(mover, body_text(json, "family"));
	if (!family) {
		json_decref(json);
		return journal_append(mover->journal, FRAME_ANSWER,
				      json_pack("{s:I, s:s, s:s}", "act", (json_int_t)act, "result",
						"refused", "text", "the plan in force has no such family"),
				      NULL, fault);
	}
	err = crossing_open(&c, mover, family);
	if (err == 0) {
		err = mover_act_carry(&c, act, json, out);
		crossing_close(&c);
	}
	if (err < 0 && fault)
		*fault = c.fault;
	json_decref(json);
	return err;
}

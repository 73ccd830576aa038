/* state.c - the fold of frames.  Each kind has one function that checks everything first and then changes the state. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "exit/state.h"

#define SEQUENCE_TEXT_SIZE 24

/* A signature counts for an hour (act_sign.h) on either side of its frame. */
#define NONCE_LIFE_MS (2 * 3600000LL)

struct applying {
	struct state *state;
	const struct frame *frame;
	json_t *body;
	json_t *family; /* NULL for frames that are about none */
	struct standing now;
	struct fault *fault;
};

typedef int apply_fn(struct applying *a);

/* ---- reading ---- */

const char *body_text(const json_t *body, const char *key)
{
	return json_string_value(json_object_get(body, key));
}

int64_t body_number(const json_t *body, const char *key)
{
	return json_integer_value(json_object_get(body, key));
}

bool body_hash(const json_t *body, const char *key, struct sha256 *out)
{
	const char *text = body_text(body, key);
	struct buffer bytes;
	bool right;

	if (!text || strlen(text) != 2 * SHA256_SIZE)
		return false;
	buffer_init(&bytes, SHA256_SIZE);
	right = text_unhex(&bytes, view_text(text)) == 0;
	if (right)
		memcpy(out->bytes, bytes.at, SHA256_SIZE);
	buffer_done(&bytes);
	return right;
}

static uint64_t body_count(const json_t *body, const char *key)
{
	return (uint64_t)body_number(body, key);
}

static enum verdict verdict_of(const char *word)
{
	if (word && strcmp(word, "open") == 0)
		return VERDICT_OPEN;
	return word && strcmp(word, "shut") == 0 ? VERDICT_SHUT : VERDICT_UNKNOWN;
}

static int word_of(const json_t *body, const char *key, int (*find)(struct view))
{
	const char *text = body_text(body, key);

	return text ? find(view_text(text)) : -1;
}

bool state_family(const struct state *state, const char *name, struct standing *out)
{
	json_t *json = json_object_get(json_object_get(state->root, "families"), name);
	struct standing now = { .name = name, .json = json };
	json_t *verdict = json_object_get(json, "verdict"), *gates = json_object_get(verdict, "gates");
	int overlay;

	if (!json)
		return false;
	now.stage = (enum stage)word_of(json, "stage", stage_find);
	overlay = word_of(json, "overlay", overlay_find);
	now.overlay = overlay < 0 ? OVERLAY_NONE : (enum overlay)overlay;
	now.cause = body_text(json, "cause");
	now.authority = (enum authority)word_of(json, "authority", authority_find);
	now.moving = (enum authority)word_of(json, "moving", authority_find);
	now.returning = json_is_true(json_object_get(json, "returning"));
	now.of = body_text(json, "of");
	now.epoch = body_count(json, "epoch");
	now.attempt = body_count(json, "attempt");
	now.act = body_count(json, "act");
	now.since_ms = body_number(json, "since");
	now.deadline_ms = body_number(json, "deadline");
	now.pause_ms = json_object_get(json, "pause_ms") ? body_number(json, "pause_ms") : -1;
	now.crossed_ms = body_number(json, "crossed");
	now.verdict.sequence = body_count(verdict, "sequence");
	body_hash(verdict, "hash", &now.verdict.hash);
	now.verdict.verdict = verdict_of(body_text(verdict, "verdict"));
	for (int gate = 0; gate < GATE_COUNT; gate++)
		now.verdict.gates[gate] = verdict_of(body_text(gates, gate_word((enum gate)gate)));
	now.verdict.wall_ms = body_number(verdict, "wall");
	now.verdict.valid_until_ms = body_number(verdict, "valid_until");
	now.verdict.authority = body_count(verdict, "authority");
	now.quiet = body_count(json_object_get(json, "quiet"), "sequence");
	now.level = body_count(json_object_get(json, "level"), "sequence");
	*out = now;
	return true;
}

const char *outcome_word(enum outcome outcome)
{
	static const char *const words[] = { NULL, "done", "not done", "unknown" };

	return words[outcome];
}

static enum outcome outcome_of(const char *word)
{
	for (int outcome = OUTCOME_DONE; word && outcome <= OUTCOME_UNKNOWN; outcome++)
		if (strcmp(word, outcome_word((enum outcome)outcome)) == 0)
			return (enum outcome)outcome;
	return OUTCOME_OPEN;
}

/* Kept as a list, oldest first. */
bool state_intent_at(const struct standing *family, int index, struct intent *out)
{
	json_t *json = json_array_get(json_object_get(family->json, "intents"), (size_t)index);

	if (!json)
		return false;
	*out = (struct intent){ body_count(json, "sequence"),
				body_count(json, "attempt"),
				body_count(json, "epoch"),
				body_text(json, "step"),
				body_text(json, "lever"),
				body_text(json, "word"),
				body_text(json, "before"),
				body_text(json, "desired"),
				outcome_of(body_text(json, "result")) };
	return true;
}

bool state_intent(const struct standing *family, const char *step, struct intent *out)
{
	struct intent each;
	bool found = false;

	for (int i = 0; state_intent_at(family, i, &each); i++) {
		if (strcmp(each.step, step) == 0) {
			*out = each;
			found = true;
		}
	}
	return found;
}

const char *state_standing(const struct standing *family, const char *lever)
{
	return body_text(json_object_get(family->json, "standing"), lever);
}

int state_hash(const struct state *state, struct sha256 *out)
{
	struct buffer bytes;
	int err;

	buffer_init(&bytes, STATE_SIZE_MAX);
	err = state_write(state, &bytes);
	if (err == 0)
		*out = sha256_of(buffer_bytes(&bytes));
	buffer_done(&bytes);
	return err;
}

/* ---- writing: the caller has checked; memory that is out shows in the next reading, so it is checked here once ---- */

static int put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) < 0 ? ERR_MEMORY : 0;
}

static int copy(json_t *object, const char *key, const json_t *from, const char *from_key)
{
	json_t *value = json_object_get(from, from_key);

	return value ? put(object, key, json_deep_copy(value)) : 0;
}

static int put_hash(json_t *object, const char *key, struct sha256 hash)
{
	char text[SHA256_TEXT_SIZE];

	return put(object, key, json_string(sha256_text(hash, text)));
}

static json_t *child(json_t *object, const char *key)
{
	json_t *at = json_object_get(object, key);

	if (!at && json_object_set_new(object, key, json_object()) == 0)
		at = json_object_get(object, key);
	return at;
}

static int wrong(struct applying *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int wrong(struct applying *a, const char *format, ...)
{
	char text[500];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	return fault_set(a->fault, ERR_MALFORMED, "frame %llu (%s): %s",
			 (unsigned long long)a->frame->sequence, frame_kind_word(a->frame->kind), text);
}

/* ---- the kinds ---- */

static int new_family(json_t *families, const char *name)
{
	json_t *family =
		json_pack("{s:s, s:s, s:i, s:s, s:b, s:i, s:o, s:o}", "stage", stage_word(STAGE_PLANNED),
			  "authority", "source", "epoch", 1, "moving", "none", "returning", 0, "attempt", 0,
			  "intents", json_array(), "standing", json_object());

	return family ? put(families, name, family) : ERR_MEMORY;
}

static int apply_plan(struct applying *a)
{
	json_t *root = a->state->root, *plan = json_object_get(root, "plan"), *families, *name;
	uint64_t number = body_count(a->body, "number");
	struct sha256 hash;
	size_t index;
	int err = 0;

	if (!body_hash(a->body, "plan", &hash) || !json_is_array(json_object_get(a->body, "families")))
		return wrong(a, "names no plan");
	if (number != body_count(plan, "number") + 1)
		return wrong(a, "plan %llu does not follow plan %lld", (unsigned long long)number,
			     (long long)body_number(plan, "number"));
	json_array_foreach(json_object_get(a->body, "families"), index, name)
	{
		if (!json_is_string(name) || !json_string_length(name))
			return wrong(a, "a family without a name");
	}
	plan = child(root, "plan");
	families = child(root, "families");
	json_object_del(root, "complete");
	err = plan && families ? 0 : ERR_MEMORY;
	err = err ? err : put_hash(plan, "hash", hash);
	err = err ? err : put(plan, "number", json_integer((json_int_t)number));
	err = err ? err : put(plan, "sequence", json_integer((json_int_t)a->frame->sequence));
	json_object_del(plan, "keys");
	err = err ? err : copy(plan, "keys", a->body, "keys");
	err = err ? err : copy(root, "exit", a->body, "exit");
	json_array_foreach(json_object_get(a->body, "families"), index, name)
	{
		if (!err && !json_object_get(families, json_string_value(name)))
			err = new_family(families, json_string_value(name));
	}
	return err;
}

static int apply_lease(struct applying *a)
{
	json_t *lease = json_object_get(a->state->root, "lease");
	const char *event = body_text(a->body, "event");
	bool taken = event && strcmp(event, "taken") == 0;
	uint64_t number = body_count(a->body, "number"), before = body_count(lease, "number");
	int err;

	if (!event || (!taken && strcmp(event, "released") != 0))
		return wrong(a, "an event that no version knows");
	if (taken ? number <= before : number != before)
		return wrong(a, "lease %llu after lease %llu", (unsigned long long)number,
			     (unsigned long long)before);
	lease = child(a->state->root, "lease");
	err = lease ? put(lease, "number", json_integer((json_int_t)number)) : ERR_MEMORY;
	err = err ? err : put(lease, "taken", json_boolean(taken));
	return err ? err : copy(lease, "holder", a->body, "holder");
}

/* A regime that was seen once since the crossing stays seen. */
static int watch_on(struct applying *a)
{
	const json_t *seen = json_object_get(a->body, "window");
	json_t *watched, *regimes, *name;
	size_t index;
	int err;

	if (!seen || a->now.authority != AUTHORITY_TARGET)
		return 0;
	watched = child(a->family, "watched");
	regimes = watched ? child(watched, "regimes") : NULL;
	if (!regimes)
		return ERR_MEMORY;
	err = copy(watched, "records", seen, "records");
	json_array_foreach(json_object_get(seen, "regimes"), index, name)
	{
		const char *text = json_string_value(name);

		if (!err && text && !json_object_get(regimes, text))
			err = put(regimes, text, json_integer(a->frame->moment.wall_ms));
	}
	return err;
}

static int apply_verdict(struct applying *a)
{
	const json_t *gates = json_object_get(a->body, "gates");
	enum verdict all = VERDICT_OPEN;
	struct sha256 input;
	json_t *verdict;
	int err;

	if (!body_hash(a->body, "input", &input))
		return wrong(a, "does not say what it rests on");
	for (int gate = 0; gate < GATE_COUNT; gate++)
		all = verdict_both(all, verdict_of(body_text(gates, gate_word((enum gate)gate))));
	if (all != verdict_of(body_text(a->body, "verdict")))
		return wrong(a, "says %s, and its gates come to %s", body_text(a->body, "verdict"),
			     verdict_word(all));
	if (body_count(a->body, "authority") != a->now.epoch)
		return wrong(a, "was judged under authority epoch %lld, and it is %llu",
			     (long long)body_number(a->body, "authority"), (unsigned long long)a->now.epoch);
	verdict = json_object();
	err = verdict ? put(a->family, "verdict", verdict) : ERR_MEMORY;
	err = err ? err : put(verdict, "sequence", json_integer((json_int_t)a->frame->sequence));
	err = err ? err : put_hash(verdict, "hash", a->frame->hash);
	err = err ? err : put(verdict, "wall", json_integer(a->frame->moment.wall_ms));
	err = err ? err : copy(verdict, "verdict", a->body, "verdict");
	err = err ? err : copy(verdict, "gates", a->body, "gates");
	err = err ? err : copy(verdict, "reasons", a->body, "reasons");
	err = err ? err : copy(verdict, "boundary", a->body, "boundary");
	err = err ? err : copy(verdict, "input", a->body, "input");
	err = err ? err : copy(verdict, "valid_until", a->body, "valid_until");
	err = err ? err : watch_on(a);
	return err ? err : copy(verdict, "authority", a->body, "authority");
}

static const char *key_of(uint64_t sequence, char text[SEQUENCE_TEXT_SIZE])
{
	snprintf(text, SEQUENCE_TEXT_SIZE, "%llu", (unsigned long long)sequence);
	return text;
}

/* An act that is copied out of a journal and asked for again is not refused here: that is for who carries acts out. */
static int remember_nonce(struct applying *a, json_t *act)
{
	const char *nonce = body_text(act, "nonce"), *key;
	int64_t wall_ms = a->frame->moment.wall_ms;
	json_t *nonces, *seen;
	void *next;

	json_object_del(act, "replayed");
	if (!nonce)
		return 0;
	nonces = child(a->state->root, "nonces");
	if (!nonces)
		return ERR_MEMORY;
	json_object_foreach_safe(nonces, next, key, seen)
	{
		if (json_integer_value(seen) < wall_ms - NONCE_LIFE_MS)
			json_object_del(nonces, key);
	}
	if (json_object_get(nonces, nonce))
		return put(act, "replayed", json_true());
	return put(nonces, nonce, json_integer(wall_ms));
}

static int apply_act(struct applying *a)
{
	json_t *acts, *act = json_deep_copy(a->body);
	char key[SEQUENCE_TEXT_SIZE];
	int err;

	if (!body_text(a->body, "act") || !body_text(a->body, "by") || !body_text(a->body, "reason")) {
		json_decref(act);
		return wrong(a, "says not what is asked for, by whom, and why");
	}
	acts = child(a->state->root, "acts");
	err = acts && act ? put(act, "wall", json_integer(a->frame->moment.wall_ms)) : ERR_MEMORY;
	err = err ? err : remember_nonce(a, act);
	if (err < 0) {
		json_decref(act);
		return err;
	}
	return put(acts, key_of(a->frame->sequence, key), act);
}

static const char *const answer_results[] = { "done", "refused", "returned", "unknown", NULL };

static int waive(struct applying *a, json_t *act)
{
	json_t *waivers = json_object_get(a->family, "waivers"),
	       *waiver = json_deep_copy(json_object_get(act, "arguments"));
	int err;

	if (!waivers && put(a->family, "waivers", json_array()) == 0)
		waivers = json_object_get(a->family, "waivers");
	err = waivers && waiver ? put(waiver, "granted", json_integer(body_number(act, "wall"))) : ERR_MEMORY;
	err = err ? err : copy(waiver, "owner", act, "by");
	err = err ? err : copy(waiver, "reason", act, "reason");
	if (err < 0) {
		json_decref(waiver);
		return err;
	}
	return json_array_append_new(waivers, waiver) < 0 ? ERR_MEMORY : 0;
}

/* What an act that needs no effect changes by being done. */
static int act_takes_hold(struct applying *a, json_t *act)
{
	static const struct {
		const char *act, *key;
	} kept[] = { { "acknowledge", "acknowledged" }, { "confirm", "confirmed" } };
	const char *word = body_text(act, "act");
	int err = 0;

	if (strcmp(word, "waive") == 0)
		return waive(a, act);
	for (size_t i = 0; i < sizeof kept / sizeof kept[0] && !err; i++) {
		json_t *note;

		if (strcmp(word, kept[i].act) != 0)
			continue;
		note = json_object();
		err = note ? put(a->family, kept[i].key, note) : ERR_MEMORY;
		err = err ? err : copy(note, "by", act, "by");
		err = err ? err : copy(note, "wall", act, "wall");
		err = err ? err : copy(note, "arguments", act, "arguments");
	}
	return err;
}

static int apply_answer(struct applying *a)
{
	json_t *acts = json_object_get(a->state->root, "acts"), *act;
	const char *result = body_text(a->body, "result");
	char key[SEQUENCE_TEXT_SIZE];
	bool known = false;
	int err = 0;

	for (int i = 0; result && answer_results[i]; i++)
		known = known || strcmp(result, answer_results[i]) == 0;
	act = json_object_get(acts, key_of(body_count(a->body, "act"), key));
	if (!known || !act)
		return wrong(a, "answers an act that nobody is waiting for");
	if (a->family && strcmp(result, "done") == 0)
		err = act_takes_hold(a, act);
	if (!err && a->family && a->now.moving == AUTHORITY_NONE && a->now.act == body_count(a->body, "act"))
		err = put(a->family, "act", json_integer(0));
	return err ? err : json_object_del(acts, key) < 0 ? ERR_MEMORY : 0;
}

static int apply_move(struct applying *a)
{
	int to = word_of(a->body, "to", authority_find);
	struct intent each;
	int err;

	if (a->now.moving != AUTHORITY_NONE || a->now.overlay != OVERLAY_NONE)
		return wrong(a, "a crossing begins while the family is held or crossing");
	if (!(a->now.stage == STAGE_ARMED && to == AUTHORITY_TARGET) &&
	    !(a->now.stage == STAGE_TARGET && to == AUTHORITY_SOURCE))
		return wrong(a, "a crossing to %s begins in %s", authority_word((enum authority)to),
			     stage_word(a->now.stage));
	if (body_count(a->body, "attempt") != a->now.attempt + 1)
		return wrong(a, "attempt %lld after attempt %llu", (long long)body_number(a->body, "attempt"),
			     (unsigned long long)a->now.attempt);
	for (int i = 0; state_intent_at(&a->now, i, &each); i++)
		if (each.outcome == OUTCOME_OPEN)
			return wrong(a, "a crossing begins while intent %llu has no outcome",
				     (unsigned long long)each.sequence);
	err = put(a->family, "intents", json_array());
	err = err ? err : copy(a->family, "moving", a->body, "to");
	err = err ? err : put(a->family, "returning", json_false());
	err = err ? err : copy(a->family, "attempt", a->body, "attempt");
	err = err ? err : copy(a->family, "act", a->body, "act");
	/* A crossing that begins held is a freeze: it has the fence, and goes no further by itself. */
	if (word_of(a->body, "overlay", overlay_find) == OVERLAY_HELD) {
		err = err ? err : copy(a->family, "overlay", a->body, "overlay");
		err = err ? err : copy(a->family, "cause", a->body, "cause");
	}
	json_object_del(a->family, "quiet");
	json_object_del(a->family, "level");
	json_object_del(a->family, "deadline");
	json_object_del(a->family, "return");
	return err;
}

/* A crossing that was given up, or arrived, is at rest: nothing may be left without an outcome. */
static int end_crossing(struct applying *a, enum stage stage)
{
	struct intent each;
	bool back = a->now.returning;
	enum authority owner =
		(a->now.moving == AUTHORITY_TARGET) != back ? AUTHORITY_TARGET : AUTHORITY_SOURCE;
	int err;

	for (int i = 0; state_intent_at(&a->now, i, &each); i++)
		if (each.outcome == OUTCOME_OPEN)
			return wrong(a, "%s is reached while intent %llu has no outcome", stage_word(stage),
				     (unsigned long long)each.sequence);
	err = put(a->family, "authority", json_string(authority_word(owner)));
	err = err ? err : put(a->family, "moving", json_string("none"));
	err = err ? err : put(a->family, "returning", json_false());
	json_object_del(a->family, "deadline");
	if (!err && json_object_get(a->body, "pause_ms"))
		err = copy(a->family, "pause_ms", a->body, "pause_ms");
	return err;
}

static int begin_fencing(struct applying *a)
{
	int err;

	if (body_count(a->body, "epoch") != a->now.epoch + 1)
		return wrong(a, "authority epoch %lld after %llu", (long long)body_number(a->body, "epoch"),
			     (unsigned long long)a->now.epoch);
	err = copy(a->family, "epoch", a->body, "epoch");
	err = err ? err : copy(a->family, "deadline", a->body, "deadline");
	return err ? err : put(a->family, "authority", json_string("none"));
}

/* ARMED and DECIDED each rest on something; the rest of the table says who may follow whom. */
static int check_stage(struct applying *a, enum stage stage)
{
	struct sha256 verdict;

	if (!stage_may_follow(a->now.stage, stage, a->now.moving, a->now.returning))
		return wrong(a, "%s may not follow %s", stage_word(stage), stage_word(a->now.stage));
	if (stage == STAGE_DECIDED)
		return wrong(a, "only a DECISION leads to DECIDED");
	if (stage == STAGE_ARMED && !a->now.of &&
	    (!body_hash(a->body, "verdict", &verdict) || !sha256_equal(verdict, a->now.verdict.hash) ||
	     a->now.verdict.verdict != VERDICT_OPEN || a->now.verdict.authority != a->now.epoch ||
	     a->now.verdict.valid_until_ms < a->frame->moment.wall_ms))
		return wrong(a, "ARMED without a verdict that is open and fresh");
	if (stage == STAGE_OPENING && body_count(json_object_get(a->state->root, "checkpoint"), "size") <
					      body_count(a->family, "decision"))
		return wrong(a, "OPENING before anybody holds the decision");
	if (stage == STAGE_LEVEL && !a->now.quiet)
		return wrong(a, "LEVEL before silence was proved");
	return 0;
}

static int apply_stage(struct applying *a)
{
	int stage = word_of(a->body, "stage", stage_find),
	    overlay = word_of(a->body, "overlay", overlay_find);
	bool arrived = json_is_true(json_object_get(a->body, "arrived")), moves, ends, leaves_unknown;
	int err = 0;

	if (stage < 0 || !body_text(a->body, "cause"))
		return wrong(a, "names no stage, or no cause");
	moves = (enum stage)stage != a->now.stage;
	leaves_unknown = a->now.overlay == OVERLAY_UNKNOWN && overlay != OVERLAY_UNKNOWN;
	if (moves && a->now.overlay == OVERLAY_UNKNOWN && !leaves_unknown)
		return wrong(a, "a stage changes while the outcome of an effect is not known");
	if (leaves_unknown && !json_is_true(json_object_get(a->body, "observed")))
		return wrong(a, "UNKNOWN ends without an observation");
	if (moves) {
		err = check_stage(a, (enum stage)stage);
		if (err < 0)
			return err;
	}
	/* A crossing that was given up before its fence may end in the stage that it began in. */
	if (arrived != (moves && a->now.returning) &&
	    !(arrived && a->now.returning && a->now.moving == AUTHORITY_SOURCE && stage == STAGE_TARGET))
		return wrong(a, "a crossing that was given up ends, and says so");
	ends = arrived || (moves && a->now.moving != AUTHORITY_NONE && a->now.stage == STAGE_OPENING);
	if (ends)
		err = end_crossing(a, (enum stage)stage);
	else if (moves && stage == STAGE_FENCING)
		err = begin_fencing(a);
	if (err < 0)
		return err;
	if (moves)
		err = put(a->family, "since", json_integer(a->frame->moment.wall_ms));
	if (!err && moves && a->now.stage == STAGE_PLANNED)
		err = put(a->family, "observed", json_integer(a->frame->moment.wall_ms));
	/* What an owner let go on is judged anew: failures from before this frame stick no longer. */
	if (!err && a->now.overlay != OVERLAY_NONE && overlay <= 0)
		err = put(a->family, "window", json_integer((json_int_t)a->frame->sequence));
	err = err ? err : copy(a->family, "stage", a->body, "stage");
	err = err ? err : copy(a->family, "cause", a->body, "cause");
	if (overlay > 0)
		return err ? err : copy(a->family, "overlay", a->body, "overlay");
	json_object_del(a->family, "overlay");
	return err;
}

/* From the moment at which we may touch it, for its outcome may never be known. */
static int keep_standing(struct applying *a, const json_t *intent)
{
	json_t *standing = child(a->family, "standing");
	const char *lever = body_text(intent, "lever");

	if (!standing)
		return ERR_MEMORY;
	if (body_text(standing, lever) || strcmp(body_text(intent, "before"), body_text(intent, "desired")) == 0)
		return 0;
	return copy(standing, lever, intent, "before");
}

static int apply_intent(struct applying *a)
{
	static const char *const texts[] = { "step", "lever", "word", "before", "desired", NULL };
	json_t *intents = json_object_get(a->family, "intents"), *intent;
	int err;

	for (int i = 0; texts[i]; i++)
		if (!body_text(a->body, texts[i]))
			return wrong(a, "has no %s", texts[i]);
	if (body_count(a->body, "attempt") != a->now.attempt)
		return wrong(a, "is of attempt %lld, and attempt %llu is under way",
			     (long long)body_number(a->body, "attempt"), (unsigned long long)a->now.attempt);
	if (a->now.overlay == OVERLAY_UNKNOWN)
		return wrong(a, "an effect while the outcome of another is not known");
	if (a->frame->lease == 0)
		return wrong(a, "an effect without a lease");
	intent = json_deep_copy(a->body);
	err = intent ? put(intent, "sequence", json_integer((json_int_t)a->frame->sequence)) : ERR_MEMORY;
	err = err ? err : put(intent, "wall", json_integer(a->frame->moment.wall_ms));
	if (err < 0) {
		json_decref(intent);
		return err;
	}
	json_object_del(intent, "family");
	err = keep_standing(a, intent);
	if (err < 0) {
		json_decref(intent);
		return err;
	}
	return json_array_append_new(intents, intent) < 0 ? ERR_MEMORY : 0;
}

static json_t *find_intent(struct applying *a)
{
	uint64_t sequence = body_count(a->body, "intent");
	json_t *intents = json_object_get(a->family, "intents"), *intent;
	size_t index;

	json_array_foreach(intents, index, intent)
	{
		if (body_count(intent, "sequence") == sequence)
			return intent;
	}
	return NULL;
}

static int apply_observation(struct applying *a)
{
	json_t *intent = find_intent(a);

	if (!intent)
		return wrong(a, "of intent %lld, which is not of this attempt",
			     (long long)body_number(a->body, "intent"));
	return copy(intent, "observed", a->body, "value");
}

/* Seen to stand as we found it: nothing of ours is there any more. */
static void forget_standing(struct applying *a, const json_t *intent)
{
	json_t *standing = json_object_get(a->family, "standing");
	const char *lever = body_text(intent, "lever"), *original = body_text(standing, lever);
	const char *observed = body_text(intent, "observed");

	if (original && observed && strcmp(original, observed) == 0)
		json_object_del(standing, lever);
}

static int apply_outcome(struct applying *a)
{
	json_t *intent = find_intent(a);
	enum outcome result = outcome_of(body_text(a->body, "result"));
	enum outcome before = intent ? outcome_of(body_text(intent, "result")) : OUTCOME_OPEN;
	const char *observed = body_text(intent, "observed");
	int err;

	if (!intent || result == OUTCOME_OPEN)
		return wrong(a, "an outcome of nothing");
	if (before != OUTCOME_OPEN && before != OUTCOME_UNKNOWN)
		return wrong(a, "intent %lld has an outcome already",
			     (long long)body_number(a->body, "intent"));
	if (result == OUTCOME_DONE && (!observed || strcmp(observed, body_text(intent, "desired")) != 0))
		return wrong(a, "intent %lld is called done, and was not seen to be",
			     (long long)body_number(a->body, "intent"));
	err = copy(intent, "result", a->body, "result");
	if (!err && result != OUTCOME_UNKNOWN)
		forget_standing(a, intent);
	return err;
}

static int keep(struct applying *a, const char *key)
{
	json_t *note = json_deep_copy(a->body);
	int err = note ? put(note, "sequence", json_integer((json_int_t)a->frame->sequence)) : ERR_MEMORY;

	err = err ? err : put(note, "wall", json_integer(a->frame->moment.wall_ms));
	if (err < 0) {
		json_decref(note);
		return err;
	}
	json_object_del(note, "family");
	return put(a->family, key, note);
}

static int apply_quiet(struct applying *a)
{
	if (a->now.stage != STAGE_QUIET || a->now.returning ||
	    body_count(a->body, "attempt") != a->now.attempt ||
	    !json_is_array(json_object_get(a->body, "ends")))
		return wrong(a, "silence is proved in %s", stage_word(a->now.stage));
	return keep(a, "quiet");
}

static int apply_level(struct applying *a)
{
	if (a->now.stage != STAGE_LEVEL || a->now.returning ||
	    body_count(a->body, "attempt") != a->now.attempt || body_count(a->body, "quiet") != a->now.quiet)
		return wrong(a, "a proof of being level that does not belong here");
	return keep(a, "level");
}

/* The one frame that moves authority.  All that it rests on must be of this attempt, and fresh. */
static int apply_decision(struct applying *a)
{
	struct sha256 verdict;
	json_t *ends;
	int err;

	if (a->now.stage != STAGE_LEVEL || a->now.returning || a->now.overlay != OVERLAY_NONE)
		return wrong(a, "a decision in %s%s", stage_word(a->now.stage),
			     a->now.returning ? ", while the crossing is given up" : "");
	if (word_of(a->body, "authority", authority_find) != (int)a->now.moving ||
	    body_count(a->body, "attempt") != a->now.attempt ||
	    body_count(a->body, "epoch") != a->now.epoch + 1)
		return wrong(a, "moves authority elsewhere than the crossing goes");
	if (!a->now.quiet || !a->now.level || body_count(a->body, "quiet") != a->now.quiet ||
	    body_count(a->body, "level") != a->now.level)
		return wrong(a, "a decision without its proofs");
	/* The way back rests on its own proof: that the source holds all that the target does.  Other gates may well be shut. */
	if (!body_hash(a->body, "verdict", &verdict) || !sha256_equal(verdict, a->now.verdict.hash))
		return wrong(a, "a decision that names no verdict");
	if (a->now.moving == AUTHORITY_TARGET && !a->now.of && a->now.verdict.verdict != VERDICT_OPEN)
		return wrong(a, "a decision on a verdict that is not open");
	if (a->now.moving == AUTHORITY_TARGET && !a->now.of &&
	    a->now.verdict.valid_until_ms < a->frame->moment.wall_ms)
		return wrong(a, "a decision on a verdict that is no longer fresh");
	/* "ends" are the source's, whichever side was left. */
	ends = json_deep_copy(json_object_get(json_object_get(a->family, "quiet"), "ends"));
	err = put(a->family, a->now.moving == AUTHORITY_TARGET ? "ends" : "ends_to", ends);
	err = err ? err
		  : copy(a->family, a->now.moving == AUTHORITY_TARGET ? "ends_to" : "ends",
			 json_object_get(a->family, "level"), "ends");
	json_object_del(a->family, "watched");
	json_object_del(a->family, "leak"); /* it was behind a fence that this decision lifts or moves */
	err = err ? err : copy(a->family, "authority", a->body, "authority");
	err = err ? err : copy(a->family, "epoch", a->body, "epoch");
	err = err ? err : put(a->family, "decision", json_integer((json_int_t)a->frame->sequence));
	err = err ? err : put(a->family, "stage", json_string(stage_word(STAGE_DECIDED)));
	err = err ? err : put(a->family, "crossed", json_integer(a->frame->moment.wall_ms));
	return err ? err : put(a->family, "since", json_integer(a->frame->moment.wall_ms));
}

static int apply_return(struct applying *a)
{
	int err;

	if (a->now.moving == AUTHORITY_NONE || a->now.returning || stage_is_decided(a->now.stage))
		return wrong(a, "there is no crossing to give up in %s", stage_word(a->now.stage));
	if (!body_text(a->body, "cause") || body_count(a->body, "attempt") != a->now.attempt ||
	    body_count(a->body, "epoch") != a->now.epoch + 1)
		return wrong(a, "gives up another crossing, or without a cause");
	err = put(a->family, "returning", json_true());
	err = err ? err : copy(a->family, "epoch", a->body, "epoch");
	err = err ? err : copy(a->family, "cause", a->body, "cause");
	err = err ? err : copy(a->family, "deadline", a->body, "deadline");
	return err ? err : keep(a, "return");
}

static int apply_checkpoint(struct applying *a)
{
	json_t *note = child(a->state->root, "checkpoint");
	int err = note ? copy(note, "size", a->body, "size") : ERR_MEMORY;

	err = err ? err : copy(note, "holders", a->body, "holders");
	return err ? err : put(note, "wall", json_integer(a->frame->moment.wall_ms));
}

/* A snapshot names the state that all frames before it come to; that is checked, not believed. */
static int apply_snapshot(struct applying *a)
{
	struct sha256 said, is;
	int err = state_hash(a->state, &is);

	if (err < 0)
		return err;
	if (!body_hash(a->body, "state", &said) || !sha256_equal(said, is))
		return wrong(a, "differs from what the frames before it come to");
	return 0;
}

/* Began, and the shadow stands among the families; or ended, or given up, and it does not. */
static int apply_drill(struct applying *a)
{
	json_t *families = json_object_get(a->state->root, "families"), *shadow;
	const char *event = body_text(a->body, "event"), *name = body_text(a->body, "shadow"), *of;
	int err;

	if (!name) /* of a time before shadows */
		return keep(a, "drill");
	shadow = json_object_get(families, name);
	if (event && strcmp(event, "began") == 0) {
		if (shadow || a->now.of || a->now.moving != AUTHORITY_NONE)
			return wrong(a, "a drill begins while another, or a crossing, is under way");
		err = new_family(families, name);
		return err ? err
			   : put(json_object_get(families, name), "of",
				 json_string(body_text(a->body, "family")));
	}
	of = body_text(shadow, "of");
	if (!of || strcmp(of, body_text(a->body, "family")) != 0)
		return wrong(a, "a drill ends that never began");
	json_object_del(families, name);
	return event ? 0 : keep(a, "drill");
}

static int apply_leak(struct applying *a)
{
	if (!body_text(a->body, "text"))
		return wrong(a, "names no record");
	return keep(a, "leak");
}

static int apply_scaffold(struct applying *a)
{
	const char *item = body_text(a->body, "item"), *event = body_text(a->body, "event");
	json_t *scaffold, *note;
	int err;

	if (!item || !event)
		return wrong(a, "names no item");
	/* What a drill left is many, and of no interest once it is gone: the frames tell of it. */
	if (body_text(a->body, "kind") && strcmp(event, "absent") == 0 &&
	    strcmp(body_text(a->body, "kind"), "drill") == 0) {
		json_object_del(json_object_get(a->family, "scaffold"), item);
		return 0;
	}
	scaffold = child(a->family, "scaffold");
	note = scaffold ? child(scaffold, item) : NULL;
	err = note ? copy(note, "event", a->body, "event") : ERR_MEMORY;
	err = err ? err : copy(note, "owner", a->body, "owner");
	err = err ? err : copy(note, "kind", a->body, "kind");
	err = err ? err : copy(note, "side", a->body, "side");
	err = err ? err : copy(note, "name", a->body, "name");
	err = err ? err : copy(note, "copy", a->body, "copy");
	err = err ? err : copy(note, "proof", a->body, "proof");
	return err ? err : put(note, "wall", json_integer(a->frame->moment.wall_ms));
}

static int apply_note(struct applying *a)
{
	if (!body_text(a->body, "text"))
		return wrong(a, "says nothing");
	if (!json_is_true(json_object_get(a->body, "complete")))
		return 0;
	return put(a->state->root, "complete", json_integer(a->frame->moment.wall_ms));
}

/* `family`: the frame is about one, which must exist; OPTIONAL: it may name one. */
enum about { ABOUT_NONE, ABOUT_FAMILY, ABOUT_EITHER };

static const struct {
	apply_fn *apply;
	enum about about;
} kinds[FRAME_KINDS] = {
	[FRAME_PLAN] = { apply_plan, ABOUT_NONE },
	[FRAME_LEASE] = { apply_lease, ABOUT_NONE },
	[FRAME_VERDICT] = { apply_verdict, ABOUT_FAMILY },
	[FRAME_ACT] = { apply_act, ABOUT_EITHER },
	[FRAME_ANSWER] = { apply_answer, ABOUT_EITHER },
	[FRAME_MOVE] = { apply_move, ABOUT_FAMILY },
	[FRAME_STAGE] = { apply_stage, ABOUT_FAMILY },
	[FRAME_INTENT] = { apply_intent, ABOUT_FAMILY },
	[FRAME_OBSERVATION] = { apply_observation, ABOUT_FAMILY },
	[FRAME_OUTCOME] = { apply_outcome, ABOUT_FAMILY },
	[FRAME_QUIET] = { apply_quiet, ABOUT_FAMILY },
	[FRAME_LEVEL] = { apply_level, ABOUT_FAMILY },
	[FRAME_DECISION] = { apply_decision, ABOUT_FAMILY },
	[FRAME_RETURN] = { apply_return, ABOUT_FAMILY },
	[FRAME_CHECKPOINT] = { apply_checkpoint, ABOUT_NONE },
	[FRAME_SNAPSHOT] = { apply_snapshot, ABOUT_NONE },
	[FRAME_DRILL] = { apply_drill, ABOUT_FAMILY },
	[FRAME_LEAK] = { apply_leak, ABOUT_FAMILY },
	[FRAME_SCAFFOLD] = { apply_scaffold, ABOUT_FAMILY },
	[FRAME_NOTE] = { apply_note, ABOUT_EITHER },
};

/* ---- the whole ---- */

int state_init(struct state *state)
{
	*state = (struct state){ .root = json_pack("{s:{}, s:{}}", "acts", "families") };
	return state->root ? 0 : ERR_MEMORY;
}

void state_done(struct state *state)
{
	json_decref(state->root);
	*state = (struct state){ 0 };
}

/* Only an owner's act may be written without a lease, and every other frame only under the one that is held. */
static int check_lease(struct applying *a)
{
	const json_t *lease = json_object_get(a->state->root, "lease");

	if (a->frame->kind == FRAME_ACT || a->frame->kind == FRAME_LEASE)
		return 0;
	if (!json_is_true(json_object_get(lease, "taken")) || a->frame->lease != body_count(lease, "number"))
		return wrong(a, "was written under lease %llu, and lease %llu %s",
			     (unsigned long long)a->frame->lease,
			     (unsigned long long)body_count(lease, "number"),
			     json_is_true(json_object_get(lease, "taken")) ? "is held" : "has ended");
	return 0;
}

static int find_family(struct applying *a)
{
	const char *name = body_text(a->body, "family");
	enum about about = kinds[a->frame->kind].about;

	if (about == ABOUT_NONE || (about == ABOUT_EITHER && !name))
		return 0;
	if (!name || !state_family(a->state, name, &a->now)) {
		/* An owner may ask before any controller has put the plan in force. */
		if (about == ABOUT_EITHER)
			return 0;
		return wrong(a, "is about a family that no plan named");
	}
	a->family = a->now.json;
	return 0;
}

int state_apply(struct state *state, const struct frame *frame, struct fault *fault)
{
	struct applying a = { .state = state, .frame = frame, .fault = fault };
	int err;

	if (frame->sequence != state->sequence + 1)
		return wrong(&a, "stands behind frame %llu", (unsigned long long)state->sequence);
	if (!sha256_equal(frame->previous, state->head))
		return wrong(&a, "does not follow from the frame before it");
	a.body = frame_body_read(frame, fault);
	if (!a.body)
		return ERR_MALFORMED;
	err = check_lease(&a);
	err = err ? err : find_family(&a);
	err = err ? err : kinds[frame->kind].apply(&a);
	json_decref(a.body);
	if (err == ERR_MEMORY)
		return fault_set(fault, err, "no memory for the state of the journal");
	if (err < 0)
		return err;
	state->sequence = frame->sequence;
	state->head = frame->hash;
	return 0;
}

int state_write(const struct state *state, struct buffer *out)
{
	return frame_body_write(state->root, out);
}

int state_restore(struct state *state, const struct frame *snapshot, struct view bytes, struct fault *fault)
{
	json_t *body = frame_body_read(snapshot, fault), *root;
	struct sha256 said;
	bool right = body && snapshot->kind == FRAME_SNAPSHOT && body_hash(body, "state", &said) &&
		     sha256_equal(said, sha256_of(bytes));

	json_decref(body);
	root = right ? json_loadb((const char *)bytes.at, bytes.size, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (!json_is_object(root)) {
		json_decref(root);
		return fault_set(fault, ERR_MALFORMED, "frame %llu: the snapshot is not what it says it is",
				 (unsigned long long)snapshot->sequence);
	}
	json_decref(state->root);
	*state = (struct state){ root, snapshot->sequence, snapshot->hash };
	return 0;
}

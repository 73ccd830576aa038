/* state_rest.c - the frames beside a crossing: plans, leases, verdicts, acts and their answers, drills, scaffold, notes. */
#include <stdio.h>

#include "exit/page.h"
#include "exit/state_inside.h"

#define SEQUENCE_TEXT_SIZE 24

/* A signature counts for an hour (act_sign.h) on either side of its frame. */
#define NONCE_LIFE_MS (2 * 3600000LL)

static int new_family(json_t *families, const char *name)
{
	json_t *family =
		json_pack("{s:s, s:s, s:i, s:s, s:b, s:i, s:o, s:o}", "stage", stage_word(STAGE_PLANNED),
			  "authority", "source", "epoch", 1, "moving", "none", "returning", 0, "attempt", 0,
			  "intents", json_array(), "standing", json_object());

	return family ? body_put(families, name, family) : ERR_MEMORY;
}

int apply_plan(struct applying *a)
{
	json_t *root = a->state->root, *plan = json_object_get(root, "plan"), *families, *name;
	uint64_t number = body_count(a->body, "number");
	struct sha256 hash;
	size_t index;
	int err = 0;

	if (!body_hash(a->body, "plan", &hash) || !json_is_array(json_object_get(a->body, "families")))
		return state_wrong(a, "names no plan");
	if (number != body_count(plan, "number") + 1)
		return state_wrong(a, "plan %llu does not follow plan %lld", (unsigned long long)number,
				   (long long)body_number(plan, "number"));
	json_array_foreach(json_object_get(a->body, "families"), index, name)
	{
		if (!json_is_string(name) || !json_string_length(name))
			return state_wrong(a, "a family without a name");
	}
	plan = body_child(root, "plan");
	families = body_child(root, "families");
	json_object_del(root, "complete");
	err = plan && families ? 0 : ERR_MEMORY;
	err = err ? err : body_put_hash(plan, "hash", hash);
	err = err ? err : body_put(plan, "number", json_integer((json_int_t)number));
	err = err ? err : body_put(plan, "sequence", json_integer((json_int_t)a->frame->sequence));
	json_object_del(plan, "keys");
	err = err ? err : body_copy(plan, "keys", a->body, "keys");
	err = err ? err : body_copy(root, "exit", a->body, "exit");
	json_array_foreach(json_object_get(a->body, "families"), index, name)
	{
		if (!err && !json_object_get(families, json_string_value(name)))
			err = new_family(families, json_string_value(name));
	}
	return err;
}

int apply_lease(struct applying *a)
{
	json_t *lease = json_object_get(a->state->root, "lease");
	const char *event = body_text(a->body, "event");
	bool taken = event && strcmp(event, "taken") == 0;
	uint64_t number = body_count(a->body, "number"), before = body_count(lease, "number");
	int err;

	if (!event || (!taken && strcmp(event, "released") != 0))
		return state_wrong(a, "an event that no version knows");
	if (taken ? number <= before : number != before)
		return state_wrong(a, "lease %llu after lease %llu", (unsigned long long)number,
				   (unsigned long long)before);
	lease = body_child(a->state->root, "lease");
	err = lease ? body_put(lease, "number", json_integer((json_int_t)number)) : ERR_MEMORY;
	err = err ? err : body_put(lease, "taken", json_boolean(taken));
	return err ? err : body_copy(lease, "holder", a->body, "holder");
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
	watched = body_child(a->family, "watched");
	regimes = watched ? body_child(watched, "regimes") : NULL;
	if (!regimes)
		return ERR_MEMORY;
	err = body_copy(watched, "records", seen, "records");
	if (!json_object_get(seen, "bytes"))
		json_object_del(watched, "bytes");
	err = err ? err : body_copy(watched, "bytes", seen, "bytes");
	/* Each look counts keys anew, among the newest records: the most that were seen at once stays seen. */
	if (!err && body_number(seen, "keys") > body_number(watched, "keys"))
		err = body_copy(watched, "keys", seen, "keys");
	json_array_foreach(json_object_get(seen, "regimes"), index, name)
	{
		const char *text = json_string_value(name);

		if (!err && text && !json_object_get(regimes, text))
			err = body_put(regimes, text, json_integer(a->frame->moment.wall_ms));
	}
	return err;
}

int apply_verdict(struct applying *a)
{
	const json_t *gates = json_object_get(a->body, "gates");
	enum verdict all = VERDICT_OPEN;
	struct sha256 input;
	json_t *verdict;
	int err;

	if (!body_hash(a->body, "input", &input))
		return state_wrong(a, "does not say what it rests on");
	for (int gate = 0; gate < GATE_COUNT; gate++)
		all = verdict_both(all, state_verdict(body_text(gates, gate_word((enum gate)gate))));
	if (all != state_verdict(body_text(a->body, "verdict")))
		return state_wrong(a, "says %s, and its gates come to %s", body_text(a->body, "verdict"),
				   verdict_word(all));
	if (body_count(a->body, "authority") != a->now.epoch)
		return state_wrong(a, "was judged under authority epoch %lld, and it is %llu",
				   (long long)body_number(a->body, "authority"),
				   (unsigned long long)a->now.epoch);
	json_object_del(a->family, "unseen");
	verdict = json_object();
	err = verdict ? body_put(a->family, "verdict", verdict) : ERR_MEMORY;
	err = err ? err : body_put(verdict, "sequence", json_integer((json_int_t)a->frame->sequence));
	err = err ? err : body_put_hash(verdict, "hash", a->frame->hash);
	err = err ? err : body_put(verdict, "wall", json_integer(a->frame->moment.wall_ms));
	err = err ? err : body_copy(verdict, "verdict", a->body, "verdict");
	err = err ? err : body_copy(verdict, "gates", a->body, "gates");
	err = err ? err : body_copy(verdict, "reasons", a->body, "reasons");
	err = err ? err : body_copy(verdict, "boundary", a->body, "boundary");
	err = err ? err : body_copy(verdict, "input", a->body, "input");
	err = err ? err : body_copy(verdict, "valid_until", a->body, "valid_until");
	err = err ? err : watch_on(a);
	return err ? err : body_copy(verdict, "authority", a->body, "authority");
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
	nonces = body_child(a->state->root, "nonces");
	if (!nonces)
		return ERR_MEMORY;
	json_object_foreach_safe(nonces, next, key, seen)
	{
		if (json_integer_value(seen) < wall_ms - NONCE_LIFE_MS)
			json_object_del(nonces, key);
	}
	if (json_object_get(nonces, nonce))
		return body_put(act, "replayed", json_true());
	return body_put(nonces, nonce, json_integer(wall_ms));
}

int apply_act(struct applying *a)
{
	json_t *acts, *act = json_deep_copy(a->body);
	char key[SEQUENCE_TEXT_SIZE];
	int err;

	if (!body_text(a->body, "act") || !body_text(a->body, "by") || !body_text(a->body, "reason")) {
		json_decref(act);
		return state_wrong(a, "says not what is asked for, by whom, and why");
	}
	acts = body_child(a->state->root, "acts");
	err = acts && act ? body_put(act, "wall", json_integer(a->frame->moment.wall_ms)) : ERR_MEMORY;
	err = err ? err : remember_nonce(a, act);
	if (err < 0) {
		json_decref(act);
		return err;
	}
	return body_put(acts, key_of(a->frame->sequence, key), act);
}

static const char *const answer_results[] = { "done", "refused", "returned", "unknown", NULL };

static int waive(struct applying *a, json_t *act)
{
	const json_t *arguments = json_object_get(act, "arguments");
	json_t *waivers = json_object_get(a->family, "waivers"), *waiver;
	int err;

	if (!json_is_object(arguments))
		return state_wrong(a, "grants a waiver that says nothing");
	waiver = json_deep_copy(arguments);
	if (!waivers && body_put(a->family, "waivers", json_array()) == 0)
		waivers = json_object_get(a->family, "waivers");
	err = waivers && waiver ? body_put(waiver, "granted", json_integer(body_number(act, "wall")))
				: ERR_MEMORY;
	err = err ? err : body_copy(waiver, "owner", act, "by");
	err = err ? err : body_copy(waiver, "reason", act, "reason");
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
		err = note ? body_put(a->family, kept[i].key, note) : ERR_MEMORY;
		err = err ? err : body_copy(note, "by", act, "by");
		err = err ? err : body_copy(note, "wall", act, "wall");
		err = err ? err : body_copy(note, "arguments", act, "arguments");
	}
	return err;
}

int apply_answer(struct applying *a)
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
		return state_wrong(a, "answers an act that nobody is waiting for");
	if (a->family && strcmp(result, "done") == 0)
		err = act_takes_hold(a, act);
	if (!err && a->family && a->now.moving == AUTHORITY_NONE && a->now.act == body_count(a->body, "act"))
		err = body_put(a->family, "act", json_integer(0));
	return err ? err : json_object_del(acts, key) < 0 ? ERR_MEMORY : 0;
}

int apply_checkpoint(struct applying *a)
{
	json_t *note = body_child(a->state->root, "checkpoint");
	int err = note ? body_copy(note, "size", a->body, "size") : ERR_MEMORY;

	err = err ? err : body_copy(note, "holders", a->body, "holders");
	return err ? err : body_put(note, "wall", json_integer(a->frame->moment.wall_ms));
}

/* A snapshot names the state that all frames before it come to; that is checked, not believed. */
int apply_snapshot(struct applying *a)
{
	struct sha256 said, is;
	int err = state_hash(a->state, &is);

	if (err < 0)
		return err;
	if (!body_hash(a->body, "state", &said) || !sha256_equal(said, is))
		return state_wrong(a, "differs from what the frames before it come to");
	return 0;
}

/* Began, and the shadow stands among the families; or ended, or given up, and it does not. */
int apply_drill(struct applying *a)
{
	json_t *families = json_object_get(a->state->root, "families"), *shadow;
	const char *event = body_text(a->body, "event"), *name = body_text(a->body, "shadow"), *of;
	int err;

	if (!name) /* of a time before shadows */
		return state_keep(a, "drill");
	shadow = json_object_get(families, name);
	if (event && strcmp(event, "began") == 0) {
		if (shadow || a->now.of || a->now.moving != AUTHORITY_NONE)
			return state_wrong(a, "a drill begins while another, or a crossing, is under way");
		err = new_family(families, name);
		return err ? err
			   : body_put(json_object_get(families, name), "of",
				      json_string(body_text(a->body, "family")));
	}
	of = body_text(shadow, "of");
	if (!of || strcmp(of, body_text(a->body, "family")) != 0)
		return state_wrong(a, "a drill ends that never began");
	json_object_del(families, name);
	return event ? 0 : state_keep(a, "drill");
}

int apply_leak(struct applying *a)
{
	if (!body_text(a->body, "text"))
		return state_wrong(a, "names no record");
	return state_keep(a, "leak");
}

int apply_scaffold(struct applying *a)
{
	const char *item = body_text(a->body, "item"), *event = body_text(a->body, "event");
	json_t *scaffold, *note;
	int err;

	if (!item || !event)
		return state_wrong(a, "names no item");
	/* What a drill left is many, and of no interest once it is gone: the frames tell of it. */
	if (body_text(a->body, "kind") && strcmp(event, "absent") == 0 &&
	    strcmp(body_text(a->body, "kind"), "drill") == 0) {
		json_object_del(json_object_get(a->family, "scaffold"), item);
		return 0;
	}
	scaffold = body_child(a->family, "scaffold");
	note = scaffold ? body_child(scaffold, item) : NULL;
	err = note ? body_copy(note, "event", a->body, "event") : ERR_MEMORY;
	err = err ? err : body_copy(note, "owner", a->body, "owner");
	err = err ? err : body_copy(note, "kind", a->body, "kind");
	err = err ? err : body_copy(note, "side", a->body, "side");
	err = err ? err : body_copy(note, "name", a->body, "name");
	err = err ? err : body_copy(note, "copy", a->body, "copy");
	err = err ? err : body_copy(note, "proof", a->body, "proof");
	return err ? err : body_put(note, "wall", json_integer(a->frame->moment.wall_ms));
}

/* Nothing can be seen of it since then; whoever asks where it stands hears why, until somebody has seen again. */
static int keep_unseen(struct applying *a)
{
	json_int_t wall_ms = a->frame->moment.wall_ms;
	const json_t *before = json_object_get(a->family, "unseen");
	json_t *unseen = json_pack("{s:I, s:I, s:s}", "since",
				   before ? (json_int_t)body_number(before, "since") : wall_ms, "wall",
				   wall_ms, "text", body_text(a->body, "text"));

	return unseen ? body_put(a->family, "unseen", unseen) : ERR_MEMORY;
}

int apply_note(struct applying *a)
{
	const char *look = body_text(a->body, "look");

	if (!body_text(a->body, "text"))
		return state_wrong(a, "says nothing");
	if (a->family && look && strcmp(look, "failed") == 0)
		return keep_unseen(a);
	if (!json_is_true(json_object_get(a->body, "complete")))
		return 0;
	return body_put(a->state->root, "complete", json_integer(a->frame->moment.wall_ms));
}

int apply_page(struct applying *a)
{
	const char *result = body_text(a->body, "result");
	json_t *paged;
	int err;

	if (a->now.overlay == OVERLAY_NONE && !page_may_be_stuck(&a->now))
		return state_wrong(a, "calls somebody about a family that is not held");
	if (!result || (strcmp(result, "called") != 0 && strcmp(result, "failed") != 0))
		return state_wrong(a, "does not say whether anybody was called");
	paged = json_object();
	err = paged ? body_put(a->family, "paged", paged) : ERR_MEMORY;
	err = err ? err : body_put(paged, "wall", json_integer(a->frame->moment.wall_ms));
	return err ? err : body_copy(paged, "result", a->body, "result");
}

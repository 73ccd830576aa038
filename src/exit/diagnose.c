/*
 * diagnose.c - the journal folded as far as it holds, each lever looked at, and what follows.
 *
 * What a lever should stand at is what the last intent about it came to: done, its desired value; not done, the value
 * before.  Without an outcome it may be either.  A lever that was never touched should agree with the authority.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit/diagnose.h"
#include "exit/journal_holder.h"
#include "exit/journal_look.h"
#include "exit/journal_store.h"
#include "exit/state.h"
#include "exit/step.h"
#include "exit/world_clusters.h"
#include "loop/loop.h"

struct diagnosing {
	const struct diagnose_options *options;
	struct world *world;
	struct state state;
	struct arena arena;
	json_t *last;        /* family -> lever -> { sequence, before, desired, result } */
	json_t *names;       /* intent's sequence -> { family, lever } */
	struct fault damage; /* err 0: it holds to its end */
	bool alive;
};

/* ---- the journal, as far as it holds ---- */

static json_t *child(json_t *object, const char *key)
{
	if (!json_object_get(object, key))
		json_object_set_new(object, key, json_object());
	return json_object_get(object, key);
}

static void remember(struct diagnosing *d, const struct frame *frame)
{
	json_t *body = frame_body_read(frame, NULL);
	const char *family = body_text(body, "family"), *lever = body_text(body, "lever"), *result;
	char key[24];

	if (frame->kind == FRAME_INTENT && family && lever) {
		snprintf(key, sizeof key, "%llu", (unsigned long long)frame->sequence);
		json_object_set_new(d->names, key, json_pack("{s:s, s:s}", "family", family, "lever", lever));
		json_object_set_new(child(d->last, family), lever,
				    json_pack("{s:I, s:s?, s:s?}", "sequence", (json_int_t)frame->sequence,
					      "before", body_text(body, "before"), "desired",
					      body_text(body, "desired")));
	}
	result = body_text(body, "result");
	if (frame->kind == FRAME_OUTCOME && result) {
		json_t *name, *intent;

		snprintf(key, sizeof key, "%lld", (long long)body_number(body, "intent"));
		name = json_object_get(d->names, key);
		intent = name ? json_object_get(json_object_get(d->last, body_text(name, "family")),
						body_text(name, "lever"))
			      : NULL;
		if (intent && body_number(intent, "sequence") == body_number(body, "intent"))
			json_object_set_new(intent, "result", json_string(result));
	}
	json_decref(body);
}

static int fold(void *context, int64_t sequence, struct view bytes)
{
	struct diagnosing *d = context;
	struct frame frame;
	int err = frame_read(bytes, &frame, &d->damage);

	err = err ? err : state_apply(&d->state, &frame, &d->damage);
	if (err == 0)
		remember(d, &frame);
	return err;
}

/* Damage is no failure of ours: it is what there is to say. */
static int read_journal(struct diagnosing *d, struct fault *fault)
{
	const char *address = journal_address(d->options->plan, &d->arena), *holder;
	struct journal_store *store;
	const json_t *lease;
	int err = state_init(&d->state);

	if (err < 0 || !address)
		return fault_set(fault, ERR_MEMORY, "no memory to diagnose");
	err = journal_store_at(address, true, &store, &d->damage);
	if (err == 0) {
		err = store->ops->read(store, 1, fold, d, &d->damage);
		store->ops->free(store);
	}
	if (err == 0)
		d->damage.err = 0;
	else if (!d->damage.err)
		fault_set(&d->damage, err, "%s", err_text(err));
	if (err == ERR_MEMORY)
		return fault_set(fault, err, "no memory to diagnose");
	lease = json_object_get(d->state.root, "lease");
	holder = body_text(lease, "holder");
	d->alive = json_is_true(json_object_get(lease, "taken")) && holder &&
		   journal_holder_state(holder) != HOLDER_GONE;
	return 0;
}

/* ---- one lever ---- */

struct family_look {
	struct diagnosing *d;
	const struct plan_family *family;
	struct standing now;
	bool known;
	json_t *levers;
	int different, silent, doubt, dark; /* dark: sides whose logs cannot be told */
	char first[600];                    /* what would make the first of them agree */
};

static bool is_compared(const char *lever)
{
	return strncmp(lever, "positions:", 10) != 0 && strncmp(lever, "transaction:", 12) != 0;
}

/* It was told its word though it could not say where it stood, so there is no place that it stood at before. */
static bool was_unseen(const json_t *intent)
{
	const char *before = body_text(intent, "before");

	return before && !before[0];
}

/* NULL: the journal has no opinion. */
static const char *expected_of(const struct family_look *look, const char *lever, const json_t *intent,
			       char out[64])
{
	const char *result = body_text(intent, "result"), *side = authority_word(look->now.authority);

	if (!is_compared(lever))
		return NULL;
	if (result && strcmp(result, "done") == 0)
		return body_text(intent, "desired");
	if (result && strcmp(result, "not done") == 0 && !was_unseen(intent))
		return body_text(intent, "before");
	if (intent || !look->known || look->now.authority == AUTHORITY_NONE)
		return NULL;
	if (strncmp(lever, "group:", 6) == 0)
		snprintf(out, 64, "running %s", side);
	else if (strcmp(lever, "flag") == 0 || strcmp(lever, "bootstrap") == 0)
		snprintf(out, 64, "%s", side);
	else
		return NULL;
	return out;
}

static void suggest(struct family_look *look, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void suggest(struct family_look *look, const char *format, ...)
{
	va_list list;

	if (look->first[0])
		return;
	va_start(list, format);
	vsnprintf(look->first, sizeof look->first, format, list);
	va_end(list);
}

static const char *shown(const char *value)
{
	return value && value[0] ? value : "nothing";
}

static json_t *compare(struct family_look *look, struct lever *lever, const char *name, const json_t *intent,
		       const char *seen)
{
	const char *result = body_text(intent, "result"), *before = body_text(intent, "before"),
		   *desired = body_text(intent, "desired");
	char made[64];
	const char *expected = expected_of(look, name, intent, made);
	struct buffer how;
	bool same = expected && strcmp(expected, seen) == 0;
	json_t *agrees = expected ? json_boolean(same) : json_null();
	bool unseen = intent && was_unseen(intent);
	bool unsettled = intent && is_compared(name) &&
			 (!result || strcmp(result, "unknown") == 0 || (unseen && strcmp(result, "done") != 0));

	buffer_init(&how, 8192);
	if (expected && !same) {
		look->different++;
		lever->ops->describe(
			lever, strncmp(name, "acl:", 4) == 0 ? expected[0] ? "deny" : "allow" : expected,
			&how);
		suggest(look,
			"%s stands at '%.80s' and should stand at '%.80s': find who changed it, then set it "
			"back (%.200s)",
			name, shown(seen), shown(expected), buffer_string(&how));
	} else if (unsettled && desired && before &&
		   (strcmp(seen, desired) == 0 || strcmp(seen, before) == 0)) {
		look->doubt++;
		suggest(look,
			"frame %lld has no outcome, and %s can be seen to stand at '%.80s', so `interlock "
			"resume` settles it",
			(long long)body_number(intent, "sequence"), name, shown(seen));
	} else if (unsettled && unseen) {
		look->different++;
		lever->ops->describe(lever, desired ? desired : "", &how);
		suggest(look,
			"%s stands at '%.60s', and was sent to '%.60s', where nobody has seen it yet: set it there "
			"(%.300s), then `interlock resume`",
			name, shown(seen), shown(desired), buffer_string(&how));
	} else if (unsettled) {
		look->different++;
		lever->ops->describe(lever,
				     strncmp(name, "acl:", 4) == 0 ? "allow"
				     : before                      ? before
								   : "",
				     &how);
		suggest(look,
			"%s stands at '%.60s', neither where it was ('%.60s') nor where it was sent "
			"('%.60s'): set it to one of "
			"them (%.160s), then `interlock resume`",
			name, shown(seen), shown(before), shown(desired), buffer_string(&how));
	}
	buffer_done(&how);
	return json_pack("{s:s, s:s, s:s?, s:o, s:o, s:n}", "lever", name, "observed", seen, "expected",
			 expected, "agrees", agrees, "frame",
			 intent ? json_integer(body_number(intent, "sequence")) : json_null(), "why");
}

static int look_at(struct family_look *look, const char *name)
{
	struct diagnosing *d = look->d;
	struct lever *lever = d->world->ops->lever(d->world, look->family, name);
	const json_t *intent = json_object_get(json_object_get(d->last, look->now.name), name);
	struct fault why = { 0 };
	struct buffer seen;
	int err;

	buffer_init(&seen, LEVER_VALUE_SIZE_MAX);
	err = lever ? lever_observe(lever, d->options->timeout_ms, &seen, &why)
		    : fault_set(&why, ERR_NOT_FOUND,
				"it needs the clusters, and they do not answer; or the plan has it no more");
	if (err == 0) {
		json_array_append_new(look->levers, compare(look, lever, name, intent, buffer_string(&seen)));
	} else {
		/* Positions are read for the eye; they say nothing about authority. */
		look->silent += is_compared(name);
		if (is_compared(name))
			suggest(look, "make %s answer (%.300s), and diagnose again", name, why.text);
		json_array_append_new(look->levers,
				      json_pack("{s:s, s:n, s:n, s:n, s:n, s:s}", "lever", name, "observed",
						"expected", "agrees", "frame", "why", why.text));
	}
	buffer_done(&seen);
	return err == ERR_CANCELLED || err == ERR_MEMORY ? err : 0;
}

/* Every lever that either direction uses, once. */
static int look_at_levers(struct family_look *look)
{
	static const enum authority ways[] = { AUTHORITY_TARGET, AUTHORITY_SOURCE };
	json_t *seen = json_object();
	int err = 0;

	for (int way = 0; way < 2 && !err; way++) {
		struct steps steps;

		err = steps_make(look->family, ways[way], &look->d->arena, &steps);
		for (int i = 0; !err && i < steps.count; i++) {
			if (json_object_get(seen, steps.at[i].lever))
				continue;
			json_object_set_new(seen, steps.at[i].lever, json_true());
			err = look_at(look, steps.at[i].lever);
		}
	}
	json_decref(seen);
	return err;
}

/* ---- what follows ---- */

static const char *observed_authority(const json_t *levers)
{
	const json_t *each;
	size_t index;

	json_array_foreach(levers, index, each)
	{
		const char *lever = body_text(each, "lever"), *value = body_text(each, "observed");

		if (value && (strcmp(lever, "flag") == 0 || strcmp(lever, "bootstrap") == 0))
			return strcmp(value, "hold") == 0     ? "none"
			       : strcmp(value, "source") == 0 ? "source"
							      : "target";
	}
	return NULL;
}

/* What is stuck; false when nothing is. */
static bool say_stuck(const struct family_look *look, char *text, size_t size)
{
	const struct standing *now = &look->now;

	if (look->d->damage.err && look->d->damage.err != ERR_NOT_FOUND)
		snprintf(text, size, "the journal holds up to frame %llu and no further",
			 (unsigned long long)look->d->state.sequence);
	else if (now->overlay == OVERLAY_UNKNOWN)
		snprintf(text, size, "the outcome of an effect is not known: %s",
			 now->cause ? now->cause : "");
	else if (look->different)
		snprintf(text, size, "%d lever%s not where the journal says", look->different,
			 look->different == 1 ? " is" : "s are");
	else if (now->overlay == OVERLAY_HELD)
		snprintf(text, size, "it is HELD in %s: %s", stage_word(now->stage),
			 now->cause ? now->cause : "");
	else if (now->moving != AUTHORITY_NONE && !look->d->alive)
		snprintf(text, size, "a crossing stands in %s, and nobody carries it on",
			 stage_word(now->stage));
	else if (look->silent)
		snprintf(text, size, "%d lever%s not answer", look->silent,
			 look->silent == 1 ? " does" : "s do");
	else if (look->dark)
		snprintf(text, size, "the logs of %s cannot be told",
			 look->dark == 2 ? "both sides" : "one side");
	else
		return false;
	return true;
}

static void say_next(const struct family_look *look, char *text, size_t size)
{
	const struct standing *now = &look->now;
	const struct fault *damage = &look->d->damage;

	if (damage->err && damage->err != ERR_NOT_FOUND)
		snprintf(text, size,
			 "touch nothing: keep this journal as it is, put back the newest copy of it that "
			 "reaches the last "
			 "checkpoint (`interlock verify` tells), and diagnose again");
	else if (look->first[0])
		snprintf(text, size, "%s", look->first);
	else if (!look->known)
		snprintf(text, size,
			 "the journal does not know this family yet: `interlock run` begins to observe it");
	else if (now->overlay != OVERLAY_NONE)
		snprintf(text, size,
			 "what the journal says can be seen: when the cause is understood, `interlock resume "
			 "%s`",
			 now->name);
	else if (now->moving != AUTHORITY_NONE)
		snprintf(text, size,
			 look->d->alive
				 ? "wait: a controller carries the crossing on; `interlock status` shows it"
				 : "start `interlock run`: it takes the lease and goes on from the journal");
	else
		snprintf(text, size, "none is needed: nothing is stuck");
}

static json_t *logs_of(struct family_look *look)
{
	static const enum authority sides[] = { AUTHORITY_SOURCE, AUTHORITY_TARGET };
	struct world *world = look->d->world;
	json_t *list = json_array();

	for (int side = 0; side < 2; side++) {
		struct look seen = { .ends = NULL };
		struct fault why = { 0 };
		int err = world->ops->look(world, look->family, sides[side], look->d->options->timeout_ms,
					   &seen, &why);

		json_array_append_new(
			list,
			json_pack("{s:s, s:o, s:o, s:s?}", "side", authority_word(sides[side]), "settled",
				  err ? json_null() : json_boolean(seen.settled), "open_transactions",
				  err || seen.open_transactions < 0 ? json_null()
								    : json_integer(seen.open_transactions),
				  "why",
				  err            ? why.text
				  : seen.text[0] ? seen.text
						 : NULL));
		if (err == 0)
			json_decref(seen.ends);
		look->dark += err != 0;
	}
	return list;
}

static const char *answer_of(const struct family_look *look)
{
	bool whole = !look->d->damage.err || look->d->damage.err == ERR_NOT_FOUND;

	/* Half a journal is no ground to call anything wrong: what stands now may be what the lost half says. */
	if (look->different && whole)
		return "disagree";
	return look->different || look->silent || look->dark || look->doubt ||
			       look->now.overlay == OVERLAY_UNKNOWN || look->d->damage.err
		       ? "unknown"
		       : "agree";
}

static int diagnose_family(struct diagnosing *d, const struct plan_family *family, json_t *families)
{
	struct family_look look = { .d = d, .family = family, .levers = json_array() };
	char *name = arena_printf(&d->arena, "%.*s", VIEW_ARGS(family->name.text));
	char stuck[900], next[900];
	json_t *logs;
	bool is_stuck;
	int err;

	look.now.name = name;
	look.known = state_family(&d->state, name, &look.now);
	look.now.moving = look.known ? look.now.moving : AUTHORITY_NONE;
	err = look_at_levers(&look);
	if (err < 0) {
		json_decref(look.levers);
		return err;
	}
	logs = logs_of(&look);
	if (look.dark)
		suggest(&look, "make the clusters answer, and diagnose again");
	is_stuck = say_stuck(&look, stuck, sizeof stuck);
	say_next(&look, next, sizeof next);
	json_array_append_new(
		families,
		json_pack("{s:s, s:s?, s:s?, s:s?, s:I, s:s, s:{s:s?, s:s?}, s:s?, s:s, s:o, s:o}", "family",
			  name, "stage", look.known ? stage_word(look.now.stage) : NULL, "overlay",
			  overlay_word(look.now.overlay), "cause", look.now.cause, "epoch",
			  (json_int_t)look.now.epoch, "answer", answer_of(&look), "authority", "journal",
			  look.known ? authority_word(look.now.authority) : NULL, "observed",
			  observed_authority(look.levers), "stuck", is_stuck ? stuck : NULL, "next", next,
			  "levers", look.levers, "logs", logs));
	return 0;
}

/* A proved disagreement beats everything that cannot be told. */
static const char *worst_of(const json_t *families)
{
	const char *worst = "agree";
	const json_t *each;
	size_t index;

	json_array_foreach(families, index, each)
	{
		const char *answer = body_text(each, "answer");

		if (strcmp(answer, "disagree") == 0)
			return "disagree";
		if (strcmp(answer, "unknown") == 0)
			worst = "unknown";
	}
	return worst;
}

static int diagnose_all(struct diagnosing *d, json_t **out, struct fault *fault)
{
	const struct diagnose_options *o = d->options;
	struct world_options world = { .loop = o->loop,
				       .plan = o->plan,
				       .plan_file = o->plan_file,
				       .state_folder = o->plan->folder,
				       .timeout_ms = o->timeout_ms };
	json_t *families = json_array();
	int err = read_journal(d, fault);

	err = err ? err : world_open(&world, &d->world, fault);
	for (int i = 0; !err && i < o->plan->family_count; i++) {
		const struct plan_family *family = &o->plan->families[i];

		if (!o->family || view_is(family->name.text, o->family))
			err = diagnose_family(d, family, families);
		if (err < 0)
			fault_set(fault, err, "%s", err_text(err));
	}
	if (err == 0)
		*out = json_pack("{s:o, s:s, s:{s:I, s:b, s:s?, s:b}, s:O}", "exit",
				 json_stringn((const char *)o->plan->exit.text.at, o->plan->exit.text.size),
				 "answer", worst_of(families), "journal", "frames",
				 (json_int_t)d->state.sequence, "whole", d->damage.err == 0, "why",
				 d->damage.err ? d->damage.text : NULL, "controller", d->alive, "families",
				 families);
	world_close(d->world);
	json_decref(families);
	return err;
}

int diagnose(const struct diagnose_options *options, json_t **out, struct fault *fault)
{
	struct diagnosing d = { .options = options, .last = json_object(), .names = json_object() };
	int err;

	arena_init(&d.arena, (size_t)64 << 20);
	err = diagnose_all(&d, out, fault);
	state_done(&d.state);
	json_decref(d.names);
	json_decref(d.last);
	arena_done(&d.arena);
	return err;
}

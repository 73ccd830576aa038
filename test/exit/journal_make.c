/*
 * journal_make.c - writes a journal as a controller would, for test/exit/test_audit.py to attack.
 *
 *	journal_make JOURNAL NOTES [FRAMES]
 *	journal_make JOURNAL NOTES whole
 *
 * One family: its plan, a verdict on honest evidence, an owner's hold and resume, a waiver, a crossing that begins with one
 * effect; three checkpoints, whose notes are appended to the file NOTES.  FRAMES more frames make the journal longer, with
 * snapshots in it.
 *
 * `whole`: acts must be signed, and two owners seal.  A drill, a crossing to its end, a leak and the freeze for it, a rollback
 * and a crossing again, the seal, the retirement.
 *
 * Time stands still, so that the evidence is fresh.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "exit/act_sign.h"
#include "exit/journal.h"
#include "exit/note.h"
#include "exit/verdict_make.h"

#define PLAN_TEXT(more, class)                                                                               \
	"exit: a\nsource: s:1\ntarget: t:1\n" more "families:\n"                                             \
	"- { name: orders, class: " class ", pattern: dual-write, topics: [ orders ], groups: [ billing "    \
					  "],\n"                                                             \
					  "    producers: [ 'User:shop' ], owners: { decision: lead@b, "     \
					  "on-call: duty@b },\n"                                             \
					  "    levers: { flag: { get: exec g, set: exec s } } }\n"

static const char plan_plain[] = PLAN_TEXT("signing: { keys: { lead@b: lead.pem } }\n", "rehearsal");
static const char plan_whole[] =
	PLAN_TEXT("signing: { required: yes, seal-owners: 2, keys: { lead@b: lead.pem, duty@b: duty.pem } }\n"
		  "classes: { quick: { like: rehearsal, observe: 0s } }\n",
		  "quick");

static const char *plan_text = plan_plain;
static bool whole;
static struct journal *journal;
static struct plan *plan;
static struct arena arena;
static struct note_key *key, *lead, *duty; /* the controller's, and those of owners */
static FILE *notes;
static struct fault fault;

static void must(int err)
{
	if (err < 0) {
		fprintf(stderr, "journal_make: %s\n", fault.text);
		exit(1);
	}
}

static int64_t stands_monotonic(const struct clock *clock)
{
	return NOW_MONOTONIC_MS * 1000000;
}

static int64_t stands_wall(const struct clock *clock)
{
	return NOW_WALL_MS;
}

static const struct clock stands = { stands_monotonic, stands_wall, NULL };

static uint64_t put(enum frame_kind kind, json_t *body)
{
	uint64_t sequence = 0;

	must(journal_append(journal, kind, body, &sequence, &fault));
	return sequence;
}

/* ---- frames ---- */

static json_t *public_of(const struct note_key *of)
{
	uint8_t public[NOTE_KEY_SIZE];
	struct buffer hex;
	json_t *out;

	note_key_public(of, public);
	buffer_init(&hex, 2 * sizeof public + 1);
	text_hex(&hex, view_of(public, sizeof public));
	out = json_string(buffer_string(&hex));
	buffer_done(&hex);
	return out;
}

static void put_plan(void)
{
	json_t *keys = json_pack("{s:o}", "lead@b", public_of(lead));
	struct plan_faults faults;
	struct sha256 blob;
	char hash[SHA256_TEXT_SIZE], text[SHA256_TEXT_SIZE];

	if (whole)
		json_object_set_new(keys, "duty@b", public_of(duty));
	plan_faults_init(&faults, "plan");
	if (plan_parse(view_text(plan_text), "", &faults, &plan) < 0) {
		fprintf(stderr, "%s\n", faults.count ? faults.at[0].text : "no plan");
		exit(1);
	}
	plan_faults_done(&faults);
	must(journal_blob_put(journal, view_text(plan_text), &blob, &fault));
	put(FRAME_PLAN, json_pack("{s:o, s:s, s:s, s:s, s:i, s:[s]}", "keys", keys, "exit", "a", "plan",
				  sha256_text(plan->hash, hash), "text", sha256_text(blob, text), "number", 1,
				  "families", "orders"));
}

static int put_blob(void *context, struct view bytes, struct sha256 *hash)
{
	return journal_blob_put(journal, bytes, hash, &fault);
}

static void put_verdict(void)
{
	struct verdict_maker maker = { plan, &arena, put_blob, NULL };
	struct standing now;

	state_family(journal_state(journal), "orders", &now);
	put(FRAME_VERDICT, verdict_make(&maker, &now));
}

/* `act` 0: nobody asked for it. */
static void put_stage_of(const char *family, const char *stage, const char *overlay, uint64_t act)
{
	json_t *body =
		json_pack("{s:s, s:s, s:s}", "family", family, "stage", stage, "cause", "made for a test");
	char hash[SHA256_TEXT_SIZE];
	struct standing now;

	state_family(journal_state(journal), family, &now);
	if (overlay)
		json_object_set_new(body, "overlay", json_string(overlay));
	if (strcmp(stage, "ARMED") == 0 && !now.of)
		json_object_set_new(body, "verdict", json_string(sha256_text(now.verdict.hash, hash)));
	if (strcmp(stage, "FENCING") == 0)
		json_object_set_new(body, "epoch", json_integer((json_int_t)now.epoch + 1));
	if (act)
		json_object_set_new(body, "act", json_integer((json_int_t)act));
	put(FRAME_STAGE, body);
}

static void put_stage(const char *stage, const char *overlay)
{
	put_stage_of("orders", stage, overlay, 0);
}

/* The lead signs; the others where they must. */
static uint64_t put_act(const char *act, const char *by, json_t *arguments)
{
	uint8_t nonce[ACT_NONCE_SIZE] = { (uint8_t)journal_state(journal)->sequence };
	bool is_lead = strcmp(by, "lead@b") == 0;
	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:o}", "family", "orders", "act", act, "by", by,
				 "reason", "made for a test", "arguments", arguments);

	if (is_lead || whole)
		must(act_sign(body, "a", is_lead ? lead : duty, nonce, NOW_WALL_MS));
	if (whole && json_object_get(arguments, "second"))
		must(act_sign_second(body, "a", is_lead ? duty : lead));
	return put(FRAME_ACT, body);
}

static void put_answer(uint64_t act)
{
	put(FRAME_ANSWER, json_pack("{s:s, s:I, s:s, s:s}", "family", "orders", "act", (json_int_t)act,
				    "result", "done", "text", ""));
}

static void put_checkpoint(void)
{
	const struct state *state = journal_state(journal);
	struct note note = {
		.exit = "a", .size = state->sequence, .root = state->head, .wall_ms = NOW_WALL_MS
	};
	char head[SHA256_TEXT_SIZE];
	struct buffer text;

	buffer_init(&text, NOTE_SIZE_MAX);
	must(note_write(&note, key, &text));
	fputs(buffer_string(&text), notes);
	put(FRAME_CHECKPOINT,
	    json_pack("{s:I, s:s, s:s, s:[s]}", "size", (json_int_t)note.size, "head",
		      sha256_text(note.root, head), "note", buffer_string(&text), "holders", "a file"));
	buffer_done(&text);
}

static void put_effect(const char *family)
{
	char hash[SHA256_TEXT_SIZE];
	struct standing now;
	uint64_t intent;

	state_family(journal_state(journal), family, &now);
	intent = put(FRAME_INTENT,
		     json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "family", family, "step",
			       "fence", "lever", "flag", "word", "hold", "before", "open", "desired", "hold",
			       "epoch", (json_int_t)now.epoch, "attempt", (json_int_t)now.attempt, "verdict",
			       sha256_text(now.verdict.hash, hash)));
	put(FRAME_OBSERVATION,
	    json_pack("{s:s, s:I, s:s}", "family", family, "intent", (json_int_t)intent, "value", "hold"));
	put(FRAME_OUTCOME,
	    json_pack("{s:s, s:I, s:s}", "family", family, "intent", (json_int_t)intent, "result", "done"));
}

static void put_move(const char *family, const char *to, uint64_t act)
{
	struct standing now;

	state_family(journal_state(journal), family, &now);
	put(FRAME_MOVE, json_pack("{s:s, s:I, s:s, s:I}", "family", family, "attempt",
				  (json_int_t)now.attempt + 1, "to", to, "act", (json_int_t)act));
}

static struct standing standing_of(const char *family)
{
	struct standing now;

	state_family(journal_state(journal), family, &now);
	return now;
}

/* From FENCING to the end, with everything that must be shown on the way. */
static void cross(const char *family, const char *to, uint64_t act, const char *end)
{
	struct standing now;
	char hash[SHA256_TEXT_SIZE];

	put_move(family, to, act);
	put_stage_of(family, "FENCING", NULL, 0);
	put_effect(family);
	put_stage_of(family, "QUIET", NULL, 0);
	put(FRAME_QUIET, json_pack("{s:s, s:I, s:[]}", "family", family, "attempt",
				   (json_int_t)standing_of(family).attempt, "ends"));
	put_stage_of(family, "LEVEL", NULL, 0);
	now = standing_of(family);
	put(FRAME_LEVEL, json_pack("{s:s, s:I, s:I, s:[]}", "family", family, "attempt",
				   (json_int_t)now.attempt, "quiet", (json_int_t)now.quiet, "ends"));
	now = standing_of(family);
	put(FRAME_DECISION, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "family", family, "authority",
				      to, "attempt", (json_int_t)now.attempt, "epoch",
				      (json_int_t)now.epoch + 1, "quiet", (json_int_t)now.quiet, "level",
				      (json_int_t)now.level, "verdict", sha256_text(now.verdict.hash, hash)));
	put_checkpoint();
	put_stage_of(family, "OPENING", NULL, 0);
	put_stage_of(family, end, NULL, 0);
}

static void put_drill(const char *key_, const char *value, uint64_t act)
{
	put(FRAME_DRILL, json_pack("{s:s, s:s, s:I, s:s, s:s}", "family", "orders", "shadow", "orders~drill",
				   "act", (json_int_t)act, key_, value, "text", "made for a test"));
}

static void rehearse(void)
{
	uint64_t act = put_act("drill", "duty@b", json_object());

	put_drill("event", "began", act);
	put_stage_of("orders~drill", "OBSERVING", NULL, 0);
	put_stage_of("orders~drill", "ARMED", NULL, 0);
	cross("orders~drill", "target", 0, "TARGET");
	cross("orders~drill", "source", 0, "OBSERVING");
	put_drill("plan", "orders", act);
	put_answer(act);
}

static void hold_and_resume(const char *stage)
{
	uint64_t act = put_act("hold", "duty@b", json_object());

	put_stage(stage, "HELD");
	put_answer(act);
	act = put_act("resume", "duty@b", json_object());
	put_stage_of("orders", stage, NULL, act);
	put_answer(act);
}

/* To the target, frozen there for a leak, given up by an owner, back by another, and to the target again. */
static void there_and_back(void)
{
	uint64_t act = put_act("promote", "lead@b", json_object());

	cross("orders", "target", act, "TARGET");
	put_answer(act);
	put_verdict();
	put(FRAME_LEAK,
	    json_pack("{s:s, s:s, s:s}", "family", "orders", "side", "source", "text", "a record"));
	put(FRAME_MOVE, json_pack("{s:s, s:i, s:s, s:i, s:s, s:s}", "family", "orders", "attempt", 2, "to",
				  "source", "act", 0, "overlay", "HELD", "cause", "a leak: a record"));
	act = put_act("resume", "lead@b", json_object());
	put(FRAME_RETURN,
	    json_pack("{s:s, s:i, s:I, s:s}", "family", "orders", "attempt", 2, "epoch",
		      (json_int_t)standing_of("orders").epoch + 1, "cause", "an owner resumed it"));
	put_stage_of("orders", "TARGET", "HELD", 0);
	put(FRAME_STAGE, json_pack("{s:s, s:s, s:s, s:b, s:I}", "family", "orders", "stage", "TARGET",
				   "cause", "an owner resumed it", "arrived", 1, "act", (json_int_t)act));
	put_answer(act);
	act = put_act("rollback", "duty@b", json_object());
	put_verdict();
	cross("orders", "source", act, "OBSERVING");
	put_answer(act);
	put_verdict();
	put_stage("ARMED", NULL);
	act = put_act("promote", "lead@b", json_object());
	cross("orders", "target", act, "TARGET");
	put_answer(act);
}

static void close_and_clear(void)
{
	uint64_t act;

	put_verdict();
	act = put_act("seal", "lead@b", json_pack("{s:s}", "second", "duty@b"));
	put_stage_of("orders", "SEALED", NULL, act);
	put_answer(act);
	act = put_act("retire", "lead@b", json_pack("{s:s}", "second", "duty@b"));
	put_stage_of("orders", "RETIRED", NULL, act);
	put_answer(act);
	put_checkpoint();
}

static void write_whole(void)
{
	put_plan();
	put_stage("OBSERVING", NULL);
	put_verdict();
	rehearse();
	hold_and_resume("OBSERVING");
	put_verdict();
	put_stage("ARMED", NULL);
	there_and_back();
	close_and_clear();
}

static void write_all(int more)
{
	uint64_t act;

	put_plan();
	put_stage("OBSERVING", NULL);
	put_verdict();
	put_stage("ARMED", NULL);
	put_checkpoint();
	act = put_act("hold", "duty@b", json_object());
	put_stage("ARMED", "HELD");
	put_answer(act);
	act = put_act("waive", "lead@b",
		      json_pack("{s:s, s:s, s:s, s:i, s:I, s:s, s:i}", "rule", "parity.duplicates", "subject",
				"orders", "second", "duty@b", "value_max", 12, "expires",
				(json_int_t)NOW_WALL_MS + 60000, "stage", "ARMED", "authority", 1));
	put_answer(act);
	act = put_act("resume", "duty@b", json_object());
	put_stage("ARMED", NULL); /* as it was written before frames named their acts */
	put_answer(act);
	put_checkpoint();
	put_verdict();
	act = put_act("promote", "lead@b", json_object());
	put_move("orders", "target", act);
	put_stage("FENCING", NULL);
	put_effect("orders");
	for (int i = 0; i < more; i++)
		put(FRAME_NOTE, json_pack("{s:s, s:i}", "text", "one more", "number", i));
	put_checkpoint();
}

static struct note_key *open_key(const char *journal_path, const char *of)
{
	struct note_key *out;
	char path[1000];

	snprintf(path, sizeof path, "%s.%s", journal_path, of);
	must(note_key_open(path, true, &out, &fault));
	return out;
}

int main(int argc, char **argv)
{
	struct journal_options options = { .clock = &stands, .boot = { 7 }, .holder = "a test" };
	const struct sql_limits limits = SQL_LIMITS_DEFAULT;

	if (argc < 3)
		return 64;
	whole = argc > 3 && strcmp(argv[3], "whole") == 0;
	plan_text = whole ? plan_whole : plan_plain;
	arena_init(&arena, (size_t)256 << 20);
	must(journal_store_open(argv[1], SQL_WRITE, &limits, &options.store, &fault));
	must(journal_open(&options, &journal, &fault));
	key = open_key(argv[1], "key");
	lead = open_key(argv[1], "lead");
	duty = open_key(argv[1], "duty");
	notes = fopen(argv[2], "a");
	if (!notes)
		return 1;
	must(journal_lease_take(journal, &fault));
	if (whole)
		write_whole();
	else
		write_all(argc > 3 ? atoi(argv[3]) : 0);
	journal_close(journal);
	fclose(notes);
	note_key_free(key);
	note_key_free(lead);
	note_key_free(duty);
	plan_free(plan);
	arena_done(&arena);
	return 0;
}

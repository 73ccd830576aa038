/*
 * journal_make.c - writes a journal as a controller would, for test/exit/test_audit.py to attack.
 *
 *	journal_make JOURNAL NOTES [FRAMES]
 *
 * One family: its plan, a verdict on honest evidence, an owner's hold, a waiver, a crossing that begins with one effect;
 * three checkpoints, whose notes are appended to the file NOTES.  FRAMES more frames make the journal longer, with
 * snapshots in it.  Time stands still, so that the evidence is fresh.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "exit/act_sign.h"
#include "exit/basis.h"
#include "exit/evidence_make.h"
#include "exit/journal.h"
#include "exit/note.h"
#include "exit/verdict_body.h"

#define ITEMS_MAX  100
#define VALUES_MAX 20

static const char plan_text[] =
	"exit: a\nsource: s:1\ntarget: t:1\nsigning: { keys: { lead@b: lead.pem } }\nfamilies:\n"
	"- { name: orders, class: rehearsal, pattern: dual-write, topics: [ orders ], groups: [ billing ],\n"
	"    producers: [ 'User:shop' ], owners: { decision: lead@b, on-call: duty@b },\n"
	"    levers: { flag: { get: exec g, set: exec s } } }\n";

static struct journal *journal;
static struct plan *plan;
static struct arena arena;
static struct note_key *key, *lead; /* the controller's, and an owner's */
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

/* ---- honest evidence: for each claim and subject one item whose values prove every rule on it ---- */

struct honest {
	struct evidence item;
	struct evidence_value values[VALUES_MAX];
	struct position positions[2];
};

static struct honest items[ITEMS_MAX];
static int item_count;

static struct honest *item_for(const struct judging *judging, const char *claim, struct view subject)
{
	struct honest *made;

	for (int i = 0; i < item_count; i++)
		if (view_is(items[i].item.claim, claim) && view_compare(items[i].item.subject, subject) == 0)
			return &items[i];
	assert(item_count < ITEMS_MAX);
	made = &items[item_count++];
	memcpy(made->positions, ends_made, sizeof made->positions);
	made->item = (struct evidence){ .kind = EVIDENCE_MEASUREMENT,
					.status = EVIDENCE_OK,
					.claim = view_text(claim),
					.subject = subject,
					.family = judging->family->name.text,
					.method = VIEW_LITERAL("join"),
					.version = VIEW_LITERAL("1"),
					.collector = VIEW_LITERAL("test"),
					.began = moment_at(2000),
					.ended = moment_at(1000),
					.covered = 100,
					.total = 100,
					.samples = 100,
					.epochs = judging->now.epochs,
					.values = made->values,
					.positions = made->positions,
					.position_count = 2 };
	return made;
}

static void prove(const struct judging *judging, const struct rule *rule)
{
	struct view subject = rule->scope == RULE_FAMILY ? VIEW_NULL : judging->subjects[rule->scope].at[0];
	struct honest *made = item_for(judging, rule->claim, subject);
	int64_t proves = rule->success.low > 0    ? rule->success.low
			 : rule->success.high < 0 ? rule->success.high
						  : 0;

	for (int i = 0; rule->controls[i]; i++) {
		struct honest *control = item_for(judging, rule->controls[i], VIEW_NULL);

		control->item.kind = EVIDENCE_CONTROL;
		control->values[0] =
			(struct evidence_value){ VIEW_LITERAL("unexpected"), VIEW_LITERAL("findings"), 0 };
		control->item.value_count = 1;
	}
	for (int i = 0; i < made->item.value_count; i++)
		if (view_is(made->values[i].name, rule->value)) {
			if (made->values[i].number < proves)
				made->values[i].number = proves;
			return;
		}
	assert(made->item.value_count < VALUES_MAX);
	made->values[made->item.value_count++] =
		(struct evidence_value){ view_text(rule->value), view_text(rule->unit), proves };
}

static void gather(const struct judging *judging, struct evidence_log *log)
{
	struct moment now = moment_at(0);
	struct rules rules;

	must(rules_bind(judging->family, judging->reference, &arena, &rules, &fault));
	item_count = 0;
	for (int i = 0; i < rules.count; i++)
		prove(judging, &rules.at[i]);
	for (int i = 0; i < item_count; i++) {
		struct buffer bytes;
		struct sha256 id;

		must(evidence_seal(&items[i].item, &fault));
		must(evidence_log_append(log, &items[i].item, &now));
		buffer_init(&bytes, EVIDENCE_SIZE_MAX);
		must(evidence_write(&items[i].item, &bytes));
		must(journal_blob_put(journal, buffer_bytes(&bytes), &id, &fault));
		buffer_done(&bytes);
	}
}

/* ---- frames ---- */

static void put_plan(void)
{
	uint8_t public[NOTE_KEY_SIZE];
	struct plan_faults faults;
	struct sha256 blob;
	struct buffer hex;
	char hash[SHA256_TEXT_SIZE], text[SHA256_TEXT_SIZE];

	plan_faults_init(&faults, "plan");
	if (plan_parse(view_text(plan_text), "", &faults, &plan) < 0) {
		fprintf(stderr, "%s\n", faults.count ? faults.at[0].text : "no plan");
		exit(1);
	}
	plan_faults_done(&faults);
	must(journal_blob_put(journal, view_text(plan_text), &blob, &fault));
	buffer_init(&hex, 2 * sizeof public + 1);
	note_key_public(lead, public);
	text_hex(&hex, view_of(public, sizeof public));
	put(FRAME_PLAN, json_pack("{s:{s:s}, s:s, s:s, s:s, s:i, s:[s]}", "keys", "lead@b",
				  buffer_string(&hex), "exit", "a", "plan", sha256_text(plan->hash, hash),
				  "text", sha256_text(blob, text), "number", 1, "families", "orders"));
	buffer_done(&hex);
}

static void put_verdict(void)
{
	static const struct view topic = { (const uint8_t *)"orders", 6 },
				 group = { (const uint8_t *)"billing", 7 },
				 principal = { (const uint8_t *)"User:shop", 9 };
	struct judging judging = { .family = &plan->families[0],
				   .now = { moment_at(0), epochs_made(), ends_made, 2 } };
	struct waiver waivers[VERDICT_WAIVERS_MAX];
	struct standing now;
	struct judgement judged;
	struct evidence_log log;
	struct basis basis;
	struct buffer bytes;
	struct sha256 input;
	json_t *body;

	state_family(journal_state(journal), "orders", &now);
	judging.now.epochs.plan.hash = plan->hash;
	judging.now.epochs.authority = now.epoch;
	judging.stage = view_text(stage_word(now.stage));
	judging.waivers = waivers;
	judging.waiver_count = verdict_waivers(now.json, waivers);
	judging.subjects[RULE_EACH_TOPIC] = (struct rule_subjects){ &topic, 1, true };
	judging.subjects[RULE_EACH_GROUP] = (struct rule_subjects){ &group, 1, true };
	judging.subjects[RULE_EACH_PRINCIPAL] = (struct rule_subjects){ &principal, 1, true };
	evidence_log_init(&log);
	judging.log = &log;
	gather(&judging, &log);
	must(judge_family(&judging, 0, &arena, &judged, &fault));
	must(basis_of(&judging, 0, &judged, &arena, &basis));
	buffer_init(&bytes, BASIS_SIZE_MAX);
	must(basis_write(&basis, &bytes));
	must(journal_blob_put(journal, buffer_bytes(&bytes), &input, &fault));
	body = verdict_body(&judged, &log, input, now.epoch, NOW_WALL_MS);
	json_object_set_new(body, "family", json_string("orders"));
	put(FRAME_VERDICT, body);
	buffer_done(&bytes);
	evidence_log_done(&log);
}

static void put_stage(const char *stage, const char *overlay)
{
	json_t *body =
		json_pack("{s:s, s:s, s:s}", "family", "orders", "stage", stage, "cause", "made for a test");
	char hash[SHA256_TEXT_SIZE];
	struct standing now;

	state_family(journal_state(journal), "orders", &now);
	if (overlay)
		json_object_set_new(body, "overlay", json_string(overlay));
	if (strcmp(stage, "ARMED") == 0)
		json_object_set_new(body, "verdict", json_string(sha256_text(now.verdict.hash, hash)));
	if (strcmp(stage, "FENCING") == 0)
		json_object_set_new(body, "epoch", json_integer((json_int_t)now.epoch + 1));
	put(FRAME_STAGE, body);
}

/* The lead signs, the others do not. */
static uint64_t put_act(const char *act, const char *by, json_t *arguments)
{
	uint8_t nonce[ACT_NONCE_SIZE] = { (uint8_t)journal_state(journal)->sequence };
	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:o}", "family", "orders", "act", act, "by", by,
				 "reason", "made for a test", "arguments", arguments);

	if (strcmp(by, "lead@b") == 0)
		must(act_sign(body, "a", lead, nonce, NOW_WALL_MS));
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

static void put_effect(void)
{
	char hash[SHA256_TEXT_SIZE];
	struct standing now;
	uint64_t intent;

	state_family(journal_state(journal), "orders", &now);
	intent = put(FRAME_INTENT,
		     json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "family", "orders", "step",
			       "fence", "lever", "flag", "word", "hold", "before", "open", "desired", "hold",
			       "epoch", (json_int_t)now.epoch, "attempt", (json_int_t)now.attempt, "verdict",
			       sha256_text(now.verdict.hash, hash)));
	put(FRAME_OBSERVATION,
	    json_pack("{s:s, s:I, s:s}", "family", "orders", "intent", (json_int_t)intent, "value", "hold"));
	put(FRAME_OUTCOME,
	    json_pack("{s:s, s:I, s:s}", "family", "orders", "intent", (json_int_t)intent, "result", "done"));
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
	put_stage("ARMED", NULL);
	put_checkpoint();
	put_verdict();
	act = put_act("promote", "lead@b", json_object());
	put(FRAME_MOVE, json_pack("{s:s, s:i, s:s, s:I}", "family", "orders", "attempt", 1, "to", "target",
				  "act", (json_int_t)act));
	put_stage("FENCING", NULL);
	put_effect();
	for (int i = 0; i < more; i++)
		put(FRAME_NOTE, json_pack("{s:s, s:i}", "text", "one more", "number", i));
	put_checkpoint();
}

int main(int argc, char **argv)
{
	struct journal_options options = { .clock = &stands, .boot = { 7 }, .holder = "a test" };
	const struct sql_limits limits = SQL_LIMITS_DEFAULT;
	char path[1000];

	if (argc < 3)
		return 64;
	arena_init(&arena, (size_t)256 << 20);
	must(journal_store_open(argv[1], SQL_WRITE, &limits, &options.store, &fault));
	must(journal_open(&options, &journal, &fault));
	snprintf(path, sizeof path, "%s.key", argv[1]);
	must(note_key_open(path, true, &key, &fault));
	snprintf(path, sizeof path, "%s.lead", argv[1]);
	must(note_key_open(path, true, &lead, &fault));
	notes = fopen(argv[2], "a");
	if (!notes)
		return 1;
	must(journal_lease_take(journal, &fault));
	write_all(argc > 3 ? atoi(argv[3]) : 0);
	journal_close(journal);
	fclose(notes);
	note_key_free(key);
	note_key_free(lead);
	plan_free(plan);
	arena_done(&arena);
	return 0;
}

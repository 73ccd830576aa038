/*
 * bench_journal.c - a long journal: how long it takes to open, and to verify.
 *
 *	bench_journal [FRAMES [FILE]]
 *
 * Makes a journal of so many frames (a million) in FILE (bench.db here, which is removed again), with a snapshot where a
 * controller would write one, as fast as the disk takes it.  Then opens it as `status` does, and walks it as `verify` does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "exit/audit.h"
#include "exit/journal.h"

static struct fault fault;

/* The tables are there already: journal_store_open() made them. */
static const char *const nothing[] = { NULL };
static const struct sql_schema schema = { "journal of Interlock", 0x494c4b4a, 1, nothing };

struct maker {
	struct sql *sql;
	struct state state;
};

static void must(int err)
{
	if (err < 0) {
		fprintf(stderr, "bench_journal: %s\n", fault.text);
		exit(1);
	}
}

static double seconds(void)
{
	return (double)clock_system.monotonic_ns(&clock_system) / 1e9;
}

static void put_blob(struct maker *m, struct view bytes)
{
	struct sha256 hash = sha256_of(bytes);

	must(sql_exec(
		m->sql,
		"INSERT INTO interlock_blob (hash, content) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING",
		SQL_VALUES(sql_bytes(view_of(hash.bytes, SHA256_SIZE)), sql_bytes(bytes)), NULL, &fault));
}

static void put(struct maker *m, enum frame_kind kind, json_t *json)
{
	struct frame frame = {
		.kind = kind,
		.sequence = m->state.sequence + 1,
		.moment = { 1700000000000 + (int64_t)m->state.sequence, (int64_t)m->state.sequence, { 1 } },
		.lease = 1,
		.previous = m->state.head
	};
	struct buffer body, bytes;

	buffer_init(&body, FRAME_BODY_SIZE_MAX);
	buffer_init(&bytes, FRAME_HEAD_SIZE + FRAME_BODY_SIZE_MAX);
	must(frame_body_write(json, &body));
	frame.body = buffer_bytes(&body);
	must(frame_write(&frame, &bytes));
	must(state_apply(&m->state, &frame, &fault));
	must(sql_exec(m->sql, "INSERT INTO interlock_frame (sequence, frame) VALUES (?, ?)",
		      SQL_VALUES(sql_int((int64_t)frame.sequence), sql_bytes(buffer_bytes(&bytes))), NULL,
		      &fault));
	json_decref(json);
	buffer_done(&body);
	buffer_done(&bytes);
}

static void put_snapshot(struct maker *m)
{
	char text[SHA256_TEXT_SIZE];
	struct buffer bytes;

	buffer_init(&bytes, STATE_SIZE_MAX);
	must(state_write(&m->state, &bytes));
	put_blob(m, buffer_bytes(&bytes));
	put(m, FRAME_SNAPSHOT,
	    json_pack("{s:s}", "state", sha256_text(sha256_of(buffer_bytes(&bytes)), text)));
	buffer_done(&bytes);
}

static const char plan_text[] =
	"exit: a\nsource: s:1\ntarget: t:1\nfamilies:\n"
	"- { name: orders, class: rehearsal, pattern: dual-write, topics: [ orders ], groups: none,\n"
	"    owners: { decision: lead@b } }\n";

static void put_plan(struct maker *m)
{
	char hash[SHA256_TEXT_SIZE], text[SHA256_TEXT_SIZE];
	struct plan_faults faults;
	struct plan *plan;

	plan_faults_init(&faults, "plan");
	must(plan_parse(view_text(plan_text), "", &faults, &plan));
	plan_faults_done(&faults);
	put_blob(m, view_text(plan_text));
	put(m, FRAME_PLAN,
	    json_pack("{s:s, s:s, s:s, s:i, s:[s]}", "exit", "a", "plan", sha256_text(plan->hash, hash),
		      "text", sha256_text(sha256_of(view_text(plan_text)), text), "number", 1, "families",
		      "orders"));
	plan_free(plan);
}

/* Owners hold and resume, again and again: frames of every size of work that a quiet exit has. */
static void put_round(struct maker *m)
{
	static const char *const overlays[] = { "HELD", NULL };

	for (int i = 0; i < 2; i++) {
		json_t *stage = json_pack("{s:s, s:s, s:s}", "family", "orders", "stage", "OBSERVING",
					  "cause", "a round of a long journal");
		uint64_t act = m->state.sequence + 1;

		put(m, FRAME_ACT,
		    json_pack("{s:s, s:s, s:s, s:s, s:{}}", "family", "orders", "act", i ? "resume" : "hold",
			      "by", "lead@b", "reason", "a round of a long journal", "arguments"));
		if (overlays[i])
			json_object_set_new(stage, "overlay", json_string(overlays[i]));
		put(m, FRAME_STAGE, stage);
		put(m, FRAME_ANSWER,
		    json_pack("{s:s, s:I, s:s, s:s}", "family", "orders", "act", (json_int_t)act, "result",
			      "done", "text", ""));
	}
}

static void make(const char *path, uint64_t frames)
{
	const struct sql_limits limits = { 3000, 60000 };
	struct journal_store *store;
	struct maker m = { 0 };
	char head[SHA256_TEXT_SIZE];
	uint64_t snapshot = 0;

	must(journal_store_open(path, SQL_WRITE, &limits, &store, &fault));
	store->ops->free(store);
	must(sql_open(path, SQL_WRITE, &schema, &limits, &m.sql, &fault));
	must(state_init(&m.state));
	must(sql_begin(m.sql, &fault));
	put(&m, FRAME_LEASE, json_pack("{s:s, s:i, s:s}", "event", "taken", "number", 1, "holder", "bench"));
	put_plan(&m);
	put(&m, FRAME_STAGE,
	    json_pack("{s:s, s:s, s:s}", "family", "orders", "stage", "OBSERVING", "cause",
		      "the plan is in force"));
	while (m.state.sequence < frames) {
		put_round(&m);
		if (m.state.sequence - snapshot >= JOURNAL_SNAPSHOT_EVERY) {
			put_snapshot(&m);
			snapshot = m.state.sequence;
		}
	}
	must(sql_exec(
		m.sql, "UPDATE interlock_head SET sequence = ?, last = ?, lease = 1",
		SQL_VALUES(sql_int((int64_t)m.state.sequence), sql_text(sha256_text(m.state.head, head))),
		NULL, &fault));
	must(sql_commit(m.sql, &fault));
	state_done(&m.state);
	sql_close(m.sql);
}

static double time_open(const char *path)
{
	struct journal_options options = { .clock = &clock_system, .holder = "bench", .read_only = true };
	const struct sql_limits limits = SQL_LIMITS_DEFAULT;
	double begun = seconds();
	struct journal *journal;

	must(journal_store_open(path, SQL_READ, &limits, &options.store, &fault));
	must(journal_open(&options, &journal, &fault));
	begun = seconds() - begun;
	journal_close(journal);
	return begun;
}

static double time_verify(const char *path, struct audit *audit)
{
	const struct sql_limits limits = SQL_LIMITS_DEFAULT;
	struct audit_options options = { 0 };
	double begun = seconds();

	must(journal_store_open_any(path, &limits, &options.store, &fault));
	must(audit_journal(&options, audit, &fault));
	begun = seconds() - begun;
	options.store->ops->free(options.store);
	return begun;
}

int main(int argc, char **argv)
{
	uint64_t frames = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	const char *path = argc > 2 ? argv[2] : "bench.db";
	static struct audit audit;
	double made = seconds(), opened, verified;

	if (access(path, F_OK) == 0) {
		fprintf(stderr, "bench_journal: %s is there already\n", path);
		return 1;
	}
	make(path, frames);
	made = seconds() - made;
	opened = time_open(path);
	verified = time_verify(path, &audit);
	printf("{\"frames\": %llu, \"answer\": \"%s\", \"make_seconds\": %.1f, \"open_seconds\": %.3f, "
	       "\"verify_seconds\": %.2f, "
	       "\"frames_per_second\": %.0f}\n",
	       (unsigned long long)audit.frames, audit_word(audit.answer), made, opened, verified,
	       (double)audit.frames / verified);
	if (audit.answer != AUDIT_INTACT)
		fprintf(stderr, "bench_journal: %s\n", audit.text);
	unlink(path);
	return audit.answer != AUDIT_INTACT;
}

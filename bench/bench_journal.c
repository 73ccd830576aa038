/*
 * bench_journal.c - a long journal: how long it takes to open, and to verify, and what memory that needs.
 *
 *	bench_journal [FRAMES [FILE]]
 *
 * Makes a journal of so many frames (a million) in FILE (bench.db here, which is removed again), with a snapshot where a
 * controller would write one, as fast as the disk takes it: a family that crosses to the target and back again and again, is
 * held and let go on, and is judged before and after.  Each crossing has effects, proofs, a decision, and a checkpoint with its
 * signature; each verdict has all its evidence.  Then opens it as `status` does, and walks it as `verify` does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "exit/audit.h"
#include "exit/journal.h"
#include "exit/state_make.h"
#include "exit/verdict_make.h"

#define ROUNDS 3

static struct fault fault;

/* The tables are there already: journal_store_open() made them. */
static const char *const nothing[] = { NULL };
static const struct sql_schema schema = { "journal of Interlock", 0x494c4b4a, 1, nothing };

struct maker {
	struct made_state made; /* first */
	struct sql *sql;
	struct plan *plan;
	struct note_key *key;
	struct arena arena;
	uint64_t verdicts;
};

static void must(int err)
{
	if (err < 0) {
		fprintf(stderr, "bench_journal: %s\n", fault.text);
		exit(1);
	}
}

static double on_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of this thread on its core, so that a busy machine does not count. */
static double seconds(void)
{
	return on_clock(CLOCK_THREAD_CPUTIME_ID);
}

static int put_blob(void *context, struct view bytes, struct sha256 *hash)
{
	struct maker *m = context;

	*hash = sha256_of(bytes);
	return sql_exec(
		m->sql,
		"INSERT INTO interlock_blob (hash, content) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING",
		SQL_VALUES(sql_bytes(view_of(hash->bytes, SHA256_SIZE)), sql_bytes(bytes)), NULL, &fault);
}

static void wrote(struct made_state *made, const struct frame *frame, struct view bytes)
{
	struct maker *m = (struct maker *)made;

	must(sql_exec(m->sql, "INSERT INTO interlock_frame (sequence, frame) VALUES (?, ?)",
		      SQL_VALUES(sql_int((int64_t)frame->sequence), sql_bytes(bytes)), NULL, &fault));
}

static void put_json(struct maker *m, enum frame_kind kind, json_t *json)
{
	int err = state_put_json(&m->made, kind, json);

	fault = m->made.fault;
	must(err);
}

static void put(struct maker *m, enum frame_kind kind, const char *text)
{
	put_json(m, kind, state_body(&m->made, text));
}

static void put_snapshot(struct maker *m)
{
	char text[SHA256_TEXT_SIZE];
	struct sha256 hash;
	struct buffer bytes;

	buffer_init(&bytes, STATE_SIZE_MAX);
	must(state_write(&m->made.state, &bytes));
	must(put_blob(m, buffer_bytes(&bytes), &hash));
	put_json(m, FRAME_SNAPSHOT, json_pack("{s:s}", "state", sha256_text(hash, text)));
	buffer_done(&bytes);
}

static const char plan_text[] =
	"exit: a\nsource: s:1\ntarget: t:1\nfamilies:\n"
	"- { name: orders, class: rehearsal, pattern: dual-write, topics: [ orders ], groups: [ billing ],\n"
	"    producers: [ 'User:shop' ], owners: { decision: lead@b },\n"
	"    levers: { flag: { get: exec g, set: exec s } } }\n";

static void put_plan(struct maker *m)
{
	char hash[SHA256_TEXT_SIZE], text[SHA256_TEXT_SIZE];
	struct plan_faults faults;
	struct sha256 blob;

	plan_faults_init(&faults, "plan");
	must(plan_parse(view_text(plan_text), "", &faults, &m->plan));
	plan_faults_done(&faults);
	must(put_blob(m, view_text(plan_text), &blob));
	put_json(m, FRAME_PLAN,
		 json_pack("{s:s, s:s, s:s, s:i, s:[s]}", "exit", "a", "plan",
			   sha256_text(m->plan->hash, hash), "text", sha256_text(blob, text), "number", 1,
			   "families", "orders"));
}

/* Again and again on the same evidence, as long as nothing has changed. */
static void put_verdicts(struct maker *m, int count)
{
	struct verdict_maker maker = { m->plan, &m->arena, put_blob, m };
	struct standing now;
	json_t *body;

	state_family(&m->made.state, "orders", &now);
	body = verdict_make(&maker, &now);
	for (int i = 0; i < count; i++)
		put_json(m, FRAME_VERDICT, json_deep_copy(body));
	m->verdicts += (uint64_t)count;
	json_decref(body);
	arena_reset(&m->arena);
}

static void put_checkpoint(struct maker *m)
{
	struct note note = { .exit = "a",
			     .size = m->made.state.sequence,
			     .root = m->made.state.head,
			     .wall_ms = NOW_WALL_MS };
	char head[SHA256_TEXT_SIZE];
	struct buffer text;

	buffer_init(&text, NOTE_SIZE_MAX);
	must(note_write(&note, m->key, &text));
	put_json(m, FRAME_CHECKPOINT,
		 json_pack("{s:I, s:s, s:s, s:[s]}", "size", (json_int_t)note.size, "head",
			   sha256_text(note.root, head), "note", buffer_string(&text), "holders", "a file"));
	buffer_done(&text);
}

#define STAGE_BODY(stage, more)                                                                              \
	"{'family':'orders','stage':'" stage "','cause':'a round of a long journal'" more "}"
#define ACT_BODY(act)                                                                                        \
	"{'family':'orders','act':'" act                                                                     \
	"','by':'lead@b','reason':'a round of a long journal','arguments':{}}"
#define ANSWER_BODY "{'family':'orders','act':$C,'result':'done','text':'a round of a long journal'}"

static void put_effects(struct maker *m, const char *phase, int count)
{
	for (int i = 0; i < count; i++) {
		char body[500];

		snprintf(body, sizeof body,
			 "{'family':'orders','step':'%s lever:%d "
			 "set','lever':'lever:%d','word':'set','before':'stood',"
			 "'desired':'set','epoch':$E,'attempt':$A,'verdict':'$V','deadline':1700000030000}",
			 phase, i, i);
		put(m, FRAME_INTENT, body);
		put(m, FRAME_OBSERVATION, "{'family':'orders','intent':$I,'value':'set'}");
		put(m, FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'done','recovered':false}");
	}
}

static void cross(struct maker *m, const char *act, const char *to, const char *end)
{
	char body[500];

	put(m, FRAME_ACT, act);
	snprintf(body, sizeof body, "{'family':'orders','attempt':$A1,'to':'%s','act':$C}", to);
	put(m, FRAME_MOVE, body);
	put(m, FRAME_STAGE, STAGE_BODY("FENCING", ",'epoch':$E1,'deadline':1700000030000"));
	put_effects(m, "fence", 3);
	put(m, FRAME_STAGE, STAGE_BODY("QUIET", ""));
	put(m, FRAME_QUIET,
	    "{'family':'orders','attempt':$A,'ends':[['orders',0,100,3],['orders',1,100,3]]}");
	put(m, FRAME_STAGE, STAGE_BODY("LEVEL", ""));
	put(m, FRAME_LEVEL,
	    "{'family':'orders','attempt':$A,'quiet':$Q,'ends':[['orders',0,100,3],['orders',1,100,3]]}");
	snprintf(body, sizeof body,
		 "{'family':'orders','authority':'%s','attempt':$A,'epoch':$E1,'quiet':$Q,'level':$L,'"
		 "verdict':'$V'}",
		 to);
	put(m, FRAME_DECISION, body);
	put_checkpoint(m);
	put(m, FRAME_STAGE, STAGE_BODY("OPENING", ""));
	put_effects(m, "open", 2);
	put(m, FRAME_STAGE, end);
	put(m, FRAME_ANSWER, ANSWER_BODY);
}

static void hold_and_resume(struct maker *m)
{
	put(m, FRAME_ACT, ACT_BODY("hold"));
	put(m, FRAME_STAGE, STAGE_BODY("OBSERVING", ",'overlay':'HELD'"));
	put(m, FRAME_ANSWER, ANSWER_BODY);
	put(m, FRAME_ACT, ACT_BODY("resume"));
	put(m, FRAME_STAGE, STAGE_BODY("OBSERVING", ",'act':$C"));
	put(m, FRAME_ANSWER, ANSWER_BODY);
}

/* There and back, held in between: 72 frames, of which 6 are verdicts. */
static void put_round(struct maker *m)
{
	hold_and_resume(m);
	put_verdicts(m, 3);
	put(m, FRAME_STAGE, STAGE_BODY("ARMED", ",'verdict':'$V'"));
	cross(m, ACT_BODY("promote"), "target", STAGE_BODY("TARGET", ",'pause_ms':84"));
	put_verdicts(m, 3);
	cross(m, ACT_BODY("rollback"), "source", STAGE_BODY("OBSERVING", ""));
}

static void write_journal(const char *path, uint64_t frames, uint64_t *verdicts)
{
	const struct sql_limits limits = { 3000, 60000 };
	struct maker m = { .made = { .lease = 1, .wall_ms = NOW_WALL_MS, .wrote = wrote } };
	struct journal_store *store;
	char head[SHA256_TEXT_SIZE], key[1000];
	uint64_t snapshot = 0;

	must(journal_store_open(path, SQL_WRITE, &limits, &store, &fault));
	store->ops->free(store);
	must(sql_open(path, SQL_WRITE, &schema, &limits, &m.sql, &fault));
	snprintf(key, sizeof key, "%s.key", path);
	must(note_key_open(key, true, &m.key, &fault));
	unlink(key);
	arena_init(&m.arena, (size_t)64 << 20);
	must(state_init(&m.made.state));
	must(sql_begin(m.sql, &fault));
	put(&m, FRAME_LEASE, "{'event':'taken','number':1,'holder':'bench'}");
	put_plan(&m);
	put(&m, FRAME_STAGE, STAGE_BODY("OBSERVING", ""));
	while (m.made.state.sequence < frames) {
		put_round(&m);
		if (m.made.state.sequence - snapshot >= JOURNAL_SNAPSHOT_EVERY) {
			put_snapshot(&m);
			snapshot = m.made.state.sequence;
		}
	}
	must(sql_exec(m.sql, "UPDATE interlock_head SET sequence = ?, last = ?, lease = 1",
		      SQL_VALUES(sql_int((int64_t)m.made.state.sequence),
				 sql_text(sha256_text(m.made.state.head, head))),
		      NULL, &fault));
	must(sql_commit(m.sql, &fault));
	*verdicts = m.verdicts;
	state_done(&m.made.state);
	plan_free(m.plan);
	note_key_free(m.key);
	arena_done(&m.arena);
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

struct times {
	double wall, processor; /* of all threads */
};

/* It has a second thread: what counts is how long one waits, and that depends on what else the machine does. */
static struct times time_verify(const char *path, struct audit *audit)
{
	const struct sql_limits limits = SQL_LIMITS_DEFAULT;
	struct audit_options options = { 0 };
	struct times begun = { on_clock(CLOCK_MONOTONIC), on_clock(CLOCK_PROCESS_CPUTIME_ID) };

	must(journal_store_open_any(path, &limits, &options.store, &fault));
	must(audit_journal(&options, audit, &fault));
	begun.wall = on_clock(CLOCK_MONOTONIC) - begun.wall;
	begun.processor = on_clock(CLOCK_PROCESS_CPUTIME_ID) - begun.processor;
	options.store->ops->free(options.store);
	return begun;
}

/* The most that this process has held at once, in MB: of the child that did nothing else. */
static double peak_mb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

/* In a process of its own, so that its memory is its own. */
static bool measure(const char *path, uint64_t verdicts)
{
	static struct audit audit;
	double opened = time_open(path), open_mb = peak_mb();
	struct times verified = time_verify(path, &audit);

	/* The best of three: a disturbance only ever makes a round slower. */
	for (int i = 1; i < ROUNDS; i++) {
		double open_again = time_open(path);
		struct times again = time_verify(path, &audit);

		opened = open_again < opened ? open_again : opened;
		verified = again.wall < verified.wall ? again : verified;
	}

	printf("{\"frames\": %llu, \"verdicts\": %llu, \"checkpoints\": %llu, \"answer\": \"%s\", "
	       "\"open_seconds\": %.3f, "
	       "\"open_mb\": %.0f, \"verify_seconds\": %.2f, \"verify_processor_seconds\": %.2f, "
	       "\"verify_mb\": %.0f, "
	       "\"frames_per_second\": %.0f}\n",
	       (unsigned long long)audit.frames, (unsigned long long)audit.verdicts,
	       (unsigned long long)audit.checkpoints, audit_word(audit.answer), opened, open_mb,
	       verified.wall, verified.processor, peak_mb(), (double)audit.frames / verified.wall);
	if (audit.answer != AUDIT_INTACT || audit.verdicts != verdicts) {
		fprintf(stderr, "bench_journal: %s\n", audit.text);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	uint64_t frames = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000, verdicts = 0;
	const char *path = argc > 2 ? argv[2] : "bench.db";
	int status = 1;
	pid_t child;

	if (access(path, F_OK) == 0) {
		fprintf(stderr, "bench_journal: %s is there already\n", path);
		return 1;
	}
	write_journal(path, frames, &verdicts);
	child = fork();
	if (child == 0) {
		bool good = measure(path, verdicts);

		fflush(stdout);
		_exit(!good);
	}
	waitpid(child, &status, 0);
	unlink(path);
	return status != 0;
}

/*
 * test_state.c - the fold: which frame may stand in which situation, and what no version writes.
 *
 * A refused frame leaves the state as it was, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "exit/state_make.h"

/* ---- situations: the way to the target, to its end; and what may lie over it ---- */

enum situation {
	IN_PLANNED,
	IN_OBSERVING,
	IN_ARMED,
	IN_MOVED, /* to the target, and not fenced yet */
	IN_FENCING,
	IN_QUIET,
	IN_QUIET_PROVED,
	IN_LEVEL,
	IN_LEVEL_PROVED,
	IN_DECIDED,
	IN_DECIDED_HELD_OUTSIDE, /* somebody outside holds the decision */
	IN_OPENING,
	IN_TARGET,
	IN_SEALED,
	IN_RETIRED,
	PATH_COUNT,
	IN_HELD = PATH_COUNT, /* in OBSERVING */
	IN_UNKNOWN,           /* in FENCING */
	IN_GIVEN_UP,          /* in QUIET */
	IN_MOVED_BACK,        /* to the source, and not fenced yet */
	SITUATIONS,
};

#define VERDICT_OPEN_BODY                                                                                    \
	"{'family':'orders','verdict':'open','gates':{'compatibility':'open','parity':'open','progress':'"   \
	"open',"                                                                                             \
	"'rollback':'open','capacity':'open','operations':'open'},'authority':$E,'input':'$H',"              \
	"'valid_until':1700000060000}"
#define STAGE_BODY(stage, more) "{'family':'orders','stage':'" stage "','cause':'c'" more "}"
#define INTENT_BODY                                                                                          \
	"{'family':'orders','step':'fence flag "                                                             \
	"hold','lever':'flag','word':'hold','before':'source','desired':"                                    \
	"'hold','epoch':$E,'attempt':$A}"
#define DECISION_BODY                                                                                        \
	"{'family':'orders','authority':'target','attempt':$A,'epoch':$E1,'quiet':$Q,'level':$L,'verdict':'" \
	"$V'}"

#define MOVE_BODY "{'family':'orders','attempt':$A1,'to':'target','act':0}"

struct put {
	enum frame_kind kind;
	const char *body;
};

#define PUTS_MAX 4

/* What leads from the situation before to this one. */
static const struct put path[PATH_COUNT][PUTS_MAX] = {
	[IN_OBSERVING] = { { FRAME_STAGE, STAGE_BODY("OBSERVING", "") } },
	[IN_ARMED] = { { FRAME_VERDICT, VERDICT_OPEN_BODY },
		       { FRAME_STAGE, STAGE_BODY("ARMED", ",'verdict':'$V'") } },
	[IN_MOVED] = { { FRAME_MOVE, MOVE_BODY } },
	[IN_FENCING] = { { FRAME_STAGE, STAGE_BODY("FENCING", ",'epoch':$E1,'deadline':1700000010000") },
			 { FRAME_INTENT, INTENT_BODY } },
	[IN_QUIET] = { { FRAME_OBSERVATION, "{'family':'orders','intent':$I,'value':'hold'}" },
		       { FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'done'}" },
		       { FRAME_STAGE, STAGE_BODY("QUIET", "") } },
	[IN_QUIET_PROVED] = { { FRAME_QUIET, "{'family':'orders','attempt':$A,'ends':[7]}" } },
	[IN_LEVEL] = { { FRAME_STAGE, STAGE_BODY("LEVEL", "") } },
	[IN_LEVEL_PROVED] = { { FRAME_LEVEL, "{'family':'orders','attempt':$A,'quiet':$Q,'ends':[8]}" } },
	[IN_DECIDED] = { { FRAME_DECISION, DECISION_BODY } },
	[IN_DECIDED_HELD_OUTSIDE] = { { FRAME_CHECKPOINT, "{'size':$N,'holders':['a file']}" } },
	[IN_OPENING] = { { FRAME_STAGE, STAGE_BODY("OPENING", "") } },
	[IN_TARGET] = { { FRAME_STAGE, STAGE_BODY("TARGET", ",'pause_ms':84") } },
	[IN_SEALED] = { { FRAME_STAGE, STAGE_BODY("SEALED", "") } },
	[IN_RETIRED] = { { FRAME_STAGE, STAGE_BODY("RETIRED", "") } },
};

static const struct {
	enum situation after;
	struct put put;
} beside[SITUATIONS] = {
	[IN_HELD] = { IN_OBSERVING, { FRAME_STAGE, STAGE_BODY("OBSERVING", ",'overlay':'HELD'") } },
	[IN_UNKNOWN] = { IN_FENCING, { FRAME_STAGE, STAGE_BODY("FENCING", ",'overlay':'UNKNOWN'") } },
	[IN_GIVEN_UP] = { IN_QUIET,
			  { FRAME_RETURN, "{'family':'orders','attempt':$A,'epoch':$E1,'cause':'late'}" } },
	[IN_MOVED_BACK] = { IN_TARGET,
			    { FRAME_MOVE, "{'family':'orders','attempt':$A1,'to':'source','act':0}" } },
};

static void must(struct made_state *made, const struct put *put)
{
	if (put->body && state_put(made, put->kind, put->body) < 0)
		fail_msg("%s", made->fault.text);
}

static void reach(struct made_state *made, enum situation where)
{
	enum situation last = where < PATH_COUNT ? where : beside[where].after;

	state_begin(made);
	assert_int_equal(state_put(made, FRAME_ACT, "{'family':'orders','act':'hold','by':'b','reason':'r'}"),
			 0);
	for (int at = 0; at <= (int)last; at++)
		for (int i = 0; i < PUTS_MAX; i++)
			must(made, &path[at][i]);
	if (where >= PATH_COUNT)
		must(made, &beside[where].put);
}

static struct sha256 hash_of(const struct made_state *made)
{
	struct sha256 hash;

	assert_int_equal(state_hash(&made->state, &hash), 0);
	return hash;
}

/* True when it may stand there; when it may not, nothing has changed. */
static bool may_stand(enum situation where, enum frame_kind kind, const char *body)
{
	struct made_state made;
	struct sha256 before;
	uint64_t sequence;
	int err;

	reach(&made, where);
	before = hash_of(&made);
	sequence = made.state.sequence;
	err = state_put(&made, kind, body);
	if (err < 0) {
		assert_int_equal(err, ERR_MALFORMED);
		assert_true(made.fault.text[0] != 0);
		assert_true(sha256_equal(before, hash_of(&made)));
	}
	assert_int_equal(made.state.sequence, sequence + (err == 0));
	state_done(&made.state);
	return err == 0;
}

/* ---- each kind in each situation ---- */

#define BIT(situation) (1u << (situation))
#define ALL            (BIT(SITUATIONS) - 1)
#define WITH_INTENT    (BIT(IN_FENCING) | BIT(IN_UNKNOWN)) /* that has no outcome */
#define SINCE_INTENT   (WITH_INTENT | (BIT(PATH_COUNT) - BIT(IN_FENCING)) | BIT(IN_GIVEN_UP))
#define AT_REST                                                                                              \
	(BIT(IN_PLANNED) | BIT(IN_OBSERVING) | BIT(IN_ARMED) | BIT(IN_TARGET) | BIT(IN_SEALED) |             \
	 BIT(IN_RETIRED) | BIT(IN_HELD))

static const struct {
	enum frame_kind kind;
	const char *body;
	unsigned may;
} matrix[] = {
	{ FRAME_PLAN, "{'exit':'e','plan':'$H','number':2,'families':['orders','more']}", ALL },
	{ FRAME_LEASE, "{'event':'taken','number':2,'holder':'i'}", ALL },
	{ FRAME_LEASE, "{'event':'released','number':1}", ALL },
	{ FRAME_VERDICT, VERDICT_OPEN_BODY, ALL },
	{ FRAME_ACT, "{'family':'orders','act':'promote','by':'b','reason':'r'}", ALL },
	{ FRAME_ANSWER, "{'family':'orders','act':$C,'result':'done'}", ALL },
	{ FRAME_MOVE, MOVE_BODY, BIT(IN_ARMED) },
	{ FRAME_MOVE, "{'family':'orders','attempt':$A1,'to':'source','act':0}", BIT(IN_TARGET) },
	{ FRAME_STAGE, STAGE_BODY("OBSERVING", ""),
	  BIT(IN_PLANNED) | BIT(IN_OBSERVING) | BIT(IN_ARMED) | BIT(IN_HELD) },
	{ FRAME_STAGE, STAGE_BODY("OBSERVING", ",'arrived':true"), BIT(IN_GIVEN_UP) },
	{ FRAME_STAGE, STAGE_BODY("TARGET", ",'arrived':true"), 0 },
	{ FRAME_STAGE, STAGE_BODY("FENCING", ",'epoch':$E1"),
	  BIT(IN_MOVED) | BIT(IN_FENCING) | BIT(IN_MOVED_BACK) },
	{ FRAME_STAGE, STAGE_BODY("DECIDED", ""), BIT(IN_DECIDED) | BIT(IN_DECIDED_HELD_OUTSIDE) },
	{ FRAME_STAGE, STAGE_BODY("OPENING", ""), BIT(IN_DECIDED_HELD_OUTSIDE) | BIT(IN_OPENING) },
	{ FRAME_STAGE, STAGE_BODY("SEALED", ""), BIT(IN_TARGET) | BIT(IN_SEALED) },
	{ FRAME_STAGE, STAGE_BODY("RETIRED", ""), BIT(IN_SEALED) | BIT(IN_RETIRED) },
	{ FRAME_INTENT, INTENT_BODY, ALL & ~BIT(IN_UNKNOWN) },
	{ FRAME_OBSERVATION, "{'family':'orders','intent':$I,'value':'x'}", SINCE_INTENT },
	{ FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'not done'}", WITH_INTENT },
	{ FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'unknown'}", WITH_INTENT },
	{ FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'done'}", 0 }, /* nobody has seen it */
	{ FRAME_QUIET, "{'family':'orders','attempt':$A,'ends':[]}", BIT(IN_QUIET) | BIT(IN_QUIET_PROVED) },
	{ FRAME_LEVEL, "{'family':'orders','attempt':$A,'quiet':$Q}", BIT(IN_LEVEL) | BIT(IN_LEVEL_PROVED) },
	{ FRAME_DECISION, DECISION_BODY, BIT(IN_LEVEL_PROVED) },
	{ FRAME_RETURN, "{'family':'orders','attempt':$A,'epoch':$E1,'cause':'c'}",
	  BIT(IN_MOVED) | BIT(IN_FENCING) | BIT(IN_QUIET) | BIT(IN_QUIET_PROVED) | BIT(IN_LEVEL) |
		  BIT(IN_LEVEL_PROVED) | BIT(IN_UNKNOWN) | BIT(IN_MOVED_BACK) },
	{ FRAME_CHECKPOINT, "{'size':1,'holders':[]}", ALL },
	{ FRAME_DRILL, "{'family':'orders','event':'began','shadow':'orders~drill'}", AT_REST },
	{ FRAME_DRILL, "{'family':'orders','event':'abandoned','shadow':'orders~drill'}", 0 },
	{ FRAME_LEAK, "{'family':'orders','text':'a record'}", ALL },
	{ FRAME_SCAFFOLD, "{'family':'orders','item':'topic x','event':'present'}", ALL },
	{ FRAME_NOTE, "{'text':'a word'}", ALL },
	{ FRAME_PAGE, "{'family':'orders','result':'called'}",
	  BIT(IN_HELD) | BIT(IN_UNKNOWN) | BIT(IN_DECIDED) | BIT(IN_DECIDED_HELD_OUTSIDE) | BIT(IN_OPENING) },
};

static void each_kind_in_each_situation(void **state)
{
	bool seen[FRAME_KINDS] = { [FRAME_SNAPSHOT] = true }; /* of its own, below */

	for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++) {
		seen[matrix[i].kind] = true;
		for (int where = 0; where < SITUATIONS; where++) {
			bool may = may_stand((enum situation)where, matrix[i].kind, matrix[i].body);

			if (may != !!(matrix[i].may & BIT(where)))
				fail_msg("row %zu, %s in situation %d: %s", i,
					 frame_kind_word(matrix[i].kind), where,
					 may ? "may stand" : "may not stand");
		}
	}
	for (int kind = 1; kind < FRAME_KINDS; kind++)
		assert_true(seen[kind]);
}

/* ---- bodies that no version writes ---- */

static const struct {
	enum situation where;
	enum frame_kind kind;
	const char *body;
} malformed[] = {
	{ IN_OBSERVING, FRAME_PLAN, "{'exit':'e','number':2,'families':['orders']}" },
	{ IN_OBSERVING, FRAME_PLAN, "{'exit':'e','plan':'$H','number':1,'families':['orders']}" },
	{ IN_OBSERVING, FRAME_PLAN, "{'exit':'e','plan':'$H','number':3,'families':['orders']}" },
	{ IN_OBSERVING, FRAME_PLAN, "{'exit':'e','plan':'$H','number':2,'families':'orders'}" },
	{ IN_OBSERVING, FRAME_PLAN, "{'exit':'e','plan':'$H','number':2,'families':['']}" },
	{ IN_OBSERVING, FRAME_PLAN, "{'exit':'e','plan':'$H','number':2,'families':[7]}" },
	{ IN_OBSERVING, FRAME_PLAN, "{'exit':'e','plan':'01','number':2,'families':[]}" },
	{ IN_OBSERVING, FRAME_LEASE, "{'event':'taken','number':1}" },
	{ IN_OBSERVING, FRAME_LEASE, "{'event':'released','number':2}" },
	{ IN_OBSERVING, FRAME_LEASE, "{'event':'stolen','number':2}" },
	{ IN_OBSERVING, FRAME_LEASE, "{'number':2}" },
	{ IN_OBSERVING, FRAME_VERDICT,
	  "{'family':'orders','verdict':'open','gates':{},'authority':1,'input':'$H'}" },
	{ IN_OBSERVING, FRAME_VERDICT,
	  "{'family':'orders','verdict':'unknown','gates':{},'authority':2,'input':'$H'}" },
	{ IN_OBSERVING, FRAME_VERDICT, "{'family':'orders','verdict':'unknown','gates':{},'authority':1}" },
	{ IN_OBSERVING, FRAME_VERDICT,
	  "{'family':'others','verdict':'unknown','gates':{},'authority':1,'input':'$H'}" },
	{ IN_OBSERVING, FRAME_ACT, "{'family':'orders','by':'b','reason':'r'}" },
	{ IN_OBSERVING, FRAME_ACT, "{'family':'orders','act':'hold','reason':'r'}" },
	{ IN_OBSERVING, FRAME_ACT, "{'family':'orders','act':'hold','by':'b'}" },
	{ IN_OBSERVING, FRAME_ACT, "{'family':'orders','act':'hold','by':7,'reason':'r'}" },
	{ IN_OBSERVING, FRAME_ANSWER, "{'family':'orders','act':99,'result':'done'}" },
	{ IN_OBSERVING, FRAME_ANSWER, "{'family':'orders','act':$C,'result':'perhaps'}" },
	{ IN_OBSERVING, FRAME_ANSWER, "{'family':'orders','act':$C}" },
	{ IN_ARMED, FRAME_MOVE, "{'family':'orders','attempt':$A,'to':'target','act':0}" },
	{ IN_ARMED, FRAME_MOVE, "{'family':'orders','attempt':2,'to':'target','act':0}" },
	{ IN_ARMED, FRAME_MOVE, "{'family':'orders','attempt':$A1,'to':'elsewhere','act':0}" },
	{ IN_ARMED, FRAME_MOVE, "{'family':'orders','attempt':$A1,'act':0}" },
	{ IN_OBSERVING, FRAME_STAGE, "{'family':'orders','stage':'OBSERVING'}" },
	{ IN_OBSERVING, FRAME_STAGE, "{'family':'orders','stage':'NOWHERE','cause':'c'}" },
	{ IN_OBSERVING, FRAME_STAGE, "{'family':'orders','cause':'c'}" },
	{ IN_OBSERVING, FRAME_STAGE, "{'stage':'OBSERVING','cause':'c'}" },
	{ IN_OBSERVING, FRAME_STAGE, STAGE_BODY("ARMED", ",'verdict':'$V'") }, /* there is none */
	{ IN_ARMED, FRAME_STAGE, STAGE_BODY("ARMED", ",'arrived':true") },
	{ IN_MOVED, FRAME_STAGE, STAGE_BODY("FENCING", "") },
	{ IN_MOVED, FRAME_STAGE, STAGE_BODY("FENCING", ",'epoch':$E") },
	{ IN_MOVED, FRAME_STAGE, STAGE_BODY("FENCING", ",'epoch':3") },
	{ IN_GIVEN_UP, FRAME_STAGE, STAGE_BODY("OBSERVING", "") }, /* and does not say that it arrived */
	{ IN_QUIET, FRAME_STAGE, STAGE_BODY("LEVEL", "") },        /* silence was not proved */
	{ IN_LEVEL_PROVED, FRAME_STAGE, STAGE_BODY("DECIDED", "") },
	{ IN_DECIDED, FRAME_STAGE, STAGE_BODY("OPENING", "") }, /* nobody holds the decision */
	{ IN_UNKNOWN, FRAME_STAGE, STAGE_BODY("FENCING", "") },
	{ IN_UNKNOWN, FRAME_STAGE, STAGE_BODY("QUIET", ",'overlay':'UNKNOWN'") },
	{ IN_FENCING, FRAME_INTENT,
	  "{'family':'orders','lever':'f','word':'w','before':'b','desired':'d','attempt':$A}" },
	{ IN_FENCING, FRAME_INTENT,
	  "{'family':'orders','step':'s','word':'w','before':'b','desired':'d','attempt':$A}" },
	{ IN_FENCING, FRAME_INTENT,
	  "{'family':'orders','step':'s','lever':'f','before':'b','desired':'d','attempt':$A}" },
	{ IN_FENCING, FRAME_INTENT,
	  "{'family':'orders','step':'s','lever':'f','word':'w','desired':'d','attempt':$A}" },
	{ IN_FENCING, FRAME_INTENT,
	  "{'family':'orders','step':'s','lever':'f','word':'w','before':'b','attempt':$A}" },
	{ IN_FENCING, FRAME_INTENT,
	  "{'family':'orders','step':'s','lever':'f','word':'w','before':'b','desired':'d','attempt':$A1}" },
	{ IN_FENCING, FRAME_OBSERVATION, "{'family':'orders','intent':1,'value':'x'}" },
	{ IN_FENCING, FRAME_OUTCOME, "{'family':'orders','intent':1,'result':'not done'}" },
	{ IN_FENCING, FRAME_OUTCOME, "{'family':'orders','intent':$I}" },
	{ IN_FENCING, FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'perhaps'}" },
	{ IN_QUIET, FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'unknown'}" }, /* it has one */
	{ IN_QUIET, FRAME_QUIET, "{'family':'orders','attempt':$A1,'ends':[]}" },
	{ IN_QUIET, FRAME_QUIET, "{'family':'orders','attempt':$A}" },
	{ IN_LEVEL, FRAME_LEVEL, "{'family':'orders','attempt':$A,'quiet':1}" },
	{ IN_LEVEL, FRAME_LEVEL, "{'family':'orders','attempt':$A1,'quiet':$Q}" },
	{ IN_LEVEL, FRAME_DECISION, DECISION_BODY },
	{ IN_LEVEL_PROVED, FRAME_DECISION,
	  "{'family':'orders','authority':'source','attempt':$A,'epoch':$E1,'quiet':$Q,'level':$L,'verdict':'"
	  "$V'}" },
	{ IN_LEVEL_PROVED, FRAME_DECISION,
	  "{'family':'orders','authority':'target','attempt':$A1,'epoch':$E1,'quiet':$Q,'level':$L,'verdict':"
	  "'$V'}" },
	{ IN_LEVEL_PROVED, FRAME_DECISION,
	  "{'family':'orders','authority':'target','attempt':$A,'epoch':$E,'quiet':$Q,'level':$L,'verdict':'$"
	  "V'}" },
	{ IN_LEVEL_PROVED, FRAME_DECISION,
	  "{'family':'orders','authority':'target','attempt':$A,'epoch':4,'quiet':$Q,'level':$L,'verdict':'$"
	  "V'}" },
	{ IN_LEVEL_PROVED, FRAME_DECISION,
	  "{'family':'orders','authority':'target','attempt':$A,'epoch':$E1,'quiet':$L,'level':$L,'verdict':'"
	  "$V'}" },
	{ IN_LEVEL_PROVED, FRAME_DECISION,
	  "{'family':'orders','authority':'target','attempt':$A,'epoch':$E1,'quiet':$Q,'level':$Q,'verdict':'"
	  "$V'}" },
	{ IN_LEVEL_PROVED, FRAME_DECISION,
	  "{'family':'orders','authority':'target','attempt':$A,'epoch':$E1,'quiet':$Q,'level':$L,'verdict':'"
	  "$H'}" },
	{ IN_LEVEL_PROVED, FRAME_DECISION,
	  "{'family':'orders','authority':'target','attempt':$A,'epoch':$E1,'quiet':$Q,'level':$L}" },
	{ IN_FENCING, FRAME_RETURN, "{'family':'orders','attempt':$A,'epoch':$E,'cause':'c'}" },
	{ IN_FENCING, FRAME_RETURN, "{'family':'orders','attempt':$A1,'epoch':$E1,'cause':'c'}" },
	{ IN_FENCING, FRAME_RETURN, "{'family':'orders','attempt':$A,'epoch':$E1}" },
	{ IN_OBSERVING, FRAME_SNAPSHOT, "{'state':'$H'}" },
	{ IN_OBSERVING, FRAME_SNAPSHOT, "{}" },
	{ IN_OBSERVING, FRAME_LEAK, "{'family':'orders'}" },
	{ IN_OBSERVING, FRAME_LEAK, "{'family':'others','text':'a record'}" },
	{ IN_OBSERVING, FRAME_LEAK, "{'text':'a record'}" },
	{ IN_OBSERVING, FRAME_SCAFFOLD, "{'family':'orders','event':'present'}" },
	{ IN_OBSERVING, FRAME_SCAFFOLD, "{'family':'orders','item':'topic x'}" },
	{ IN_OBSERVING, FRAME_NOTE, "{}" },
};

static void bodies_that_no_version_writes(void **state)
{
	for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
		if (may_stand(malformed[i].where, malformed[i].kind, malformed[i].body))
			fail_msg("row %zu: %s may stand with %s", i, frame_kind_word(malformed[i].kind),
				 malformed[i].body);
}

/* JSON that nobody but a forger writes: each says what is right, in another way. */
static void bodies_in_another_form(void **state)
{
	static const char *const bodies[] = {
		"{\"text\":\"a\"} ",
		"{ \"text\":\"a\"}",
		"{\"text\":\"a\",\"text\":\"a\"}",
		"{\"text\":\"\\u0061\"}",
		"{\"x\":1,\"text\":\"a\"}",
		"{\"number\":1.0,\"text\":\"a\"}",
		"{\"number\":-0,\"text\":\"a\"}",
		"{\"number\":1e2,\"text\":\"a\"}",
		"[\"text\"]",
		"{\"text\":\"a\"",
		"",
		"null",
		"{\"text\":\"\xff\"}",
		"{\"text\":\"a\\/b\"}",
	};
	struct made_state made;

	state_begin(&made);
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		if (state_put_bytes(&made, FRAME_NOTE, view_text(bodies[i])) != ERR_MALFORMED)
			fail_msg("%s was taken", bodies[i]);
	assert_int_equal(
		state_put_bytes(&made, FRAME_NOTE, VIEW_LITERAL("{\"number\":-1,\"text\":\"a\\n\"}")), 0);
	state_done(&made.state);
}

/* ---- chain and lease ---- */

static int apply_at(struct made_state *made, uint64_t sequence, struct sha256 previous, uint64_t lease)
{
	struct frame frame = { .kind = FRAME_NOTE,
			       .sequence = sequence,
			       .lease = lease,
			       .previous = previous,
			       .body = VIEW_LITERAL("{\"text\":\"a\"}") };

	return state_apply(&made->state, &frame, &made->fault);
}

static void only_behind_the_last_frame(void **state)
{
	struct made_state made;
	struct sha256 head, bent;

	state_begin(&made);
	bent = head = made.state.head;
	bent.bytes[31] ^= 1;
	assert_int_equal(apply_at(&made, made.state.sequence, head, 1), ERR_MALFORMED);
	assert_int_equal(apply_at(&made, made.state.sequence + 2, head, 1), ERR_MALFORMED);
	assert_int_equal(apply_at(&made, made.state.sequence + 1, bent, 1), ERR_MALFORMED);
	assert_int_equal(apply_at(&made, made.state.sequence + 1, (struct sha256){ 0 }, 1), ERR_MALFORMED);
	assert_int_equal(apply_at(&made, made.state.sequence + 1, head, 1), 0);
	state_done(&made.state);
}

static void only_under_the_lease_that_is_held(void **state)
{
	struct made_state made;

	state_begin(&made);
	for (uint64_t lease = 0; lease < 4; lease++)
		assert_int_equal(apply_at(&made, made.state.sequence + 1, made.state.head, lease),
				 lease == 1 ? 0 : ERR_MALFORMED);
	assert_int_equal(state_put(&made, FRAME_LEASE, "{'event':'taken','number':3,'holder':'i'}"), 0);
	assert_int_equal(apply_at(&made, made.state.sequence + 1, made.state.head, 1), ERR_MALFORMED);
	assert_int_equal(apply_at(&made, made.state.sequence + 1, made.state.head, 3), 0);
	assert_int_equal(state_put(&made, FRAME_LEASE, "{'event':'released','number':3}"), 0);
	assert_int_equal(apply_at(&made, made.state.sequence + 1, made.state.head, 3), ERR_MALFORMED);
	assert_int_equal(state_put(&made, FRAME_ACT, "{'act':'hold','by':'b','reason':'r'}"),
			 0); /* needs none */
	state_done(&made.state);
}

/* ---- what frames come to ---- */

static struct standing orders(const struct made_state *made)
{
	struct standing now;

	assert_true(state_family(&made->state, "orders", &now));
	return now;
}

static void what_each_situation_comes_to(void **state)
{
	static const struct {
		enum situation where;
		enum stage stage;
		enum overlay overlay;
		enum authority authority, moving;
		uint64_t epoch, attempt;
	} rows[] = {
		{ IN_PLANNED, STAGE_PLANNED, 0, AUTHORITY_SOURCE, AUTHORITY_NONE, 1, 0 },
		{ IN_ARMED, STAGE_ARMED, 0, AUTHORITY_SOURCE, AUTHORITY_NONE, 1, 0 },
		{ IN_MOVED, STAGE_ARMED, 0, AUTHORITY_SOURCE, AUTHORITY_TARGET, 1, 1 },
		{ IN_FENCING, STAGE_FENCING, 0, AUTHORITY_NONE, AUTHORITY_TARGET, 2, 1 },
		{ IN_LEVEL_PROVED, STAGE_LEVEL, 0, AUTHORITY_NONE, AUTHORITY_TARGET, 2, 1 },
		{ IN_DECIDED, STAGE_DECIDED, 0, AUTHORITY_TARGET, AUTHORITY_TARGET, 3, 1 },
		{ IN_TARGET, STAGE_TARGET, 0, AUTHORITY_TARGET, AUTHORITY_NONE, 3, 1 },
		{ IN_RETIRED, STAGE_RETIRED, 0, AUTHORITY_TARGET, AUTHORITY_NONE, 3, 1 },
		{ IN_HELD, STAGE_OBSERVING, OVERLAY_HELD, AUTHORITY_SOURCE, AUTHORITY_NONE, 1, 0 },
		{ IN_UNKNOWN, STAGE_FENCING, OVERLAY_UNKNOWN, AUTHORITY_NONE, AUTHORITY_TARGET, 2, 1 },
		{ IN_GIVEN_UP, STAGE_QUIET, 0, AUTHORITY_NONE, AUTHORITY_TARGET, 3, 1 },
		{ IN_MOVED_BACK, STAGE_TARGET, 0, AUTHORITY_TARGET, AUTHORITY_SOURCE, 3, 2 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct made_state made;
		struct standing now;

		reach(&made, rows[i].where);
		now = orders(&made);
		if (now.stage != rows[i].stage || now.overlay != rows[i].overlay ||
		    now.authority != rows[i].authority || now.moving != rows[i].moving ||
		    now.epoch != rows[i].epoch || now.attempt != rows[i].attempt)
			fail_msg("row %zu: %s, authority %s, epoch %d, attempt %d", i, stage_word(now.stage),
				 authority_word(now.authority), (int)now.epoch, (int)now.attempt);
		state_done(&made.state);
	}
}

static void what_we_touched_is_ours_to_set_back(void **state)
{
	struct made_state made;
	struct standing now;
	struct intent intent;

	reach(&made, IN_QUIET);
	now = orders(&made);
	assert_string_equal(state_standing(&now, "flag"), "source");
	assert_true(state_intent(&now, "fence flag hold", &intent));
	assert_int_equal(intent.outcome, OUTCOME_DONE);
	assert_false(state_intent(&now, "fence flag", &intent));
	/* Set back, and seen so: nothing of ours is there any more. */
	assert_int_equal(state_put(&made, FRAME_INTENT,
				   "{'family':'orders','step':'undo flag "
				   "back','lever':'flag','word':'back','before':'hold',"
				   "'desired':'source','epoch':$E,'attempt':$A}"),
			 0);
	now = orders(&made);
	assert_string_equal(state_standing(&now, "flag"), "source"); /* the first value stays the one */
	assert_int_equal(
		state_put(&made, FRAME_OBSERVATION, "{'family':'orders','intent':$I,'value':'source'}"), 0);
	assert_int_equal(state_put(&made, FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'done'}"),
			 0);
	now = orders(&made);
	assert_null(state_standing(&now, "flag"));
	state_done(&made.state);
}

/* What is not known stays ours, and a later look may tell. */
static void an_unknown_outcome_may_be_established(void **state)
{
	struct made_state made;
	struct standing now;

	reach(&made, IN_FENCING);
	assert_int_equal(
		state_put(&made, FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'unknown'}"), 0);
	now = orders(&made);
	assert_string_equal(state_standing(&now, "flag"), "source");
	assert_int_equal(
		state_put(&made, FRAME_OBSERVATION, "{'family':'orders','intent':$I,'value':'source'}"), 0);
	assert_int_equal(state_put(&made, FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'done'}"),
			 ERR_MALFORMED);
	assert_int_equal(
		state_put(&made, FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'not done'}"), 0);
	now = orders(&made);
	assert_null(state_standing(&now, "flag"));
	state_done(&made.state);
}

static void nothing_open_is_left_behind(void **state)
{
	struct made_state made;

	reach(&made, IN_OPENING);
	assert_int_equal(state_put(&made, FRAME_INTENT, INTENT_BODY), 0);
	assert_int_equal(state_put(&made, FRAME_STAGE, STAGE_BODY("TARGET", "")), ERR_MALFORMED);
	assert_int_equal(
		state_put(&made, FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'unknown'}"), 0);
	assert_int_equal(state_put(&made, FRAME_STAGE, STAGE_BODY("TARGET", "")), 0);
	state_done(&made.state);
	/* Nor does a crossing begin beside an effect of which nobody knows what became. */
	reach(&made, IN_ARMED);
	assert_int_equal(state_put(&made, FRAME_INTENT, INTENT_BODY), 0);
	assert_int_equal(state_put(&made, FRAME_MOVE, MOVE_BODY), ERR_MALFORMED);
	assert_int_equal(
		state_put(&made, FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'not done'}"), 0);
	assert_int_equal(state_put(&made, FRAME_MOVE, MOVE_BODY), 0);
	state_done(&made.state);
}

/* Given up, and an effect of it is open: not at rest yet. */
static void nor_when_it_is_given_up(void **state)
{
	struct made_state made;

	reach(&made, IN_FENCING);
	assert_int_equal(
		state_put(&made, FRAME_RETURN, "{'family':'orders','attempt':$A,'epoch':$E1,'cause':'c'}"),
		0);
	assert_int_equal(state_put(&made, FRAME_STAGE, STAGE_BODY("OBSERVING", ",'arrived':true")),
			 ERR_MALFORMED);
	assert_int_equal(
		state_put(&made, FRAME_OUTCOME, "{'family':'orders','intent':$I,'result':'not done'}"), 0);
	assert_int_equal(state_put(&made, FRAME_STAGE, STAGE_BODY("OBSERVING", ",'arrived':true")), 0);
	assert_int_equal(orders(&made).authority, AUTHORITY_SOURCE);
	assert_int_equal(orders(&made).epoch, 3);
	state_done(&made.state);
}

/* A decision, ARMED, and their verdict: open, under this epoch, and fresh in the very frame. */
static void a_verdict_that_is_not_open_and_fresh(void **state)
{
	static const char *const verdicts[] = {
		"{'family':'orders','verdict':'shut','gates':{'compatibility':'shut','parity':'open','"
		"progress':'open',"
		"'rollback':'open','capacity':'open','operations':'open'},'authority':$E,'input':'$H',"
		"'valid_until':1700000060000}",
		"{'family':'orders','verdict':'unknown','gates':{'compatibility':'unknown','parity':'open','"
		"progress':"
		"'open','rollback':'open','capacity':'open','operations':'open'},'authority':$E,'input':'$H',"
		"'valid_until':1700000060000}",
		"{'family':'orders','verdict':'open','gates':{'compatibility':'open','parity':'open','"
		"progress':'open',"
		"'rollback':'open','capacity':'open','operations':'open'},'authority':$E,'input':'$H',"
		"'valid_until':1699999999999}",
		VERDICT_OPEN_BODY,
	};

	for (int i = 0; i < 4; i++) {
		struct made_state made;

		reach(&made, IN_OBSERVING);
		assert_int_equal(state_put(&made, FRAME_VERDICT, verdicts[i]), 0);
		assert_int_equal(state_put(&made, FRAME_STAGE, STAGE_BODY("ARMED", ",'verdict':'$V'")),
				 i == 3 ? 0 : ERR_MALFORMED);
		state_done(&made.state);
		reach(&made, IN_LEVEL_PROVED);
		assert_int_equal(state_put(&made, FRAME_VERDICT, verdicts[i]), 0);
		assert_int_equal(state_put(&made, FRAME_DECISION, DECISION_BODY), i == 3 ? 0 : ERR_MALFORMED);
		state_done(&made.state);
	}
}

/* ---- snapshots ---- */

static void a_snapshot_is_the_state(void **state)
{
	for (int where = 0; where < SITUATIONS; where++) {
		struct made_state made;
		struct state other;
		struct buffer bytes, bent;
		struct frame frame = { .kind = FRAME_SNAPSHOT };
		char hash[SHA256_TEXT_SIZE], body[100];

		reach(&made, (enum situation)where);
		buffer_init(&bytes, STATE_SIZE_MAX);
		buffer_init(&bent, STATE_SIZE_MAX);
		assert_int_equal(state_write(&made.state, &bytes), 0);
		snprintf(body, sizeof body, "{\"state\":\"%s\"}", sha256_text(hash_of(&made), hash));
		assert_int_equal(state_put_bytes(&made, FRAME_SNAPSHOT, view_text(body)), 0);
		frame.sequence = made.state.sequence;
		frame.hash = made.state.head;
		frame.body = view_text(body);
		assert_int_equal(state_init(&other), 0);
		assert_int_equal(state_restore(&other, &frame, buffer_bytes(&bytes), NULL), 0);
		assert_int_equal(other.sequence, made.state.sequence);
		assert_true(sha256_equal(other.head, made.state.head));
		assert_true(json_equal(other.root, made.state.root));
		/* Other bytes than it names, and another kind of frame. */
		buffer_view(&bent, buffer_bytes(&bytes));
		bent.at[bent.size / 2] ^= 1;
		assert_int_equal(state_restore(&other, &frame, buffer_bytes(&bent), NULL), ERR_MALFORMED);
		frame.kind = FRAME_NOTE;
		assert_int_equal(state_restore(&other, &frame, buffer_bytes(&bytes), NULL), ERR_MALFORMED);
		assert_int_equal(other.sequence, made.state.sequence);
		state_done(&other);
		buffer_done(&bent);
		buffer_done(&bytes);
		state_done(&made.state);
	}
}

/* Why nothing can be seen, and since when, until somebody has seen again. */
static void a_look_that_fails_is_kept_until_one_succeeds(void **state)
{
	const char *body = "{'family':'orders','look':'failed','text':'the target is away'}";
	const json_t *unseen;
	struct made_state made;
	struct standing now;

	(void)state;
	reach(&made, IN_ARMED);
	made.wall_ms = STATE_MADE_MS + 1000;
	assert_int_equal(state_put(&made, FRAME_NOTE, body), 0);
	made.wall_ms = STATE_MADE_MS + 5000;
	assert_int_equal(state_put(&made, FRAME_NOTE, body), 0);
	assert_true(state_family(&made.state, "orders", &now));
	unseen = json_object_get(now.json, "unseen");
	assert_string_equal(body_text(unseen, "text"), "the target is away");
	assert_int_equal(body_number(unseen, "since"), STATE_MADE_MS + 1000);
	assert_int_equal(body_number(unseen, "wall"), STATE_MADE_MS + 5000);
	assert_int_equal(state_put(&made, FRAME_VERDICT, VERDICT_OPEN_BODY), 0);
	assert_true(state_family(&made.state, "orders", &now));
	assert_null(json_object_get(now.json, "unseen"));
	state_done(&made.state);
}

/* Frozen for longer than any deadline, and then let go back: it has the time of a crossing, from that frame on. */
static void a_freeze_that_goes_on_has_a_deadline_of_its_own(void **state)
{
	struct made_state made;
	struct standing now;

	(void)state;
	reach(&made, IN_TARGET);
	assert_int_equal(state_put(&made, FRAME_MOVE,
				   "{'family':'orders','attempt':$A1,'to':'source','act':0,'overlay':'HELD','"
				   "cause':'a leak'}"),
			 0);
	assert_int_equal(
		state_put(&made, FRAME_STAGE,
			  STAGE_BODY("FENCING", ",'overlay':'HELD','epoch':$E1,'deadline':1700000010000")),
		0);
	/* What is said of the fence meanwhile changes nothing of it. */
	assert_int_equal(
		state_put(&made, FRAME_STAGE, STAGE_BODY("FENCING", ",'overlay':'HELD','deadline':1")), 0);
	assert_true(state_family(&made.state, "orders", &now));
	assert_int_equal(now.deadline_ms, 1700000010000);
	assert_int_equal(state_put(&made, FRAME_STAGE, STAGE_BODY("FENCING", ",'deadline':1700900000000")),
			 0);
	assert_true(state_family(&made.state, "orders", &now));
	assert_int_equal(now.overlay, OVERLAY_NONE);
	assert_int_equal(now.deadline_ms, 1700900000000);
	state_done(&made.state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_in_each_situation),
		cmocka_unit_test(bodies_that_no_version_writes),
		cmocka_unit_test(bodies_in_another_form),
		cmocka_unit_test(only_behind_the_last_frame),
		cmocka_unit_test(only_under_the_lease_that_is_held),
		cmocka_unit_test(what_each_situation_comes_to),
		cmocka_unit_test(what_we_touched_is_ours_to_set_back),
		cmocka_unit_test(an_unknown_outcome_may_be_established),
		cmocka_unit_test(nothing_open_is_left_behind),
		cmocka_unit_test(nor_when_it_is_given_up),
		cmocka_unit_test(a_verdict_that_is_not_open_and_fresh),
		cmocka_unit_test(a_look_that_fails_is_kept_until_one_succeeds),
		cmocka_unit_test(a_freeze_that_goes_on_has_a_deadline_of_its_own),
		cmocka_unit_test(a_snapshot_is_the_state),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}

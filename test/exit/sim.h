/*
 * sim.h - a world in which a crossing can be played: two clusters, a shop that writes, groups that read, levers, a disk,
 * owners, one or two controllers, and time; all of it from one seed.
 *
 * The controllers run the production journal, state and mover.  Their calls block, and while they block simulated time
 * passes and everybody else acts: an append, a look, a set.  A crash is a call from which on every call of that
 * controller fails with ERR_CANCELLED; its memory is then dropped and another one begins from the disk.  A controller
 * that is paused lies inside such a call while the other one runs.
 *
 * Times are simulated ms since the run began.  A side is 0 (source) or 1 (target).
 */
#ifndef SIM_H
#define SIM_H

#include "base/random.h"
#include "exit/mover.h"

#define SIM_PARTITIONS  2
#define SIM_BROKERS     3
#define SIM_IDS_MAX     60000
#define SIM_EVENTS_MAX  4096
#define SIM_LEVERS      16
#define SIM_FRAMES_MAX  20000
#define SIM_CONTROLLERS 2
#define SIM_LABEL_SIZE  100
#define SIM_NOW_MAX     (8 * 3600000) /* no run takes as long */

enum { SIM_SOURCE, SIM_TARGET, SIM_SIDES, SIM_HOLD = SIM_SIDES };

/* Ways in which the world can be worse than any that we may meet: each must be caught. */
enum sim_mutant {
	MUTANT_NONE,
	MUTANT_DRAINED_LIES, /* "drained" whatever is on its way */
	MUTANT_LEVEL_LIES,   /* level whatever is missing */
	MUTANT_LEVER_LIES,   /* observed as asked for, and never done */
	MUTANT_CANARY_LIES,  /* denied, whatever a leader does, and an ACL is seen before a broker has learnt it */
	MUTANT_UNDO_WIDE,    /* an ACL that is set back deletes what was not ours */
	MUTANT_LEVERS_DEAF,  /* older epochs are obeyed, and answers come late */
	MUTANT_DISK_FORKS,   /* a lease that was lost still writes, and so does who has not read the last frame */
	MUTANT_LOOK_LIES,    /* settled, and ends that are long past */
	MUTANT_COUNT,
};

/* What runs: the same for every run of a seed. */
struct sim_options {
	uint64_t seed;
	bool trace;
	enum sim_mutant mutant;
	bool calm;               /* no faults but the crash that is asked for */
	int pattern;             /* of the family, when calm */
	const char *story;       /* when calm: "forward", "back", "abort", "retire" */
	uint64_t crash_at;       /* the point at which the controller dies; 0: at none */
	char *crash_label;       /* what it was: "before frame INTENT"; SIM_LABEL_SIZE bytes */
	uint64_t lose_at;        /* the order to a lever that gets lost on its way, and is no other; 0: none */
	bool lose_answer;        /* it arrives, and the answer to it gets lost */
	char *lost_label;        /* what it was: "acl:source to ''"; SIM_LABEL_SIZE bytes */
	char *end;               /* where it came to rest before anybody helped; 40 bytes */
};

struct sim;

struct sim_log {
	int *ids;
	int end, high; /* log end, high watermark */
	int leader, epoch;
	int open; /* transactions */
};

struct sim_side {
	struct sim_log logs[SIM_PARTITIONS];
	unsigned deny;               /* as the cluster has it: SIM_DENY_* */
	unsigned known[SIM_BROKERS]; /* as each broker has learnt it */
	int64_t learnt[SIM_BROKERS]; /* so that nothing older is learnt after */
	int tx_epoch;
	int kept, limit; /* a config and a quota; 0: none of its own */
};

#define SIM_DENY_OTHERS 1u /* somebody else's, there before us */
#define SIM_DENY_OURS   2u

/* One instance of the shop; it owns one partition and has one write under way. */
struct sim_instance {
	int mode; /* a side, or SIM_HOLD */
	uint64_t epoch;
	int64_t asleep_until;
	int id, side; /* under way: the record, and who was authoritative when it began */
	bool busy, sent[SIM_SIDES], acked[SIM_SIDES];
	int64_t begun;
};

/*
 * What a flag, a bootstrap address or a group's application stands at.  A flag or an address stands in each instance of the
 * shop: one that was down when a word came stands elsewhere until it hears it again.
 */
struct sim_told {
	int value; /* a side, or SIM_HOLD: what the last word that landed anywhere was */
	uint64_t epoch;
	int values[SIM_PARTITIONS];
	uint64_t epochs[SIM_PARTITIONS];
	int64_t silent_until;
	bool stubborn; /* a group that does not stop */
};

struct sim_event {
	int64_t at;
	uint64_t order;
	void (*fire)(struct sim *sim, int64_t a, int64_t b);
	int64_t a, b;
};

struct sim_controller {
	struct world world; /* first */
	struct sim *sim;
	int index, incarnation;
	bool dead, paused, planned;
	int64_t restart_at, judge_at;
	struct clock clock;
	struct journal *journal;
	struct sim_lever *levers[SIM_LEVERS];
	char holder[40];
};

/* What an onlooker knows who reads the frames as they become durable, and trusts nobody. */
struct sim_onlooker {
	int owner; /* by the last DECISION */
	bool crossing, returning, reverts, quiet, level, fenced;
	int to;
	uint64_t attempt;
	struct sha256 verdict;
	bool verdict_open;
	int64_t verdict_until;
	uint64_t decisions;
	int held;        /* how often the owner of the abort has said so */
	bool gave_up;    /* the last crossing, at `moved_at` */
	int64_t moved_at, past_moved_at; /* the latter: of the first one that was given up; 0 for none */
	char effect[80]; /* "effect fence": of the last INTENT */
	char before[SIM_LEVERS][80]; /* where each lever stood when the crossing began */
	char wanted[SIM_LEVERS][80]; /* where it should stand by the journal */
};

struct sim {
	struct sim_options options;
	struct random chance;
	int64_t now;
	int64_t wall_offset, jumped_at; /* of the wall clock; when it jumped last */
	int64_t faults_until; /* after it the world is kind */
	uint64_t order, point, orders;
	struct sim_event events[SIM_EVENTS_MAX];
	int event_count;
	bool broken; /* a promise was: time stands still for everybody, and every call fails */
	char why[1500];
	uint64_t hash; /* of all that happened, to show that a replay is one */

	/* the world as this seed has it */
	struct plan *plan;
	char *plan_text;
	const struct plan_family *family;
	bool dual, flag, flag_drained, acl, bootstrap, bootstrap_hold, transactional, guarded, parallel,
		group_lever, group_placed, same_host, config, quota;
	int crash_ppm, lost_ppm, slow_ppm, pause_ppm, disk_ppm; /* chances a call */
	int controllers;
	bool takes_turns; /* as `run` does, and a verb does not */

	struct sim_side sides[SIM_SIDES];
	struct sim_instance instances[SIM_PARTITIONS];
	struct sim_told told[3]; /* flag, bootstrap, group */
	int id_count;
	int *at[SIM_SIDES];     /* where a record stands in its log; -1: it does not */
	int8_t *authority_of;   /* who was authoritative when it was written */
	bool *acked;            /* by that side */
	int64_t *acked_at;
	int64_t *read_at; /* processed by the group; 0: never */
	int positions[SIM_SIDES][SIM_PARTITIONS];
	int copied[SIM_SIDES][SIM_PARTITIONS]; /* how far the copier has come, each way */
	bool copier_stopped;
	bool wedged; /* clusters answer, and take no change */
	bool steady; /* in a call that nobody is paused in */
	int64_t publish_back_at, full_until, gate_back_at;
	int reserved; /* frames that go in though the disk is full */
	int gate, gate_verdict; /* a gate that is not open, until gate_back_at */
	struct journal *owners; /* as owners hold it: read on, and never from the start again */

	/* the disk */
	struct {
		uint8_t *at;
		size_t size;
	} frames[SIM_FRAMES_MAX];
	int frame_count;
	struct journal_head head;
	struct journal_lease lease;
	struct {
		struct sha256 hash;
		struct buffer bytes;
	} blobs[64];
	int blob_count;

	struct sim_controller all[SIM_CONTROLLERS];
	int depth; /* of controllers that are paused */
	char lies[SIM_LEVERS][80]; /* of a mutant */
	int64_t lies_until;
	int lie_ends[SIM_SIDES][SIM_PARTITIONS];
	struct sim_onlooker onlooker;
};

/* ---- sim_core.c ---- */

bool sim_chance(struct sim *sim, int ppm); /* a fault: never when the world is kind */
int sim_below(struct sim *sim, int limit); /* 0 to limit - 1 */
void sim_at(struct sim *sim, int64_t in_ms, void (*fire)(struct sim *, int64_t, int64_t), int64_t a, int64_t b);
void sim_pass(struct sim *sim, int64_t ms);
void sim_trace(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A call of a controller: a place where it may die or be paused.  0 or ERR_CANCELLED. */
int sim_call(struct sim_controller *k, const char *what, const char *more);

/* The same around what changes the world or the journal: in a calm run each of these can be asked to be the last. */
int sim_point(struct sim_controller *k, const char *point, const char *what);

/* ---- sim_disk.c ---- */

/* A store upon the simulated disk; `k` NULL: an owner's, whom nothing befalls. */
struct journal_store *sim_store(struct sim *sim, struct sim_controller *k);

/* ---- sim_shop.c ---- */

void sim_shop_begin(struct sim *sim);
bool sim_shop_drained(struct sim *sim, uint64_t epoch);
bool sim_has(const struct sim *sim, int side, int id); /* and it is committed there */
void sim_deny(struct sim *sim, int side, unsigned deny);

/* ---- sim_lever.c ---- */

struct sim_lever *sim_lever_new(struct sim_controller *k, int index); /* NULL past the last, or not in this plan */
struct lever *sim_lever_of(struct sim_lever *lever);
const char *sim_lever_name(int index);
bool sim_lever_in_plan(const struct sim *sim, int index);
void sim_lever_stands(struct sim *sim, int index, char value[80]);

/* ---- sim_world.c ---- */

extern const struct world_ops sim_world_ops;

/* ---- sim_check.c ---- */

void sim_saw(struct sim *sim, struct view bytes);
void sim_committed(struct sim *sim, int side, int id); /* the high watermark passed it */
void sim_check_rest(struct sim *sim);
void sim_frame_label(struct view bytes, char *out, size_t size); /* "frame INTENT", "stage QUIET" */
void sim_check_replay(struct sim *sim);
void sim_check_audit(struct sim *sim);

/* ---- sim_points.c ---- */

int sim_points(void);

/* ---- sim_run.c ---- */

void sim_controller_until(struct sim_controller *k, int64_t until);

void sim_ask_for(struct sim *sim, const char *act); /* an owner */

/* 0, or 1 with `why` (1,500 bytes) and the seed's hash. */
int sim_run(const struct sim_options *options, char *why, uint64_t *hash);

#endif

/*
 * plan.h - what exit.yaml says, checked: one exit, its two clusters, its classes and its families.
 *
 * The file is the contract between the people who move an exit and the program that carries it out, so it is refused
 * whole when anything in it is wrong, with every fault named by line and column (plan_fault.h).  What keys there are,
 * their units and defaults is one table (plan_keys.h).
 *
 * What a class leaves out has the strict default:
 *
 *	parity      claim key-order, duplicates 0, age 1m, settle 5s, late 60s, records 1 (fewest compared in a family),
 *	            behind 10000 (offsets a partition may have grown since)
 *	progress    skipped 0, reread 0, age 1m
 *	compatibility  age 10m
 *	rollback    keep 24h, drill 7d, return required
 *	capacity    headroom 30%, replay 15m, dual-run 14d, cost-per-day: none is safe, so one must be named, or `none`
 *	operations  on-call required, runbook required, dashboards required, alerts 30d, no freezes
 *	pause 2s, deadline 30s, observe 2h, observe-records 1, observe-bytes 0, observe-keys 0; a stop condition that trips: hold
 *
 * `none` says that a thing is not wanted; it is then shown as *not asked for*.  The built-in class `rehearsal` wants no
 * drill and return, no headroom, replay, dual-run and cost limit, no on-call, runbook, dashboards and alerts, and marks all output
 * as a rehearsal; so does a class that is `like` it.
 */
#ifndef EXIT_PLAN_H
#define EXIT_PLAN_H

#include "base/arena.h"
#include "base/err.h"
#include "exit/plan_fault.h"
#include "exit/sha256.h"
#include "exit/verdict.h"

#define PLAN_SIZE_MAX       (1024 * 1024)
#define PLAN_FAMILIES_MAX   1000
#define PLAN_LIST_COUNT_MAX 10000
#define PLAN_OBSERVE_KEYS_MAX 1000000 /* they are counted one by one */

/* How a family's target gets its records. */
enum plan_pattern {
	PLAN_PATTERN_DUAL_WRITE,
	PLAN_PATTERN_BRIDGE,
	PLAN_PATTERN_PROXY,
	PLAN_PATTERN_STOP_AND_SWITCH,
};

/* Claims of parity, weakest first; `latest` stands aside. */
enum plan_claim {
	PLAN_CLAIM_COUNTS,
	PLAN_CLAIM_CONTENT,
	PLAN_CLAIM_KEY_ORDER,
	PLAN_CLAIM_PARTITION_ORDER,
	PLAN_CLAIM_OFFSETS,
	PLAN_CLAIM_LATEST,
};

enum plan_action { PLAN_ACTION_HOLD, PLAN_ACTION_FREEZE, PLAN_ACTION_REVERT };

enum plan_order { PLAN_ORDER_CONSUMERS, PLAN_ORDER_PRODUCERS };

/* Their words in the plan; each ends with NULL. */
extern const char *const plan_pattern_words[], *const plan_claim_words[], *const plan_action_words[],
										  *const plan_order_words[];

/* A word or text, and where it stands.  `text.at` NULL: not given. */
struct plan_text {
	struct view text;
	struct mark at;
};

/* A number in its canonical unit: ms, bytes, bytes/s, permille, millionths, a count, an enum, 0 or 1 for no and yes. */
struct plan_number {
	bool given; /* by the plan, a class that it is like, or a default */
	bool none;  /* not asked for */
	bool by_default;
	int64_t value;
	struct view unit; /* of money: "EUR" */
	struct mark at;
};

struct plan_names {
	struct plan_text *at;
	int count;
	bool given; /* an empty list, or `none`, is given too */
	struct mark mark;
};

/* `orders`, `orders=orders.v2`, or a glob over the source's topics. */
struct plan_topic {
	struct view source, target; /* of a glob both are the pattern */
	bool glob;
	struct mark at;
};

struct plan_topics {
	struct plan_topic *at;
	int count;
	bool given;
	struct mark mark;
};

/* A command (run without a shell) or an HTTP address. */
struct plan_exec {
	bool given;
	struct view url; /* VIEW_NULL: a command */
	struct view *words;
	int word_count;
	struct mark at;
};

struct plan_pair {
	struct plan_text name, value;
};

struct plan_pairs {
	struct plan_pair *at;
	int count;
};

/* A change freeze: weekly, in minutes from Monday 00:00, or from one date to another (both included). */
struct plan_freeze {
	bool weekly;
	int from_minute, to_minute;
	struct view from_date, to_date; /* "2026-12-24" */
	struct view zone;               /* "Europe/Berlin" */
	struct mark at;
};

struct plan_freezes {
	struct plan_freeze *at;
	int count;
	bool given;
};

/* The first member of everything that is a mapping in the file. */
struct plan_head {
	struct mark at;
	bool given;
	bool none;        /* the word `none` stands there */
	struct view name; /* its key, where keys are names: classes, groups under levers */
};

/* The limits of a class. */
enum plan_limit {
	LIMIT_PARITY_CLAIM,
	LIMIT_PARITY_DUPLICATES,
	LIMIT_PARITY_AGE,
	LIMIT_PARITY_SETTLE,
	LIMIT_PARITY_LATE,
	LIMIT_PARITY_RECORDS,
	LIMIT_PARITY_BEHIND,
	LIMIT_PROGRESS_SKIPPED,
	LIMIT_PROGRESS_REREAD,
	LIMIT_PROGRESS_AGE,
	LIMIT_COMPATIBILITY_AGE,
	LIMIT_ROLLBACK_KEEP,
	LIMIT_ROLLBACK_DRILL,
	LIMIT_ROLLBACK_RETURN,
	LIMIT_CAPACITY_HEADROOM,
	LIMIT_CAPACITY_REPLAY,
	LIMIT_CAPACITY_DUAL_RUN,
	LIMIT_CAPACITY_COST_PER_DAY,
	LIMIT_OPERATIONS_ON_CALL,
	LIMIT_OPERATIONS_RUNBOOK,
	LIMIT_OPERATIONS_DASHBOARDS,
	LIMIT_OPERATIONS_ALERTS,
	LIMIT_PAUSE,
	LIMIT_DEADLINE,
	LIMIT_OBSERVE,
	LIMIT_OBSERVE_RECORDS,
	LIMIT_OBSERVE_BYTES,
	LIMIT_OBSERVE_KEYS,
	LIMIT_STOP_COMPATIBILITY, /* enum plan_action, in the order of enum gate */
	LIMIT_STOP_PARITY,
	LIMIT_STOP_PROGRESS,
	LIMIT_STOP_ROLLBACK,
	LIMIT_STOP_CAPACITY,
	LIMIT_STOP_OPERATIONS,
	LIMIT_COUNT,
};

struct plan_class {
	struct plan_head head;
	struct plan_text like;
	struct plan_number limits[LIMIT_COUNT];
	struct plan_freezes freezes;
	bool rehearsal; /* it is `rehearsal`, or like it */
	bool built_in;
	int visit; /* while `like` is followed */
};

struct plan_lever {
	struct plan_head head;
	struct plan_exec get, set, drained;
	struct plan_number timeout_ms;
};

struct plan_levers {
	struct plan_head head;
	struct plan_lever flag, bootstrap;
	struct plan_lever *groups;
	int group_count;
	struct plan_number acl;         /* yes or no */
	struct plan_number quota;       /* bytes a second of each producer at each broker; 0: none */
	struct plan_pairs topic_config; /* from a config to the least that it shall be */
	struct plan_names transactional_ids;
};

struct plan_match {
	struct plan_head head;
	struct plan_text identity; /* "content", "header:NAME", "key+header:NAME" */
	struct plan_names ignore_headers;
	struct plan_number ignore_timestamp;
};

struct plan_owners {
	struct plan_head head;
	struct plan_text decision, on_call, source, target;
};

/* A probe of the operator's: of a counter, a dashboard, an alert, an outside position, a scaffold item. */
struct plan_probe {
	struct plan_head head;
	struct plan_text name, control, owner;
	struct plan_text flink, connect, streams; /* of `outside`: what keeps the position */
	struct plan_exec probe, source, target, checkpoint, fire, used, remove, restore;
	struct plan_number tolerance, timeout_ms;
};

struct plan_probes {
	struct plan_probe *at;
	int count;
};

struct plan_drill {
	struct plan_head head;
	struct plan_number rate, size, duration_ms;
};

struct plan_return {
	struct plan_head head;
	struct plan_text filled_by, control;
	struct plan_exec probe;
	struct plan_number timeout_ms;
};

/* Who is called when a family is HELD or UNKNOWN for too long. */
struct plan_page {
	struct plan_head head;
	struct plan_exec call;
	struct plan_number after_ms, again_ms, timeout_ms;
};

struct plan_family {
	struct plan_head head;
	struct plan_text name, class_name;
	struct plan_class *class; /* after checking */
	struct plan_number pattern, order;
	struct plan_topics topics;
	struct plan_names groups, producers, after;
	struct plan_owners owners;
	struct plan_levers levers;
	struct plan_match match;
	struct plan_probes outside, counters, scaffold, dashboards, alerts, regimes;
	struct plan_drill drill;
	struct plan_return back;
	struct plan_page page;
	int visit;
};

/* What a cluster can take: all its brokers together. */
struct plan_room {
	struct plan_head head;
	struct plan_number write, read, disk, brokers; /* bytes/s from producers, to consumers; bytes; a count */
};

/* What a cluster costs. */
struct plan_price {
	struct plan_head head;
	struct plan_number broker_day, gb_month,
		transfer_gb; /* money; a GB has 10^9 bytes, a month 30 days */
};

struct plan {
	struct plan_head head;
	struct arena arena;
	const char *folder; /* of the file, "" or ending in '/': paths are relative to it */
	struct sha256 hash; /* of what it says; comments, order of keys and layout do not matter */
	struct plan_text exit, source, target, state;
	struct {
		struct plan_head head;
		struct plan_text topic, file, url;
	} checkpoints;
	struct {
		struct plan_head head;
		struct plan_text source, target;
	} registries;
	struct {
		struct plan_head head;
		struct plan_number required, seal_owners;
		struct plan_pairs keys;
	} signing;
	struct {
		struct plan_head head;
		struct plan_number rate, memory, every_ms;
	} reading;
	struct {
		struct plan_head head;
		struct plan_room source, target;
	} limits;
	struct {
		struct plan_head head;
		struct plan_price source, target;
	} prices;
	struct plan_pairs env;
	struct plan_class *classes; /* as written, then the built-in ones */
	int class_count;
	struct plan_family *families;
	int family_count;
};

/*
 * Parses and checks `text`.  0 and a plan, or ERR_CONFIG with at least one fault in `faults` (in the order of the
 * file), or ERR_MEMORY.  `folder` as in struct plan, copied.
 */
int plan_parse(struct view text, const char *folder, struct plan_faults *faults, struct plan **out);

/* The same for a file.  A file that cannot be read is ERR_CONFIG with a fault without a place. */
int plan_load(const char *file, struct plan_faults *faults, struct plan **out);

void plan_free(struct plan *plan); /* NULL is silent */

/* NULL when there is none of that name. */
const struct plan_family *plan_family(const struct plan *plan, struct view name);

/*
 * How often a controller looks at the family: as `reading.every` says, and a third of what the class lets evidence grow old,
 * so that a verdict outlives the next look, long as that may take.
 */
int64_t plan_every_ms(const struct plan *plan, const struct plan_family *family);

/* A path of the plan as this process must open it, in the arena; NULL when memory is out. */
const char *plan_path(const struct plan *plan, struct view path, struct arena *arena);

/* The topic on both clusters that checkpoints go to, from the arena; NULL: the plan names other holders and no topic. */
const char *plan_checkpoint_topic(const struct plan *plan, struct arena *arena);

/* True when a cluster is given as a property file and not as host:port[,host:port...]. */
bool plan_is_properties(struct view cluster);

/*
 * Holds the plan against what was found: topics and groups that the source does not have, families that meet through a
 * pattern.  Adds faults; returns how many.  What the target lacks is no fault of the plan, and is for a gate to say.
 */
struct facts;
int plan_check_against(const struct plan *plan, const struct facts *facts, struct plan_faults *faults);

#endif

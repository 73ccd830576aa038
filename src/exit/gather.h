/*
 * gather.h - turning facts into evidence: what all collectors share.
 *
 * A collector begins a draft for a claim and a subject, adds values, positions, remarks and a line for people, and ends
 * it; ending seals it and appends it to the log.  The first failure sticks in the draft and comes back from the end.
 */
#ifndef EXIT_GATHER_H
#define EXIT_GATHER_H

#include "base/clock.h"
#include "exit/evidence_log.h"
#include "exit/facts.h"
#include "exit/plan.h"
#include "exit/seen.h"

/* A topic of the family, its pattern resolved; `source` is its name on the side that is the reference. */
struct gather_topic {
	struct view source, target;
};

/* What collectors gather for: one family. */
struct gathering {
	struct arena *arena; /* behind all evidence */
	const struct clock *clock;
	uint8_t boot[16];
	const struct plan *plan;
	const struct plan_family *family;
	const struct facts *facts; /* by role: SIDE_SOURCE is the side that is the reference */
	const struct facts *world; /* by name: SIDE_SOURCE is the source */
	bool mirrored;             /* the target is the reference, and the source is held against it */
	struct evidence_log *log;
	struct epochs epochs;
	struct gather_topic *topics;
	int topic_count;
	struct view *principals; /* whose rights are looked at */
	int principal_count;
	bool principals_known;         /* false: nobody can say whose rights matter */
	struct seen *seen[SIDE_COUNT]; /* of the records sampled, one a topic; NULL: not sampled */
};

struct moment gathering_now(const struct gathering *g);

/* "source" or "target": which cluster plays the role of `side`. */
const char *gathering_side(const struct gathering *g, enum side side);

/* Resolves the family's topics and principals from the facts.  0 or ERR_MEMORY. */
int gathering_resolve(struct gathering *g);

#define DRAFT_LIST_MAX 100 /* remarks and values */

struct draft {
	struct gathering *g;
	struct evidence item;
	struct evidence_value values[DRAFT_LIST_MAX];
	struct evidence_remark excluded[DRAFT_LIST_MAX], normalisers[DRAFT_LIST_MAX];
	int position_capacity;
	struct buffer text;
	bool of_facts, of_world, dated;
	bool full; /* of words */
	int err;
};

/* `subject` VIEW_NULL: the family.  Status is ok and coverage and samples are one of one until said otherwise. */
void draft_begin(struct draft *d, struct gathering *g, const char *claim, struct view subject,
		 const char *method);
/* For what was read out of the facts: measured when they were, not now. */
void draft_of_facts(struct draft *d);

/* For what the journal tells of: measured then, not now; of that moment only the wall time is known. */
void draft_of_then(struct draft *d, int64_t wall_ms);

/* Speaks of the clusters by name and not by role: nothing changes places, neither words nor sides. */
void draft_of_world(struct draft *d);

void draft_value(struct draft *d, const char *name, const char *unit, int64_t number);
/* `side` of the position is a role; in the item it is the cluster. */
void draft_position(struct draft *d, const struct position *position);

/* What was left out, and why: the item is then partial.  Past DRAFT_LIST_MAX they are counted in the last one. */
void draft_exclude(struct draft *d, const char *what, const char *why, ...)
	__attribute__((format(printf, 3, 4)));
void draft_normaliser(struct draft *d, const char *what, uint64_t count);

/*
 * Both take sentences that speak of the reference as the source: in a mirrored gathering the words of `format`, not of
 * what is put into it, change places.
 */
/* Adds to the line for people; parts are set apart with a semicolon.  A long line is cut. */
void draft_say(struct draft *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Seals, appends to the log, gives everything back.  0, ERR_MEMORY, ERR_LIMIT, ERR_MALFORMED (a bug of ours). */
int draft_end(struct draft *d, struct fault *fault);

/* The collectors.  Each adds its items to the log; 0, or an error after which the check cannot go on. */
int gather_compatibility(struct gathering *g, struct fault *fault);

#endif

/*
 * world.h - what a crossing needs of the world, as one struct of functions: the levers, a look at logs, a proof of being
 * level, a judgement, somebody who holds a checkpoint, and time.
 *
 * The controller's is real clusters; the simulator's is a seed.  Calls block, at the top level, no longer than their
 * time-out.  ERR_CANCELLED from any of them: we were asked to end; nothing more is done, and the journal says where to
 * go on.
 */
#ifndef EXIT_WORLD_H
#define EXIT_WORLD_H

#include <jansson.h>

#include "exit/lever.h"
#include "exit/plan.h"
#include "exit/sha256.h"
#include "exit/stage.h"

/* One look at the logs of the family's topics on one side. */
struct look {
	json_t *ends; /* [[topic, partition, end offset, leader epoch], ...] in order; the caller's to release */
	bool settled;          /* last stable offset = high watermark = log end, everywhere */
	int open_transactions; /* -1: cannot be told */
	char text[300];        /* what is not settled, for people */
};

/* How the leaders answered a write that writes nothing. */
struct canaries {
	int denied, allowed, unknown;
	char text[300];
};

/* Whether the other side holds everything up to the ends. */
enum level_answer { LEVEL_UNKNOWN, LEVEL_YES, LEVEL_BEHIND, LEVEL_DIFFERENT };

struct level {
	enum level_answer answer;
	uint64_t records, matched, pending; /* since the family was first read; `pending` of both sides */
	char claim[32];                     /* the level that was proved: "key-order" */
	char text[400];
};

/* What preflight found. */
struct forecast {
	bool may;         /* nothing speaks against it */
	int64_t pause_ms; /* predicted */
	bool behind;      /* all that speaks against it is that the other side has not caught up */
	bool acl_binds;   /* a deny would hold the family's principals, and a canary would show it */
	char text[500];   /* why not; or what the prediction rests on */
};

struct world;
struct drill_count;

/*
 * The stage of a drill: a shadow of a family, with a topic of its own on both sides, a load that writes to both, and a flag
 * (a lever of the shadow, by that name) which the load obeys.  `family` is the one that is rehearsed; `shadow` is a family
 * of one topic and one group, and holds until it is forgotten.
 */
struct world_drill_ops {
	/* Makes the shadow's topic on one side, after the family's first one, and waits until it can be written. */
	int (*make)(struct world *world, const struct plan_family *family, const struct plan_family *shadow,
		    enum authority side, struct fault *fault);
	/* The load begins as the family's `drill` says, on the source. */
	int (*begin)(struct world *world, const struct plan_family *family, const struct plan_family *shadow,
		     struct fault *fault);
	/* The shadow's group stands, on that side, where the load is by now. */
	int (*place)(struct world *world, const struct plan_family *shadow, enum authority side,
		     struct fault *fault);
	/* No more is begun, and what is under way is waited for. */
	int (*end)(struct world *world, const struct plan_family *shadow, int64_t timeout_ms,
		   struct fault *fault);
	void (*count)(struct world *world, const struct plan_family *shadow, struct drill_count *out);
	/* Load, comparison and their file go. */
	void (*forget)(struct world *world, const struct plan_family *shadow);
	/* Takes a shadow's topic away, with its ACLs, and the group; looks until it is gone.  Also for what a crash left. */
	int (*strike)(struct world *world, enum authority side, const char *topic, const char *group,
		      struct fault *fault);
	/* Asks a lever of the family that the operator stands behind (lever_told_guard()).  1: it refuses the past; 0: not. */
	int (*guard)(struct world *world, const struct plan_family *family, const char *lever, uint64_t epoch,
		     struct fault *fault);
};

/* What is temporary around a family, and is no lever. */
struct world_scaffold_ops {
	/* An item of the plan's `scaffold`: is it there, does anybody use it?  1 yes, 0 no, ERR_*: it cannot be told. */
	int (*there)(struct world *world, const struct plan_family *family, const struct plan_probe *item,
		     uint64_t epoch, struct fault *fault);
	int (*used)(struct world *world, const struct plan_family *family, const struct plan_probe *item,
		    uint64_t epoch, struct fault *fault);
	/* Asks for it to go; whether it went, there() tells. */
	int (*remove)(struct world *world, const struct plan_family *family, const struct plan_probe *item,
		      uint64_t epoch, struct fault *fault);
	/* The first file, in order of name, in which comparisons of the family were kept.  1: `path`; 0: there is none. */
	int (*file)(struct world *world, const struct plan_family *family, char *path, size_t size,
		    struct fault *fault);
	int (*remove_file)(struct world *world, const char *path, struct fault *fault);
};

struct world_ops {
	/* The lever of that name (step.h); NULL when the plan has none such.  Belongs to the world. */
	struct lever *(*lever)(struct world *world, const struct plan_family *family, const char *name);

	int (*look)(struct world *world, const struct plan_family *family, enum authority side,
		    int64_t timeout_ms, struct look *out, struct fault *fault);
	int (*canary)(struct world *world, const struct plan_family *family, enum authority side,
		      int64_t timeout_ms, struct canaries *out, struct fault *fault);

	/*
	 * Gathers and judges, under the authority and epoch that `family_state` (a family of the state, state.h) has.
	 * Returns the body of a VERDICT frame without `family`, blobs already stored.
	 */
	int (*judge)(struct world *world, const struct plan_family *family, json_t *family_state,
		     json_t **body, struct fault *fault);

	/* Before a crossing to `to`: makes everything ready that takes time, and says what to expect. */
	int (*forecast)(struct world *world, const struct plan_family *family, enum authority to,
			int64_t timeout_ms, struct forecast *out, struct fault *fault);
	/* `ends` as in struct look, of the side that authority leaves. */
	int (*level)(struct world *world, const struct plan_family *family, enum authority to,
		     const json_t *ends, int64_t timeout_ms, struct level *out, struct fault *fault);
	/* The crossing has ended, either way: what forecast made ready is not needed any more. */
	void (*release)(struct world *world, const struct plan_family *family);

	/*
	 * Signs the root and gives it to everybody whom the plan names.  Returns how many hold it, with their names in
	 * `holders` (a list, the caller's) and the note in `note` (the caller's); ERR_* when nobody could be asked.
	 */
	int (*publish)(struct world *world, uint64_t size, struct sha256 head, int64_t timeout_ms,
		       json_t **note, json_t **holders, struct fault *fault);

	int (*pause)(struct world *world, int64_t ms);

	/* A line for whoever watches. */
	void (*tell)(struct world *world, const struct plan_family *family, const char *text);

	/*
	 * Whether anything but markers stands behind `ends` (as in struct look) of a side that is fenced.  Returns how many
	 * partitions leaked, and in `text` the first record with its writer, as far as brokers tell, and in
	 * `now` (the caller's) where the logs end by then.  May be NULL.
	 */
	int (*leak)(struct world *world, const struct plan_family *family, enum authority side,
		    const json_t *ends, int64_t timeout_ms, char *text, size_t size, json_t **now,
		    struct fault *fault);

	/*
	 * Calls somebody, as the family's `page` says; no cluster is needed for it.  0: whoever was asked to call says that he
	 * did.  May be NULL.
	 */
	int (*page)(struct world *world, const struct plan_family *family, uint64_t epoch, const char *text,
		    struct fault *fault);

	const struct world_drill_ops *drill;       /* NULL: none can be held here */
	const struct world_scaffold_ops *scaffold; /* NULL: nothing can be cleared up here */
};

struct world {
	const struct world_ops *ops;
	bool finishing; /* we were asked to end, and bring to an end what is under way: nothing more is cancelled by that */
};

#endif

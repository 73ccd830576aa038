/*
 * registry.h - do the schema ids found in records mean the same in both clusters' registries?
 *
 * Both clusters hold the same bytes, so an id in them must lead to the same schema on both sides: a reader that moves
 * to the target asks the target's registry.  Every id is looked up in both, what the schemas refer to as well, and
 * what came back is compared by its canonical form (schema_compare.h).
 *
 *	both have the same		open
 *	the target has none of that id	shut, SCHEMA_MISSING
 *	it has another one		shut, SCHEMA_DIFFERS
 *	the target's records carry an id that the target's registry does not have: the same
 *	anything that leaves doubt	unknown: a registry that is not named, not reached or no registry at all; an id
 *					that the source's own registry does not know; a text that nobody can compare
 *
 * Bytes that look like ids now and then, and that the source's registry does not know, are taken for what they are:
 * somebody else's bytes.  They are counted as noise.
 */
#ifndef EXIT_REGISTRY_H
#define EXIT_REGISTRY_H

#include "base/arena.h"
#include "client/config.h"
#include "exit/evidence.h"
#include "exit/schema_compare.h"
#include "exit/schema_id.h"
#include "exit/verdict.h"
#include "loop/loop.h"

/*
 * What one topic's records carry.  Where the target was looked at too, an id that only the source's records carry may
 * have another number on the target: a writer that feeds both clusters registers in each registry for itself.
 */
struct registry_topic {
	const char *topic;                          /* its name on the source */
	const struct schema_uses *uses[SIDE_COUNT]; /* that of the target may be NULL: not looked at */
};

struct registry_options {
	/* One address each instead of the property file's; it goes with the credentials there.  NULL: as it says. */
	const char *urls[SIDE_COUNT];
	struct schema_rules rules;
	int64_t timeout_ms;     /* for one request; 0: 10 s */
	int64_t whole_ms;       /* for everything; 0: two minutes */
	int at_once;            /* requests under way to one registry; 0: 8 */
	size_t schema_size_max; /* of one answer; 0: 4 MiB */
};

struct registry_found {
	bool found;
	enum schema_type type;
	struct sha256 print;
};

struct registry_finding {
	const char *topic;
	enum side side; /* whose records carry it; the source's where both do */
	enum schema_place place;
	struct schema_id id;
	int ids; /* 1; more where one sentence says it for all of a topic: `id` is then the first of them */
	uint64_t count;
	int32_t first_partition;
	int64_t first_offset;
	struct registry_found sides[SIDE_COUNT];
	enum verdict verdict;
	/*
	 * NULL when open; SCHEMA_MISSING, SCHEMA_DIFFERS; REGISTRY_UNREACHABLE, REGISTRY_NOT_NAMED, SCHEMA_UNRESOLVED,
	 * SCHEMA_UNREADABLE, SCHEMA_IDS_DROPPED.
	 */
	const char *code;
	const char *reason; /* one sentence, with what to do; NULL when open */
};

struct registry_report {
	struct registry_finding *at;
	int count;
	int open, shut, unknown; /* findings */
	int requests;
	uint64_t noise;     /* records whose bytes look like an id and are none */
	bool same_registry; /* both sides name the same address: it must outlive the source */
	bool none_declared; /* the source says schema.registry.url=none: nothing was asked */
};

/*
 * Asks and waits (never from a callback).  0 and a report, also when a registry did not answer, for then the report
 * says so; ERR_CANCELLED, ERR_MEMORY.  Everything in the report lives in `arena`.
 */
int registry_compare(struct loop *loop, const struct cluster_config *source,
		     const struct cluster_config *target, const struct registry_topic *topics,
		     int topic_count, const struct registry_options *options, struct arena *arena,
		     struct registry_report *report, struct fault *fault);

#endif

/*
 * boundary.h - how far, and until when, going back is clean.  Numbers in, numbers out; pure.
 *
 * Going back needs two things.  No record may exist on the target alone, or it is lost.  And what readers still have to
 * read on the side that they return to must not have been taken by retention.
 */
#ifndef EXIT_BOUNDARY_H
#define EXIT_BOUNDARY_H

#include "exit/evidence.h"

#define BOUNDARY_NOT_KNOWN (-1)
#define BOUNDARY_NO_END    INT64_MAX

/* One partition on one side, and the oldest record in it that is still needed for going back. */
struct boundary_log {
	enum side side;
	struct view topic;
	int32_t partition;
	int64_t start, end; /* of the log */
	int64_t needed;    /* offset of the oldest record that is needed; `end`: only what is still to come */
	int64_t needed_ms; /* wall time: it is not older than this */
	int64_t retention_ms;    /* BOUNDARY_NO_END: kept for ever; BOUNDARY_NOT_KNOWN */
	int64_t retention_bytes; /* the same */
	int64_t size_bytes;      /* of the whole log; BOUNDARY_NOT_KNOWN */
	int64_t bytes_per_s;     /* that it grows by; BOUNDARY_NOT_KNOWN */
};

struct boundary {
	int64_t target_only_records, target_only_bytes; /* BOUNDARY_NOT_KNOWN */
	int64_t clean_until_ms; /* wall time; BOUNDARY_NO_END; BOUNDARY_NOT_KNOWN; in the past: it is over */
	int groups_past;        /* groups that have read records which the source does not have */
	const struct boundary_log *first; /* the log that ends it first, or whose end is not known; NULL */
};

/*
 * `clean_until_ms` and `first`, from the logs of both sides at `now_ms`; the rest of `out` is for the caller.  A log of
 * which a limit is not known makes the whole not known, unless another is over already: that is worse.  No logs at all
 * are not known.
 */
void boundary_judge(const struct boundary_log *logs, int count, int64_t now_ms, struct boundary *out);

#endif

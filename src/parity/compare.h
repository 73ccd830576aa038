/*
 * compare.h - the comparison of two clusters, from the first look at the metadata to the verdict.
 *
 * Runs on the loop until it is decided: reads both sides through the fetcher, decodes on worker threads, joins, asks
 * the source a second time where a leftover must be named, keeps the checkpoint.  Never writes to a cluster.
 */
#ifndef PARITY_COMPARE_H
#define PARITY_COMPARE_H

#include "base/err.h"
#include "loop/loop.h"
#include "parity/options.h"
#include "parity/report.h"

struct cluster;

enum parity_stage { STAGE_LOOKING, STAGE_READING, STAGE_SETTLING, STAGE_FOLLOWING, STAGE_RESOLVING, STAGE_DONE };

/* A glance at a comparison under way, for a progress line. */
struct parity_progress {
	enum parity_stage stage;
	uint64_t records[2], bytes[2];	/* joined so far, by side */
	uint64_t records_expected[2];	/* by offsets: an upper bound; 0 when following */
	uint64_t matched;
	uint64_t pending[2];		/* read on one side, no twin on the other yet */
	uint32_t partitions_level;	/* both sides read to their ends and nothing pending: settled */
	uint32_t partitions_open;	/* still reading */
	uint32_t partitions_hot;	/* the source keeps adding */
	uint32_t partitions_diverged;	/* both sides at their ends, something still pending */
	double seconds;
	int pass, passes;
};

typedef void parity_progress_fn(void *context, const struct parity_progress *progress);

/*
 * Compares and fills `report` (initialised by this call; the caller ends it with parity_report_done() also after an
 * error).  `progress` may be NULL; it is called about four times a second.  0 when there is a verdict, whatever it
 * is; otherwise there is none: ERR_USAGE (a topic that exists on neither side, a glob that matches nothing),
 * ERR_NETWORK and its kind (a cluster was never reached), ERR_USAGE also for a checkpoint of other options or
 * clusters, ERR_CONFIG for a damaged one, ERR_DENIED, ERR_IO and ERR_FULL (the checkpoint cannot be written), ERR_MEMORY, each with a fault.
 */
int parity_compare(struct loop *loop, struct cluster *source, struct cluster *target,
		   const struct parity_options *options, parity_progress_fn *progress, void *context,
		   struct parity_report *report, struct fault *fault);

#endif

/*
 * checkpoint_topics.h - the checkpoints of a plan's exit that stand in a topic on both clusters, read for an auditor.
 *
 * They are other people's bytes to him: what is no checkpoint is counted and left, and a cluster that cannot be read is a
 * holder that was not asked, with the reason.
 */
#ifndef CLI_CHECKPOINT_TOPICS_H
#define CLI_CHECKPOINT_TOPICS_H

#include "cli/session.h"
#include "exit/audit.h"
#include "exit/evidence.h"

struct topic_holder {
	char name[AUDIT_HOLDER_SIZE_MAX]; /* "topic __interlock on the source", as the journal calls it */
	struct fault fault;               /* why it was not read; err 0: it was */
	int64_t first, end;               /* the offsets that it has */
	int notes;                        /* checkpoints that were read, of this exit and of others */
	uint64_t others;                  /* records that are none, or whose signature does not match */
};

/*
 * Reads the topic that the plan names on both clusters, each at most so long, and appends what it holds to `notes`, as
 * audit_read_notes() does; they refer to `out`.  Returns how many holders there are: SIDE_COUNT, or 0 when the plan has no
 * topic.  ERR_CANCELLED, ERR_MEMORY, ERR_LIMIT: the whole could not be done.
 */
int checkpoint_topics_read(struct session *session, const struct plan *plan, int64_t timeout_ms,
			   struct topic_holder out[SIDE_COUNT], struct audit_outside **notes, int *count,
			   struct fault *fault);

#endif

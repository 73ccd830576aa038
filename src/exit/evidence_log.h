/*
 * evidence_log.h - the order in which facts came, with a head that vouches for all of them.
 *
 * The head is a chain of hashes over the ids.  Whoever judges recomputes it: a log from which an item was taken, in
 * which two changed places, or into which one was slipped, no longer has that head, and nothing in it proves anything.
 */
#ifndef EXIT_EVIDENCE_LOG_H
#define EXIT_EVIDENCE_LOG_H

#include "exit/fresh.h"

#define EVIDENCE_LOG_COUNT_MAX 1000000

struct evidence_log {
	const struct evidence *
		*items; /* oldest first; the items belong to somebody else and stay as they are */
	int count, capacity;
	struct sha256 head; /* zero for an empty log */
};

void evidence_log_init(struct evidence_log *log);
void evidence_log_done(struct evidence_log *log);

/*
 * Adds a sealed item at the moment `now`.  ERR_STALE when it is dated after that, for time alone would make it fresh
 * later; ERR_MEMORY, ERR_LIMIT.
 */
int evidence_log_append(struct evidence_log *log, const struct evidence *item, const struct moment *now);

/*
 * True when the items are exactly those, in that order, that the head was made from, and each still says what its id
 * says: an old failure must not vanish by being edited.  Costs a hash of all of them: ask once for a judgement.
 */
bool evidence_log_whole(const struct evidence_log *log);

#endif

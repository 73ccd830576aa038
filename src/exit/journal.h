/*
 * journal.h - the journal as one process holds it: frames in a store, the state they come to, and the lease.
 *
 * Every append first checks that the frame may stand there, then writes it in one transaction that fails when somebody
 * else has written meanwhile or has taken the lease.  After a failed write nothing in memory is believed: the journal
 * reads the store again before it does anything else.
 *
 * The lease is a number that grows by one whenever it changes hands, and a beat that its holder keeps.  Whoever wants it
 * watches the beat stand still for JOURNAL_LEASE_MS on a clock of his own (wall clocks of two hosts prove nothing), or
 * knows that the holder, a process of this boot of this host, has ended.  A holder that was asleep finds out at its next
 * append, for that names its number.
 */
#ifndef EXIT_JOURNAL_H
#define EXIT_JOURNAL_H

#include "base/clock.h"
#include "exit/journal_store.h"
#include "exit/state.h"

/* A holder whose beat stood still for so long has lost the lease to whoever asks. */
#define JOURNAL_LEASE_MS 3000

/* A snapshot at least every so many frames, so that opening reads no more than that. */
#define JOURNAL_SNAPSHOT_EVERY 1000

struct journal;

struct journal_options {
	struct journal_store *store; /* taken over: freed with the journal, also when opening fails */
	const struct clock *clock;
	uint8_t boot[16];
	const char *holder; /* who we are, for the lease: "host 1234 BOOT START" */
	bool read_only;
	/* Whether the process that took the lease under this text has surely ended; NULL: cannot be known. */
	bool (*ended)(const char *holder);
};

/* Reads from the last snapshot on.  ERR_CHECKSUM, ERR_MALFORMED: damaged, with the first bad frame named. */
int journal_open(const struct journal_options *options, struct journal **out, struct fault *fault);
void journal_close(struct journal *journal); /* gives the lease up; NULL is silent */

/*
 * The state as of the last frame that we have read; valid until the next call that takes the journal.  A frame that the store
 * refused is not in it; one whose fate is not known, for the store was lost, is in it until the store can be read again.
 */
const struct state *journal_state(const struct journal *journal);

/* Reads what others have appended.  Returns how many frames came. */
int journal_sync(struct journal *journal, struct fault *fault);

/* True when others have appended what we have not read yet; reads nothing, so that it may be asked from a callback. */
bool journal_is_behind(struct journal *journal);

/*
 * Appends one frame; takes over `body` (which may be NULL: ERR_MEMORY).  Without a lease only FRAME_ACT.  Returns 0 and
 * its sequence.  ERR_STALE: the lease is no longer ours, stop acting.  ERR_FULL, ERR_IO, ERR_NETWORK: not written as far
 * as we can tell; the next append looks first.  ERR_MALFORMED: the frame may not stand here (a bug of ours).
 */
int journal_append(struct journal *journal, enum frame_kind kind, json_t *body, uint64_t *sequence,
		   struct fault *fault);

/*
 * The same, but only right behind the last frame that we have read: ERR_CONFLICT when others have written since, for what
 * they wrote may be a reason not to write this.
 */
int journal_append_next(struct journal *journal, enum frame_kind kind, json_t *body, uint64_t *sequence,
			struct fault *fault);

/*
 * Takes the lease when it is free, given up, or its holder is known to have ended; else ERR_CONFLICT, at once: call again
 * later, the journal watches the beat between calls.  Appends a LEASE frame.
 */
int journal_lease_take(struct journal *journal, struct fault *fault);
int journal_lease_beat(struct journal *journal, struct fault *fault); /* ERR_STALE when it was lost */
int journal_lease_release(struct journal *journal, struct fault *fault);
bool journal_lease_held(const struct journal *journal);

/* Content by its hash: plans, evidence, inputs of verdicts.  What stands there already stays. */
int journal_blob_put(struct journal *journal, struct view bytes, struct sha256 *hash, struct fault *fault);
int journal_blob_get(struct journal *journal, struct sha256 hash, struct buffer *out, struct fault *fault);

/*
 * Makes sure that a whole crossing and its return fit into the journal, whatever happens to the disk meanwhile.  0 also where
 * that is not ours to know (a server).  ERR_FULL: they do not; nothing may begin.
 */
#define JOURNAL_RESERVE_SIZE (8 << 20) /* frames of both, a beat twice a second for two deadlines, each some pages */
int journal_reserve(struct journal *journal, struct fault *fault);

struct moment journal_now(const struct journal *journal);
const struct clock *journal_clock(const struct journal *journal);

/* Each frame from `since` on, in order; a negative return of `each` ends the walk and comes back. */
int journal_walk(struct journal *journal, uint64_t since,
		 int (*each)(void *context, const struct frame *frame), void *context, struct fault *fault);

#endif

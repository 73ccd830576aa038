/*
 * journal_store.h - where the frames of a journal are kept, and who may add to them.
 *
 * A struct of functions, so that a simulator can be the disk.  Frames are bytes that the store does not look into; they
 * are numbered 1, 2, 3 without a hole and never change.  The head names the last one by its number and its hash; each
 * append says which head it follows, and is refused when that is not the head any more.  So two controllers cannot both
 * add a frame, and neither can one whose database went back to an older copy of itself.
 *
 * The lease says which controller may act.  Its number grows by one each time it is taken, and an append under a lease
 * checks the number in the same transaction, so a controller that lost it finds out before it acts.  The holder beats;
 * a contender watches the beat stand still for the lease time on its own monotonic clock (no clocks are compared), or
 * sees by journal_holder.h that the holder is dead, and takes the lease it has seen.
 *
 * Functions return 0 or an error with a sentence:
 *
 *	ERR_CONFLICT   append: the head is another by now.  lease_take: so is the lease.  Read again, then decide
 *	ERR_STALE      the lease is not that number any more, or nobody's; or the file was replaced under us
 *	ERR_FULL       the disk is full
 *	ERR_NOT_FOUND  no such blob; nothing there to read
 *	ERR_CHECKSUM   a frame is missing, or the file is damaged
 *	ERR_LIMIT      a frame or blob is larger than allowed
 *	and ERR_IO, ERR_NETWORK, ERR_TIMEOUT, ERR_DENIED and the others of base/sql.h
 *
 * Whether a call that failed has changed anything:
 *
 *	ERR_CONFLICT, ERR_STALE     surely nothing
 *	the store is not broken     surely nothing; it may be asked again
 *	the store is broken         nobody knows.  Every call fails with ERR_STALE until reopen() has succeeded; then read
 *	                            the head and the lease, and believe those
 *
 * Calls block for as long as the limits allow.  One store belongs to one thread.
 */
#ifndef EXIT_JOURNAL_STORE_H
#define EXIT_JOURNAL_STORE_H

#include "base/sql.h"
#include "exit/sha256.h"

#define JOURNAL_FRAME_SIZE_MAX  (1 << 20)  /* bytes of one frame; what is larger belongs into a blob */
#define JOURNAL_BLOB_SIZE_MAX   (64 << 20) /* bytes of one blob */
#define JOURNAL_HOLDER_SIZE_MAX 256        /* with its NUL */

struct journal_head {
	int64_t sequence;   /* of the last frame; 0 while there is none */
	struct sha256 last; /* of that frame's bytes; zero while there is none */
};

struct journal_lease {
	int64_t number; /* of the lease that was taken last; 0 when none ever was */
	int64_t beat;   /* grows while its holder lives: with each beat and each append under it */
	char holder[JOURNAL_HOLDER_SIZE_MAX]; /* empty when it was given back */
};

/* `frame` holds until it returns.  Other than 0 ends the reading.  It may use the store. */
typedef int journal_each(void *context, int64_t sequence, struct view frame);

/* `bytes`, which have that hash, hold until it returns.  Other than 0 ends the asking.  It may not use the store. */
typedef int journal_blob_each(void *context, const struct sha256 *hash, struct view bytes);

struct journal_store;

struct journal_store_ops {
	/* The last frame's number and hash.  Costs the same for any length. */
	int (*head)(struct journal_store *store, struct journal_head *out, struct fault *fault);

	/*
	 * Adds `frame` behind `before` and makes it durable.  `lease` is the number under which the caller acts, or 0 for an
	 * owner's act, which needs none.  `after`, which may be `before`, is the new head.
	 */
	int (*append)(struct journal_store *store, int64_t lease, const struct journal_head *before,
		      struct view frame, struct journal_head *after, struct fault *fault);

	/*
	 * Calls `each` for every frame from number `from` (1 or more) to the one that is the last when reading begins.  A
	 * frame that should be there and is not is ERR_CHECKSUM; frames before it were passed.  Returns what `each` returned
	 * when that was not 0.
	 */
	int (*read)(struct journal_store *store, int64_t from, journal_each *each, void *context,
		    struct fault *fault);

	int (*lease_read)(struct journal_store *store, struct journal_lease *out, struct fault *fault);

	/* Takes the lease from whoever has it, if it still is what was `seen`, beat included.  `taken` is the new one. */
	int (*lease_take)(struct journal_store *store, const struct journal_lease *seen, const char *holder,
			  struct journal_lease *taken, struct fault *fault);

	/* A sign of life; ERR_STALE when the lease is somebody else's by now. */
	int (*lease_beat)(struct journal_store *store, int64_t number, struct fault *fault);

	/* Gives it back, so that the next one need not wait. */
	int (*lease_release)(struct journal_store *store, int64_t number, struct fault *fault);

	/* Keeps `bytes` under their hash, for ever; the second time changes nothing. */
	int (*blob_put)(struct journal_store *store, struct sha256 hash, struct view bytes,
			struct fault *fault);

	/* Appends them to `out`; ERR_CHECKSUM when what is there does not have that hash. */
	int (*blob_get)(struct journal_store *store, struct sha256 hash, struct buffer *out,
			struct fault *fault);

	/*
	 * Forgets the connection and makes a new one, and waits until a commit that was under way has ended one way or the
	 * other.  After it what the store says is so, and it is not broken any more.
	 */
	int (*reopen)(struct journal_store *store, struct fault *fault);

	/* The place as it may be shown, without a password. */
	const char *(*name)(const struct journal_store *store);

	void (*free)(struct journal_store *store);

	/* As sql_reserve(); surely changes nothing that the other functions speak of.  NULL: there is nothing to reserve. */
	int (*reserve)(struct journal_store *store, int64_t size, struct fault *fault);

	/*
	 * Calls `each` for those of the hashes whose bytes are there and have that hash, in any order, in as few questions as it
	 * can.  Of one that was passed over blob_get() says why.  NULL: one by one is as good.
	 */
	int (*blobs_get)(struct journal_store *store, const struct sha256 *hashes, int count,
			 journal_blob_each *each, void *context, struct fault *fault);
};

struct journal_store {
	const struct journal_store_ops *ops;
	bool broken; /* a commit ended in doubt: see above */
};

/*
 * Opens the journal at `address`, a path or postgres://...; SQL_WRITE makes an empty one when nothing is there.  The
 * caller ends it with store->ops->free(store).
 */
int journal_store_open(const char *address, enum sql_mode mode, const struct sql_limits *limits,
		       struct journal_store **out, struct fault *fault);

/*
 * The same for an auditor, who reads what is there however damaged it is: head() is what the journal says of itself, read()
 * passes all frames in a row that can be read, also behind that head and before a place that cannot be, and neither holds
 * one against the other.
 */
int journal_store_open_any(const char *address, const struct sql_limits *limits, struct journal_store **out,
			   struct fault *fault);

#endif

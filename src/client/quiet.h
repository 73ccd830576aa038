/*
 * quiet.h - one look at whether logs are at rest: their ends, what is committed, what is stable, who wrote last.
 *
 * For each partition three places of its log are asked of the leader, in this order, on one connection, which a broker
 * serves in order:
 *
 *	last stable offset   before any open transaction
 *	high watermark       committed: on all in-sync replicas
 *	log end              where the next record goes
 *
 * At any instant stable <= high watermark <= end, and under one leader epoch each only grows.  So when the three answers
 * are the same number, then all three stood there at the moment of the last answer: nothing is in flight inside the log
 * and no transaction is open in it.  That is `level`; asked later first, it would prove nothing.
 *
 * One look does not prove that nobody writes: look again, after the time that the fence's kind asks for, and compare ends
 * and leader epochs (quiet_same()).
 *
 * The producers that the leaders remember tell who wrote last, so that a leak has a name.  Transactions are listed as far
 * as we may DESCRIBE them: a broker leaves the others out in silence, so an empty list proves nothing; `level` does.  What
 * the list adds are transactions that have a partition of ours but no record there yet: their end would still append a
 * control record.
 *
 * A look is one round of requests, all leaders in parallel; the leaders are remembered from look to look, and looked up
 * anew when one has moved.  A second round follows only when a transaction is under way.
 */
#ifndef CLIENT_QUIET_H
#define CLIENT_QUIET_H

#include "client/admin_transactions.h"

struct quiet;

/* Every partition of these topics, as they are at the first look.  Copies the names. */
int quiet_new(struct cluster *cluster, const char *const *topics, int count, struct quiet **out, struct fault *fault);
void quiet_free(struct quiet *quiet); /* NULL is silent */

struct quiet_partition {
	const char *topic;
	int32_t partition;
	int32_t leader, leader_epoch; /* that gave the answers; -1 for none */
	int64_t last_stable, high_watermark, end;
	bool level; /* the three are one */
	int err;    /* 0; ERR_STALE: the leader moved in between; ERR_TIMEOUT, ERR_DENIED, ... */
	int16_t error_code;
};

struct quiet_look {
	struct quiet_partition *partitions; /* in order of topic and partition */
	int partition_count;
	struct active_producer *producers; /* `topic` and `partition` as above; in order of these and the id */
	int producer_count;
	int producers_err; /* 0; else they were not told: ERR_DENIED without READ, ERR_UNSUPPORTED before 2.8 */
	/* Under way on one of the partitions: ongoing, or decided with markers still to be written. */
	struct transaction *transactions;
	int transaction_count;
	int transactions_err; /* 0; ERR_UNSUPPORTED before 3.0; of the first broker that did not answer */
	bool all_level;       /* each partition answered and is level, and no transaction is listed */
};

enum {
	QUIET_ENDS = 0,
	QUIET_WRITERS = 1,      /* also the producers */
	QUIET_TRANSACTIONS = 2, /* also the transactions */
};

/*
 * Looks once and waits (never from a callback).  0 with every partition's own `err`, or an error when nothing could be
 * asked.  A partition whose leader moves is asked again until the time is over.  `out` lives in `arena`.
 */
int quiet_look(struct quiet *quiet, int what, int64_t timeout_ms, struct arena *arena, struct quiet_look *out,
	       struct fault *fault);

/* True when both looks have each partition at the same end under the same leader epoch. */
bool quiet_same(const struct quiet_look *a, const struct quiet_look *b);

/*
 * The transactional id that goes with a producer's id, in `arena`; NULL when it has none, or none that we may DESCRIBE.
 * An error when a broker that might know did not answer.
 */
int producer_name(struct cluster *cluster, int64_t producer_id, int64_t timeout_ms, struct arena *arena,
		  const char **out, struct fault *fault);

#endif

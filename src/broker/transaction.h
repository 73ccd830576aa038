/*
 * transaction.h - the transaction coordinator: transactional ids, their producers, what a transaction has written to.
 *
 *	EMPTY ---> ONGOING ---> PREPARE_COMMIT ---> COMPLETE_COMMIT ---> ONGOING ...
 *	              |
 *	              +-------> PREPARE_ABORT ----> COMPLETE_ABORT ----> ONGOING ...
 *
 * Each step is a record of __transaction_state before it counts (KIP-98, KIP-360, KIP-447).  PREPARE is the decision: from
 * there on only forward, over any crash, until every partition has its marker.
 */
#ifndef BROKER_TRANSACTION_H
#define BROKER_TRANSACTION_H

#include "broker/internal_log.h"

/* Kafka's numbers, as the log keeps them. */
enum transaction_state {
	TRANSACTION_EMPTY = 0,
	TRANSACTION_ONGOING = 1,
	TRANSACTION_PREPARE_COMMIT = 2,
	TRANSACTION_PREPARE_ABORT = 3,
	TRANSACTION_COMPLETE_COMMIT = 4,
	TRANSACTION_COMPLETE_ABORT = 5,
};

#define TRANSACTION_PARTITIONS_MAX 10000 /* of one transaction */

/* What a record says but for the partitions. */
struct transaction_image {
	int64_t producer_id, start_ms, update_ms;
	int64_t next_id; /* takes over at the end, since the epochs of this one are used up; -1 for none */
	int64_t previous_id; /* whose place this one took, or -1 */
	int32_t timeout_ms;
	int16_t epoch, last_epoch; /* last_epoch: before the latest bump, -1 for none */
	enum transaction_state state;
};

struct transaction {
	char *id;
	struct transactions *all;
	struct transaction_image is;
	struct map partitions;  /* position_key() to itself */
	bool busy;              /* a record is being written */
	int markers_left;       /* of PREPARE_*: under way */
	bool marking;           /* markers are being sent, or shall be again */
	int64_t retry_ms;       /* monotonic; when markers that failed are sent again */
	struct request *ending; /* EndTxn, whose answer waits for the markers until ending_ms */
	int64_t ending_ms;
};

struct transactions {
	struct broker *broker;
	struct internal_log log;
	struct map by_id, by_producer;
	int64_t expired_ms; /* when ids were last looked through; monotonic */
	bool resumed, stopped;
};

int transactions_new(struct broker *broker, struct transactions **out);
void transactions_stop(struct transactions *transactions);
void transactions_free(struct transactions *transactions);
void transactions_tick(struct transactions *transactions);
struct transactions *broker_transactions(struct broker *broker);

/* KAFKA_NONE when `id` can be served now. */
int16_t transactions_serve(struct transactions *transactions, struct view id);

/* The same, whoever coordinates it: for what a group does to a transaction. */
int16_t transactions_ready(struct transactions *transactions, struct view id);

struct transaction *transaction_named(struct transactions *transactions, struct view id);
struct transaction *transaction_of_producer(struct transactions *transactions, int64_t producer_id);
struct transaction *transaction_make(struct transactions *transactions, struct view id);

/*
 * Writes `next`, with `count` partitions added (keys as position_key() makes them, copied); then it holds, and `done` is told
 * KAFKA_NONE, or an error and it does not.  Not to be called while busy.  Always answers through `done`.
 */
typedef void transaction_written(void *context, struct transaction *transaction, int16_t error);
void transaction_write(struct transaction *transaction, const struct transaction_image *next,
		       const struct view *added, int count, transaction_written *done, void *context);

/* Makes the places part of the transaction, which begins if need be; always answers through `done`. */
typedef void transaction_added(void *context, int16_t error);
void transaction_add(struct transaction *transaction, const struct view *keys, int count,
		     transaction_added *done, void *context);

/* The partition of __consumer_offsets that holds the group's positions, as a key of a transaction's. */
int16_t transaction_offsets_key(struct request *request, struct view group, struct view *key);

/* PREPARE_*, was written: sends the markers, and completes. */
void transaction_mark(struct transaction *transaction);

/* Answers the EndTxn that waits, if one does: it is decided. */
void transaction_end_tell(struct transaction *transaction);

/* ---- the rules (transaction_rules.c): looking alone -------------------------------------------------------------------- */

#define TRANSACTION_EPOCH_LAST (INT16_MAX - 1) /* then a new id */

/* A producer may be told the very last epoch, by the end of what a timeout aborted: behind it the log takes no marker. */
int16_t transaction_epoch_after(int16_t epoch);

const char *transaction_state_name(enum transaction_state state);

/* Is it decided, and not all markers are out? */
bool transaction_prepared(const struct transaction *transaction);

/* Is the partition part of the transaction? */
bool transaction_has(const struct transaction *transaction, struct view topic, int32_t partition);

/* Is this producer the one that may go on with the transaction (NULL: there is none)?  KAFKA_NONE or its error. */
int16_t transaction_owner_check(const struct transaction *transaction, int64_t producer_id, int16_t epoch);

/* What InitProducerId of a known id comes to; `producer_id` -1 when the producer names none. */
enum transaction_init_step {
	TRANSACTION_INIT_REFUSE, /* with `error` */
	TRANSACTION_INIT_REPEAT, /* the answer was lost: the same again */
	TRANSACTION_INIT_ABORT,  /* what is open first; the producer comes again */
	TRANSACTION_INIT_NEW_ID, /* the epochs are used up */
	TRANSACTION_INIT_BUMP,
};
enum transaction_init_step transaction_init_rule(const struct transaction *transaction, int64_t producer_id,
						 int16_t epoch, int16_t *error);

/* What EndTxn comes to (transaction NULL: there is none); `bumps`: each transaction has an epoch of its own (KIP-890). */
enum transaction_end_step {
	TRANSACTION_END_ANSWER, /* with `error`, which may be none: it has ended so already */
	TRANSACTION_END_NEW_ID, /* the epochs are used up: written with another id */
	TRANSACTION_END_WRITE,
};
enum transaction_end_step transaction_end_rule(const struct transaction *transaction, int64_t producer_id,
					       int16_t epoch, bool commit, bool bumps, int16_t *error);

/* Was it not used for so long that it may be forgotten?  Never while something is open or being written. */
bool transaction_expired(const struct transaction *transaction, int64_t wall_ms, int64_t kept_ms);

/*
 * May its producer write this there, who says `id` of himself?  KAFKA_NONE, or the error of Produce in this version.  A null `id` is
 * nobody's; it is refused where rights are asked for.
 */
int16_t transaction_write_rule(const struct transaction *transaction, struct view id, struct view topic,
			       int32_t partition, int16_t epoch, int16_t produce_version);

#endif

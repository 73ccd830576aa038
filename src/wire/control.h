/*
 * control.h - what brokers write into a log themselves: transaction markers and the like; and which batches
 * of a fetch an aborted transaction has taken back.
 */
#ifndef WIRE_CONTROL_H
#define WIRE_CONTROL_H

#include "wire/record.h"

/* The type in the key of a control record (org.apache.kafka.common.record.ControlRecordType). */
enum control_type {
	CONTROL_ABORT = 0,
	CONTROL_COMMIT = 1,
	CONTROL_LEADER_CHANGE = 2,
	CONTROL_SNAPSHOT_HEADER = 3,
	CONTROL_SNAPSHOT_FOOTER = 4,
	CONTROL_KRAFT_VERSION = 5,
	CONTROL_KRAFT_VOTERS = 6,
};

struct control {
	int16_t version;           /* of the key */
	int16_t type;              /* enum control_type, or a newer one: to be passed over */
	int32_t coordinator_epoch; /* of a transaction marker; else -1 */
};

/* Reads the slice of a control batch's record.  ERR_MALFORMED. */
int control_read(struct view slice, struct control *out);

/*
 * The first record of a control batch that batch_check() found good: what a reader needs to know of it.
 * `records` as batch_open() left them.  ERR_MALFORMED also when there is none.
 */
int control_of(const struct records *records, struct control *out);

/* One entry of a fetch response's list of aborted transactions. */
struct aborted {
	int64_t producer_id, first_offset;
};

struct aborted_entry {
	struct aborted is;
	int32_t open; /* kept by a producer's first entry: which of its entries is not yet ended */
};

/*
 * Decides batch by batch, in order of offset, as the Java consumer does: a transactional batch is aborted
 * when its producer has an aborted transaction that began at or before it and whose abort marker has not yet
 * been passed. A filter speaks of one response of one partition.
 */
struct aborted_filter {
	struct aborted_entry *entries; /* by producer, then first offset */
	int32_t count, capacity;
};

void aborted_filter_init(struct aborted_filter *filter);
void aborted_filter_done(struct aborted_filter *filter);

/* Starts over with another response's list, copied; memory is reused.  ERR_MEMORY. */
int aborted_filter_set(struct aborted_filter *filter, const struct aborted *list, int32_t count);

/* For a data batch: was it taken back? */
bool aborted_filter_drops(const struct aborted_filter *filter, const struct batch_head *head);

/* To be told of each control batch that holds an abort marker. */
void aborted_filter_ends(struct aborted_filter *filter, const struct batch_head *head);

#endif

/*
 * consumer_bytes.h - what consumers of the classic protocol put into JoinGroup and SyncGroup: to the classic coordinator bytes
 * that only they understand, to a consumer group what a member wants, owns and gets.
 */
#ifndef BROKER_CONSUMER_BYTES_H
#define BROKER_CONSUMER_BYTES_H

#include "base/arena.h"
#include "base/buffer.h"
#include "broker/consumer_places.h"
#include "store/store.h"
#include "wire/messages.h"

#define REQUEST_ASSIGNMENT_MAX ((size_t)16 << 20)

struct subscription {
	const struct view *topics;
	int topic_count;
	struct view rack_id; /* or null */
	struct consumer_protocol_subscription whole;
};

/* Views of `bytes` and of the arena.  ERR_MALFORMED, ERR_MEMORY. */
int subscription_read(struct view bytes, struct arena *arena, struct subscription *out);
int16_t subscription_version(struct view bytes);

/* What it says that it owns, of topics that are there; sorted.  False when memory is out. */
bool subscription_owned(const struct subscription *said, struct store *store, struct places *out);

/* The same two ways for assignments, behind their version; nothing is an empty one. */
int assignment_read(struct view bytes, struct store *store, struct places *out);
void assignment_write(const struct places *places, struct store *store, int16_t version, struct buffer *out);

#endif

/*
 * session.h - fetch sessions (KIP-227): what a client wants is said once, then only changes are.
 *
 *	id 0, epoch 0    everything is named; a session may be made, its id is in the answer
 *	id 0, epoch -1   everything is named, no session
 *	id n, epoch -1   everything is named, session n ends
 *	id n, epoch 0    everything is named, session n ends and another may be made
 *	id n, epoch e    the changes to session n, whose next epoch is e
 *
 * Sessions are few (max.incremental.fetch.session.cache.slots); when all are taken, one that was idle for two minutes makes
 * room, and else the client gets none, which it can live with.
 */
#ifndef BROKER_SESSION_H
#define BROKER_SESSION_H

#include "broker/request.h"

#define SESSION_PARTITIONS_MAX 100000
#define SESSION_IDLE_MS        120000

/* What is wanted of one partition, and in a session what was last told of it. */
struct fetch_want {
	struct list link; /* in the session's order */
	struct uuid id;   /* from version 13 on */
	const char *name; /* before */
	int32_t partition;
	int32_t leader_epoch, last_epoch;
	int64_t offset;
	int32_t size_max;
	int64_t told_high_watermark, told_log_start; /* -1 at first */
};

struct session {
	struct list link; /* of all sessions, the longest idle first */
	int32_t id, epoch;
	bool ids; /* topics go by id */
	int64_t used_ms;
	int count;
	struct list wants;
	struct map by_place; /* topic and partition to struct fetch_want */
};

int sessions_new(struct broker *broker, struct sessions **out);
void sessions_free(struct sessions *sessions);

/*
 * What this request is about.  KAFKA_NONE, or the error for the whole answer.  `*session` is NULL for a fetch that names
 * everything; `*want_session` says whether one may be made for it then (session_make()).
 */
int16_t session_begin(struct sessions *sessions, const struct fetch_request *in, int16_t version,
		      struct session **session, bool *want_session);

/* A session over what `in` names, or NULL when there is no room. */
struct session *session_make(struct sessions *sessions, const struct fetch_request *in, int16_t version);

/* A request holds no pointer to a session over time: it asks anew. */
struct session *session_find(struct sessions *sessions, int32_t id);

/* What a session wants of a partition, or NULL. */
struct fetch_want *session_want(struct session *session, const char *name, const struct uuid *id,
				int32_t partition);

int session_count(const struct sessions *sessions);

#endif

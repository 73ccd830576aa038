/* session.c - the sessions of all clients. */
#include <stdlib.h>

#include "base/bits.h"
#include "broker/session.h"

#define TOPIC_IDS_SINCE 13
#define PLACE_SIZE_MAX  (STORE_TOPIC_NAME_MAX + 8)

struct sessions {
	struct broker *broker;
	struct list all; /* the longest idle first */
	struct map by_id;
	int count;
};

int sessions_new(struct broker *broker, struct sessions **out)
{
	struct sessions *sessions = calloc(1, sizeof *sessions);

	if (!sessions)
		return ERR_MEMORY;
	sessions->broker = broker;
	list_init(&sessions->all);
	map_init(&sessions->by_id);
	*out = sessions;
	return 0;
}

static struct view id_key(const int32_t *id)
{
	return view_of(id, sizeof *id);
}

static void want_free(struct fetch_want *want)
{
	list_remove(&want->link);
	free((char *)want->name);
	free(want);
}

static void session_free(struct sessions *sessions, struct session *session)
{
	while (!list_empty(&session->wants))
		want_free(container_of(session->wants.next, struct fetch_want, link));
	map_done(&session->by_place);
	list_remove(&session->link);
	map_remove(&sessions->by_id, id_key(&session->id));
	sessions->count--;
	free(session);
}

void sessions_free(struct sessions *sessions)
{
	if (!sessions)
		return;
	while (!list_empty(&sessions->all))
		session_free(sessions, container_of(sessions->all.next, struct session, link));
	map_done(&sessions->by_id);
	free(sessions);
}

struct session *session_find(struct sessions *sessions, int32_t id)
{
	return map_get(&sessions->by_id, id_key(&id));
}

int session_count(const struct sessions *sessions)
{
	return sessions->count;
}

static int64_t now_ms(const struct sessions *sessions)
{
	return loop_now_ms(sessions->broker->loop);
}

static void used(struct sessions *sessions, struct session *session)
{
	session->used_ms = now_ms(sessions);
	list_remove(&session->link);
	list_append(&sessions->all, &session->link);
}

/* Topic and partition as one key. */
static struct view place_key(uint8_t out[PLACE_SIZE_MAX], bool ids, struct view name, const struct uuid *id,
			     int32_t partition)
{
	struct view topic = ids ? view_of(id->bytes, sizeof id->bytes) : name;
	size_t size = topic.size > STORE_TOPIC_NAME_MAX ? STORE_TOPIC_NAME_MAX : topic.size;

	put_be32(out, (uint32_t)partition);
	if (size)
		memcpy(out + 4, topic.at, size);
	return view_of(out, size + 4);
}

struct fetch_want *session_want(struct session *session, const char *name, const struct uuid *id,
				int32_t partition)
{
	uint8_t raw[PLACE_SIZE_MAX];

	return map_get(&session->by_place, place_key(raw, session->ids, view_text(name), id, partition));
}

static bool put_want(struct session *session, const struct fetch_request_topic *topic,
		     const struct fetch_request_partition *in)
{
	uint8_t raw[PLACE_SIZE_MAX];
	struct view key = place_key(raw, session->ids, topic->topic, &topic->topic_id, in->partition);
	struct fetch_want *want = map_get(&session->by_place, key);

	if (!want) {
		if (session->count >= SESSION_PARTITIONS_MAX || topic->topic.size > STORE_TOPIC_NAME_MAX)
			return false;
		want = calloc(1, sizeof *want);
		if (!want)
			return false;
		list_init(&want->link);
		want->name = session->ids ? NULL : view_string(topic->topic);
		if ((!session->ids && !want->name) || map_put(&session->by_place, key, want) < 0) {
			want_free(want);
			return false;
		}
		want->id = topic->topic_id;
		want->partition = in->partition;
		want->told_high_watermark = want->told_log_start = -1;
		list_append(&session->wants, &want->link);
		session->count++;
	}
	want->leader_epoch = in->current_leader_epoch;
	want->last_epoch = in->last_fetched_epoch;
	want->offset = in->fetch_offset;
	want->size_max = in->partition_max_bytes;
	return true;
}

static bool put_wants(struct session *session, const struct fetch_request *in)
{
	for (int32_t i = 0; i < in->topics.count; i++)
		for (int32_t k = 0; k < in->topics.at[i].partitions.count; k++)
			if (!put_want(session, &in->topics.at[i], &in->topics.at[i].partitions.at[k]))
				return false;
	return true;
}

static void forget_wants(struct session *session, const struct fetch_request *in)
{
	for (int32_t i = 0; i < in->forgotten_topics_data.count; i++) {
		const struct fetch_request_forgotten_topic *topic = &in->forgotten_topics_data.at[i];

		for (int32_t k = 0; k < topic->partitions.count; k++) {
			uint8_t raw[PLACE_SIZE_MAX];
			struct view key = place_key(raw, session->ids, topic->topic, &topic->topic_id,
						    topic->partitions.at[k]);
			struct fetch_want *want = map_remove(&session->by_place, key);

			if (!want)
				continue;
			want_free(want);
			session->count--;
		}
	}
}

int16_t session_begin(struct sessions *sessions, const struct fetch_request *in, int16_t version,
		      struct session **session, bool *want_session)
{
	struct session *found = in->session_id ? session_find(sessions, in->session_id) : NULL;

	*session = NULL;
	*want_session = false;
	if (in->session_epoch <= 0) {
		if (found)
			session_free(sessions, found);
		*want_session = in->session_epoch == 0;
		return KAFKA_NONE;
	}
	if (!found)
		return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
	if (found->epoch != in->session_epoch)
		return KAFKA_INVALID_FETCH_SESSION_EPOCH;
	if (found->ids != (version >= TOPIC_IDS_SINCE))
		return KAFKA_FETCH_SESSION_TOPIC_ID_ERROR;
	forget_wants(found, in);
	if (!put_wants(found, in)) {
		session_free(sessions, found);
		return KAFKA_FETCH_SESSION_ID_NOT_FOUND; /* the client begins anew, without a session if need be */
	}
	found->epoch = found->epoch == INT32_MAX ? 1 : found->epoch + 1;
	used(sessions, found);
	*session = found;
	return KAFKA_NONE;
}

static bool make_room(struct sessions *sessions)
{
	struct session *oldest;

	if (sessions->count < sessions->broker->properties.sessions_max)
		return true;
	if (list_empty(&sessions->all))
		return false;
	oldest = container_of(sessions->all.next, struct session, link);
	if (now_ms(sessions) - oldest->used_ms < SESSION_IDLE_MS)
		return false;
	session_free(sessions, oldest);
	return sessions->count < sessions->broker->properties.sessions_max;
}

struct session *session_make(struct sessions *sessions, const struct fetch_request *in, int16_t version)
{
	struct session *session;

	if (!make_room(sessions))
		return NULL;
	session = calloc(1, sizeof *session);
	if (!session)
		return NULL;
	list_init(&session->link);
	list_init(&session->wants);
	map_init(&session->by_place);
	session->epoch = 1;
	session->ids = version >= TOPIC_IDS_SINCE;
	do
		random_secret(&session->id, sizeof session->id);
	while ((session->id &= INT32_MAX) == 0 || session_find(sessions, session->id));
	sessions->count++;
	if (map_put(&sessions->by_id, id_key(&session->id), session) < 0 || !put_wants(session, in)) {
		session_free(sessions, session);
		return NULL;
	}
	used(sessions, session);
	return session;
}

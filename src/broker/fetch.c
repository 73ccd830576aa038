/*
 * fetch.c - Fetch: reads what there is; when that is too little, parks until there is more or the time is over.
 *
 *	start --> attempt --> enough, an error, or no time: answer
 *	             ^   \--> park: watch every partition, set the timer
 *	             |            |
 *	             +------------+ something changed, or the time is over (then whatever there is)
 *
 * A parked fetch holds no batches.  What changed is looked at once the store has told all, so that a hundred appends of
 * one group wake a fetch once.
 */
#include "broker/access.h"
#include "broker/api.h"
#include "broker/nodes.h"
#include "broker/session.h"
#include "broker/throttle.h"
#include "broker/topic_config.h"

#define TOPIC_IDS_SINCE       13
#define ANSWER_HEAD_SIZE      20
#define ANSWER_PARTITION_SIZE 60
#define WAIT_MS_MAX           (24 * 3600 * 1000)
#define WANTS_MAX             SESSION_PARTITIONS_MAX

struct fetching;

struct fetch_one {
	struct fetching *fetching;
	struct fetch_want want;
	struct store_watch watch;
	bool denied; /* asked once, when the request came in */

	int16_t error;
	bool diverges;
	int32_t diverging_epoch;
	int64_t diverging_end;
	int64_t high_watermark, last_stable, log_start;
	struct store_read read;
};

struct fetching {
	struct request *request;
	struct timer *timer;
	struct fetch_one *ones;
	int count;
	int32_t session_id; /* the session that this fetch continues, or 0 */
	bool want_session, expired, parked;
	int64_t size; /* read in this attempt */
	bool errors;
	struct timer *soon;
	struct request_run *runs; /* of the answer */
	int run_count;
};

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static struct store_topic *topic_of(const struct fetching *fetching, const struct fetch_want *want)
{
	struct store *store = fetching->request->broker->store;
	struct store_topic *topic = want->name ? store_topic_named(store, view_text(want->name))
					       : store_topic_by_id(store, want->id.bytes);

	return topic && topic->owner ? topic : NULL;
}

static struct partition *partition_of(const struct fetching *fetching, const struct fetch_want *want)
{
	struct store_topic *topic = topic_of(fetching, want);

	return topic && want->partition >= 0 && want->partition < topic->partition_count
		       ? topic->partitions[want->partition]
		       : NULL;
}

static void fail_one(struct fetch_one *one, int16_t error)
{
	one->error = error;
	one->high_watermark = one->last_stable = one->log_start = -1;
	one->fetching->errors = true;
}

/* Has the log parted from what the reader has (KIP-320, KIP-595)? */
static bool parted(struct fetch_one *one, struct partition *partition)
{
	int32_t epoch;
	int64_t end;

	if (one->want.last_epoch < 0)
		return false;
	store_epoch_end(partition, one->want.last_epoch, &epoch, &end);
	if (epoch == one->want.last_epoch && end >= one->want.offset)
		return false;
	if (epoch < 0) {
		fail_one(one, KAFKA_OFFSET_OUT_OF_RANGE);
		return true;
	}
	one->diverges = one->fetching->errors = true;
	one->diverging_epoch = epoch;
	one->diverging_end = end;
	return true;
}

static int16_t epoch_error(const struct fetch_want *want, const struct store_partition_state *state)
{
	if (want->leader_epoch < 0 || want->leader_epoch == state->leader_epoch)
		return KAFKA_NONE;
	return want->leader_epoch < state->leader_epoch ? KAFKA_FENCED_LEADER_EPOCH
							: KAFKA_UNKNOWN_LEADER_EPOCH;
}

static void read_one(struct fetch_one *one, int64_t room)
{
	struct fetching *fetching = one->fetching;
	const struct fetch_request *in = fetching->request->message;
	struct partition *partition = partition_of(fetching, &one->want);
	struct store_partition_state state;
	int64_t size_max = one->want.size_max < room ? one->want.size_max : room;
	int err;

	one->error = KAFKA_NONE;
	one->diverges = false;
	if (one->denied) {
		fail_one(one, KAFKA_TOPIC_AUTHORIZATION_FAILED);
		return;
	}
	if (!partition) {
		fail_one(one, one->want.name || topic_of(fetching, &one->want)
				      ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION
				      : KAFKA_UNKNOWN_TOPIC_ID);
		return;
	}
	if (!node_leads(fetching->request->node, partition)) {
		fail_one(one, KAFKA_NOT_LEADER_OR_FOLLOWER);
		return;
	}
	store_partition_state(partition, &state);
	if (epoch_error(&one->want, &state)) {
		fail_one(one, epoch_error(&one->want, &state));
		return;
	}
	one->high_watermark = state.high_watermark;
	one->last_stable = state.last_stable;
	one->log_start = state.log_start;
	if (parted(one, partition))
		return;
	if (one->want.offset < state.log_start || one->want.offset > state.high_watermark) {
		fail_one(one, KAFKA_OFFSET_OUT_OF_RANGE);
		return;
	}
	if (size_max <= 0 && fetching->size > 0)
		return;
	err = store_read(partition, one->want.offset, size_max > 0 ? size_max : 1,
			 in->isolation_level ? STORE_READ_COMMITTED : STORE_READ_UNCOMMITTED, &one->read,
			 NULL);
	if (err < 0) {
		fail_one(one, err == ERR_NOT_FOUND  ? KAFKA_OFFSET_OUT_OF_RANGE
			      : err == ERR_CHECKSUM ? KAFKA_CORRUPT_MESSAGE
						    : KAFKA_KAFKA_STORAGE_ERROR);
		return;
	}
	/* Only the first partition with data may go past the limits, so that a large batch does not stop the reader. */
	if (err == 1 || (one->read.size > size_max && fetching->size > 0)) {
		store_read_done(&one->read);
		one->read.size = 0;
		one->read.count = 0;
		return;
	}
	fetching->size += one->read.size;
}

static void let_go(struct fetching *fetching)
{
	for (int i = 0; i < fetching->count; i++) {
		store_read_done(&fetching->ones[i].read);
		fetching->ones[i].read.size = 0;
		fetching->ones[i].read.count = 0;
	}
}

static void unpark(struct fetching *fetching)
{
	if (!fetching->parked)
		return;
	timer_stop(fetching->timer);
	timer_stop(fetching->soon);
	for (int i = 0; i < fetching->count; i++)
		store_watch_stop(&fetching->ones[i].watch);
	fetching->parked = false;
}

/* What was read is held until the answer has left. */
static void done(struct request *request)
{
	struct fetching *fetching = request->own;

	for (int i = 0; i < fetching->count; i++)
		store_read_free(&fetching->ones[i].read);
}

static void finish(struct fetching *fetching)
{
	unpark(fetching);
	timer_free(fetching->timer);
	timer_free(fetching->soon);
	fetching->timer = fetching->soon = NULL;
}

/* ---- answering ------------------------------------------------------------------------------------------------------- */

typedef struct fetch_response_partition answer_t;

static bool tell_aborted(struct request *request, const struct fetch_one *one, answer_t *out)
{
	const struct fetch_request *in = request->message;

	out->aborted_transactions.count = -1;
	if (!in->isolation_level || one->error)
		return true;
	out->aborted_transactions.count = one->read.size ? one->read.aborted_count : 0;
	if (!out->aborted_transactions.count)
		return true;
	out->aborted_transactions.at =
		REQUEST_ARRAY(request, fetch_response_aborted_transaction_shape, one->read.aborted_count);
	for (int32_t i = 0; out->aborted_transactions.at && i < one->read.aborted_count; i++) {
		out->aborted_transactions.at[i].producer_id = one->read.aborted[i].producer_id;
		out->aborted_transactions.at[i].first_offset = one->read.aborted[i].first_offset;
	}
	return out->aborted_transactions.at != NULL;
}

static bool tell_one(struct request *request, const struct fetch_one *one, answer_t *out)
{
	out->partition_index = one->want.partition;
	out->error_code = one->error;
	out->high_watermark = one->high_watermark;
	out->last_stable_offset = one->last_stable;
	out->log_start_offset = one->log_start;
	/* Only the size counts: the pieces go out from where they are. */
	out->records = view_of(one->read.size ? one->read.pieces[0].bytes.at : (const uint8_t *)"",
			       (size_t)one->read.size);
	if (one->diverges) {
		out->diverging_epoch.epoch = one->diverging_epoch;
		out->diverging_epoch.end_offset = one->diverging_end;
	}
	if (one->error == KAFKA_FENCED_LEADER_EPOCH) {
		struct partition *partition = partition_of(one->fetching, &one->want);
		struct store_partition_state state;

		store_partition_state(partition, &state);
		out->current_leader.leader_id = request->node->id;
		out->current_leader.leader_epoch = state.leader_epoch;
	}
	return out->records.at && tell_aborted(request, one, out);
}

/* In a session only what the client does not know yet; and what had data goes to the end, for its neighbours' sake. */
static bool worth_telling(struct fetching *fetching, struct session *session, struct fetch_one *one)
{
	struct fetch_want *want;
	bool tell = one->read.size > 0 || one->error || one->diverges;

	if (!session)
		return true;
	want = session_want(session, one->want.name, &one->want.id, one->want.partition);
	if (want) {
		tell |= want->told_high_watermark != one->high_watermark ||
			want->told_log_start != one->log_start;
		want->told_high_watermark = one->error ? -1 : one->high_watermark;
		want->told_log_start = one->error ? -1 : one->log_start;
		if (one->read.size > 0) {
			list_remove(&want->link);
			list_append(&session->wants, &want->link);
		}
	}
	return tell || !fetching->session_id;
}

static bool same_topic(const struct fetch_want *a, const struct fetch_want *b)
{
	if (a->name)
		return b->name && strcmp(a->name, b->name) == 0;
	return memcmp(&a->id, &b->id, sizeof a->id) == 0;
}

/* What goes out in place of the partition's records. */
static bool show_pieces(struct fetching *fetching, const struct store_read *read)
{
	struct iovec *pieces;

	if (read->size == 0)
		return true;
	pieces = arena_array(&fetching->request->arena, (size_t)read->count, sizeof *pieces);
	for (int i = 0; pieces && i < read->count; i++)
		pieces[i] = (struct iovec){ (void *)(uintptr_t)read->pieces[i].bytes.at,
					    read->pieces[i].bytes.size };
	fetching->runs[fetching->run_count++] = (struct request_run){ pieces, read->count };
	return pieces != NULL;
}

static bool tell_all(struct fetching *fetching, struct session *session, struct fetch_response *response)
{
	struct request *request = fetching->request;
	bool *told = arena_array(&request->arena, (size_t)fetching->count, sizeof *told);
	struct fetch_response_topic *topic = NULL;

	response->responses.at = REQUEST_ARRAY(request, fetch_response_topic_shape, fetching->count);
	fetching->runs = arena_array(&request->arena, (size_t)fetching->count, sizeof *fetching->runs);
	fetching->run_count = 0;
	if (!told || !response->responses.at || !fetching->runs)
		return false;
	for (int i = 0; i < fetching->count; i++)
		told[i] = worth_telling(fetching, session, &fetching->ones[i]);
	for (int i = 0; i < fetching->count;) {
		struct fetch_one *first = &fetching->ones[i];
		int end = i;

		while (end < fetching->count && same_topic(&first->want, &fetching->ones[end].want))
			end++;
		topic = &response->responses.at[response->responses.count];
		topic->partitions.at = REQUEST_ARRAY(request, fetch_response_partition_shape, end - i);
		if (!topic->partitions.at)
			return false;
		for (; i < end; i++) {
			if (!told[i])
				continue;
			if (!tell_one(request, &fetching->ones[i],
				      &topic->partitions.at[topic->partitions.count++]) ||
			    !show_pieces(fetching, &fetching->ones[i].read))
				return false;
		}
		if (topic->partitions.count == 0)
			continue;
		topic->topic = first->want.name ? view_text(first->want.name) : VIEW_LITERAL("");
		topic->topic_id = first->want.id;
		response->responses.count++;
	}
	return true;
}

/*
 * What an answer counts for a quota: its records, and about as much beside them as Kafka's has, for every partition, also those
 * that a session leaves out.
 */
static int64_t answer_size(const struct fetching *fetching)
{
	return fetching->size + ANSWER_HEAD_SIZE + (int64_t)fetching->count * ANSWER_PARTITION_SIZE;
}

static void answer(struct fetching *fetching)
{
	struct request *request = fetching->request;
	struct sessions *sessions = request->broker->sessions;
	struct fetch_response *response = request_response(request);
	struct session *session = fetching->session_id ? session_find(sessions, fetching->session_id) : NULL;
	bool ok;

	unpark(fetching);
	if (response && throttle_fetch(request, answer_size(fetching))) {
		response->session_id = fetching->session_id;
		request->gone = NULL;
		finish(fetching);
		request_answer(request, response);
		return;
	}
	if (response && fetching->want_session && request_version(request) >= 7)
		session = session_make(sessions, request->message, request_version(request));
	if (response)
		response->session_id = session ? session->id : 0;
	ok = response && tell_all(fetching, session, response);
	request->gone = NULL;
	if (ok)
		request_write_around(request, response, fetching->runs, fetching->run_count);
	finish(fetching);
	if (ok)
		request_written(request);
	else
		request_answer(request, NULL);
}

/* ---- waiting --------------------------------------------------------------------------------------------------------- */

static void attempt(struct fetching *fetching);

static void time_over(void *owner)
{
	struct fetching *fetching = owner;

	fetching->expired = true;
	attempt(fetching);
}

static void look_again(void *owner)
{
	attempt(owner);
}

static void changed(struct store_watch *watch)
{
	struct fetch_one *one = container_of(watch, struct fetch_one, watch);

	timer_start(one->fetching->soon, 0);
}

static void gone(struct request *request)
{
	finish(request->own);
	request_answer_nothing(request);
}

static bool set_timers(struct fetching *fetching)
{
	const struct fetch_request *in = fetching->request->message;
	struct loop *loop = fetching->request->broker->loop;

	if (timer_new(loop, time_over, fetching, &fetching->timer) < 0 ||
	    timer_new(loop, look_again, fetching, &fetching->soon) < 0)
		return false;
	timer_start(fetching->timer, in->max_wait_ms > WAIT_MS_MAX ? WAIT_MS_MAX : in->max_wait_ms);
	return true;
}

static void park(struct fetching *fetching)
{
	let_go(fetching);
	if (!fetching->parked && !set_timers(fetching)) {
		answer(fetching); /* an empty answer is always allowed */
		return;
	}
	fetching->parked = true;
	for (int i = 0; i < fetching->count; i++) {
		struct partition *partition = partition_of(fetching, &fetching->ones[i].want);

		store_watch_stop(&fetching->ones[i].watch);
		if (partition)
			store_watch_start(partition, &fetching->ones[i].watch);
	}
	throttle_time_end(fetching->request);
}

static void attempt(struct fetching *fetching)
{
	const struct fetch_request *in = fetching->request->message;
	int64_t room = fetching->request->broker->properties.fetch_bytes_max;

	throttle_time_go_on(fetching->request);

	if (in->max_bytes < room)
		room = in->max_bytes;
	room = throttle_fetch_room(fetching->request, room);
	fetching->size = 0;
	fetching->errors = false;
	for (int i = 0; i < fetching->count; i++)
		read_one(&fetching->ones[i], room - fetching->size);
	if (fetching->expired || fetching->errors || in->max_wait_ms <= 0 || fetching->count == 0 ||
	    fetching->size >= in->min_bytes || fetching->size >= room)
		answer(fetching);
	else
		park(fetching);
}

/* ---- the beginning --------------------------------------------------------------------------------------------------- */

static void add_one(struct fetching *fetching, const struct fetch_want *want)
{
	struct fetch_one *one = &fetching->ones[fetching->count++];

	one->fetching = fetching;
	one->want = *want;
	store_watch_init(&one->watch, changed);
}

/* From the session, or from the request itself. */
static bool add_all(struct fetching *fetching, const struct session *session)
{
	struct request *request = fetching->request;
	const struct fetch_request *in = request->message;
	bool ids = request_version(request) >= TOPIC_IDS_SINCE;
	int64_t count = session ? session->count : 0;

	for (int32_t i = 0; !session && i < in->topics.count; i++)
		count += in->topics.at[i].partitions.count;
	if (count > WANTS_MAX)
		return false;
	fetching->ones = arena_array(&request->arena, (size_t)count, sizeof *fetching->ones);
	if (!fetching->ones)
		return false;
	if (session) {
		LIST_EACH(&session->wants, link)
		{
			struct fetch_want want = *container_of(link, struct fetch_want, link);

			if (want.name && !(want.name = arena_text(&request->arena, want.name)))
				return false;
			add_one(fetching, &want);
		}
		return true;
	}
	for (int32_t i = 0; i < in->topics.count; i++) {
		const struct fetch_request_topic *topic = &in->topics.at[i];
		struct view name = arena_copy(&request->arena, topic->topic);

		for (int32_t k = 0; k < topic->partitions.count; k++) {
			const struct fetch_request_partition *p = &topic->partitions.at[k];
			struct fetch_want want = { .id = topic->topic_id,
						   .name = ids ? NULL : (const char *)name.at,
						   .partition = p->partition,
						   .leader_epoch = p->current_leader_epoch,
						   .last_epoch = p->last_fetched_epoch,
						   .offset = p->fetch_offset,
						   .size_max = p->partition_max_bytes };

			if (!ids &&
			    (!name.at || name.size > STORE_TOPIC_NAME_MAX || memchr(name.at, 0, name.size)))
				return false;
			add_one(fetching, &want);
		}
	}
	return true;
}

/* A topic that is not there has no name to ask for when it goes by id: that is what is told then. */
static void check_access(struct fetching *fetching)
{
	if (!access_is_on(fetching->request->broker))
		return;
	for (int i = 0; i < fetching->count; i++) {
		struct fetch_one *one = &fetching->ones[i];
		const struct store_topic *topic = topic_of(fetching, &one->want);
		const char *name = one->want.name ? one->want.name : topic ? topic->name : NULL;

		if (i > 0 && same_topic(&one->want, &one[-1].want))
			one->denied = one[-1].denied;
		else
			one->denied =
				name && access_topic(fetching->request, ACL_OPERATION_READ, view_text(name));
	}
}

static void refuse(struct request *request, int16_t error)
{
	struct fetch_response *response = request_response(request);

	if (response)
		response->error_code = error;
	request_answer(request, response);
}

void handle_fetch(struct request *request)
{
	const struct fetch_request *in = request->message;
	struct fetching *fetching = arena_take(&request->arena, sizeof *fetching);
	struct session *session;
	int16_t error;

	if (!fetching) {
		request_answer(request, NULL);
		return;
	}
	fetching->request = request;
	error = session_begin(request->broker->sessions, in, request_version(request), &session,
			      &fetching->want_session);
	if (error) {
		refuse(request, error);
		return;
	}
	fetching->session_id = session ? session->id : 0;
	if (!add_all(fetching, session)) {
		request_fail(request, "a fetch of more than can be");
		return;
	}
	request->own = fetching;
	request->gone = gone;
	request->done = done;
	check_access(fetching);
	attempt(fetching);
}

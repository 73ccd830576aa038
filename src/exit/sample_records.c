/*
 * sample_records.c - three windows of each partition, one after the other:
 *
 *	HEAD  from the log's start on    a quarter of the bytes
 *	TAIL  up to its end              half of them
 *	LAST  the last few records       where the tail took all of its bytes before it came to the end
 */
#include "exit/sample_records.h"

#include <stdlib.h>

#include "client/fetcher.h"
#include "client/offsets.h"
#include "loop/loop.h"

#define RECORDS_USUAL    1000
#define BYTES_USUAL      (256 * 1024)
#define PARTITIONS_USUAL 64
#define TIMEOUT_USUAL_MS 30000
#define LAST_RECORDS     16
#define INFLATED_MAX     (32 * 1024 * 1024)
#define MEMORY           (32 * 1024 * 1024)
#define REQUEST_SIZE     (256 * 1024)

enum window { WINDOW_HEAD, WINDOW_TAIL, WINDOW_LAST, WINDOWS };

struct part {
	struct sampling *sampling;
	struct seen *seen;
	struct fetch_part *fetch;
	int32_t partition;
	int64_t log_end;
	enum window window;
	int64_t from, until; /* of the window */
	int64_t left;        /* bytes that the window may still bring */
	bool ended;
};

struct sampling {
	struct loop *loop;
	struct sample_limits limits;
	struct arena *arena;
	struct inflater *inflater;
	struct buffer scratch;
	struct part *parts;
	int count, open;
	int err;
	bool done;
};

static void fail(struct sampling *s, struct seen *seen, const char *why)
{
	seen->sampled = false;
	if (!seen->why)
		seen->why = arena_text(s->arena, why);
}

static void part_ends(struct part *part)
{
	struct sampling *s = part->sampling;

	if (part->ended)
		return;
	part->ended = true;
	fetch_part_remove(part->fetch);
	s->done = --s->open == 0;
}

/* Sets the bounds of the next window that has anything in it, past `seen_to`.  False when there is none. */
static bool next_window(struct part *part, int64_t seen_to)
{
	const struct sample_limits *limits = &part->sampling->limits;

	while (++part->window < WINDOWS) {
		int64_t back = part->window == WINDOW_TAIL ? limits->records : LAST_RECORDS;

		part->from = part->log_end - back > seen_to ? part->log_end - back : seen_to;
		part->until = part->log_end;
		part->left = part->window == WINDOW_TAIL ? limits->bytes / 2 : limits->bytes / 4;
		if (part->from < part->until)
			return true;
	}
	return false;
}

static void window_ends(struct part *part, int64_t seen_to)
{
	if (!next_window(part, seen_to)) {
		part_ends(part);
		return;
	}
	fetch_part_seek(part->fetch, part->from, -1, part->until);
	fetch_part_credit(part->fetch, part->left, true);
}

static void on_records(void *context, const struct fetched *fetched)
{
	struct part *part = fetched->owner;
	struct sampling *s = part->sampling;
	struct seen_input input = {
		.partition = part->partition,
		.batches = fetched->records,
		.from = fetched->offset > part->from ? fetched->offset : part->from,
		.until = part->until,
		.now_ms = clock_wall_ms(loop_clock(s->loop)),
		.inflater = s->inflater,
		.scratch = &s->scratch,
	};

	if (part->ended)
		return;
	if (seen_add(part->seen, &input) < 0) {
		s->err = ERR_MEMORY;
		loop_stop(s->loop);
		return;
	}
	part->left -= (int64_t)fetched->records.size;
	if (fetched->ended || part->left <= 0)
		window_ends(part, fetched->next_offset < part->until ? fetched->next_offset : part->until);
}

static void on_event(void *context, const struct fetch_event *event)
{
	struct part *part = event->owner;

	if (event->kind == FETCH_REACHABLE || part->ended)
		return;
	/* Retention went on while we read: what it took is no loss to a sample. */
	if (event->kind == FETCH_LOG_START_MOVED) {
		window_ends(part, event->offset);
		return;
	}
	fail(part->sampling, part->seen, event->fault->text);
	part_ends(part);
}

/* ---- where to read ---- */

static int partitions_of(const struct sampling *s, const struct sample_request *request)
{
	return request->partition_count < s->limits.partitions ? request->partition_count
							       : s->limits.partitions;
}

static int start_part(struct sampling *s, struct fetcher *fetcher, const struct sample_request *request,
		      const struct offset_query *first, const struct offset_query *end)
{
	struct part *part = &s->parts[s->count];
	int err;

	if (first->err || end->err) {
		fail(s, request->seen, "where a partition begins and ends could not be asked");
		return 0;
	}
	request->seen->partitions++;
	if (first->offset >= end->offset)
		return 0;
	*part = (struct part){
		.sampling = s,
		.seen = request->seen,
		.partition = end->partition,
		.log_end = end->offset,
		.from = first->offset,
		.until = end->offset - first->offset > s->limits.records ? first->offset + s->limits.records
									 : end->offset,
		.left = s->limits.bytes / 4,
	};
	err = fetch_part_add(fetcher, request->topic, NULL, part->partition, part->from, -1, part->until,
			     part, &part->fetch);
	if (err < 0)
		return err;
	fetch_part_credit(part->fetch, part->left, true);
	s->count++;
	s->open++;
	return 0;
}

/* Two questions a partition: where it begins and where it ends. */
static int start_all(struct sampling *s, struct cluster *cluster, struct fetcher *fetcher,
		     const struct sample_request *requests, int count)
{
	struct offset_query *queries;
	int total = 0, at = 0, err = 0;

	for (int i = 0; i < count; i++)
		total += partitions_of(s, &requests[i]);
	queries = calloc(2 * (size_t)total + 1, sizeof *queries);
	s->parts = calloc((size_t)total + 1, sizeof *s->parts);
	if (!queries || !s->parts) {
		free(queries);
		return ERR_MEMORY;
	}
	for (int i = 0; i < count; i++) {
		int chosen = partitions_of(s, &requests[i]);

		for (int p = 0; p < chosen; p++) {
			struct offset_query query = {
				.topic = requests[i].topic,
				.partition = (int32_t)((int64_t)p * requests[i].partition_count / chosen),
				.at = OFFSETS_EARLIEST,
			};

			queries[at++] = query;
			query.at = OFFSETS_LATEST;
			queries[at++] = query;
		}
	}
	/* Each query says how it went. */
	if (total && offsets_list(cluster, queries, at, false, s->limits.timeout_ms, NULL) == ERR_CANCELLED)
		err = ERR_CANCELLED;
	at = 0;
	for (int i = 0; i < count; i++)
		for (int p = 0; p < partitions_of(s, &requests[i]) && err == 0; p++, at += 2)
			err = start_part(s, fetcher, &requests[i], &queries[at], &queries[at + 1]);
	s->done = s->open == 0;
	free(queries);
	return err;
}

/* ---- from outside ---- */

static int run(struct sampling *s, struct cluster *cluster, const struct sample_request *requests, int count)
{
	struct fetcher_options options = { .request_size = REQUEST_SIZE,
					   .wait_ms = 100,
					   .unreachable_ms = s->limits.timeout_ms,
					   .records = on_records,
					   .event = on_event,
					   .context = s };
	struct allowance *allowance = NULL;
	struct fetcher *fetcher = NULL;
	int err = allowance_new(s->loop, MEMORY, 0, &allowance);

	options.allowance = allowance;
	if (err == 0)
		err = fetcher_new(cluster, &options, &fetcher);
	if (err == 0)
		err = start_all(s, cluster, fetcher, requests, count);
	if (err == 0)
		err = loop_until(s->loop, &s->done, loop_now_ms(s->loop) + s->limits.timeout_ms);
	for (int i = 0; i < s->count && err == ERR_TIMEOUT; i++)
		if (!s->parts[i].ended)
			fail(s, s->parts[i].seen, "its records did not come in time");
	fetcher_free(fetcher);
	allowance_free(allowance);
	return s->err < 0 ? s->err : err == ERR_TIMEOUT ? 0 : err;
}

int sample_records(struct loop *loop, struct cluster *cluster, const struct sample_request *requests,
		   int count, const struct sample_limits *limits, struct arena *arena, struct fault *fault)
{
	struct sampling s = { .loop = loop, .arena = arena };
	int err;

	if (limits)
		s.limits = *limits;
	s.limits.records = s.limits.records ? s.limits.records : RECORDS_USUAL;
	s.limits.bytes = s.limits.bytes ? s.limits.bytes : BYTES_USUAL;
	s.limits.partitions = s.limits.partitions ? s.limits.partitions : PARTITIONS_USUAL;
	s.limits.timeout_ms = s.limits.timeout_ms ? s.limits.timeout_ms : TIMEOUT_USUAL_MS;
	for (int i = 0; i < count; i++)
		requests[i].seen->sampled = true;
	buffer_init(&s.scratch, INFLATED_MAX);
	s.inflater = inflater_new(INFLATED_MAX);
	err = s.inflater ? run(&s, cluster, requests, count) : ERR_MEMORY;
	inflater_free(s.inflater);
	buffer_done(&s.scratch);
	free(s.parts);
	return err < 0 ? fault_set(fault, err, "records could not be sampled: %s", err_text(err)) : 0;
}

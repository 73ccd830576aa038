/* seen.c - a look at the newest records of each topic. */
#include <stdlib.h>

#include "base/bits.h"
#include "client/fetcher.h"
#include "client/offsets.h"
#include "exit/gather.h"
#include "exit/seen.h"
#include "loop/loop.h"
#include "wire/record.h"

#define SAMPLE_BYTES      (256 * 1024) /* a partition */
#define SAMPLE_RECORDS    2000         /* how far back from a partition's end */
#define SAMPLE_MEMORY     (32 * 1024 * 1024)
#define SAMPLE_PARTITIONS 64 /* a topic; the first ones */

/* ---- looking at batches ---- */

static void note_schema(struct seen *seen, struct view bytes)
{
	int32_t id;

	if (bytes.size < 5 || bytes.at[0] != 0)
		return;
	id = (int32_t)get_be32(bytes.at + 1);
	if (id <= 0)
		return;
	seen->framed++;
	for (int i = 0; i < seen->schema_count; i++)
		if (seen->schemas[i] == id)
			return;
	if (seen->schema_count < SEEN_SCHEMAS_MAX)
		seen->schemas[seen->schema_count++] = id;
	else
		seen->schemas_cut = true;
}

static int note_records(struct seen *seen, const struct batch *batch, struct inflater *inflater,
			struct buffer *scratch)
{
	struct record_walk walk;
	struct record_span spans[64];
	struct records records;
	int count, err;

	buffer_reset(scratch);
	err = batch_check(batch, NULL);
	if (err == 0)
		err = batch_open(batch, inflater, scratch, &records, NULL);
	if (err < 0)
		return err;
	record_walk_init(&walk, &records);
	while ((count = record_walk_next(&walk, spans, 64)) > 0) {
		for (int i = 0; i < count; i++) {
			struct record record;

			if (record_split(view_of(spans[i].at, spans[i].size), &record) < 0)
				continue;
			seen->records++;
			seen->bytes += spans[i].size;
			seen->headers += record.header_count > 0;
			seen->values += record.value.size > 0;
			note_schema(seen, record.value);
		}
	}
	return count;
}

int seen_batches(struct seen *seen, struct view batches, int64_t now_ms)
{
	struct inflater *inflater = inflater_new(SAMPLE_MEMORY);
	struct buffer scratch;
	struct batch batch;

	if (!inflater)
		return ERR_MEMORY;
	buffer_init(&scratch, SAMPLE_MEMORY);
	while (batch_next(&batches, &batch) > 0) {
		seen->batches++;
		if (batch.head.size > seen->batch_size_max)
			seen->batch_size_max = batch.head.size;
		if (batch.head.magic >= 0 && batch.head.magic < 8)
			seen->formats |= 1u << batch.head.magic;
		seen->codecs |= 1u << (batch.head.codec & 7);
		seen->transactional += batch.head.transactional;
		seen->idempotent += batch.head.producer_id >= 0;
		seen->log_append += batch.head.log_append_time;
		if (!batch.head.log_append_time && batch.head.max_timestamp - now_ms > seen->ahead_ms_max)
			seen->ahead_ms_max = batch.head.max_timestamp - now_ms;
		if (!batch.head.control && note_records(seen, &batch, inflater, &scratch) < 0)
			seen->unreadable++;
	}
	buffer_done(&scratch);
	inflater_free(inflater);
	return 0;
}

/* ---- reading them ---- */

struct sampling {
	struct gathering *g;
	enum side side;
	struct part {
		struct sampling *sampling;
		struct fetch_part *fetch;
		int topic;
		int64_t left; /* bytes that it may still bring */
		bool ended;
	} * parts;
	int count, open;
	bool done;
};

static void part_ends(struct part *part)
{
	if (part->ended)
		return;
	part->ended = true;
	fetch_part_remove(part->fetch);
	part->sampling->done = --part->sampling->open == 0;
}

static struct seen *seen_of(const struct part *part)
{
	return &part->sampling->g->seen[part->sampling->side][part->topic];
}

static void on_records(void *context, const struct fetched *fetched)
{
	struct part *part = fetched->owner;

	if (part->ended)
		return;
	seen_batches(seen_of(part), fetched->records, clock_wall_ms(part->sampling->g->clock));
	part->left -= (int64_t)fetched->records.size;
	if (fetched->ended || part->left <= 0)
		part_ends(part);
}

static void on_event(void *context, const struct fetch_event *event)
{
	struct part *part = event->owner;
	struct gathering *g = part->sampling->g;

	/* A log that moved under a sample is no matter: the sample is only smaller. */
	if (event->kind == FETCH_REACHABLE || part->ended)
		return;
	seen_of(part)->why = arena_text(g->arena, event->fault->text);
	if (event->kind == FETCH_UNREACHABLE || event->kind == FETCH_DENIED || event->kind == FETCH_REFUSED)
		seen_of(part)->sampled = false;
	part_ends(part);
}

static const struct topic_info *topic_on(const struct gathering *g, enum side side, int topic)
{
	return facts_topic(&g->facts->sides[side],
			   side == SIDE_SOURCE ? g->topics[topic].source : g->topics[topic].target);
}

/* Two questions a partition: where it begins and where it ends. */
static int ask_ends(struct gathering *g, enum side side, struct cluster *cluster, struct offset_query **out,
		    int **topics, int64_t timeout_ms)
{
	struct offset_query *queries;
	int count = 0;

	for (int i = 0; i < g->topic_count; i++) {
		const struct topic_info *topic = topic_on(g, side, i);

		count += topic ? (topic->partition_count < SAMPLE_PARTITIONS ? topic->partition_count
									     : SAMPLE_PARTITIONS)
			       : 0;
	}
	queries = arena_array(g->arena, (size_t)(2 * count) + 1, sizeof *queries);
	*topics = arena_array(g->arena, (size_t)count + 1, sizeof **topics);
	if (!queries || !*topics)
		return ERR_MEMORY;
	count = 0;
	for (int i = 0; i < g->topic_count; i++) {
		const struct topic_info *topic = topic_on(g, side, i);

		for (int p = 0; topic && p < topic->partition_count && p < SAMPLE_PARTITIONS; p++) {
			(*topics)[count] = i;
			queries[2 * count] = (struct offset_query){ .topic = topic->name,
								    .partition = p,
								    .at = OFFSETS_EARLIEST };
			queries[2 * count + 1] = (struct offset_query){ .topic = topic->name,
									.partition = p,
									.at = OFFSETS_LATEST };
			count++;
		}
	}
	offsets_list(cluster, queries, 2 * count, false, timeout_ms, NULL); /* each query says how it went */
	*out = queries;
	return count;
}

static int start_parts(struct sampling *s, struct fetcher *fetcher, struct offset_query *queries,
		       const int *topics, int count)
{
	struct gathering *g = s->g;

	s->parts = arena_array(g->arena, (size_t)count + 1, sizeof *s->parts);
	if (!s->parts)
		return ERR_MEMORY;
	for (int i = 0; i < count; i++) {
		const struct offset_query *first = &queries[2 * i], *end = &queries[2 * i + 1];
		struct part *part = &s->parts[s->count];
		int64_t from = end->offset - SAMPLE_RECORDS;
		int err;

		if (first->err || end->err) {
			g->seen[s->side][topics[i]].sampled = false;
			g->seen[s->side][topics[i]].why = "the end of a partition could not be asked for";
			continue;
		}
		from = from < first->offset ? first->offset : from;
		if (from >= end->offset)
			continue;
		*part = (struct part){ .sampling = s, .topic = topics[i], .left = SAMPLE_BYTES };
		err = fetch_part_add(fetcher, end->topic, NULL, end->partition, from, -1, end->offset, part,
				     &part->fetch);
		if (err < 0)
			return err;
		fetch_part_credit(part->fetch, SAMPLE_BYTES, true);
		s->count++;
		s->open++;
	}
	s->done = s->open == 0;
	return 0;
}

int seen_sample(struct gathering *g, int side, struct loop *loop, struct cluster *cluster, int64_t timeout_ms,
		struct fault *fault)
{
	struct sampling s = { .g = g, .side = (enum side)side };
	struct fetcher_options options = { .request_size = SAMPLE_BYTES,
					   .wait_ms = 100,
					   .unreachable_ms = timeout_ms,
					   .records = on_records,
					   .event = on_event,
					   .context = &s };
	struct allowance *allowance = NULL;
	struct offset_query *queries = NULL;
	struct fetcher *fetcher = NULL;
	int *topics = NULL, count, err;

	g->seen[side] = arena_array(g->arena, (size_t)g->topic_count + 1, sizeof **g->seen);
	count = g->seen[side] ? ask_ends(g, (enum side)side, cluster, &queries, &topics, timeout_ms)
			      : ERR_MEMORY;
	if (count < 0)
		return fault_set(fault, count, "no memory to sample records");
	for (int i = 0; i < g->topic_count; i++)
		g->seen[side][i].sampled = topic_on(g, (enum side)side, i) != NULL;
	err = allowance_new(loop, SAMPLE_MEMORY, 0, &allowance);
	options.allowance = allowance;
	if (err == 0)
		err = fetcher_new(cluster, &options, &fetcher);
	if (err == 0)
		err = start_parts(&s, fetcher, queries, topics, count);
	if (err == 0)
		err = loop_until(loop, &s.done, loop_now_ms(loop) + timeout_ms);
	if (err == ERR_TIMEOUT) {
		for (int i = 0; i < s.count; i++) {
			if (s.parts[i].ended)
				continue;
			seen_of(&s.parts[i])[0].sampled = false;
			seen_of(&s.parts[i])[0].why = "it did not come in time";
		}
		err = 0;
	}
	fetcher_free(fetcher);
	allowance_free(allowance);
	return err < 0 ? fault_set(fault, err, "records could not be sampled: %s", err_text(err)) : 0;
}

/* leak.c - ends are asked for; only where one has moved is anything read, and only up to the first record. */
#include <stdlib.h>

#include "client/fetcher.h"
#include "client/offsets.h"
#include "parity/leak.h"
#include "wire/batch.h"

#define MEMORY ((size_t)32 << 20)

struct look;

struct look_part {
	struct look *look;
	struct leak_watch *watch;
	struct fetch_part *fetch;
	bool finished;
};

struct look {
	struct look_part *parts;
	int left, err;
	bool done;
	struct fault *fault;
};

static void finish(struct look_part *part)
{
	struct look *look = part->look;

	if (part->finished)
		return;
	part->finished = true;
	fetch_part_remove(part->fetch);
	part->fetch = NULL;
	look->done = --look->left == 0;
}

static void fail(struct look *look, int err)
{
	look->err = look->err ? look->err : err;
	look->done = true;
}

/* The first batch of data that reaches behind the end. */
static int walk(struct leak_watch *watch, struct view bytes)
{
	struct batch batch;
	int more;

	while ((more = batch_next(&bytes, &batch)) > 0) {
		int64_t last = batch_last_offset(&batch.head);

		if (last < watch->end || batch.head.control)
			continue;
		/* A batch that retention or a compaction has emptied holds its place and nothing else. */
		if (batch.head.magic == 2 && batch.head.count == 0)
			continue;
		watch->leaked = true;
		watch->offset = batch.head.base_offset > watch->end ? batch.head.base_offset : watch->end;
		if (batch.head.magic < 2 && watch->offset > last)
			watch->offset = last;
		watch->timestamp = batch.head.base_timestamp;
		watch->producer_id = batch.head.producer_id;
		watch->producer_epoch = batch.head.producer_epoch;
		watch->transactional = batch.head.transactional;
		return 1;
	}
	return more;
}

static void on_records(void *context, const struct fetched *fetched)
{
	struct look *look = context;
	struct look_part *part = fetched->owner;
	int found;

	if (part->finished || look->err)
		return;
	found = walk(part->watch, fetched->records);
	if (found < 0)
		fail(look,
		     fault_set(look->fault, ERR_CHECKSUM,
			       "%s-%d: what stands behind offset %lld cannot be read", part->watch->topic,
			       part->watch->partition, (long long)part->watch->end));
	else if (found || fetched->ended)
		finish(part);
}

static void on_event(void *context, const struct fetch_event *event)
{
	struct look *look = context;

	if (event->kind == FETCH_UNREACHABLE || event->kind == FETCH_REACHABLE || look->err)
		return;
	if (look->fault)
		*look->fault = *event->fault;
	fail(look, event->kind == FETCH_DENIED ? ERR_DENIED : ERR_STALE);
}

static int read_grown(struct look *look, struct loop *loop, struct cluster *cluster,
		      struct leak_watch *watches, int count, int64_t deadline_ms)
{
	struct fetcher_options options = { .records = on_records, .event = on_event, .context = look };
	struct allowance *allowance = NULL;
	struct fetcher *fetcher = NULL;
	int err = allowance_new(loop, MEMORY, 0, &allowance);

	options.allowance = allowance;
	options.request_size = (int32_t)(MEMORY / 8);
	if (err == 0)
		err = fetcher_new(cluster, &options, &fetcher);
	for (int i = 0; i < count && err == 0; i++) {
		struct look_part *part = &look->parts[i];

		*part = (struct look_part){ .look = look, .watch = &watches[i] };
		if (watches[i].now <= watches[i].end)
			continue;
		look->left++;
		err = fetch_part_add(fetcher, watches[i].topic, NULL, watches[i].partition, watches[i].end,
				     -1, watches[i].now, part, &part->fetch);
	}
	look->done = look->left == 0;
	if (err == 0)
		err = loop_until(loop, &look->done, deadline_ms);
	if (err == ERR_TIMEOUT)
		fault_set(look->fault, err, "what stands behind the ends could not be read in time");
	fetcher_free(fetcher);
	allowance_free(allowance);
	return err ? err : look->err;
}

int leak_look(struct loop *loop, struct cluster *cluster, struct leak_watch *watches, int count,
	      int64_t timeout_ms, struct fault *fault)
{
	int64_t deadline_ms = loop_now_ms(loop) + timeout_ms;
	struct offset_query *queries = calloc((size_t)count + 1, sizeof *queries);
	struct fault own = { 0 };
	struct look look = { .parts = calloc((size_t)count + 1, sizeof *look.parts),
			     .fault = fault ? fault : &own };
	bool grown = false;
	int err = queries && look.parts ? 0 : fault_set(fault, ERR_MEMORY, "out of memory"), leaked = 0;

	for (int i = 0; i < count; i++) {
		watches[i].now = watches[i].offset = watches[i].timestamp = watches[i].producer_id = -1;
		watches[i].leaked = watches[i].transactional = false;
		watches[i].producer_epoch = -1;
		if (queries)
			queries[i] = (struct offset_query){ .topic = watches[i].topic,
							    .partition = watches[i].partition,
							    .at = OFFSETS_LATEST };
	}
	if (err == 0)
		err = offsets_list(cluster, queries, count, false, timeout_ms, look.fault);
	for (int i = 0; i < count && err == 0; i++) {
		watches[i].now = queries[i].offset;
		grown |= watches[i].now > watches[i].end;
	}
	if (err == 0 && grown)
		err = read_grown(&look, loop, cluster, watches, count, deadline_ms);
	for (int i = 0; i < count; i++) {
		leaked += watches[i].leaked;
		if (err == 0 && watches[i].now < watches[i].end)
			err = fault_set(look.fault, ERR_STALE,
					"%s-%d ended at %lld, and ends at %lld now: it was cut back",
					watches[i].topic, watches[i].partition, (long long)watches[i].end,
					(long long)watches[i].now);
	}
	free(queries);
	free(look.parts);
	return err < 0 ? err : leaked;
}

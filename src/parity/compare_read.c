/*
 * compare_read.c - from the fetchers to the join: pieces are decoded on other threads, one at a time for each
 * partition so that their order stays, and credit keeps what is read and not yet joined within bounds.
 *
 * A partition that the join waits for always has credit, whatever the others hold: no two can wait for each other.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "parity/compare_state.h"

#define QUOTA_LEAST  ((size_t)64 << 10)
#define QUOTA_MOST   ((size_t)12 << 20)
#define REQUEST_MOST ((size_t)8 << 20)
#define INFLATE_MOST ((size_t)128 << 20)
#define SLAB_BYTES   ((size_t)2 << 20)
#define JOB_BYTES    ((size_t)4 << 20) /* slabs that one run on a worker makes at most */
#define ADVANCE_ROWS 400000            /* of one lane before the loop has its turn again */
#define JOBS_MOST    4
#define LIVE_WAIT_MS   100
#define ENDING_WAIT_MS 50

_Static_assert(sizeof(struct aborted) == sizeof(struct fetch_aborted), "one is handed on as the other");

/* ---- jobs ---- */

static void frame_release(void *keep)
{
	fetch_frame_drop(keep);
}

static void job_free(struct job *job)
{
	for (struct slab *slab = job->slabs, *next; slab; slab = next) {
		next = slab->next;
		slab_free(slab);
	}
	fetch_frame_drop(job->frame);
	free(job);
}

static void decode_options(const struct topic *topic, struct decode_options *out)
{
	const struct parity_options *options = topic->compare->options;

	*out = (struct decode_options){
		.seed = topic->compare->seed,
		.ignore_headers = options->ignore_headers,
		.ignore_header_count = options->ignore_header_count,
		.identity = options->identity,
		.identity_header = options->identity_header,
		.shard = topic->shard,
		.shards = topic->shards,
		.counts_only = topic->counts_only,
		.with_aborted = topic->stage == TOPIC_ASKING,
	};
}

/* On a worker thread. */
static void job_run(void *context)
{
	struct job *job = context;
	size_t size = 0;

	if (!job->begun)
		job->err = decode_begin(job->decoder, &job->input);
	job->begun = true;
	while (job->err == 0) {
		struct slab *slab;
		int more = decode_next(job->decoder, &job->options, &job->input, &slab);

		if (more <= 0) {
			job->err = more;
			job->more = false;
			return;
		}
		slab->next = NULL;
		*job->slabs_end = slab;
		job->slabs_end = &slab->next;
		size += slab->bytes.size;
		if (size >= JOB_BYTES) {
			job->more = true;
			return;
		}
	}
}

static void decoder_give(struct compare *compare, struct decoder *decoder)
{
	if (compare->decoder_count < DECODERS_KEPT)
		compare->decoders[compare->decoder_count++] = decoder;
	else
		decoder_free(decoder);
}

static void part_pump(struct part *part);

static void job_done(void *context)
{
	struct job *job = context;
	struct part *part = job->part;
	struct compare *compare = part->compare;
	struct topic *topic = part->topic;
	struct slab *slab;

	compare->jobs_running--;
	part->decoding = false;
	if (!job->more || job->generation != part->generation) {
		decoder_give(compare, job->decoder);
		job->decoder = NULL;
	}
	if (job->err < 0 && !compare->err) {
		compare->err = fault_set(compare->fault, job->err, "out of memory while decoding records");
		compare->wake = true;
	}
	if (job->generation != part->generation) {
		job_free(job);
		part_pump(part);
		return;
	}
	while ((slab = job->slabs)) {
		job->slabs = slab->next;
		if (!job->slabs)
			job->slabs_end = &job->slabs;
		slab->next = NULL;
		if (slab->broken)
			part_stop(part, "UNREADABLE_LOG",
				  "%s: %s-%d: the bytes at offset %lld begin no record batch; nothing behind "
				  "them can "
				  "be read",
				  cluster_name(compare->clusters[part->side]), topic->name[part->side],
				  part->partition, (long long)slab->until);
		if (topic->stage == TOPIC_ASKING) {
			join_answer(topic->join, slab);
			slab_free(slab);
			continue;
		}
		if (slab->count)
			part->data_end = slab->offsets[slab->count - 1] + 1;
		if (slab->borrows) {
			fetch_frame_hold(job->frame);
			slab->release = frame_release;
			slab->keep = job->frame;
		}
		join_push(topic->join, slab);
	}
	if (job->more) {
		/* The decoder stays with the job: it knows which transactions are under way. */
		job->next = part->jobs;
		part->jobs = job;
		if (!job->next)
			part->jobs_end = &job->next;
	} else {
		part->raw -= job->size;
		part->position = job->next_offset;
		job_free(job);
	}
	compare_dirty(topic);
	part_pump(part);
	if (compare->decoder_wanted) {
		compare->decoder_wanted = false;
		for (size_t i = 0; i < compare->topic_count; i++)
			compare_dirty(&compare->topics[i]);
	}
}

static struct decoder *decoder_take(struct compare *compare)
{
	if (compare->decoder_count)
		return compare->decoders[--compare->decoder_count];
	return compare->jobs_running < JOBS_MOST ? decoder_new(INFLATE_MOST) : NULL;
}

/* Gives the next piece of the partition to a worker, unless too much of it waits for the join already. */
static void part_pump(struct part *part)
{
	struct compare *compare = part->compare;
	struct topic *topic = part->topic;
	struct job *job = part->jobs;

	if (part->decoding || !job || compare->err)
		return;
	if (topic->stage != TOPIC_ASKING && !join_starved(topic->join, part->side, part->partition) &&
	    join_queued(topic->join, part->side, part->partition) > compare->part_quota)
		return;
	if (!job->decoder && !(job->decoder = decoder_take(compare))) {
		compare->decoder_wanted = true;
		return;
	}
	decode_options(topic, &job->options);
	part->jobs = job->next;
	if (!part->jobs)
		part->jobs_end = &part->jobs;
	if (loop_work(compare->loop, job_run, job_done, job) < 0) {
		decoder_give(compare, job->decoder);
		job->decoder = NULL;
		job->next = part->jobs;
		part->jobs = job;
		if (!job->next)
			part->jobs_end = &job->next;
		return;
	}
	part->decoding = true;
	compare->jobs_running++;
}

/* Forgets what is on the way; what a worker has in hand is dropped when it comes back. */
static void part_forget(struct part *part)
{
	part->generation++;
	for (struct job *job = part->jobs, *next; job; job = next) {
		next = job->next;
		if (job->decoder)
			decoder_give(part->compare, job->decoder);
		job_free(job);
	}
	part->jobs = NULL;
	part->jobs_end = &part->jobs;
	part->raw = 0;
}

/* ---- credit ---- */

static void part_credit(struct part *part)
{
	struct compare *compare = part->compare;
	struct topic *topic = part->topic;
	size_t quota = compare->part_quota, held;
	bool starved = topic->stage == TOPIC_ASKING || join_starved(topic->join, part->side, part->partition);

	if (!part->fetch)
		return;
	held = part->raw +
	       (topic->stage == TOPIC_ASKING ? 0 : join_queued(topic->join, part->side, part->partition));
	if (held < quota)
		fetch_part_credit(part->fetch, (int64_t)(quota - held), true);
	else
		fetch_part_credit(part->fetch, starved && !part->raw ? (int64_t)QUOTA_LEAST : 0, true);
}

/* ---- the fetchers' callbacks ---- */

static void on_records(void *context, const struct fetched *fetched)
{
	struct part *part = fetched->owner;
	struct compare *compare = part->compare;
	struct job *job;

	(void)context;
	part->stable = fetched->last_stable_offset;
	part->high = fetched->high_watermark;
	part->epoch = fetched->leader_epoch;
	part->unreachable_since_ms = 0;
	compare_dirty(part->topic);
	if (part->ended && part->topic->stage != TOPIC_ASKING)
		return;
	if (!fetched->records.size) {
		if (part_idle(part) && fetched->next_offset > part->position)
			part->position = fetched->next_offset;
		return;
	}
	job = calloc(1, sizeof *job);
	if (!job) {
		compare->err = fault_set(compare->fault, ERR_MEMORY, "out of memory");
		compare->wake = true;
		return;
	}
	*job = (struct job){
		.part = part,
		.generation = part->generation,
		.frame = fetched->frame,
		.next_offset = fetched->next_offset,
		.size = fetched->records.size,
		.input = { .side = part->side,
			   .partition = part->partition,
			   .bytes = fetched->records,
			   .from = fetched->offset,
			   /* What the target wrote since its end was looked up may yet be waited for. */
			   .until = (part->side == SOURCE && part->topic->stage != TOPIC_ASKING) ||
						    compare->options->until_ms != PARITY_TIME_NONE
					    ? part->end
					    : INT64_MAX,
			   .aborted = (const struct aborted *)fetched->aborted,
			   .aborted_count = fetched->aborted_count,
			   .slab_bytes = SLAB_BYTES },
	};
	job->slabs_end = &job->slabs;
	fetch_frame_hold(job->frame);
	*part->jobs_end = job;
	part->jobs_end = &job->next;
	part->raw += job->size;
	compare->bytes_read += job->size;
	part_pump(part);
}

static void part_log_start_moved(struct part *part, int64_t offset, int32_t epoch)
{
	struct slab *slab =
		slab_new(part->side, part->partition, part->position, part->compare->options->identity);

	part_forget(part);
	if (part->topic->stage == TOPIC_ASKING)
		join_unanswered(part->topic->join);
	if (slab && part->topic->stage != TOPIC_ASKING &&
	    slab_add_gap(slab, ROW_HOLE, ROW_COUNT_MOST, part->position, -1) == 0) {
		slab->until = offset;
		join_push(part->topic->join, slab);
	} else {
		slab_free(slab);
	}
	part->position = offset;
	fetch_part_seek(part->fetch, offset, epoch, part->end);
}

static void on_event(void *context, const struct fetch_event *event)
{
	struct part *part = event->owner;
	const char *text = event->fault->text;

	(void)context;
	compare_dirty(part->topic);
	switch (event->kind) {
	case FETCH_UNREACHABLE: part->unreachable_since_ms = event->since_ms; break;
	case FETCH_REACHABLE: part->unreachable_since_ms = 0; break;
	case FETCH_LOG_START_MOVED: part_log_start_moved(part, event->offset, event->leader_epoch); break;
	case FETCH_TRUNCATED: part_stop(part, "TRUNCATED", "%s", text); break;
	case FETCH_RECREATED: part_stop(part, "TOPIC_RECREATED", "%s", text); break;
	case FETCH_MISSING: part_stop(part, "TOPIC_DELETED", "%s", text); break;
	case FETCH_DENIED: part_stop(part, "DENIED", "%s", text); break;
	case FETCH_TOO_LARGE: part_stop(part, "BATCH_TOO_LARGE", "%s", text); break;
	case FETCH_REFUSED: part_stop(part, "READ_REFUSED", "%s", text); break;
	}
}

/* ---- parts ---- */

void part_end(struct part *part)
{
	if (part->ended)
		return;
	part->ended = true;
	fetch_part_remove(part->fetch);
	part->fetch = NULL;
	join_end(part->topic->join, part->side, part->partition);
	compare_dirty(part->topic);
}

/* A gap that excuses whatever the other side has from here on. */
void part_cut(struct part *part)
{
	struct slab *slab;

	if (part->ended)
		return;
	slab = slab_new(part->side, part->partition, part->position, part->compare->options->identity);
	part_forget(part);
	if (slab && slab_add_gap(slab, ROW_STOP, ROW_COUNT_MOST, part->position, -1) == 0)
		join_push(part->topic->join, slab);
	else
		slab_free(slab);
	part->stopped = true;
	part_end(part);
}

void part_stop(struct part *part, const char *code, const char *format, ...)
{
	struct topic *topic = part->topic;
	char text[1100];
	va_list args;

	if (part->stopped)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	parity_report_reason(part->compare->report, false, code, topic->name[SOURCE], "%s", text);
	if (topic->stage == TOPIC_ASKING) {
		/* What could not be asked stays unnamed: nothing is proved by it. */
		part->stopped = true;
		fetch_part_remove(part->fetch);
		part->fetch = NULL;
		join_unanswered(topic->join);
		return;
	}
	part_cut(part);
	/* Its twin has nothing to be held against any more. */
	if (topic->partitions[SOURCE] == topic->partitions[TARGET])
		part_cut(&topic->parts[log_other(part->side)][part->partition]);
}

/* `epoch` is that of a position that a checkpoint remembers, so that a log cut short meanwhile shows; else -1. */
static int part_read(struct part *part, int64_t from, int32_t epoch, int64_t end)
{
	struct topic *topic = part->topic;
	int err;

	fetch_part_remove(part->fetch);
	part->fetch = NULL;
	part->end = end;
	part->position = from;
	if (from >= end)
		return 0;
	err = fetch_part_add(part->compare->fetchers[part->side], topic->name[part->side],
			     &topic->id[part->side], part->partition, from, epoch, end, part, &part->fetch);
	if (err == 0)
		part_credit(part);
	return err;
}

/*
 * Nothing has come since the last run, as far as the end says.  That the log is still the one which was read then, and
 * not another that was cut back and grew again, only its leader can say: it is asked for what follows.
 */
static int part_confirm(struct part *part, int64_t from)
{
	struct topic *topic = part->topic;
	int err;

	if (part->first_end < from) {
		part_stop(part, "TRUNCATED",
			  "%s: %s-%d: the log was truncated: it ends at offset %lld, and the last run had "
			  "read up "
			  "to %lld",
			  cluster_name(part->compare->clusters[part->side]), topic->name[part->side],
			  part->partition, (long long)part->first_end, (long long)from);
		return 0;
	}
	err = fetch_part_add(part->compare->fetchers[part->side], topic->name[part->side],
			     &topic->id[part->side], part->partition, from, part->epoch, INT64_MAX, part,
			     &part->fetch);
	part->confirm = err == 0;
	if (err == 0)
		part_credit(part);
	return err;
}

/* ---- topics ---- */

int topic_arrived(struct topic *topic)
{
	int64_t *ends = calloc((size_t)(topic->partitions[TARGET] > 0 ? topic->partitions[TARGET] : 0) + 1,
			       sizeof *ends);

	if (!ends)
		return ERR_MEMORY;
	for (int32_t p = 0; p < topic->partitions[TARGET]; p++)
		ends[p] = topic->parts[TARGET][p].limit;
	join_arrived(topic->join, ends);
	free(ends);
	return 0;
}

int topic_begin(struct topic *topic)
{
	struct compare *compare = topic->compare;
	const struct parity_options *options = compare->options;
	struct join_options join = {
		/* A topic that only one side has is counted, and nothing is claimed of its records. */
		.claim = topic->partitions[SOURCE] < 0 || topic->partitions[TARGET] < 0 ? CLAIM_COUNTS
											: options->claim,
		.ignore_timestamp = options->ignore_timestamp,
		.identities = options->identity != IDENTITY_CONTENT,
		.seed = compare->seed,
		.shard = topic->shard,
		.shards = topic->shards,
		.memory = compare->join_memory,
		.examples = options->findings,
	};
	bool resumed = false;
	int err = 0;

	for (int side = 0; side < 2; side++)
		join.partitions[side] = topic->partitions[side] > 0 ? topic->partitions[side] : 0;
	join_free(topic->join);
	topic->join = join_new(&join);
	if (!topic->join)
		return ERR_MEMORY;
	topic->stage = TOPIC_READING;
	topic->limit = false;
	if (topic->saved.size) {
		struct cursor in = cursor_over(buffer_bytes(&topic->saved));

		err = join_load(topic->join, &in);
		if (err == ERR_MALFORMED)
			err = fault_set(compare->fault, ERR_CONFIG,
					"checkpoint %s: the state of topic '%s' is damaged; remove the file "
					"to begin again",
					options->checkpoint, topic->name[SOURCE]);
		resumed = true;
		buffer_done(&topic->saved);
	}
	/* What the target held when the comparison began, it held for longer than it is waited for afterwards. */
	if (err == 0 && options->goes_on)
		err = topic_arrived(topic);
	if (options->goes_on)
		join_goes_on(topic->join);
	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < topic->partitions[side] && err == 0; p++) {
			struct part *part = &topic->parts[side][p];
			int64_t from =
				resumed ? join_offset(topic->join, (enum log_side)side, p) : part->start;

			part_forget(part);
			part->ended = part->stopped = part->confirm = false;
			part->data_end = part->resumed = from;
			if (!resumed)
				err = join_begin(topic->join, (enum log_side)side, p, part->start,
						 part->hole);
			if (err == 0)
				err = part_read(part, from, resumed ? part->epoch : -1,
						options->follow && !compare->stop_signals ? INT64_MAX
											  : part->first_end);
			if (err == 0 && resumed && !part->fetch && options->onward)
				err = part_confirm(part, from);
		}
	}
	compare_dirty(topic);
	return err;
}

void topic_window_full(struct topic *topic)
{
	topic->limit = false;
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < topic->partitions[side]; p++)
			part_stop(&topic->parts[side][p], "WINDOW_FULL",
				  "more records wait for their twins than fit into memory; --memory gives "
				  "more");
}

/* The target may have written more since: what the source still misses there may come. */
void topic_settle(struct topic *topic)
{
	topic->stage = TOPIC_SETTLING;
	/* Whoever goes on from here needs what stands behind the limit as well: then it is set only at the finish. */
	for (int32_t p = 0; p < topic->partitions[TARGET] && !compare_goes_on(topic->compare); p++)
		join_limit(topic->join, p, topic->parts[TARGET][p].limit);
	if (topic->compare->options->until_ms != PARITY_TIME_NONE)
		return;
	for (int32_t p = 0; p < topic->partitions[TARGET]; p++) {
		struct part *part = &topic->parts[TARGET][p];

		if (part->ended)
			continue;
		part->end = INT64_MAX;
		if (part->fetch)
			fetch_part_set_end(part->fetch, INT64_MAX);
		else
			part_read(part, part->position, part->epoch, INT64_MAX);
	}
}

/* A comparison that followed is given an end. */
void topic_stop_following(struct topic *topic)
{
	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < topic->partitions[side]; p++) {
			struct part *part = &topic->parts[side][p];

			part->end = part->first_end;
			if (part->fetch)
				fetch_part_set_end(part->fetch, part->end);
		}
	}
	compare_dirty(topic);
}

int topic_ask(struct topic *topic)
{
	int64_t *ends = calloc((size_t)topic->partitions[SOURCE] + 1, sizeof *ends);
	int err = ends ? topic_source_ends(topic->compare, topic, ends) : ERR_MEMORY;

	topic->stage = TOPIC_ASKING;
	for (int32_t p = 0; p < topic->partitions[SOURCE] && err == 0; p++) {
		struct part *part = &topic->parts[SOURCE][p];

		part_forget(part);
		topic->grew |= ends[p] > part->first_end;
		err = part_read(part, part->start, -1, ends[p] > part->start ? ends[p] : part->start);
	}
	topic->settle_until_ms = loop_now_ms(topic->compare->loop) + topic->compare->options->settle_ms;
	for (int32_t p = 0; p < topic->partitions[SOURCE] && err == 0 && topic->grew; p++) {
		struct part *part = &topic->parts[SOURCE][p];

		if (part->fetch)
			fetch_part_set_end(part->fetch, INT64_MAX);
		else
			err = part_read(part, part->start, -1, INT64_MAX);
		/* What must be read stays; what comes behind it is welcome. */
		part->end = ends[p];
	}
	free(ends);
	compare_dirty(topic);
	return err;
}

static bool at_end(const struct part *part)
{
	return part_idle(part) && ((part->high >= 0 && part->position >= part->high) ||
				   (part->stable >= 0 && part->position >= part->stable));
}

/*
 * A follower holds nobody up while somebody waits for its answer, nor where something waits on the side that is at its
 * end: the twin may stand right at the other's head.  But what has no twin yet stays queued, where credit bounds it, as
 * soon as the table is half full.
 */
static void let_pass_live(struct topic *topic)
{
	const struct compare *compare = topic->compare;
	bool paired = topic->partitions[SOURCE] == topic->partitions[TARGET];
	bool room = join_memory(topic->join) < compare->join_memory / 2;
	bool waits = false;

	for (int side = 0; side < 2 && !paired; side++)
		for (int32_t p = 0; p < topic->partitions[side]; p++)
			waits |= join_pending(topic->join, p) > 0;
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < topic->partitions[side]; p++)
			join_dry(topic->join, (enum log_side)side, p,
				 room && at_end(&topic->parts[side][p]) &&
					 (compare->pressing ||
					  (paired ? join_pending(topic->join, p) > 0 : waits)));
}

/*
 * A side that is at its end, or at an open transaction, may get more; the other then goes on alone as soon as it has more
 * than may wait, for nobody would ever make room.
 */
static void let_pass(struct topic *topic)
{
	const struct compare *compare = topic->compare;

	if (compare->live) {
		let_pass_live(topic);
		return;
	}
	if (compare->options->follow && !compare->stop_signals)
		return;
	for (int side = 0; side < 2; side++) {
		enum log_side other = log_other((enum log_side)side);
		bool stalled = false;

		for (int32_t p = 0; p < topic->partitions[other]; p++)
			stalled |= join_queued(topic->join, other, p) >= compare->part_quota;
		for (int32_t p = 0; stalled && p < topic->partitions[side]; p++) {
			const struct part *part = &topic->parts[side][p];

			if (part_idle(part) && (part->position >= part->first_end ||
						(part->stable >= 0 && part->position >= part->stable)))
				join_dry(topic->join, (enum log_side)side, p, true);
		}
	}
}

void topic_advance(struct topic *topic)
{
	struct compare *compare = topic->compare;
	int err = 0;

	topic->dirty = false;
	if (topic->stage == TOPIC_DONE || topic->limit)
		return;
	if (topic->stage != TOPIC_ASKING) {
		let_pass(topic);
		err = join_advance(topic->join, ADVANCE_ROWS);
	}
	if (err == ERR_LIMIT) {
		topic->limit = true;
		compare->wake = true;
		return;
	}
	if (err < 0 && !compare->err) {
		compare->err = fault_set(compare->fault, err, "out of memory while comparing");
		compare->wake = true;
		return;
	}
	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < topic->partitions[side]; p++) {
			struct part *part = &topic->parts[side][p];

			part_pump(part);
			part_credit(part);
			/* The source is fixed; it ends as soon as its end has reached the join. */
			if (side == SOURCE && !compare->live && !part->ended &&
			    topic->stage != TOPIC_ASKING && part_idle(part) && !part_confirming(part) &&
			    part->position >= part->end)
				part_end(part);
		}
	}
	compare->wake = true;
	if (topic->stage != TOPIC_ASKING && join_busy(topic->join))
		compare_dirty(topic);
}

static void pump(void *owner)
{
	struct compare *compare = owner;

	for (size_t i = 0; i < compare->topic_count; i++)
		if (compare->topics[i].dirty)
			topic_advance(&compare->topics[i]);
}

void compare_dirty(struct topic *topic)
{
	if (topic->dirty)
		return;
	topic->dirty = true;
	timer_start(topic->compare->pump, 0);
}

int readers_start(struct compare *compare)
{
	size_t parts = 0, budget = compare->options->memory / 5;
	struct fetcher_options options = {
		.committed = true, .records = on_records, .event = on_event, .context = compare
	};
	int err;

	for (size_t i = 0; i < compare->topic_count; i++)
		for (int side = 0; side < 2; side++)
			parts += compare->topics[i].partitions[side] > 0
					 ? (size_t)compare->topics[i].partitions[side]
					 : 0;
	compare->part_quota = parts ? budget / parts : budget;
	if (compare->part_quota < QUOTA_LEAST)
		compare->part_quota = QUOTA_LEAST;
	if (compare->part_quota > QUOTA_MOST)
		compare->part_quota = QUOTA_MOST;
	compare->join_memory = compare->options->memory / 4;
	/* Small answers cost a broker as much as large ones: 3 MiB a request took twice as long as 6. */
	options.request_size = (int32_t)(budget / 8 < REQUEST_MOST ? budget / 8 : REQUEST_MOST);
	/* News without records, an open transaction or a new leader, come at the end of a poll; so does it that all was read. */
	if (compare->live || !compare->options->follow)
		options.wait_ms = compare->live ? LIVE_WAIT_MS : ENDING_WAIT_MS;
	err = timer_new(compare->loop, pump, compare, &compare->pump);
	/* Credit bounds what is alive; the allowance is there for the rate, and as a last resort. */
	if (err == 0)
		err = allowance_new(compare->loop, budget * 2, compare->options->rate, &compare->allowance);
	options.allowance = compare->allowance;
	for (int side = 0; side < 2 && err == 0; side++)
		err = fetcher_new(compare->clusters[side], &options, &compare->fetchers[side]);
	for (size_t i = 0; i < compare->topic_count && err == 0; i++)
		if (compare->topics[i].stage != TOPIC_DONE)
			err = topic_begin(&compare->topics[i]);
	return err;
}

void readers_stop(struct compare *compare)
{
	bool never = false;

	/* A comparison that failed while it looked has topics whose partitions were never made. */
	for (size_t i = 0; i < compare->topic_count; i++)
		for (int side = 0; side < 2; side++)
			for (int32_t p = 0;
			     compare->topics[i].parts[side] && p < compare->topics[i].partitions[side]; p++) {
				struct part *part = &compare->topics[i].parts[side][p];

				fetch_part_remove(part->fetch);
				part->fetch = NULL;
				part_forget(part);
			}
	/* Workers still hold what they were given. */
	while (compare->jobs_running)
		if (loop_until(compare->loop, &never, loop_now_ms(compare->loop) + 10) == ERR_CANCELLED)
			continue;
	for (size_t i = 0; i < compare->topic_count; i++) {
		join_free(compare->topics[i].join);
		compare->topics[i].join = NULL;
	}
	for (int side = 0; side < 2; side++)
		fetcher_free(compare->fetchers[side]);
	allowance_free(compare->allowance);
	timer_free(compare->pump);
	for (int i = 0; i < compare->decoder_count; i++)
		decoder_free(compare->decoders[i]);
}

/*
 * scan.c - a fetcher, a queue of what it brought, and one worker that decodes.
 *
 * Frames are decoded in the order in which they came, which is the order of offsets within each partition.  A slab is
 * made, visited and freed before the next is made, so that what a batch inflates to never piles up; frames that wait
 * count against the allowance, which is what slows the fetcher down.
 */
#include <stdlib.h>

#include "base/list.h"
#include "parity/scan.h"

#define SLAB_BYTES ((size_t)4 << 20)
#define TICK_MS    250

struct part {
	struct scan *scan;
	struct fetch_part *fetch;
	int32_t partition;
	int64_t from, until, position;
	bool finished;
};

/* One answer, until all of it is decoded. */
struct job {
	struct list link;
	struct part *part;
	struct fetch_frame *frame;
	struct decode_input input;
	struct aborted *aborted;
	int64_t next_offset;
	bool begun, ended;
};

struct scan {
	const struct scan_options *options;
	struct loop *loop;
	struct fetcher *fetcher;
	struct decoder *decoder;
	struct part *parts;
	int part_count, left;
	struct list jobs; /* the first is with the worker while `working` */
	bool working, done;
	struct slab *slab; /* what the worker made */
	int made;          /* what decode_next() returned */
	struct scan_stop *stop;
	struct fault *fault;
	int err;
};

static void scan_fail(struct scan *scan, int err)
{
	if (scan->err == 0)
		scan->err = err;
	scan->done = true;
}

static void stop_at(struct scan *scan, const struct part *part, const char *code, int err)
{
	if (scan->err == 0)
		*scan->stop = (struct scan_stop){ .code = code, .partition = part->partition };
	scan_fail(scan, err);
}

static void part_finish(struct part *part)
{
	if (part->finished)
		return;
	part->finished = true;
	fetch_part_remove(part->fetch);
	part->fetch = NULL;
	if (--part->scan->left == 0)
		part->scan->done = true;
}

static void job_free(struct job *job)
{
	list_remove(&job->link);
	if (job->frame)
		fetch_frame_drop(job->frame);
	free(job->aborted);
	free(job);
}

static void kick(struct scan *scan);

/* On a worker thread: one slab. */
static void decode_one(void *context)
{
	struct scan *scan = context;
	struct job *job = container_of(scan->jobs.next, struct job, link);

	scan->slab = NULL;
	scan->made = 0;
	if (!job->begun)
		scan->made = decode_begin(scan->decoder, &job->input);
	job->begun = true;
	if (scan->made == 0)
		scan->made = decode_next(scan->decoder, scan->options->decode, &job->input, &scan->slab);
}

static void decoded_one(void *context)
{
	struct scan *scan = context;
	struct job *job = container_of(scan->jobs.next, struct job, link);
	struct part *part = job->part;

	scan->working = false;
	if (scan->made > 0 && scan->err == 0) {
		int err = scan->options->visit(scan->options->context, scan->slab);

		if (err < 0)
			scan_fail(scan, err);
	}
	slab_free(scan->slab);
	scan->slab = NULL;
	if (scan->made < 0)
		scan_fail(scan, scan->made);
	if (scan->made == 0) {
		bool ended = job->ended;

		part->position = job->next_offset;
		job_free(job);
		if (ended)
			part_finish(part);
	}
	kick(scan);
}

static void kick(struct scan *scan)
{
	if (scan->working || scan->err < 0 || list_empty(&scan->jobs))
		return;
	scan->working = true;
	if (loop_work(scan->loop, decode_one, decoded_one, scan) < 0) {
		scan->working = false;
		scan_fail(scan, ERR_MEMORY);
	}
}

static struct job *job_new(struct part *part, const struct fetched *fetched)
{
	struct job *job = calloc(1, sizeof *job);

	if (!job)
		return NULL;
	job->aborted = calloc((size_t)fetched->aborted_count + 1, sizeof *job->aborted);
	if (!job->aborted) {
		free(job);
		return NULL;
	}
	for (int index = 0; index < fetched->aborted_count; index++)
		job->aborted[index] = (struct aborted){ fetched->aborted[index].producer_id,
							fetched->aborted[index].first_offset };
	job->part = part;
	job->frame = fetched->records.size ? fetched->frame : NULL;
	job->next_offset = fetched->next_offset;
	job->input = (struct decode_input){
		.side = part->scan->options->side,
		.partition = part->partition,
		.bytes = fetched->records,
		.from = fetched->offset,
		.until = part->until,
		.aborted = job->aborted,
		.aborted_count = fetched->aborted_count,
		.slab_bytes = SLAB_BYTES,
	};
	if (job->frame)
		fetch_frame_hold(job->frame);
	return job;
}

static void on_records(void *context, const struct fetched *fetched)
{
	struct scan *scan = context;
	struct part *part = fetched->owner;
	struct job *job;

	if (scan->err < 0 || part->finished || (!fetched->records.size && !fetched->ended))
		return;
	job = job_new(part, fetched); /* without records too: it may end behind jobs that have some */
	if (!job) {
		scan_fail(scan, ERR_MEMORY);
		return;
	}
	job->ended = fetched->ended;
	list_append(&scan->jobs, &job->link);
	kick(scan);
}

static void on_event(void *context, const struct fetch_event *event)
{
	struct scan *scan = context;
	const struct part *part = event->owner;
	const char *code = NULL;
	int err = ERR_STALE;

	switch (event->kind) {
	case FETCH_UNREACHABLE:
	case FETCH_REACHABLE: return; /* the deadline is looked at now and then */
	case FETCH_LOG_START_MOVED: code = "COVERAGE_HOLE"; break;
	case FETCH_TRUNCATED: code = "TRUNCATED"; break;
	case FETCH_RECREATED: code = "TOPIC_RECREATED"; break;
	case FETCH_MISSING: code = "TOPIC_MISSING"; break;
	case FETCH_DENIED:
		code = "DENIED";
		err = ERR_DENIED;
		break;
	case FETCH_TOO_LARGE:
		code = "BATCH_TOO_LARGE";
		err = ERR_LIMIT;
		break;
	case FETCH_REFUSED:
		code = "REFUSED";
		err = ERR_BROKER;
		break;
	}
	if (part->finished || scan->err < 0)
		return;
	if (scan->fault && event->fault)
		*scan->fault = *event->fault;
	stop_at(scan, part, code, err);
}

/* A leader that has been silent for longer than it may. */
static void look_at_leaders(struct scan *scan)
{
	int64_t now_ms = loop_now_ms(scan->loop);

	for (int index = 0; index < scan->part_count; index++) {
		struct part *part = &scan->parts[index];
		struct fetch_state state;

		if (part->finished || !part->fetch)
			continue;
		fetch_part_state(part->fetch, &state);
		if (state.unreachable_since_ms &&
		    now_ms - state.unreachable_since_ms > scan->options->deadline_ms) {
			fault_set(scan->fault, ERR_NETWORK, "%s: the leader of %s-%d does not answer",
				  cluster_name(scan->options->cluster), scan->options->topic,
				  part->partition);
			stop_at(scan, part, "UNREACHABLE", ERR_NETWORK);
			return;
		}
	}
}

static void tell_progress(const struct scan *scan)
{
	double read = 0, all = 0;

	if (!scan->options->progress)
		return;
	for (int index = 0; index < scan->part_count; index++) {
		const struct part *part = &scan->parts[index];
		int64_t position =
			part->finished || part->position > part->until ? part->until : part->position;

		all += (double)(part->until - part->from);
		read += (double)(position - part->from);
	}
	scan->options->progress(scan->options->context, all > 0 ? read / all : 1);
}

static void scan_wait(struct scan *scan)
{
	while (!scan->done) {
		int err = loop_until(scan->loop, &scan->done, loop_now_ms(scan->loop) + TICK_MS);

		if (err == ERR_CANCELLED)
			scan_fail(scan, err);
		look_at_leaders(scan);
		tell_progress(scan);
	}
}

static int scan_open(struct scan *scan, const struct scan_part *parts, int count)
{
	const struct fetcher_options fetching = {
		.committed = true,
		.unreachable_ms = scan->options->deadline_ms / 2,
		.allowance = scan->options->allowance,
		.records = on_records,
		.event = on_event,
		.context = scan,
	};
	int err;

	list_init(&scan->jobs);
	scan->parts = calloc((size_t)count + 1, sizeof *scan->parts);
	scan->decoder = decoder_new(scan->options->inflate_most);
	if (!scan->parts || !scan->decoder)
		return ERR_MEMORY;
	err = fetcher_new(scan->options->cluster, &fetching, &scan->fetcher);
	scan->part_count = count;
	for (int index = 0; err == 0 && index < count; index++) {
		struct part *part = &scan->parts[index];

		*part = (struct part){
			.scan = scan,
			.partition = parts[index].partition,
			.from = parts[index].from,
			.until = parts[index].until,
			.position = parts[index].from,
		};
		part->finished = part->from >= part->until;
		if (part->finished)
			continue;
		scan->left++;
		err = fetch_part_add(scan->fetcher, scan->options->topic, &scan->options->topic_id,
				     part->partition, part->from, -1, part->until, part, &part->fetch);
	}
	scan->done = scan->left == 0;
	return err;
}

static void scan_close(struct scan *scan)
{
	bool idle = false;

	while (scan->working) /* the worker has the first job in its hands */
		loop_until(scan->loop, &idle, loop_now_ms(scan->loop) + 1);
	while (!list_empty(&scan->jobs))
		job_free(container_of(scan->jobs.next, struct job, link));
	for (int index = 0; scan->parts && index < scan->part_count; index++)
		fetch_part_remove(scan->parts[index].fetch);
	fetcher_free(scan->fetcher);
	decoder_free(scan->decoder);
	free(scan->parts);
}

int scan_run(struct loop *loop, const struct scan_options *options, const struct scan_part *parts, int count,
	     struct scan_stop *stop, struct fault *fault)
{
	struct scan scan = { .options = options, .loop = loop, .stop = stop, .fault = fault };
	int err;

	*stop = (struct scan_stop){ .partition = -1 };
	err = scan_open(&scan, parts, count);
	if (err == 0) {
		scan_wait(&scan);
		err = scan.err;
	}
	scan_close(&scan);
	if (err < 0 && fault && fault->err == 0)
		fault_set(fault, err, "%s: %s cannot be read: %s", cluster_name(options->cluster),
			  options->topic, err_text(err));
	return err;
}

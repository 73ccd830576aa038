/*
 * world_publish.c - checkpoints to whoever holds them: a topic on both clusters, a file, an address.
 *
 * All are asked at once.  A crossing waits for the first that has it, and a moment longer for the others; a broker that
 * is away does not hold it up.  Producers and the topic are made at the first note and kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/admin_topics.h"
#include "client/producer.h"
#include "exit/journal_look.h"
#include "exit/note.h"
#include "exit/world_inside.h"
#include "loop/http.h"
#include "wire/batch_writer.h"

#define OTHERS_WAIT_MS  20
#define CREATE_MS       5000
#define REPLICAS_WANTED 3
#define ANSWER_SIZE_MAX 4096

struct publisher {
	struct note_key *key;
	const char *topic, *file, *url;
	struct arena arena;
	struct producer *producers[SIDE_COUNT];
	struct http *http;
	uint64_t generation; /* of the note under way: what comes later is of an older one */
	int asked, answered;
	json_t *holders;  /* of the note under way */
	char failed[300]; /* the last failure, for when nobody has it */
	bool wake;
};

/* One question under way; it outlives the note that it was for when its answer is late. */
struct receipt {
	struct publisher *publisher;
	uint64_t generation;
	enum side side;
};

/* ---- setting up ---- */

static const char *key_path(struct clusters *w, struct arena *arena)
{
	const struct plan *plan = w->options.plan;

	if (journal_is_database(plan->state.text))
		return arena_printf(arena, "%s%.*s.key", plan->folder, VIEW_ARGS(plan->exit.text));
	return arena_printf(arena, "%s.key", journal_address(plan, arena));
}

static int create_topic(struct clusters *w, struct publisher *p, enum side side, struct fault *fault)
{
	static const char *const configs[] = { "cleanup.policy", "delete", "retention.ms", "-1", NULL };
	const struct facts *facts = survey_facts(w->survey);
	int brokers = facts ? facts->sides[side].detail.broker_count : 0;
	struct topic_spec spec = { .name = p->topic,
				   .partitions = 1,
				   .replication = (int16_t)(brokers >= REPLICAS_WANTED ? REPLICAS_WANTED
							    : brokers > 0              ? brokers
										       : 1),
				   .configs = configs };
	struct arena arena;
	int err;

	arena_init(&arena, (size_t)1 << 20);
	err = topics_create(survey_cluster(w->survey, side), &spec, 1, false, CREATE_MS, &arena, fault);
	arena_done(&arena);
	return err == ERR_CONFLICT ? 0 : err; /* it is there */
}

static int set_up(struct clusters *w, struct fault *fault)
{
	const struct plan *plan = w->options.plan;
	struct publisher *p = w->publisher;
	int err;

	if (p)
		return 0;
	p = calloc(1, sizeof *p);
	if (!p)
		return fault_set(fault, ERR_MEMORY, "no memory for checkpoints");
	arena_init(&p->arena, (size_t)1 << 20);
	w->publisher = p;
	p->topic = plan_checkpoint_topic(plan, &p->arena);
	if (plan->checkpoints.file.text.at)
		p->file = plan_path(plan, plan->checkpoints.file.text, &p->arena);
	if (plan->checkpoints.url.text.at)
		p->url = arena_printf(&p->arena, "%.*s", VIEW_ARGS(plan->checkpoints.url.text));
	err = note_key_open(key_path(w, &p->arena), true, &p->key, fault);
	if (err == 0 && p->url)
		err = http_new(w->options.loop, &p->http);
	if (err < 0) {
		world_publish_done(w);
		return err;
	}
	return 0;
}

void world_publish_done(struct clusters *w)
{
	struct publisher *p = w->publisher;

	if (!p)
		return;
	p->generation = 0;
	for (int side = 0; side < SIDE_COUNT; side++)
		producer_free(p->producers[side]);
	if (p->http)
		http_free(p->http);
	note_key_free(p->key);
	json_decref(p->holders);
	arena_done(&p->arena);
	free(p);
	w->publisher = NULL;
}

/* ---- the answers ---- */

static void fail(struct publisher *p, const char *who, const char *why)
{
	snprintf(p->failed, sizeof p->failed, "%s: %s", who, why);
}

static void answered(struct publisher *p, uint64_t generation)
{
	if (p->generation != generation)
		return;
	p->answered++;
	p->wake = true;
}

static void hold(struct publisher *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void hold(struct publisher *p, const char *format, ...)
{
	char text[600];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	json_array_append_new(p->holders, json_string(text));
}

static void on_produced(void *context, const struct produced *result)
{
	struct receipt *receipt = context;
	struct publisher *p = receipt->publisher;

	if (p->generation == receipt->generation && result->err == 0)
		hold(p, "topic %s on the %s, offset %lld", p->topic, side_word(receipt->side),
		     (long long)result->offset);
	else if (p->generation == receipt->generation)
		fail(p, side_word(receipt->side),
		     result->fault ? result->fault->text : err_text(result->err));
	answered(p, receipt->generation);
	free(receipt);
}

static void on_put(void *context, const struct http_reply *reply)
{
	struct receipt *receipt = context;
	struct publisher *p = receipt->publisher;
	bool held = reply->err == 0 && reply->status >= 200 && reply->status < 300;

	if (p->generation == receipt->generation && held)
		hold(p, "%s", p->url);
	else if (p->generation == receipt->generation)
		fail(p, p->url,
		     reply->err ? err_text(reply->err) : "it answered with a status that is no success");
	answered(p, receipt->generation);
	free(receipt);
}

/* ---- the questions ---- */

static struct receipt *receipt_new(struct publisher *p, enum side side)
{
	struct receipt *receipt = calloc(1, sizeof *receipt);

	if (receipt)
		*receipt = (struct receipt){ p, p->generation, side };
	return receipt;
}

static int make_batch(struct view key, struct view text, int64_t wall_ms, struct buffer *out)
{
	struct batch_writer writer;
	int err;

	batch_writer_init(&writer, &batch_options_default, NULL, 65536);
	err = batch_writer_add(&writer, wall_ms, key, text, NULL, 0);
	err = err ? err : batch_writer_finish(&writer, out);
	batch_writer_done(&writer);
	return err;
}

static void send_to_topic(struct clusters *w, enum side side, struct view batch, int64_t timeout_ms)
{
	struct publisher *p = w->publisher;
	struct producer_options options = { .acks = -1, .timeout_ms = timeout_ms };
	struct fault fault = { 0 };
	struct receipt *receipt;
	int err = 0;

	if (!p->producers[side]) {
		err = create_topic(w, p, side, &fault);
		err = err ? err
			  : producer_new(survey_cluster(w->survey, side), &options, &p->producers[side],
					 &fault);
	}
	receipt = err ? NULL : receipt_new(p, side);
	if (receipt)
		err = producer_send(p->producers[side], p->topic, 0, batch, on_produced, receipt);
	if (err < 0) {
		fail(p, side_word(side), fault.err ? fault.text : err_text(err));
		free(receipt);
	} else if (receipt) {
		p->asked++;
	}
}

static void send_to_url(struct publisher *p, struct view text, int64_t timeout_ms)
{
	static const char *const headers[] = { "Content-Type: text/plain; charset=utf-8", NULL };
	struct http_request request = { .method = "PUT",
					.url = p->url,
					.headers = headers,
					.body = text,
					.timeout_ms = timeout_ms,
					.body_size_max = ANSWER_SIZE_MAX };
	struct receipt *receipt = receipt_new(p, SIDE_SOURCE);
	struct http_call *call;

	if (!receipt || http_send(p->http, &request, on_put, receipt, &call) < 0) {
		fail(p, p->url, "no request could be made");
		free(receipt);
	} else {
		p->asked++;
	}
}

/* Appended and on the disk before it counts. */
static void write_to_file(struct publisher *p, struct view text)
{
	int number = open(p->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	bool written =
		number >= 0 && write(number, text.at, text.size) == (ssize_t)text.size && fsync(number) == 0;

	if (written)
		hold(p, "file %s", p->file);
	else
		fail(p, p->file, strerror(errno));
	if (number >= 0)
		close(number);
}

/* Until one has it, and then a moment longer. */
static int wait_for_holders(struct clusters *w, int64_t timeout_ms)
{
	struct publisher *p = w->publisher;
	int64_t deadline_ms = loop_now_ms(w->options.loop) + timeout_ms;
	bool shortened = false;

	while (p->answered < p->asked) {
		int err;

		if (json_array_size(p->holders) && !shortened) {
			deadline_ms = loop_now_ms(w->options.loop) + OTHERS_WAIT_MS;
			shortened = true;
		}
		p->wake = false;
		err = loop_until(w->options.loop, &p->wake, deadline_ms);
		if (err == ERR_TIMEOUT)
			return 0;
		if (err < 0)
			return err;
	}
	return 0;
}

static int write_note(struct clusters *w, uint64_t size, struct sha256 head, struct buffer *out,
		      int64_t *wall_ms, struct fault *fault)
{
	struct note note = { .size = size,
			     .root = head,
			     .wall_ms = clock_wall_ms(loop_clock(w->options.loop)) };

	snprintf(note.exit, sizeof note.exit, "%.*s", VIEW_ARGS(w->options.plan->exit.text));
	*wall_ms = note.wall_ms;
	if (note_write(&note, w->publisher->key, out) < 0)
		return fault_set(fault, ERR_MEMORY, "a checkpoint could not be signed");
	return 0;
}

int world_publish(struct world *world, uint64_t size, struct sha256 head, int64_t timeout_ms, json_t **note,
		  json_t **holders, struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	struct buffer text, batch;
	int64_t wall_ms = 0;
	int err = set_up(w, fault);

	if (err < 0)
		return err;
	buffer_init(&text, NOTE_SIZE_MAX);
	buffer_init(&batch, 65536);
	err = write_note(w, size, head, &text, &wall_ms, fault);
	err = err ? err : make_batch(w->options.plan->exit.text, buffer_bytes(&text), wall_ms, &batch);
	if (err == 0) {
		struct publisher *p = w->publisher;

		p->generation++;
		p->asked = p->answered = 0;
		p->failed[0] = 0;
		p->holders = json_array();
		for (int side = 0; p->topic && side < SIDE_COUNT; side++)
			send_to_topic(w, (enum side)side, buffer_bytes(&batch), timeout_ms);
		if (p->url)
			send_to_url(p, buffer_bytes(&text), timeout_ms);
		if (p->file)
			write_to_file(p, buffer_bytes(&text));
		err = wait_for_holders(w, timeout_ms);
		if (err == 0)
			err = (int)json_array_size(p->holders);
		if (err == 0)
			fault_set(fault, ERR_NETWORK, "%s",
				  p->failed[0] ? p->failed : "nobody answered in time");
		*holders = p->holders;
		*note = json_string(buffer_string(&text));
		p->holders = NULL;
		p->generation++;
	}
	buffer_done(&batch);
	buffer_done(&text);
	return err;
}

/* audit_ahead.c - two batches of frames that two threads hand to each other. */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "exit/audit_ahead.h"
#include "exit/body.h"

/* Large enough that handing over costs nothing, small enough to stay in the processor's cache, mostly. */
#define BATCH_COUNT 256
#define BATCH_SIZE  ((size_t)256 << 10)

/* A store may hold anything in the place of a frame, up to some size that it gives back at all. */
#define ROW_SIZE_MAX ((size_t)8 << 20)

struct batch {
	struct buffer bytes;
	size_t sizes[BATCH_COUNT];
	struct audit_read reads[BATCH_COUNT];
	int count;
	int readable; /* of `count`: up to and with the first that is no frame, or whose body is none */
	struct fault fault;
};

struct audit_ahead {
	audit_walk_fn *walk;
	void *context;
	struct batch batches[2];
	struct batch *filling;
	struct batch *under_way; /* with the other thread; NULL: none */

	bool threaded;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t change;
	struct batch *wanted; /* under the mutex from here on: to be read */
	bool ending;
};

/* ---- a frame by itself ---- */

static void read_note(struct audit_read *read)
{
	const char *text = body_text(read->body, "note");

	read->has_note = text && note_read(view_text(text), &read->note, NULL) >= 0;
}

/* False when it cannot be read: it ends the walk. */
static bool read_one(struct audit_read *read, struct view bytes, struct fault *fault)
{
	read->bytes = bytes;
	read->body = NULL;
	read->has_note = false;
	read->fault = fault;
	read->err = frame_read(bytes, &read->frame, fault);
	if (read->err == 0)
		read->body = frame_body_read(&read->frame, fault);
	if (read->body && read->frame.kind == FRAME_CHECKPOINT)
		read_note(read);
	return read->body != NULL;
}

/* On the thread that made them, where it is cheaper, and where there is more time. */
static void forget_read(struct batch *batch)
{
	for (int i = 0; i < batch->readable; i++)
		json_decref(batch->reads[i].body);
	batch->readable = 0;
}

static void read_batch(struct batch *batch)
{
	const uint8_t *at = batch->bytes.at;
	bool good = true;

	forget_read(batch);
	for (int i = 0; i < batch->count && good; i++) {
		size_t size = batch->sizes[i];

		good = read_one(&batch->reads[i], view_of(size ? at : (const uint8_t *)"", size),
				&batch->fault);
		batch->readable = i + 1;
		at += size;
	}
}

/* ---- handing over ---- */

static void *work(void *context)
{
	struct audit_ahead *ahead = context;

	pthread_mutex_lock(&ahead->mutex);
	while (!ahead->ending) {
		struct batch *batch = ahead->wanted;

		if (!batch) {
			pthread_cond_wait(&ahead->change, &ahead->mutex);
			continue;
		}
		pthread_mutex_unlock(&ahead->mutex);
		read_batch(batch);
		pthread_mutex_lock(&ahead->mutex);
		ahead->wanted = NULL;
		pthread_cond_signal(&ahead->change);
	}
	pthread_mutex_unlock(&ahead->mutex);
	return NULL;
}

static void hand_over(struct audit_ahead *ahead, struct batch *batch)
{
	ahead->under_way = batch;
	if (!ahead->threaded) {
		read_batch(batch);
		return;
	}
	pthread_mutex_lock(&ahead->mutex);
	ahead->wanted = batch;
	pthread_cond_signal(&ahead->change);
	pthread_mutex_unlock(&ahead->mutex);
}

/* The batch under way, read; NULL: there was none. */
static struct batch *take_back(struct audit_ahead *ahead)
{
	struct batch *batch = ahead->under_way;

	if (batch && ahead->threaded) {
		pthread_mutex_lock(&ahead->mutex);
		while (ahead->wanted)
			pthread_cond_wait(&ahead->change, &ahead->mutex);
		pthread_mutex_unlock(&ahead->mutex);
	}
	ahead->under_way = NULL;
	return batch;
}

/* ---- the walk ---- */

/* What was read of it ends with the next reading. */
static void empty(struct batch *batch)
{
	buffer_reset(&batch->bytes);
	batch->count = 0;
}

static int walk_batch(struct audit_ahead *ahead, struct batch *batch)
{
	int result = 0;

	for (int i = 0; i < batch->readable && result == 0; i++)
		result = ahead->walk(ahead->context, &batch->reads[i]);
	empty(batch);
	return result;
}

/* The one that was being filled goes to the other thread, and the one that comes back from it is walked and filled next. */
static int turn(struct audit_ahead *ahead)
{
	struct batch *read = take_back(ahead), *filled = ahead->filling;
	int result = 0;

	ahead->filling = read ? read : &ahead->batches[filled == &ahead->batches[0]];
	hand_over(ahead, filled);
	if (read)
		result = walk_batch(ahead, read);
	return result;
}

int audit_ahead_put(void *context, int64_t sequence, struct view bytes)
{
	struct audit_ahead *ahead = context;
	struct batch *batch = ahead->filling;

	assert(batch->count < BATCH_COUNT);
	buffer_view(&batch->bytes, bytes);
	if (batch->bytes.err)
		return ERR_MEMORY;
	batch->sizes[batch->count] = bytes.size;
	batch->reads[batch->count++].sequence = sequence;
	return batch->count == BATCH_COUNT || batch->bytes.size >= BATCH_SIZE ? turn(ahead) : 0;
}

int audit_ahead_flush(struct audit_ahead *ahead)
{
	int result = turn(ahead);
	struct batch *last = take_back(ahead);

	return result ? result : last ? walk_batch(ahead, last) : 0;
}

struct audit_ahead *audit_ahead_new(audit_walk_fn *walk, void *context)
{
	struct audit_ahead *ahead = calloc(1, sizeof *ahead);
	sigset_t all, before;

	if (!ahead)
		return NULL;
	ahead->walk = walk;
	ahead->context = context;
	for (int i = 0; i < 2; i++)
		buffer_init(&ahead->batches[i].bytes, BATCH_SIZE + ROW_SIZE_MAX);
	ahead->filling = &ahead->batches[0];
	pthread_mutex_init(&ahead->mutex, NULL);
	pthread_cond_init(&ahead->change, NULL);
	sigfillset(&all); /* signals are for the program's own thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ahead->threaded = pthread_create(&ahead->thread, NULL, work, ahead) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ahead;
}

void audit_ahead_free(struct audit_ahead *ahead)
{
	if (!ahead)
		return;
	take_back(ahead);
	if (ahead->threaded) {
		pthread_mutex_lock(&ahead->mutex);
		ahead->ending = true;
		pthread_cond_signal(&ahead->change);
		pthread_mutex_unlock(&ahead->mutex);
		pthread_join(ahead->thread, NULL);
	}
	for (int i = 0; i < 2; i++) {
		forget_read(&ahead->batches[i]);
		buffer_done(&ahead->batches[i].bytes);
	}
	pthread_cond_destroy(&ahead->change);
	pthread_mutex_destroy(&ahead->mutex);
	free(ahead);
}

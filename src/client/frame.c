/*
 * frame.c - response memory.
 *
 * A frame that was given back waits in a list, newest first.  Who needs one takes the smallest that is large enough,
 * unless it is more than twice what is needed.  Capacities grow in steps of an eighth, so that answers of nearly the
 * same size share frames.
 */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/err.h"
#include "client/frame.h"

#define FRAME_CAPACITY_MIN   512
#define FRAME_MAPPED_MIN     (1u << 20) /* from here on memory comes from mmap() */
#define FRAME_HUGE_MIN       (4u << 20) /* from here on in large pages, where the system has them */
#define FRAME_IDLE_COUNT_MAX 256

struct frame_pool {
	pthread_mutex_t lock;
	struct frame *idle;
	int idle_count;
	size_t idle_size, idle_size_max;
	size_t size;   /* in use and idle */
	int out_count; /* frames in use */
	bool closing;
};

int frame_pool_new(size_t idle_size_max, struct frame_pool **out)
{
	struct frame_pool *pool = calloc(1, sizeof *pool);

	if (!pool)
		return ERR_MEMORY;
	pthread_mutex_init(&pool->lock, NULL);
	pool->idle_size_max = idle_size_max;
	*out = pool;
	return 0;
}

/* The next capacity of at least `size`: an eighth of a power of two apart, whole pages when large. */
static size_t capacity_for(size_t size)
{
	size_t step;

	if (size <= FRAME_CAPACITY_MIN)
		return FRAME_CAPACITY_MIN;
	step = (size_t)1 << (63 - __builtin_clzll(size));
	step /= 8;
	if (size >= FRAME_MAPPED_MIN && step < 4096)
		step = 4096;
	return (size + step - 1) / step * step;
}

static void frame_destroy(struct frame *frame)
{
	if (frame->capacity >= FRAME_MAPPED_MIN)
		munmap(frame->at, frame->capacity);
	else
		free(frame->at);
	free(frame);
}

static struct frame *frame_make(size_t capacity)
{
	struct frame *frame = calloc(1, sizeof *frame);

	if (!frame)
		return NULL;
	if (capacity < FRAME_MAPPED_MIN) {
		frame->at = malloc(capacity);
	} else {
		void *at = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		frame->at = at == MAP_FAILED ? NULL : at;
		/* A tenth faster to fill, and one fault where there were 512. */
		if (frame->at && capacity >= FRAME_HUGE_MIN)
			madvise(frame->at, capacity, MADV_HUGEPAGE);
	}
	if (!frame->at) {
		free(frame);
		return NULL;
	}
	frame->capacity = capacity;
	return frame;
}

static void destroy_all(struct frame *frames)
{
	while (frames) {
		struct frame *next = frames->next;

		frame_destroy(frames);
		frames = next;
	}
}

static void pool_destroy(struct frame_pool *pool)
{
	destroy_all(pool->idle);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void frame_pool_free(struct frame_pool *pool)
{
	bool last;

	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->closing = true;
	last = pool->out_count == 0;
	pthread_mutex_unlock(&pool->lock);
	if (last)
		pool_destroy(pool);
}

size_t frame_pool_size(struct frame_pool *pool)
{
	size_t size;

	pthread_mutex_lock(&pool->lock);
	size = pool->size;
	pthread_mutex_unlock(&pool->lock);
	return size;
}

/* The idle frame that fits best, taken out; NULL when none does. */
static struct frame *take_idle(struct frame_pool *pool, size_t capacity)
{
	struct frame **best = NULL;
	struct frame *frame;

	for (struct frame **link = &pool->idle; *link; link = &(*link)->next)
		if ((*link)->capacity >= capacity && (*link)->capacity / 2 <= capacity &&
		    (!best || (*link)->capacity < (*best)->capacity))
			best = link;
	if (!best)
		return NULL;
	frame = *best;
	*best = frame->next;
	pool->idle_count--;
	pool->idle_size -= frame->capacity;
	return frame;
}

/* Takes the oldest idle frames out until the pool is within its limits; the caller destroys the list. */
static struct frame *take_surplus(struct frame_pool *pool)
{
	struct frame *surplus = NULL;

	while (pool->idle &&
	       (pool->idle_size > pool->idle_size_max || pool->idle_count > FRAME_IDLE_COUNT_MAX)) {
		struct frame **link = &pool->idle;

		while ((*link)->next)
			link = &(*link)->next;
		struct frame *frame = *link;

		*link = NULL;
		pool->idle_count--;
		pool->idle_size -= frame->capacity;
		pool->size -= frame->capacity;
		frame->next = surplus;
		surplus = frame;
	}
	return surplus;
}

void frame_pool_limit(struct frame_pool *pool, size_t idle_size_max)
{
	struct frame *surplus;

	pthread_mutex_lock(&pool->lock);
	pool->idle_size_max = idle_size_max;
	surplus = take_surplus(pool);
	pthread_mutex_unlock(&pool->lock);
	destroy_all(surplus);
}

struct frame *frame_take(struct frame_pool *pool, size_t size)
{
	size_t capacity = capacity_for(size);
	struct frame *frame;

	pthread_mutex_lock(&pool->lock);
	frame = take_idle(pool, capacity);
	if (frame)
		pool->out_count++;
	pthread_mutex_unlock(&pool->lock);
	if (!frame) {
		frame = frame_make(capacity);
		if (!frame)
			return NULL;
		frame->pool = pool;
		pthread_mutex_lock(&pool->lock);
		pool->out_count++;
		pool->size += frame->capacity;
		pthread_mutex_unlock(&pool->lock);
	}
	frame->size = size;
	frame->next = NULL;
	atomic_init(&frame->references, 1);
	return frame;
}

struct frame *frame_hold(struct frame *frame)
{
	int before = atomic_fetch_add_explicit(&frame->references, 1, memory_order_relaxed);

	assert(before > 0);
	(void)before;
	return frame;
}

void frame_release(struct frame *frame)
{
	struct frame_pool *pool;
	struct frame *surplus;
	int before;
	bool last;

	if (!frame)
		return;
	before = atomic_fetch_sub_explicit(&frame->references, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before > 1)
		return;
	pool = frame->pool;
	pthread_mutex_lock(&pool->lock);
	frame->next = pool->idle;
	pool->idle = frame;
	pool->idle_count++;
	pool->idle_size += frame->capacity;
	pool->out_count--;
	last = pool->closing && pool->out_count == 0;
	surplus = last ? NULL : take_surplus(pool);
	pthread_mutex_unlock(&pool->lock);
	destroy_all(surplus);
	if (last)
		pool_destroy(pool);
}

/* test_frame.c - response memory is reused, bounded, and given back on any thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "client/frame.h"
#include "loop/loop.h"

#define MIB (1u << 20)

static void frames_are_used_again(void **state)
{
	struct frame_pool *pool;
	struct frame *one, *other;

	assert_int_equal(frame_pool_new(8 * MIB, &pool), 0);
	one = frame_take(pool, 3 * MIB);
	memset(one->at, 1, one->size);
	frame_release(one);
	other = frame_take(pool, 3 * MIB - 5000);
	assert_ptr_equal(one, other);
	assert_int_equal(other->size, 3 * MIB - 5000);
	one = frame_take(pool, 100); /* a small answer must not sit on large memory */
	assert_true(one->capacity < 1000);
	frame_release(one);
	frame_release(other);
	frame_release(frame_take(pool, 0));
	frame_release(NULL);
	assert_true(frame_pool_size(pool) >= 3 * MIB);
	frame_pool_limit(pool, 0);
	assert_int_equal(frame_pool_size(pool), 0);
	frame_pool_free(pool);
	frame_pool_free(NULL);
}

static void what_is_kept_is_bounded(void **state)
{
	struct frame_pool *pool;
	struct frame *frames[20];

	assert_int_equal(frame_pool_new(8 * MIB, &pool), 0);
	for (int i = 0; i < 20; i++)
		frames[i] = frame_take(pool, MIB);
	assert_int_equal(frame_pool_size(pool), 20 * MIB);
	for (int i = 0; i < 20; i++)
		frame_release(frames[i]);
	assert_int_equal(frame_pool_size(pool), 8 * MIB);
	frame_pool_free(pool);
}

static void frames_outlive_their_pool(void **state)
{
	struct frame_pool *pool;
	struct frame *frame;

	assert_int_equal(frame_pool_new(MIB, &pool), 0);
	frame = frame_hold(frame_take(pool, 1000));
	frame_release(frame);
	frame_pool_free(pool);
	memset(frame->at, 1, frame->size);
	frame_release(frame);
}

#define PIECES 200

struct piece {
	struct frame *frame;
	uint64_t sum;
	int *left;
	bool *done;
};

static void piece_run(void *context)
{
	struct piece *piece = context;

	for (size_t i = 0; i < piece->frame->size; i++)
		piece->sum += piece->frame->at[i];
	frame_release(piece->frame);
}

static void piece_done(void *context)
{
	struct piece *piece = context;

	*piece->done = --*piece->left == 0;
}

static void frames_are_shared_between_threads(void **state)
{
	static struct piece pieces[PIECES];
	struct frame_pool *pool;
	struct loop *loop;
	bool done = false;
	int left = PIECES;

	assert_int_equal(frame_pool_new(MIB, &pool), 0);
	assert_int_equal(loop_new(&clock_system, 1, &loop), 0);
	for (int i = 0; i < PIECES; i += 2) {
		struct frame *frame = frame_take(pool, 5000);

		memset(frame->at, i, frame->size);
		for (int k = 0; k < 2; k++) {
			pieces[i + k] = (struct piece){ frame_hold(frame), 0, &left, &done };
			assert_int_equal(loop_work(loop, piece_run, piece_done, &pieces[i + k]), 0);
		}
		frame_release(frame);
	}
	assert_int_equal(loop_until(loop, &done, loop_now_ms(loop) + 60000), 0);
	for (int i = 0; i < PIECES; i++)
		assert_int_equal(pieces[i].sum, 5000u * (unsigned)(i / 2 * 2 % 256));
	loop_free(loop);
	frame_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_used_again),
		cmocka_unit_test(what_is_kept_is_bounded),
		cmocka_unit_test(frames_outlive_their_pool),
		cmocka_unit_test(frames_are_shared_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_tail.c - where a reader goes on in another log: by hand, and against a model that tries every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/random.h"
#include "parity/tail.h"

#define MEMORY ((size_t)64 << 20)

/* A log of one partition as letters; a letter's place is its offset. */
static struct digest of(char letter)
{
	return (struct digest){ (uint64_t)letter * 0x123456789abcdefu, (uint64_t)letter };
}

/* The anchor is two records before the position, as far as there are two. */
static struct tail_place place(const char *source, int64_t position, const char *target)
{
	struct tail *tail = tail_new(1, 1, MEMORY);
	struct tail_place out;
	int64_t anchor = position > 2 ? position - 2 : 0;

	assert_non_null(tail);
	for (int64_t at = anchor; source[at]; at++)
		assert_int_equal(tail_add(tail, of(source[at]), 0, at), 0);
	for (int64_t at = 0; at < anchor; at++)
		assert_int_equal(tail_head(tail, of(source[at]), 0), 0);
	for (int64_t at = 0; target[at]; at++)
		assert_int_equal(tail_target(tail, of(target[at]), 0, at), 0);
	tail_settle(tail);
	assert_int_equal(tail_place(tail, &position, &out), 0);
	tail_free(tail);
	return out;
}

static void test_by_hand(void **state)
{
	static const struct {
		const char *source;
		int64_t position;
		const char *target;
		struct tail_place expected;
	} table[] = {
		{ "abcdef",
		  3,
		  "abcdef",
		  { .target = 3, .next = true, .anchored = true, .tail = 3, .behind = 3 } },
		{ "abcdef",
		  3,
		  "xxabcdef",
		  { .target = 5, .next = true, .anchored = true, .tail = 3, .behind = 3 } },
		{ "abcdef", 0, "abcdef", { .target = 0, .next = true, .tail = 6, .behind = 6 } },
		{ "abcdef", 6, "abcdef", { .target = 6, .anchored = true } },
		{ "abcdef", 6, "abcdefz", { .target = 6, .anchored = true, .behind = 1, .reread = 1 } },
		{ "abcdef", 3, "abc", { .target = 3, .anchored = true, .tail = 3, .awaited = 3 } },
		{ "abcdef",
		  3,
		  "abcdf",
		  { .target = 3, .next = true, .anchored = true, .tail = 3, .skipped = 1, .behind = 2 } },
		{ "abcdef", 3, "abdcef", { .target = 2, .next = true, .tail = 3, .reread = 1, .behind = 4 } },
		{ "abcdef", 3, "abcedf", { .target = 3, .anchored = true, .tail = 3, .behind = 3 } },
		{ "aaaaaa",
		  4,
		  "aaaaaa",
		  { .target = 4, .next = true, .anchored = true, .tail = 2, .behind = 2 } },
		{ "aabaab",
		  3,
		  "aabaab",
		  { .target = 3, .next = true, .anchored = true, .tail = 3, .behind = 3 } },
		{ "abcdef", 3, "", { .target = -1, .tail = 3, .awaited = 3 } },
		{ "", 0, "", { .target = -1 } },
	};

	for (size_t index = 0; index < sizeof table / sizeof table[0]; index++) {
		struct tail_place got =
			place(table[index].source, table[index].position, table[index].target);
		const struct tail_place *expected = &table[index].expected;

		if (got.target != expected->target || got.next != expected->next ||
		    got.anchored != expected->anchored || got.tail != expected->tail ||
		    got.skipped != expected->skipped || got.awaited != expected->awaited ||
		    got.reread != expected->reread || got.behind != expected->behind)
			fail_msg("row %zu: target %lld next %d anchored %d tail %llu skipped %llu awaited "
				 "%llu reread %llu behind %llu",
				 index, (long long)got.target, got.next, got.anchored,
				 (unsigned long long)got.tail, (unsigned long long)got.skipped,
				 (unsigned long long)got.awaited, (unsigned long long)got.reread,
				 (unsigned long long)got.behind);
	}
}

/* Records without a key may lie in other partitions on the target; then they are found there. */
static void test_across_partitions(void **state)
{
	struct tail *tail = tail_new(2, 2, MEMORY);
	struct tail_place out[2];
	int64_t positions[] = { 1, 0 };

	assert_int_equal(tail_add(tail, of('a'), 0, 0), 0);
	assert_int_equal(tail_add(tail, of('b'), 0, 1), 0);
	assert_int_equal(tail_add(tail, of('c'), 1, 0), 0);
	assert_int_equal(tail_target(tail, of('c'), 0, 0), 0);
	assert_int_equal(tail_target(tail, of('a'), 0, 1), 0);
	assert_int_equal(tail_target(tail, of('b'), 1, 7), 0);
	assert_int_equal(tail_settle(tail), 0);
	assert_int_equal(tail_settle(tail), 0); /* settling again changes nothing */
	assert_int_equal(tail_place(tail, positions, out), 0);
	assert_int_equal(out[0].target, 0); /* c */
	assert_int_equal(out[0].reread, 1); /* a */
	assert_int_equal(out[1].target, 7); /* b */
	assert_int_equal(out[0].skipped + out[1].skipped + out[0].awaited + out[1].awaited, 0);
	tail_free(tail);
}

static void test_unequal_counts(void **state)
{
	struct tail *tail = tail_new(1, 2, MEMORY);
	struct tail_place out[2];
	int64_t positions[] = { 2 };

	for (int64_t at = 0; at < 4; at++)
		assert_int_equal(tail_add(tail, of((char)('a' + at)), 0, at), 0);
	assert_int_equal(tail_target(tail, of('a'), 0, 0), 0);
	assert_int_equal(tail_target(tail, of('b'), 1, 0), 0);
	assert_int_equal(tail_target(tail, of('c'), 0, 1), 0);
	assert_int_equal(tail_target(tail, of('d'), 1, 1), 0);
	assert_int_equal(tail_settle(tail), 0);
	assert_int_equal(tail_place(tail, positions, out), 0);
	assert_int_equal(out[0].target, 1);
	assert_int_equal(out[1].target, 1);
	assert_int_equal(out[0].tail, 2);
	tail_free(tail);
}

/* What comes late is taken up: first the target's record, then the source's, and the other way round. */
static void test_rounds(void **state)
{
	struct tail *tail = tail_new(1, 1, MEMORY);
	struct tail_place out;
	int64_t position = 0;

	assert_int_equal(tail_add(tail, of('a'), 0, 0), 0);
	assert_int_equal(tail_add(tail, of('b'), 0, 1), 0);
	assert_int_equal(tail_target(tail, of('a'), 0, 0), 0);
	assert_int_equal(tail_settle(tail), 1);
	assert_int_equal(tail_target(tail, of('b'), 0, 1), 0);
	assert_int_equal(tail_target(tail, of('b'), 0, 2), 0);
	assert_int_equal(tail_settle(tail), 0);
	assert_int_equal(tail_add(tail, of('b'), 0, 2), 0);
	assert_int_equal(tail_settle(tail), 0);
	assert_int_equal(tail_place(tail, &position, &out), 0);
	assert_int_equal(out.tail, 3);
	assert_int_equal(out.reread, 0);
	tail_free(tail);
}

static void test_memory_is_bounded(void **state)
{
	struct tail *tail = tail_new(1, 1, 1 << 20);
	int err = 0;
	int64_t at;

	for (at = 0; err == 0 && at < 1000000; at++)
		err = tail_add(tail, (struct digest){ (uint64_t)at * 0x9e3779b97f4a7c15u, 1 }, 0, at);
	assert_int_equal(err, ERR_LIMIT);
	assert_true(at > 1000);
	tail_free(tail);
}

/* Many equal records cost no more than many different ones: quadratic work would be felt here. */
static void test_equal_records(void **state)
{
	struct tail *tail = tail_new(1, 1, MEMORY);
	struct tail_place out;
	int64_t position = 100000;

	for (int64_t at = 0; at < 200000; at++)
		assert_int_equal(tail_add(tail, of('a'), 0, at), 0);
	for (int64_t at = 0; at < 200000; at++)
		assert_int_equal(tail_target(tail, of('a'), 0, at + 5), 0);
	assert_int_equal(tail_settle(tail), 0);
	assert_int_equal(tail_place(tail, &position, &out), 0);
	assert_int_equal(out.target, 100005);
	assert_int_equal(out.reread, 0);
	tail_free(tail);
}

/*
 * The model: the n-th of a letter is the n-th of that letter.  The place is the lowest offset of a twin of the tail; what
 * is behind it and no such twin is read again.
 */
static void test_against_the_model(void **state)
{
	struct random random;

	random_seed(&random, 42);
	for (int trial = 0; trial < 3000; trial++) {
		char source[40] = "", target[60] = "";
		int count = (int)random_below(&random, 30), used = 0,
		    letters = 2 + (int)random_below(&random, 20);
		int64_t position = (int64_t)random_below(&random, (uint64_t)count + 1), expected = -1;
		uint64_t twins = 0, missing = 0;
		struct tail_place got;

		for (int at = 0; at < count; at++)
			source[at] = (char)('a' + random_below(&random, (uint64_t)letters));
		for (int at = 0; at < count; at++) {
			if (random_below(&random, 15) == 0)
				continue; /* lost */
			target[used++] = source[at];
			if (random_below(&random, 15) == 0)
				target[used++] = (char)('A' + random_below(&random, 3)); /* foreign */
			if (used > 1 && random_below(&random, 8) == 0) {
				char swapped = target[used - 1];

				target[used - 1] = target[used - 2];
				target[used - 2] = swapped;
			}
		}
		for (int at = 0; at < count; at++) {
			int number = 0, seen = 0, twin = -1;

			for (int before = 0; before <= at; before++)
				number += source[before] == source[at];
			for (int there = 0; there < used && twin < 0; there++)
				if (target[there] == source[at] && ++seen == number)
					twin = there;
			if (at < position)
				continue;
			if (twin < 0)
				missing++;
			else if (++twins && (expected < 0 || twin < expected))
				expected = twin;
		}
		got = place(source, position, target);
		assert_int_equal(got.tail, (uint64_t)(count - position));
		assert_int_equal(got.skipped + got.awaited, missing);
		if (expected >= 0) {
			assert_int_equal(got.target, expected);
			assert_int_equal(got.reread, (uint64_t)(used - expected) - twins);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),           cmocka_unit_test(test_across_partitions),
		cmocka_unit_test(test_unequal_counts),    cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_memory_is_bounded), cmocka_unit_test(test_equal_records),
		cmocka_unit_test(test_against_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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
	assert_int_equal(tail_fix(tail), 0);
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
		/* x may be on its way to the source, where it will come to stand behind c */
		{ "abcdef",
		  3,
		  "abxcdef",
		  { .target = 2, .held_back = true, .tail = 3, .reread = 2, .behind = 5 } },
		{ "abc", 3, "abxc", { .target = 2, .held_back = true, .reread = 2, .behind = 2 } },
		{ "abc", 3, "abcx", { .target = 3, .anchored = true, .reread = 1, .behind = 1 } },
		/* before the first twin everything is older than what is known */
		{ "abcdef", 3, "axbcdef", { .target = 4, .next = true, .anchored = true, .tail = 3, .behind = 3 } },
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
		    got.reread != expected->reread || got.behind != expected->behind ||
		    got.held_back != expected->held_back)
			fail_msg("row %zu: target %lld next %d anchored %d held back %d tail %llu skipped "
				 "%llu awaited %llu reread %llu behind %llu",
				 index, (long long)got.target, got.next, got.anchored, got.held_back,
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

/* Two logs that are written to: what was read of them so far, and what is known of it. */
struct moving {
	struct tail *tail;
	int64_t ends[2];
};

static void come(struct moving *logs, int side, const char *letters)
{
	for (; *letters; letters++, logs->ends[side]++)
		assert_int_equal(side ? tail_target(logs->tail, of(*letters), 0, logs->ends[1])
				      : tail_add(logs->tail, of(*letters), 0, logs->ends[0]),
				 0);
}

static struct tail_place stand(struct moving *logs, int64_t position)
{
	struct tail_place out;

	tail_settle(logs->tail);
	assert_int_equal(tail_place(logs->tail, &position, &out), 0);
	return out;
}

/*
 * Several writers, the source first: what the source holds below its end comes in another order, and between it what the
 * source got later.  Nothing of it is missed, nothing of it is passed by, and what was written later is not read again.
 */
static void test_written_to_from_the_source(void **state)
{
	struct moving logs = { .tail = tail_new(1, 1, MEMORY) };
	struct tail_place got;

	come(&logs, 0, "abcdef");
	come(&logs, 1, "abd");
	assert_int_equal(tail_fix(logs.tail), 0);
	assert_int_equal(tail_settle(logs.tail), 3);
	got = stand(&logs, 4);
	assert_int_equal(got.awaited, 2); /* c is missing as well, and was read: nobody is to wait for it here */
	assert_int_equal(got.tail, 2);
	come(&logs, 1, "gfhc"); /* g and h are younger than the end */
	assert_int_equal(tail_settle(logs.tail), 1);
	got = stand(&logs, 4);
	assert_int_equal(got.skipped, 1); /* e, for f has come */
	come(&logs, 1, "ei");
	assert_int_equal(tail_settle(logs.tail), 0);
	assert_int_equal(tail_strangers(logs.tail), 3);
	got = stand(&logs, 6); /* the position is the very end: g stands before twins of what was read */
	assert_true(got.held_back);
	assert_int_equal(got.target, 3);
	come(&logs, 0, "ghijk");
	assert_int_equal(tail_settle(logs.tail), 0); /* j and k are not missed */
	assert_int_equal(tail_strangers(logs.tail), 0);
	got = stand(&logs, 6);
	assert_int_equal(got.target, 3);
	assert_true(got.next);
	assert_int_equal(got.skipped + got.awaited + got.tail, 0);
	assert_int_equal(got.reread, 3); /* f, c, e */
	got = stand(&logs, 4);
	assert_int_equal(got.target, 3);
	assert_int_equal(got.skipped + got.awaited, 0);
	assert_int_equal(got.tail, 2);
	assert_int_equal(got.reread, 1); /* c */
	tail_free(logs.tail);
}

/* Several writers, the target first: x was overtaken on its way to the source.  Behind it nobody may go on. */
static void test_written_to_from_the_target(void **state)
{
	struct moving logs = { .tail = tail_new(1, 1, MEMORY) };
	struct tail_place got;

	come(&logs, 0, "abc");
	come(&logs, 1, "abxc");
	assert_int_equal(tail_fix(logs.tail), 0);
	assert_int_equal(tail_settle(logs.tail), 0);
	assert_int_equal(tail_strangers(logs.tail), 1);
	got = stand(&logs, 3);
	assert_int_equal(got.target, 2);
	assert_true(got.held_back);
	come(&logs, 0, "dx");
	got = stand(&logs, 3);
	assert_int_equal(got.target, 2); /* now it is a twin that says so */
	assert_false(got.held_back);
	assert_int_equal(got.reread, 1);
	assert_int_equal(got.skipped + got.awaited, 0);
	got = stand(&logs, 2);
	assert_int_equal(got.target, 2);
	assert_int_equal(got.reread, 0);
	assert_int_equal(got.tail, 1);
	tail_free(logs.tail);
}

/* What stands up to the twins of what is leant on is old, known or not; what stands behind them is a stranger. */
static void test_what_is_leant_on(void **state)
{
	struct moving logs = { .tail = tail_new(1, 1, MEMORY) };

	tail_lean(logs.tail, 0, 3);
	come(&logs, 0, "abcdef");
	come(&logs, 1, "paqbrcsdtef");
	assert_int_equal(tail_fix(logs.tail), 0);
	assert_int_equal(tail_settle(logs.tail), 0);
	assert_int_equal(tail_strangers(logs.tail), 2); /* s and t */
	assert_int_equal(stand(&logs, 6).target, 6);
	tail_free(logs.tail);
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
 * The model: the n-th of a letter is the n-th of that letter.  The place is the lowest offset of a twin of the tail, or of
 * what is nobody's twin, once the first twin of a record from the anchor on has been seen; what is behind it and no
 * twin of the tail is read again.
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
		int64_t anchor = position > 2 ? position - 2 : 0, first_known = -1, stranger = -1;
		uint64_t twins = 0, missing = 0;
		bool has_twin[60] = { false };
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
			if (twin >= 0 && strchr(source + anchor, source[at]))
				has_twin[twin] = true; /* nobody knows the others */
			if (at >= anchor && twin >= 0 && (first_known < 0 || twin < first_known))
				first_known = twin;
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
		for (int there = (int)first_known + 1; first_known >= 0 && there < used && stranger < 0; there++)
			if (!has_twin[there])
				stranger = there;
		if (expected >= 0) {
			if (stranger >= 0 && stranger < expected)
				expected = stranger;
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
		cmocka_unit_test(test_against_the_model), cmocka_unit_test(test_written_to_from_the_source),
		cmocka_unit_test(test_written_to_from_the_target),
		cmocka_unit_test(test_what_is_leant_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

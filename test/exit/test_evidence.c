/* test_evidence.c - one encoding, one id; every prefix and every flip is refused or is another item. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/random.h"
#include "exit/evidence_make.h"

static void make_full(struct made *made, struct evidence_remark *remarks, struct evidence_artefact *artefact,
		      struct sha256 *parents)
{
	make(made, "parity.faults", "orders", "LOST", 2);
	made->value[1] = (struct evidence_value){ VIEW_LITERAL("ALTERED"), VIEW_LITERAL("records"), -1 };
	made->item.value_count = 2;
	made->position[1].group = VIEW_LITERAL("billing");
	remarks[0] = (struct evidence_remark){ VIEW_LITERAL("partition 3"), VIEW_LITERAL("no leader"), 1 };
	remarks[1] = (struct evidence_remark){ VIEW_LITERAL("header trace"), VIEW_LITERAL("ignored"), 99 };
	made->item.excluded = remarks;
	made->item.excluded_count = 1;
	made->item.normalisers = remarks + 1;
	made->item.normaliser_count = 1;
	*artefact = (struct evidence_artefact){ VIEW_LITERAL("report"), sha256_of(VIEW_LITERAL("x")) };
	made->item.artefacts = artefact;
	made->item.artefact_count = 1;
	parents[0] = sha256_of(VIEW_LITERAL("b"));
	parents[1] = sha256_of(VIEW_LITERAL("a"));
	made->item.parents = parents;
	made->item.parent_count = 2;
	assert_int_equal(evidence_seal(&made->item, NULL), 0);
}

static void sha256_is_the_known_one(void **state)
{
	char text[SHA256_TEXT_SIZE];

	assert_string_equal(sha256_text(sha256_of(VIEW_LITERAL("abc")), text),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_string_equal(sha256_text(sha256_of(VIEW_NULL), text),
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void what_is_written_is_read_back(void **state)
{
	struct made made;
	struct evidence_remark remarks[2];
	struct evidence_artefact artefact;
	struct sha256 parents[2];
	struct buffer bytes;
	struct arena arena;
	struct evidence again;
	struct fault fault = { 0 };

	make_full(&made, remarks, &artefact, parents);
	buffer_init(&bytes, EVIDENCE_SIZE_MAX);
	arena_init(&arena, 1 << 20);
	assert_int_equal(evidence_write(&made.item, &bytes), 0);
	assert_int_equal(evidence_read(buffer_bytes(&bytes), &arena, &again, &fault), 0);
	assert_true(sha256_equal(again.id, made.item.id));
	assert_true(evidence_intact(&again));
	assert_true(view_is(again.claim, "parity.faults"));
	assert_int_equal(again.value_count, 2);
	assert_true(view_is(again.values[0].name, "ALTERED"));
	assert_int_equal(again.values[0].number, -1);
	assert_null(again.positions[0].group.at);
	assert_true(view_is(again.positions[1].group, "billing"));
	assert_int_equal(again.epochs.context.number, 1);
	arena_done(&arena);
	buffer_done(&bytes);
}

static void the_order_of_a_list_does_not_matter_before_the_seal(void **state)
{
	struct made made;
	struct sha256 first;

	make(&made, "c", "s", "b", 1);
	made.value[1] = (struct evidence_value){ VIEW_LITERAL("a"), VIEW_LITERAL("records"), 2 };
	made.item.value_count = 2;
	assert_int_equal(evidence_seal(&made.item, NULL), 0);
	first = made.item.id;
	struct evidence_value swap = made.value[0];
	made.value[0] = made.value[1];
	made.value[1] = swap;
	assert_false(evidence_intact(&made.item));
	assert_int_equal(evidence_seal(&made.item, NULL), 0);
	assert_true(sha256_equal(first, made.item.id));
}

static void a_name_twice_is_refused(void **state)
{
	struct made made;
	struct fault fault = { 0 };

	make(&made, "c", "s", "a", 1);
	made.value[1] = made.value[0];
	made.item.value_count = 2;
	assert_int_equal(evidence_seal(&made.item, &fault), ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "stands twice"));
	make(&made, "c", "s", "a", 1);
	made.item.covered = made.item.total + 1;
	assert_int_equal(evidence_seal(&made.item, NULL), ERR_MALFORMED);
}

/* Each in an allocation of its own size, so that the sanitizer sees one byte too far. */
static int read_copy(struct view bytes, struct evidence *out, struct sha256 *id)
{
	uint8_t *copy = malloc(bytes.size ? bytes.size : 1);
	struct arena arena;
	int err;

	memcpy(copy, bytes.at, bytes.size);
	arena_init(&arena, 1 << 20);
	err = evidence_read(view_of(copy, bytes.size), &arena, out, NULL);
	if (err == 0)
		*id = out->id;
	arena_done(&arena);
	free(copy);
	return err;
}

static void every_prefix_and_every_flip(void **state)
{
	struct made made;
	struct evidence_remark remarks[2];
	struct evidence_artefact artefact;
	struct sha256 parents[2], id;
	struct buffer bytes;
	struct evidence again;

	make_full(&made, remarks, &artefact, parents);
	buffer_init(&bytes, EVIDENCE_SIZE_MAX);
	assert_int_equal(evidence_write(&made.item, &bytes), 0);
	for (size_t size = 0; size < bytes.size; size++)
		assert_true(read_copy(view_of(bytes.at, size), &again, &id) < 0);
	for (size_t i = 0; i < bytes.size; i++) {
		for (int bit = 0; bit < 8; bit++) {
			bytes.at[i] ^= (uint8_t)(1 << bit);
			if (read_copy(buffer_bytes(&bytes), &again, &id) == 0)
				assert_false(sha256_equal(id, made.item.id));
			bytes.at[i] ^= (uint8_t)(1 << bit);
		}
	}
	buffer_i8(&bytes, 0);
	assert_true(read_copy(buffer_bytes(&bytes), &again, &id) < 0);
	buffer_done(&bytes);
}

static void a_log_knows_what_was_in_it(void **state)
{
	struct made made[3];
	struct evidence_log log;

	evidence_log_init(&log);
	assert_true(evidence_log_whole(&log));
	for (int i = 0; i < 3; i++) {
		make(&made[i], "c", "s", "v", i);
		assert_int_equal(add(&log, &made[i]), 0);
	}
	assert_true(evidence_log_whole(&log));
	log.count = 2;
	assert_false(evidence_log_whole(&log));
	log.count = 3;
	const struct evidence *swap = log.items[0];
	log.items[0] = log.items[1];
	log.items[1] = swap;
	assert_false(evidence_log_whole(&log));
	make(&made[0], "c", "s", "v", 0);
	made[0].item.ended = moment_at(-1);
	assert_int_equal(evidence_seal(&made[0].item, NULL), 0);
	assert_int_equal(add(&log, &made[0]), ERR_STALE);
	evidence_log_done(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_is_the_known_one),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(the_order_of_a_list_does_not_matter_before_the_seal),
		cmocka_unit_test(a_name_twice_is_refused),
		cmocka_unit_test(every_prefix_and_every_flip),
		cmocka_unit_test(a_log_knows_what_was_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

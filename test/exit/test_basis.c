/* test_basis.c - an auditor who judges again from a basis comes to the same answer, and a forged one is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "exit/judged_world.h"

struct disk {
	struct buffer bytes[HONEST_ITEMS_MAX];
	struct sha256 ids[HONEST_ITEMS_MAX];
	int count;
};

static int find(void *context, const struct sha256 *id, struct view *bytes)
{
	const struct disk *disk = context;

	for (int i = 0; i < disk->count; i++)
		if (sha256_equal(disk->ids[i], *id)) {
			*bytes = buffer_bytes(&disk->bytes[i]);
			return 0;
		}
	return ERR_NOT_FOUND;
}

static void disk_write(struct disk *disk, const struct evidence_log *log)
{
	for (disk->count = 0; disk->count < log->count; disk->count++) {
		buffer_init(&disk->bytes[disk->count], EVIDENCE_SIZE_MAX);
		assert_int_equal(evidence_write(log->items[disk->count], &disk->bytes[disk->count]), 0);
		disk->ids[disk->count] = log->items[disk->count]->id;
	}
}

static void disk_done(struct disk *disk)
{
	for (int i = 0; i < disk->count; i++)
		buffer_done(&disk->bytes[i]);
}

static void basis_made(struct world *w, struct buffer *bytes)
{
	struct basis basis;

	judge_now(w);
	assert_int_equal(basis_of(&w->judging, 0, &w->judgement, &w->arena, &basis), 0);
	buffer_init(bytes, BASIS_SIZE_MAX);
	assert_int_equal(basis_write(&basis, bytes), 0);
}

static const struct waiver waivers[] = {
	{ .rule = { (const uint8_t *)"parity.duplicates", 17 },
	  .subject = { (const uint8_t *)"orders", 6 },
	  .value_max = 3,
	  .reason = { (const uint8_t *)"known", 5 },
	  .owner = { (const uint8_t *)"ann", 3 },
	  .second = { (const uint8_t *)"bob", 3 },
	  .stage = { (const uint8_t *)"OBSERVING", 9 },
	  .authority = 1,
	  .granted_ms = NOW_WALL_MS - 1000,
	  .expires_ms = NOW_WALL_MS + 1000 },
};

static void an_auditor_comes_to_the_same_answer(void **state)
{
	static struct world w;
	static struct disk disk;
	struct judgement made;
	struct buffer bytes;
	struct basis basis;
	struct fault fault = { 0 };
	struct honest *doubled;

	world_init(&w, SIDE_SOURCE);
	w.judging.waivers = waivers;
	w.judging.waiver_count = 1;
	doubled = again(&w, index_of(&w, "parity.topic", w.topics[0]));
	for (int i = 0; i < doubled->item.value_count; i++)
		if (view_is(doubled->values[i].name, "DUPLICATE"))
			doubled->values[i].number = 2;
	append(&w, doubled);
	basis_made(&w, &bytes);
	assert_int_equal(w.judgement.verdict, VERDICT_OPEN); /* by the waiver alone */
	disk_write(&disk, &w.log);
	assert_int_equal(basis_read(buffer_bytes(&bytes), &w.arena, &basis, &fault), 0);
	if (basis_audit(&basis, w.judging.family, find, &disk, &w.arena, &made, &fault) < 0)
		fail_msg("%s", fault.text);
	assert_int_equal(made.gates[GATE_PARITY].waived, 1);
	disk_done(&disk);
	buffer_done(&bytes);
	world_done(&w);
}

typedef void forge_fn(struct basis *basis, struct world *w, struct disk *disk);

static void say_open(struct basis *basis, struct world *w, struct disk *disk)
{
	basis->by_gate[GATE_OPERATIONS] = VERDICT_OPEN;
}

static void say_open_over_all(struct basis *basis, struct world *w, struct disk *disk)
{
	basis->verdict = VERDICT_OPEN;
}

static void leave_out_the_failure(struct basis *basis, struct world *w, struct disk *disk)
{
	basis->evidence_count--;
}

static void leave_it_out_and_make_the_head_fit(struct basis *basis, struct world *w, struct disk *disk)
{
	basis->evidence_count--;
	basis->head = (struct sha256){ 0 };
	for (int i = 0; i < basis->evidence_count; i++)
		basis->head = sha256_chain(basis->head, basis->evidence[i]);
}

static void lose_the_bytes(struct basis *basis, struct world *w, struct disk *disk)
{
	disk->ids[3].bytes[0] ^= 1;
}

static void change_the_bytes(struct basis *basis, struct world *w, struct disk *disk)
{
	disk->bytes[disk->count - 1].at[disk->bytes[disk->count - 1].size - 1] ^= 1;
}

static void swap_the_bytes(struct basis *basis, struct world *w, struct disk *disk)
{
	struct sha256 id = disk->ids[0];

	disk->ids[0] = disk->ids[1];
	disk->ids[1] = id;
}

static void judge_by_other_rules(struct basis *basis, struct world *w, struct disk *disk)
{
	w->judging.family->class->limits[LIMIT_PARITY_DUPLICATES].value = 9;
}

static void judge_on_another_day(struct basis *basis, struct world *w, struct disk *disk)
{
	basis->now.moment.wall_ms -= 10LL * 86400000;
	basis->now.moment.monotonic_ms -= 10LL * 86400000;
}

static void of_another_family(struct basis *basis, struct world *w, struct disk *disk)
{
	basis->family = VIEW_LITERAL("before");
}

static void mirror_it(struct basis *basis, struct world *w, struct disk *disk)
{
	basis->reference = SIDE_TARGET;
}

static const struct {
	const char *name;
	forge_fn *forge;
	int err;
} forgeries[] = {
	{ "a gate said to be open", say_open, ERR_STALE },
	{ "a verdict said to be open", say_open_over_all, ERR_STALE },
	{ "the failure left out", leave_out_the_failure, ERR_CONFLICT },
	{ "the failure left out, and the head made to fit", leave_it_out_and_make_the_head_fit, ERR_STALE },
	{ "bytes that are not there", lose_the_bytes, ERR_NOT_FOUND },
	{ "bytes that were changed", change_the_bytes, ERR_MALFORMED },
	{ "bytes of another item", swap_the_bytes, ERR_MALFORMED },
	{ "other rules", judge_by_other_rules, ERR_CONFLICT },
	{ "another day", judge_on_another_day, ERR_STALE },
	{ "another family", of_another_family, ERR_CONFLICT },
	{ "the other direction", mirror_it, ERR_CONFLICT },
};

static void a_forged_verdict_is_found(void **state)
{
	for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++) {
		static struct world w;
		static struct disk disk;
		struct fault fault = { 0 };
		struct judgement made;
		struct buffer bytes;
		struct basis basis;
		struct honest *frozen;
		int err;

		world_init(&w, SIDE_SOURCE);
		frozen = again(&w, index_of(&w, "operations.freeze", VIEW_NULL));
		frozen->values[0].number = 0;
		append(&w, frozen);
		basis_made(&w, &bytes);
		assert_int_equal(w.judgement.gates[GATE_OPERATIONS].verdict, VERDICT_SHUT);
		disk_write(&disk, &w.log);
		assert_int_equal(basis_read(buffer_bytes(&bytes), &w.arena, &basis, &fault), 0);
		forgeries[i].forge(&basis, &w, &disk);
		err = basis_audit(&basis, w.judging.family, find, &disk, &w.arena, &made, &fault);
		if (err != forgeries[i].err || !fault.text[0])
			fail_msg("%s: %s (%s)", forgeries[i].name, err_text(err), fault.text);
		disk_done(&disk);
		buffer_done(&bytes);
		world_done(&w);
	}
}

static void a_basis_has_one_encoding(void **state)
{
	static struct world w;
	struct buffer bytes;
	struct basis basis;

	world_init(&w, SIDE_TARGET);
	w.judging.waivers = waivers;
	w.judging.waiver_count = 1;
	basis_made(&w, &bytes);
	for (size_t size = 0; size < bytes.size; size++) {
		uint8_t *copy = malloc(size ? size : 1);

		memcpy(copy, bytes.at, size);
		arena_reset(&w.arena);
		assert_int_equal(basis_read(view_of(copy, size), &w.arena, &basis, NULL), ERR_MALFORMED);
		free(copy);
	}
	for (size_t at = 0; at < bytes.size; at++) {
		struct buffer again_bytes;

		bytes.at[at] ^= 0x41;
		arena_reset(&w.arena);
		buffer_init(&again_bytes, BASIS_SIZE_MAX);
		/* Another basis it may be, but then it is written as it was read. */
		if (basis_read(buffer_bytes(&bytes), &w.arena, &basis, NULL) == 0) {
			assert_int_equal(basis_write(&basis, &again_bytes), 0);
			assert_true(view_equal(buffer_bytes(&again_bytes), buffer_bytes(&bytes)));
		}
		buffer_done(&again_bytes);
		bytes.at[at] ^= 0x41;
	}
	buffer_done(&bytes);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_auditor_comes_to_the_same_answer),
		cmocka_unit_test(a_forged_verdict_is_found),
		cmocka_unit_test(a_basis_has_one_encoding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

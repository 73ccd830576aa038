/*
 * fuzz_answer.c - what an operator's command or address says, any bytes of it.
 *
 * What is read is one printable line within its limit, and reads the same when it is said again; what is refused leaves
 * the answer as it was.  A number, written out and read again, is the same number.
 */
#include <assert.h>
#include <stdio.h>

#include "base/text.h"
#include "exit/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_clean(const struct answer *answer)
{
	size_t size = strlen(answer->text);

	assert(size <= ANSWER_TEXT_SIZE_MAX && strlen(answer->unit) <= ANSWER_UNIT_SIZE_MAX);
	assert(text_is_utf8(view_text(answer->text)));
	for (size_t i = 0; i < size; i++)
		assert((uint8_t)answer->text[i] >= 0x20 && answer->text[i] != 0x7f);
	assert(text_trim(view_text(answer->text)).size == size);
}

static void number_again(const struct answer *answer)
{
	struct quantity quantity, again;
	struct answer written = { .kind = ANSWER_GIVEN };
	char text[QUANTITY_TEXT_SIZE];
	bool yes;

	if (answer_quantity(answer, &quantity, NULL) < 0)
		return;
	snprintf(written.text, sizeof written.text, "%s", quantity_text(&quantity, text));
	/* A unit of JSON may look like more of the number; a unit behind one may not. */
	if (answer_quantity(&written, &again, NULL) == 0 && strcmp(again.unit, quantity.unit) == 0)
		assert(again.millionths == quantity.millionths);
	else
		assert(answer->unit[0]);
	if (quantity.millionths >= 0 && answer_yes(answer, &yes, NULL) == 0)
		assert(yes == (quantity.millionths > 0));
}

static void say_again(const struct answer *answer)
{
	struct answer again = { .kind = ANSWER_GIVEN };

	/* A value of JSON may begin with a brace, and would then be read as JSON. */
	if (answer->text[0] == '{')
		return;
	assert(answer_read_output(view_text(answer->text), &again, NULL) == 0);
	assert(strcmp(again.text, answer->text) == 0);
}

static void read_outside(struct view json)
{
	struct probe_outside outside = { .missing = 0 };
	struct arena arena;
	int err;

	arena_init(&arena, 1 << 20);
	err = probe_outside_read(json, json.size & 1 ? SIDE_TARGET : SIDE_SOURCE, &arena, &outside, NULL);
	assert(err == 0 || err == ERR_MALFORMED || err == ERR_LIMIT || err == ERR_MEMORY);
	if (err < 0)
		assert(!outside.translated && !outside.position_count && !outside.place[0]);
	assert(outside.position_count <= 2 * PROBE_PARTITIONS_MAX);
	assert(!outside.translated || outside.missing == 0);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct answer before = {
		.kind = ANSWER_WAITS, .status = 7, .text = "before", .unit = "u"
	};

	for (int body = 0; body < 2; body++) {
		struct answer answer = before;
		struct view bytes = view_of(data, size);
		int err = body ? answer_read_body(bytes, &answer, NULL)
			       : answer_read_output(bytes, &answer, NULL);

		assert(err == 0 || err == ERR_MALFORMED);
		assert(answer.kind == before.kind && answer.status == before.status);
		if (err < 0) {
			assert(strcmp(answer.text, before.text) == 0 &&
			       strcmp(answer.unit, before.unit) == 0);
			continue;
		}
		is_clean(&answer);
		number_again(&answer);
		say_again(&answer);
		read_outside(answer.json);
	}
	return 0;
}

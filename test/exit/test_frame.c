/* test_frame.c - the bytes of a frame: what is written is read, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/bits.h"
#include "base/crc32c.h"
#include "base/random.h"
#include "exit/body.h"
#include "exit/frame.h"

#define BODY "{\"cause\":\"a \xc3\xa4\",\"number\":-7,\"stage\":\"OBSERVING\"}"

static struct frame made(struct buffer *out)
{
	struct frame frame = { .kind = FRAME_STAGE,
			       .sequence = 0x0102030405060708,
			       .moment = { 1700000000001, 77, { 9, 8, 7 } },
			       .lease = 3,
			       .previous = sha256_of(VIEW_LITERAL("before")),
			       .body = VIEW_LITERAL(BODY) };

	buffer_init(out, FRAME_HEAD_SIZE + FRAME_BODY_SIZE_MAX);
	assert_int_equal(frame_write(&frame, out), 0);
	return frame;
}

/* In an allocation of its own, so that a read past it shows. */
static int read_copy(struct view bytes, struct frame *out, struct fault *fault)
{
	uint8_t *copy = malloc(bytes.size ? bytes.size : 1);
	int err;

	if (bytes.size)
		memcpy(copy, bytes.at, bytes.size);
	err = frame_read(view_of(copy, bytes.size), out, fault);
	free(copy);
	return err;
}

static void what_is_written_is_read(void **state)
{
	struct buffer bytes;
	struct frame frame = made(&bytes), back;
	json_t *body;

	assert_int_equal(frame_read(buffer_bytes(&bytes), &back, NULL), 0);
	assert_int_equal(back.kind, FRAME_STAGE);
	assert_int_equal(back.sequence, frame.sequence);
	assert_int_equal(back.moment.wall_ms, frame.moment.wall_ms);
	assert_int_equal(back.moment.monotonic_ms, 77);
	assert_memory_equal(back.moment.boot, frame.moment.boot, 16);
	assert_int_equal(back.lease, 3);
	assert_true(sha256_equal(back.previous, frame.previous));
	assert_true(sha256_equal(back.hash, frame.hash));
	assert_true(sha256_equal(back.hash, sha256_of(buffer_bytes(&bytes))));
	assert_true(view_is(back.body, BODY));
	body = frame_body_read(&back, NULL);
	assert_int_equal(json_integer_value(json_object_get(body, "number")), -7);
	json_decref(body);
	buffer_done(&bytes);
}

/* The bytes are a promise to journals that exist. */
static void the_bytes_stay_what_they_are(void **state)
{
	static const uint8_t head[] = { 'I', 'L', 'J', '1', 96 + sizeof BODY - 1, 0, 0, 0 };
	struct buffer bytes;

	made(&bytes);
	assert_memory_equal(bytes.at, head, sizeof head);
	assert_int_equal(get_le32(bytes.at + 8), crc32c(bytes.at + 12, bytes.size - 12));
	assert_int_equal(get_le16(bytes.at + 12), 7);
	assert_int_equal(get_le16(bytes.at + 14), 0);
	assert_int_equal(get_le64(bytes.at + 16), 0x0102030405060708);
	assert_int_equal(get_le64(bytes.at + 24), 1700000000001);
	assert_int_equal(get_le64(bytes.at + 32), 77);
	assert_int_equal(get_le64(bytes.at + 40), 3);
	assert_memory_equal(bytes.at + 64, sha256_of(VIEW_LITERAL("before")).bytes, 32);
	buffer_done(&bytes);
}

static void every_prefix_is_none(void **state)
{
	struct buffer bytes;
	struct frame out;

	made(&bytes);
	for (size_t size = 0; size < bytes.size; size++)
		assert_int_equal(read_copy(view_of(bytes.at, size), &out, NULL), ERR_MALFORMED);
	buffer_i8(&bytes, 0); /* nor is one with something behind it */
	assert_int_equal(read_copy(buffer_bytes(&bytes), &out, NULL), ERR_MALFORMED);
	buffer_done(&bytes);
}

static void every_flipped_bit_shows(void **state)
{
	struct frame out = { .sequence = 4711 };
	struct buffer bytes;

	made(&bytes);
	for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
		int err;

		bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		err = read_copy(buffer_bytes(&bytes), &out, NULL);
		/* The digit of the format is the one thing that makes it another version's. */
		assert_int_equal(err, bit / 8 == 3  ? ERR_UNSUPPORTED
				      : bit / 8 < 8 ? ERR_MALFORMED
						    : ERR_CHECKSUM);
		assert_int_equal(out.sequence, 4711); /* untouched */
		bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(read_copy(buffer_bytes(&bytes), &out, NULL), 0);
	buffer_done(&bytes);
}

static int read_mended(struct buffer *bytes)
{
	struct frame out;

	put_le32(bytes->at + 8, crc32c(bytes->at + 12, bytes->size - 12));
	return read_copy(buffer_bytes(bytes), &out, NULL);
}

/* With a checksum that is right. */
static void heads_that_no_version_writes(void **state)
{
	struct buffer bytes;

	made(&bytes);
	for (int kind = 0; kind < 0x10000; kind = kind < 100 ? kind + 1 : 2 * kind) {
		put_le16(bytes.at + 12, (uint16_t)kind);
		assert_int_equal(read_mended(&bytes), kind > 0 && kind < FRAME_KINDS ? 0 : ERR_MALFORMED);
	}
	put_le16(bytes.at + 12, FRAME_STAGE);
	put_le16(bytes.at + 14, 1);
	assert_int_equal(read_mended(&bytes), ERR_MALFORMED);
	put_le16(bytes.at + 14, 0);
	assert_int_equal(read_mended(&bytes), 0);
	buffer_done(&bytes);
}

static void sizes_have_a_limit(void **state)
{
	struct buffer text, bytes;
	struct frame frame = { .kind = FRAME_NOTE, .sequence = 1 }, out;

	buffer_init(&text, 2 * FRAME_BODY_SIZE_MAX);
	buffer_init(&bytes, 4 * FRAME_BODY_SIZE_MAX);
	while (text.size < FRAME_BODY_SIZE_MAX + 1)
		buffer_i8(&text, 'x');
	frame.body = buffer_bytes(&text);
	assert_int_equal(frame_write(&frame, &bytes), ERR_LIMIT);
	assert_int_equal(bytes.size, 0);
	frame.body.size--;
	assert_int_equal(frame_write(&frame, &bytes), 0);
	assert_int_equal(frame_read(buffer_bytes(&bytes), &out, NULL), 0);
	/* One byte more, and everything else right. */
	buffer_i8(&bytes, 'x');
	put_le32(bytes.at + 4, (uint32_t)bytes.size);
	assert_int_equal(read_mended(&bytes), ERR_MALFORMED);
	/* No room. */
	buffer_done(&bytes);
	buffer_init(&bytes, 100);
	assert_int_equal(frame_write(&frame, &bytes), ERR_MEMORY);
	buffer_done(&bytes);
	buffer_done(&text);
}

static void a_fault_names_its_frame(void **state)
{
	struct fault fault = { 0 };
	struct buffer bytes;
	struct frame out;

	made(&bytes);
	bytes.at[100] ^= 1;
	assert_int_equal(read_copy(buffer_bytes(&bytes), &out, &fault), ERR_CHECKSUM);
	assert_non_null(strstr(fault.text, "72623859790382856"));
	buffer_done(&bytes);
}

/* ---- bodies ---- */

static json_t *read_body(struct view text)
{
	struct frame frame = { .sequence = 1, .body = text };

	return frame_body_read(&frame, NULL);
}

static json_t *chance_json(struct random *r, int depth)
{
	static const char *const texts[] = {
		"", "a", "b", "aa", "a\"b", "\n", "\xc3\xa4", "z\\", "\x7f", "/"
	};
	int kind = (int)random_below(r, depth ? 7 : 5), count = (int)random_below(r, 4);
	json_t *out;

	switch (kind) {
	case 0: return json_string(texts[random_below(r, 10)]);
	case 1: return json_integer((json_int_t)random_u64(r) >> random_below(r, 64));
	case 2: return json_null();
	case 3: return json_boolean(random_below(r, 2));
	case 4: return json_integer(0);
	case 5: out = json_array(); break;
	default: out = json_object(); break;
	}
	while (count--) {
		json_t *item = chance_json(r, depth - 1);

		if (json_is_array(out))
			json_array_append_new(out, item);
		else
			json_object_set_new(out, texts[random_below(r, 10)], item);
	}
	return out;
}

/*
 * A body is read exactly if it is written again as the same bytes: whatever chance makes of a body that was, by changing,
 * dropping or doubling a byte.
 */
static void only_the_one_form_is_read(void **state)
{
	int taken = 0, refused = 0;
	struct random r;

	random_seed(&r, 4711);
	for (int i = 0; i < 4000; i++) {
		json_t *json = json_object(), *back;
		struct buffer text, again;
		size_t at;

		json_object_set_new(json, "b", chance_json(&r, 3));
		json_object_set_new(json, "a", chance_json(&r, 3));
		buffer_init(&text, 100000);
		buffer_init(&again, 100000);
		assert_int_equal(frame_body_write(json, &text), 0);
		back = read_body(buffer_bytes(&text));
		assert_true(json_equal(json, back));
		json_decref(back);
		at = random_below(&r, text.size);
		switch (random_below(&r, 3)) {
		case 0: text.at[at] = (uint8_t) " \t0-.eE\"\\,:{}[]ab"[random_below(&r, 17)]; break;
		case 1:
			memmove(text.at + at, text.at + at + 1, text.size - at - 1);
			text.size--;
			break;
		case 2:
			buffer_i8(&text, 0);
			memmove(text.at + at + 1, text.at + at, text.size - at - 1);
			break;
		}
		back = read_body(buffer_bytes(&text));
		json_decref(json);
		json = json_loadb((const char *)text.at, text.size, JSON_REJECT_DUPLICATES, NULL);
		if (json_is_object(json) && frame_body_write(json, &again) == 0 &&
		    view_equal(buffer_bytes(&again), buffer_bytes(&text)))
			assert_non_null(back);
		else
			assert_null(back);
		taken += back != NULL;
		refused += back == NULL;
		json_decref(json);
		json_decref(back);
		buffer_done(&again);
		buffer_done(&text);
	}
	assert_true(taken > 300 && refused > 300);
}

static void forms_that_are_none(void **state)
{
	static const char *const none[] = {
		"",
		"[]",
		"1",
		"{}x",
		"{} ",
		" {}",
		"{\"a\" :1}",
		"{\"b\":1,\"a\":1}",
		"{\"a\":{\"b\":1,\"a\":1}}",
		"{\"a\":1.0}",
		"{\"a\":1e3}",
		"{\"a\":1E3}",
		"{\"a\":-0}",
		"{\"a\":[{\"b\":1,\"a\":1}]}",
		"{\"\\u0061\":1}",
		"{\"a\":\"\\/\"}",
		"{\"a\":\"\\u000a\"}",
		"{\"a\":1,\"a\":1}",
		"{\"aa\":1,\"a\":1}",
		"{\"a\":00}",
		"{\"a\":\"\xc3\"}",
		"{\"a\":99999999999999999999}",
		"{\"a\":\"\\u0000\"}",
		"{\"a\":0.0}",
		"{\"a\":[1,2,{}],\"A\":1}",
	};
	static const char *const good[] = {
		"{}",
		"{\"a\":[]}",
		"{\"\":1,\"a\":{\"b\":[{},{\"a\":1,\"b\":2}],\"c\":null}}",
		"{\"a\":\"\\n\",\"b\":-1}",
		"{\"\\n\":1,\"\\\"\":2}",
		"{\"a\":1,\"aa\":2,\"b\":true}",
		"{\"a\":9223372036854775807}",
		"{\"A\":1,\"a\":[1,2,{}]}",
		"{\"a\":\"\\u0001\"}",
		/* deeper than the quick look goes */
		"{\"a\":[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]}",
	};

	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		json_t *body = read_body(view_text(none[i]));

		if (body)
			fail_msg("%s was read", none[i]);
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		json_t *body = read_body(view_text(good[i]));

		if (!body)
			fail_msg("%s was not read", good[i]);
		json_decref(body);
	}
}

static void fractions_are_not_written(void **state)
{
	json_t *deep = json_pack("{s:[{s:f}]}", "a", "b", 1.0), *list = json_pack("[i]", 1);
	struct buffer out;

	buffer_init(&out, 1000);
	assert_int_equal(frame_body_write(deep, &out), ERR_MALFORMED);
	assert_int_equal(frame_body_write(list, &out), ERR_MALFORMED);
	assert_int_equal(frame_body_write(NULL, &out), ERR_MALFORMED);
	assert_int_equal(out.size, 0);
	json_decref(deep);
	json_decref(list);
	buffer_done(&out);
}

static void every_kind_has_a_word(void **state)
{
	for (int kind = 1; kind < FRAME_KINDS; kind++) {
		assert_non_null(frame_kind_word((enum frame_kind)kind));
		for (int other = 1; other < kind; other++)
			assert_string_not_equal(frame_kind_word((enum frame_kind)kind),
						frame_kind_word((enum frame_kind)other));
	}
	assert_null(frame_kind_word(FRAME_KINDS));
	assert_null(frame_kind_word((enum frame_kind)0));
}

static void what_is_said_alike_is_counted_once(void **state)
{
	json_t *list = json_loads("[{\"text\": \"a\"}, {\"text\": \"b\"}, {\"text\": \"a\"}, {\"text\": 3}, 4, "
				  "{\"text\": \"a\"}]",
				  0, NULL);
	static const int alike[] = { 3, 1, 0, 1, 1, 0 };

	for (size_t i = 0; i < 6; i++)
		assert_int_equal(body_alike(list, i, "text"), alike[i]);
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(the_bytes_stay_what_they_are),
		cmocka_unit_test(every_prefix_is_none),
		cmocka_unit_test(every_flipped_bit_shows),
		cmocka_unit_test(heads_that_no_version_writes),
		cmocka_unit_test(sizes_have_a_limit),
		cmocka_unit_test(a_fault_names_its_frame),
		cmocka_unit_test(only_the_one_form_is_read),
		cmocka_unit_test(forms_that_are_none),
		cmocka_unit_test(fractions_are_not_written),
		cmocka_unit_test(every_kind_has_a_word),
		cmocka_unit_test(what_is_said_alike_is_counted_once),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}

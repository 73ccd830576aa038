/*
 * Messages as the Java client writes them (test/wire/vectors), and what becomes of them when they are cut short or
 * damaged: each prefix is refused, each flipped bit is refused or survives, and what was read once comes out the
 * same for ever.  Each try has an allocation of its own, so that the sanitizer sees the first byte too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <glob.h>

#include "base/text.h"
#include "wire/messages.h"
#include "wire/shape.h"

#define MEMORY    (1024 * 1024)
#define LINE_SIZE 20000

struct vector {
	const struct message *message;
	int16_t version;
	struct view bytes;
};

static struct arena arena;

static const struct message *find(const char *name)
{
	for (const struct message *const *message = message_table; *message; message++)
		if (strcmp(message_name(*message), name) == 0)
			return *message;
	return NULL;
}

/* Reads `bytes` from an allocation of exactly their size; `out` is valid until `copy` is freed. */
static int read_copy(const struct vector *v, struct view bytes, void **out, void **copy, struct fault *fault)
{
	*copy = malloc(bytes.size ? bytes.size : 1);
	*out = malloc(message_size(v->message));
	memcpy(*copy, bytes.at, bytes.size);
	arena_reset(&arena);
	return message_read(v->message, v->version, view_of(*copy, bytes.size), &arena, *out, fault);
}

static bool is_refused(const struct vector *v, struct view bytes)
{
	struct fault fault = { 0 };
	void *out, *copy;
	int err = read_copy(v, bytes, &out, &copy, &fault);

	free(out);
	free(copy);
	assert_true(err == 0 || err == ERR_MALFORMED || err == ERR_LIMIT);
	assert_true(err == 0 ||
		    strncmp(fault.text, message_name(v->message), strlen(message_name(v->message))) == 0);
	return err < 0;
}

/* Read, written: appends to `again`.  False when it was refused. */
static bool pass(const struct vector *v, struct view bytes, struct buffer *again)
{
	void *out, *copy;
	int err = read_copy(v, bytes, &out, &copy, NULL);

	buffer_reset(again);
	if (err == 0)
		assert_int_equal(message_write(v->message, v->version, out, again, NULL), 0);
	free(out);
	free(copy);
	return err == 0;
}

static void comes_out_as_it_went_in(const struct vector *v)
{
	struct buffer again;

	buffer_init(&again, MEMORY);
	assert_true(pass(v, v->bytes, &again));
	assert_true(view_equal(buffer_bytes(&again), v->bytes) || (v->bytes.size == 0 && again.size == 0));
	buffer_done(&again);
}

static void every_prefix_is_refused(const struct vector *v)
{
	for (size_t size = 0; size < v->bytes.size; size++)
		assert_true(is_refused(v, view_of(v->bytes.at, size)));
}

static void every_flip_is_refused_or_survives(const struct vector *v)
{
	struct buffer once, twice;
	uint8_t *bytes = malloc(v->bytes.size + 1);

	buffer_init(&once, MEMORY);
	buffer_init(&twice, MEMORY);
	memcpy(bytes, v->bytes.at, v->bytes.size);
	for (size_t bit = 0; bit < v->bytes.size * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (pass(v, view_of(bytes, v->bytes.size), &once)) {
			struct view first = view_of(once.at ? once.at : bytes, once.size);

			assert_true(pass(v, first, &twice));
			assert_int_equal(once.size, twice.size);
			assert_true(once.size == 0 || memcmp(once.at, twice.at, once.size) == 0);
		}
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(bytes);
	buffer_done(&once);
	buffer_done(&twice);
}

/* Memory that runs out at any point is an answer, not a crash. */
static void every_lack_of_memory_is_answered(const struct vector *v)
{
	void *out = malloc(message_size(v->message));
	struct fault fault;
	size_t needed;

	arena_reset(&arena);
	assert_int_equal(message_read(v->message, v->version, v->bytes, &arena, out, &fault), 0);
	needed = arena.used;
	for (size_t limit = 0; limit < needed; limit += 16) {
		struct arena small;

		arena_init(&small, limit);
		assert_int_equal(message_read(v->message, v->version, v->bytes, &small, out, &fault),
				 ERR_LIMIT);
		assert_non_null(strstr(fault.text, "memory"));
		arena_done(&small);
	}
	free(out);
}

/* Calls `check` with each vector of each file; returns how many there were. */
static int each_vector(void (*check)(const struct vector *v))
{
	char line[LINE_SIZE], name[100], hex[LINE_SIZE];
	uint8_t raw[LINE_SIZE / 2];
	glob_t files;
	int count = 0, version;

	assert_int_equal(glob("test/wire/vectors/*.txt", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		FILE *file = fopen(files.gl_pathv[i], "r");

		assert_non_null(file);
		while (fgets(line, sizeof line, file)) {
			struct vector v;

			if (line[0] == '#')
				continue;
			assert_int_equal(sscanf(line, "%99s %d %19999s", name, &version, hex), 3);
			if (strcmp(hex, "-") == 0)
				hex[0] = 0;
			assert_true(text_unhex(view_text(hex), raw, strlen(hex) / 2));
			v = (struct vector){ find(name), (int16_t)version, view_of(raw, strlen(hex) / 2) };
			assert_non_null(v.message);
			check(&v);
			count++;
		}
		fclose(file);
	}
	globfree(&files);
	return count;
}

static void vectors_come_out_as_they_went_in(void **state)
{
	assert_in_range(each_vector(comes_out_as_it_went_in), 300, 2000);
}

static void prefixes_are_refused(void **state)
{
	each_vector(every_prefix_is_refused);
}

static void flipped_bits_do_no_harm(void **state)
{
	each_vector(every_flip_is_refused_or_survives);
}

static void lack_of_memory_is_answered(void **state)
{
	each_vector(every_lack_of_memory_is_answered);
}

static int begin(void **state)
{
	arena_init(&arena, MEMORY);
	return 0;
}

static int end(void **state)
{
	arena_done(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_come_out_as_they_went_in),
		cmocka_unit_test(prefixes_are_refused),
		cmocka_unit_test(flipped_bits_do_no_harm),
		cmocka_unit_test(lack_of_memory_is_answered),
	};

	return cmocka_run_group_tests(tests, begin, end);
}

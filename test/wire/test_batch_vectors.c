/*
 * test_batch_vectors.c - batches written by the Java client (vectors/batch/BatchVectors.java), in formats 0, 1 and 2 and
 * all codecs, must read as the Java client reads them; and every prefix and many flips of them must be survived.
 * INTERLOCK_VECTORS names another folder of them (test/real/test_batches.py makes one).
 */
#include <glob.h>
#include <inttypes.h>

#include "batches.h"

#include "base/crc32c.h"
#include "base/file.h"
#include "base/text.h"

#define LIMIT  (64u << 20)
#define FOLDER "test/wire/vectors/batch"

static struct inflater *inflater;
static struct buffer room;

static void tell_bytes(struct buffer *out, struct view v)
{
	if (!v.at) {
		buffer_text(out, "null");
	} else if (v.size > 64) {
		buffer_printf(out, "#%zu:%x", v.size, crc32c(v.at, v.size));
	} else {
		buffer_text(out, "x");
		text_hex(out, v);
	}
}

static void tell_record(struct buffer *out, int64_t offset, const struct record_span *span, bool control)
{
	struct view slice = view_of(span->at, span->size);
	struct record record;
	struct header header;

	assert_int_equal(record_split(slice, &record), 0);
	buffer_printf(out, "\t%" PRId64 " %" PRId64 " ", offset, span->timestamp);
	tell_bytes(out, record.key);
	buffer_text(out, " ");
	tell_bytes(out, record.value);
	while (header_next(&record.headers, &header) > 0) {
		buffer_text(out, " ");
		tell_bytes(out, header.name);
		buffer_text(out, "=");
		tell_bytes(out, header.value);
	}
	if (control) {
		struct control what;

		assert_int_equal(control_read(slice, &what), 0);
		buffer_printf(out, " type %d coordinator %d", what.type, what.coordinator_epoch);
	}
	buffer_text(out, "\n");
}

static void tell_batch(struct buffer *out, const struct batch *batch)
{
	const struct batch_head *head = &batch->head;
	struct record_span spans[16];
	struct record_walk walk;
	struct records records;
	struct fault fault = { 0 };
	int count;

	buffer_printf(out, "magic %d codec %d producer %" PRId64 " %d %d%s%s%s epoch %d\n", head->magic,
		      head->codec, head->producer_id, head->producer_epoch, head->base_sequence,
		      head->transactional ? " transactional" : "", head->control ? " control" : "",
		      head->log_append_time ? " append" : "", head->partition_leader_epoch);
	assert_int_equal(batch_check(batch, &fault), 0);
	buffer_reset(&room);
	if (batch_open(batch, inflater, &room, &records, &fault) < 0)
		fail_msg("%s", fault.text);
	record_walk_init(&walk, &records);
	while ((count = record_walk_next(&walk, spans, 16)) > 0)
		for (int i = 0; i < count; i++)
			tell_record(out, record_offset(&walk, &spans[i]), &spans[i], head->control);
	assert_null(walk.fault);
	assert_false(walk.loose);
}

static void load(const char *path, struct buffer *out)
{
	struct fault fault;

	buffer_init(out, LIMIT);
	if (file_read(path, out, &fault) < 0)
		fail_msg("%s", fault.text);
}

/* Calls `play` with each vector and the text beside it. */
static void with_each(void (*play)(struct buffer *bytes, struct buffer *text))
{
	const char *folder = getenv("INTERLOCK_VECTORS") ? getenv("INTERLOCK_VECTORS") : FOLDER;
	char pattern[300];
	glob_t found;

	snprintf(pattern, sizeof pattern, "%s/*.bin", folder);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_true(found.gl_pathc > 25);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char path[300];
		struct buffer bytes, text;

		snprintf(path, sizeof path, "%.*s.txt", (int)strlen(found.gl_pathv[i]) - 4,
			 found.gl_pathv[i]);
		load(found.gl_pathv[i], &bytes);
		load(path, &text);
		play(&bytes, &text);
		buffer_done(&bytes);
		buffer_done(&text);
	}
	globfree(&found);
}

static void read_one(struct buffer *bytes, struct buffer *text)
{
	struct view rest = buffer_bytes(bytes);
	struct buffer told;
	struct batch batch;

	buffer_init(&told, LIMIT);
	while (batch_next(&rest, &batch) > 0)
		tell_batch(&told, &batch);
	assert_int_equal(rest.size, 0);
	assert_string_equal(buffer_string(&told), buffer_string(text));
	buffer_done(&told);
}

static void java_batches_read_as_java_reads_them(void **state)
{
	with_each(read_one);
}

/* All bits of short vectors; of long ones some, drawn with a fixed seed. */
static void harm_one(struct buffer *bytes, struct buffer *text)
{
	struct view all = buffer_bytes(bytes);
	bool is_long = all.size > 1000;
	struct random r;

	random_seed(&r, 1);
	for (size_t i = 0; i < (is_long ? 60 : all.size); i++)
		read_anything(view_of(all.at, is_long ? random_below(&r, all.size) : i), inflater, &room);
	for (size_t i = 0; i < (is_long ? 200 : all.size * 8); i++) {
		size_t bit = is_long ? random_below(&r, all.size * 8) : i;

		bytes->at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		read_anything(all, inflater, &room);
		bytes->at[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void harmed_java_batches_do_no_harm(void **state)
{
	with_each(harm_one);
}

static int set_up(void **state)
{
	inflater = inflater_new(LIMIT);
	buffer_init(&room, LIMIT);
	return 0;
}

static int tear_down(void **state)
{
	inflater_free(inflater);
	buffer_done(&room);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(java_batches_read_as_java_reads_them),
		cmocka_unit_test(harmed_java_batches_do_no_harm),
	};

	return cmocka_run_group_tests_name("batch vectors", tests, set_up, tear_down);
}

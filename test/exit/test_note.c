/* test_note.c - signed notes: what was written is read, and not one byte of it may be another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "exit/audit.h"
#include "exit/note.h"

struct made {
	char folder[40], path[60];
	struct note_key *key;
	struct note note;
	struct buffer text;
};

static int make(void **state)
{
	struct made *made = calloc(1, sizeof *made);
	struct fault fault = { 0 };

	snprintf(made->folder, sizeof made->folder, "/tmp/note.XXXXXX");
	assert_non_null(mkdtemp(made->folder));
	snprintf(made->path, sizeof made->path, "%s/key", made->folder);
	if (note_key_open(made->path, true, &made->key, &fault) < 0)
		fail_msg("%s", fault.text);
	made->note = (struct note){ .exit = "orders to next",
				    .size = 4711,
				    .root = sha256_of(VIEW_LITERAL("frame 4711")),
				    .wall_ms = 1795695377852 };
	buffer_init(&made->text, NOTE_SIZE_MAX);
	assert_int_equal(note_write(&made->note, made->key, &made->text), 0);
	*state = made;
	return 0;
}

static int unmake(void **state)
{
	struct made *made = *state;

	unlink(made->path);
	rmdir(made->folder);
	note_key_free(made->key);
	buffer_done(&made->text);
	free(made);
	return 0;
}

static void what_was_written_is_read(void **state)
{
	struct made *made = *state;
	uint8_t key[NOTE_KEY_SIZE];
	struct note read = { 0 };

	assert_int_equal(note_read(buffer_bytes(&made->text), &read, NULL), (int)made->text.size);
	assert_string_equal(read.exit, "orders to next");
	assert_true(read.size == 4711 && read.wall_ms == made->note.wall_ms);
	assert_true(sha256_equal(read.root, made->note.root));
	note_key_public(made->key, key);
	assert_memory_equal(read.key, key, sizeof key);
}

static void every_bit_counts(void **state)
{
	struct made *made = *state;
	struct note untouched, read;

	memset(&untouched, 7, sizeof untouched);
	for (size_t at = 0; at < made->text.size; at++) {
		for (int bit = 0; bit < 8; bit++) {
			/* Hexadecimal digits may be of either case: what they say is the same. */
			bool is_letter = made->text.at[at] >= 'a' && made->text.at[at] <= 'f' && bit == 5;
			int got;

			made->text.at[at] ^= (uint8_t)(1 << bit);
			read = untouched;
			got = note_read(buffer_bytes(&made->text), &read, NULL);
			if (got >= 0 && !is_letter)
				fail_msg("bit %d of byte %zu may be another", bit, at);
			if (got < 0)
				assert_memory_equal(&read, &untouched, sizeof read);
			made->text.at[at] ^= (uint8_t)(1 << bit);
		}
	}
}

static void a_part_is_no_note(void **state)
{
	struct made *made = *state;
	struct note read;

	for (size_t size = 0; size < made->text.size; size++)
		assert_int_equal(note_read(view_of(made->text.at, size), &read, NULL), ERR_MALFORMED);
}

static void another_key_signs_another_note(void **state)
{
	struct made *made = *state;
	struct note_key *other;
	struct note read, theirs = made->note;
	struct buffer text, mixed;
	char path[70];
	size_t head;

	snprintf(path, sizeof path, "%s2", made->path);
	assert_int_equal(note_key_open(path, true, &other, NULL), 0);
	buffer_init(&text, NOTE_SIZE_MAX);
	buffer_init(&mixed, NOTE_SIZE_MAX);
	assert_int_equal(note_write(&theirs, other, &text), 0);
	assert_true(note_read(buffer_bytes(&text), &read, NULL) > 0);
	/* The signature of one under the text of the other. */
	head = made->text.size - 2 * NOTE_SIGNATURE_SIZE - 1;
	buffer_put(&mixed, made->text.at, head);
	buffer_put(&mixed, text.at + head, text.size - head);
	assert_int_equal(note_read(buffer_bytes(&mixed), &read, NULL), ERR_CHECKSUM);
	unlink(path);
	note_key_free(other);
	buffer_done(&mixed);
	buffer_done(&text);
}

static void names_have_limits(void **state)
{
	struct made *made = *state;
	struct note note = made->note;
	struct buffer text;

	buffer_init(&text, NOTE_SIZE_MAX);
	note.exit[0] = 0;
	assert_int_equal(note_write(&note, made->key, &text), ERR_USAGE);
	snprintf(note.exit, sizeof note.exit, "a\nsize 1");
	assert_int_equal(note_write(&note, made->key, &text), ERR_USAGE);
	memset(note.exit, 'x', sizeof note.exit);
	note.exit[sizeof note.exit - 1] = 0;
	assert_int_equal(note_write(&note, made->key, &text), 0);
	assert_int_equal(note_read(buffer_bytes(&text), &note, NULL), (int)text.size);
	buffer_done(&text);
}

static void keys_are_private_and_found_again(void **state)
{
	struct made *made = *state;
	struct note_key *again;
	uint8_t a[NOTE_KEY_SIZE], b[NOTE_KEY_SIZE];
	struct stat st;
	char path[70];
	FILE *file;

	assert_int_equal(stat(made->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(note_key_open(made->path, true, &again, NULL), 0);
	note_key_public(made->key, a);
	note_key_public(again, b);
	assert_memory_equal(a, b, sizeof a);
	note_key_free(again);
	snprintf(path, sizeof path, "%s.none", made->path);
	assert_int_equal(note_key_open(path, false, &again, NULL), ERR_NOT_FOUND);
	file = fopen(path, "w");
	fputs("no key\n", file);
	fclose(file);
	assert_int_equal(note_key_open(path, true, &again, NULL), ERR_MALFORMED);
	assert_int_equal(note_key_read_public(path, a, NULL), ERR_MALFORMED);
	unlink(path);
}

static void notes_stand_one_after_another(void **state)
{
	struct made *made = *state;
	struct audit_outside *notes = NULL;
	struct fault fault = { 0 };
	struct buffer all;
	int count = 0;

	buffer_init(&all, 20 * NOTE_SIZE_MAX);
	for (int i = 0; i < 9; i++) {
		made->note.size = (uint64_t)i;
		assert_int_equal(note_write(&made->note, made->key, &all), 0);
	}
	assert_int_equal(audit_read_notes(buffer_bytes(&all), "a file", &notes, &count, NULL), 0);
	assert_int_equal(count, 9);
	for (int i = 0; i < 9; i++)
		assert_int_equal(notes[i].note.size, i);
	buffer_text(&all, "and more");
	assert_int_equal(audit_read_notes(buffer_bytes(&all), "a file", &notes, &count, &fault),
			 ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "a file: note 10"));
	free(notes);
	buffer_done(&all);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_read),
		TEST(every_bit_counts),
		TEST(a_part_is_no_note),
		TEST(another_key_signs_another_note),
		TEST(names_have_limits),
		TEST(keys_are_private_and_found_again),
		TEST(notes_stand_one_after_another),
	};

	return cmocka_run_group_tests_name("note", tests, NULL, NULL);
}

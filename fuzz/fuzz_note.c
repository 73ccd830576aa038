/*
 * fuzz_note.c - what somebody outside says that he kept: any bytes.
 *
 * What is read as a note is written again, under our key, as the same lines up to the key.  A failure touches nothing.
 */
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "exit/audit.h"
#include "exit/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct note_key *own_key(void)
{
	static struct note_key *key;
	char path[] = "/tmp/fuzz_note.XXXXXX";
	int number;

	if (key)
		return key;
	number = mkstemp(path);
	assert(number >= 0);
	close(number);
	unlink(path);
	assert(note_key_open(path, true, &key, NULL) == 0);
	unlink(path);
	return key;
}

/* The fields of a note need a signature that no chance finds: so they are also tried under one that holds. */
static void write_and_read(const uint8_t *data, size_t size)
{
	struct note note = { 0 }, again;
	struct buffer text;
	int got;

	if (size < 48)
		return;
	memcpy(&note.size, data, 8);
	memcpy(&note.wall_ms, data + 8, 8);
	memcpy(note.root.bytes, data + 16, SHA256_SIZE);
	note.size %= 1000000000000000000;
	note.wall_ms = (int64_t)((uint64_t)note.wall_ms % 1000000000000000000);
	memcpy(note.exit, data + 48, size - 48 < sizeof note.exit ? size - 48 : sizeof note.exit - 1);
	buffer_init(&text, NOTE_SIZE_MAX);
	got = note_write(&note, own_key(), &text);
	assert(got == 0 || got == ERR_USAGE);
	if (got == 0) {
		assert(note_read(buffer_bytes(&text), &again, NULL) == (int)text.size);
		assert(again.size == note.size && again.wall_ms == note.wall_ms);
		assert(strcmp(again.exit, note.exit) == 0 && sha256_equal(again.root, note.root));
	}
	buffer_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_outside *notes = NULL;
	struct note note, before;
	int count = 0;

	memset(&before, 3, sizeof before);
	note = before;
	if (note_read(view_of(data, size), &note, NULL) < 0)
		assert(memcmp(&note, &before, sizeof note) == 0);
	audit_read_notes(view_of(data, size), "input", &notes, &count, NULL);
	free(notes);
	write_and_read(data, size);
	return 0;
}

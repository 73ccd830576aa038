/*
 * fuzz_message.c - the message reader against any bytes.
 *
 * The input: one byte picks the message out of message_table, one the version, the rest is the body.  What is
 * accepted must be written, read again and written again to the same bytes; memory stays below the arena's ceiling.
 */
#include <assert.h>
#include <stdlib.h>

#include "wire/messages.h"
#include "wire/shape.h"

#define MEMORY (4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_and_write(const struct message *message, int16_t version, struct view body,
			   struct buffer *out, bool must)
{
	void *in = malloc(message_size(message));
	struct arena arena;
	struct fault fault = { 0 };
	int err;

	arena_init(&arena, MEMORY);
	err = message_read(message, version, body, &arena, in, &fault);
	assert(err == 0 || err == ERR_MALFORMED || err == ERR_LIMIT);
	assert(!must || err == 0);
	assert(err == 0 || fault.text[0]);
	if (err == 0) {
		int64_t measured = message_measure(message, version, in, NULL);

		assert(message_write(message, version, in, out, NULL) == 0);
		assert(measured == (int64_t)out->size);
	}
	arena_done(&arena);
	free(in);
}

/* The heads of requests and responses, from the same bytes. */
static void read_heads(struct view bytes, uint8_t key)
{
	struct cursor c = cursor_over(bytes);
	const struct api *api = api_find(key);
	struct request_head head;
	struct arena arena;
	int32_t id;
	int err;

	arena_init(&arena, MEMORY);
	err = request_head_read(&c, &arena, &head, NULL);
	assert(err == 0 || err == ERR_MALFORMED || err == ERR_UNSUPPORTED);
	c = cursor_over(bytes);
	err = api ? response_head_read(api, api->until, &c, &arena, &id, NULL) : 0;
	assert(err == 0 || err == ERR_MALFORMED);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer once, twice;
	const struct message *message;
	int count = 0;
	int16_t version;

	if (size < 2)
		return 0;
	read_heads(view_of(data + 2, size - 2), data[0]);
	while (message_table[count])
		count++;
	message = message_table[data[0] % count];
	version = (int16_t)(message->since + data[1] % (message->until - message->since + 1));
	buffer_init(&once, 2 * MEMORY);
	buffer_init(&twice, 2 * MEMORY);
	read_and_write(message, version, view_of(data + 2, size - 2), &once, false);
	if (once.size) {
		read_and_write(message, version, buffer_bytes(&once), &twice, true);
		assert(view_equal(buffer_bytes(&once), buffer_bytes(&twice)));
	}
	buffer_done(&once);
	buffer_done(&twice);
	return 0;
}

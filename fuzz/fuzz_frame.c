/*
 * fuzz_frame.c - a journal from anybody: whole frames of any bytes, and bodies of any text in frames that follow.
 *
 * A frame that is read is written again as the same bytes, and so is its body.  A frame that may not stand leaves the state as it was; the state
 * is one that a snapshot can carry.
 */
#include <assert.h>

#include "exit/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_frame(struct view bytes)
{
	struct frame frame, again;
	struct buffer out;
	json_t *body;

	if (frame_read(bytes, &frame, NULL) < 0)
		return;
	again = frame;
	buffer_init(&out, FRAME_HEAD_SIZE + FRAME_BODY_SIZE_MAX);
	assert(frame_write(&again, &out) == 0);
	assert(sha256_equal(again.hash, frame.hash) && view_equal(buffer_bytes(&out), bytes));
	buffer_done(&out);
	body = frame_body_read(&frame, NULL);
	/* There is one way to write it, and a body that was read was written so. */
	if (body) {
		buffer_init(&out, FRAME_BODY_SIZE_MAX + 1);
		assert(frame_body_write(body, &out) == 0 && view_equal(buffer_bytes(&out), frame.body));
		buffer_done(&out);
	}
	json_decref(body);
}

/* What a person would write is made canonical here, so that chance finds bodies and not only the lack of their form. */
static void apply(struct state *state, uint8_t kind, struct view text)
{
	struct frame frame = { .kind = (enum frame_kind)(1 + kind % (FRAME_KINDS - 1)),
			       .sequence = state->sequence + 1,
			       .moment = { .wall_ms = 1000 * (int64_t)state->sequence },
			       .lease = kind & 128 ? 0 : 1,
			       .previous = state->head };
	json_t *json = json_loadb((const char *)text.at, text.size, JSON_REJECT_DUPLICATES, NULL);
	struct sha256 before, after;
	struct buffer body, bytes;
	int err;

	buffer_init(&body, FRAME_BODY_SIZE_MAX);
	buffer_init(&bytes, FRAME_HEAD_SIZE + FRAME_BODY_SIZE_MAX);
	if (frame_body_write(json, &body) == 0) {
		frame.body = buffer_bytes(&body);
		assert(frame_write(&frame, &bytes) == 0);
		assert(state_hash(state, &before) == 0);
		err = state_apply(state, &frame, NULL);
		assert(err == 0 || err == ERR_MALFORMED);
		assert(state_hash(state, &after) == 0);
		assert(err == 0 || sha256_equal(before, after));
	}
	json_decref(json);
	buffer_done(&bytes);
	buffer_done(&body);
}

static void begin(struct state *state)
{
	static const char lease[] = "{\"event\":\"taken\",\"number\":1}";
	static const char plan[] = "{\"exit\":\"a\",\"families\":[\"o\"],\"number\":1,\"plan\":"
				   "\"0000000000000000000000000000000000000000000000000000000000000000\"}";
	static const char stage[] = "{\"cause\":\"c\",\"family\":\"o\",\"stage\":\"OBSERVING\"}";
	static const char *const bodies[] = { lease, plan, stage };
	static const enum frame_kind kinds[] = { FRAME_LEASE, FRAME_PLAN, FRAME_STAGE };

	assert(state_init(state) == 0);
	for (int i = 0; i < 3; i++)
		apply(state, (uint8_t)(kinds[i] - 1), view_text(bodies[i]));
	assert(state->sequence == 3);
}

/* Each line is a frame: a byte for its kind, and its body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state state;
	size_t at = 0;

	read_frame(view_of(data, size));
	begin(&state);
	while (at < size) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t length = end ? (size_t)(end - data) - at : size - at;

		if (length > 1)
			apply(&state, data[at], view_of(data + at + 1, length - 1));
		at += length + 1;
	}
	state_done(&state);
	return 0;
}

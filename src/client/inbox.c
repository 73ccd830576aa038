/* inbox.c - frames out of a stream. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "client/inbox.h"

#define LENGTH_SIZE 4

int inbox_init(struct inbox *inbox, struct frame_pool *pool, size_t frame_size_max)
{
	*inbox = (struct inbox){ .pool = pool, .frame_size_max = frame_size_max };
	inbox->staging = malloc(INBOX_STAGING_SIZE);
	return inbox->staging ? 0 : ERR_MEMORY;
}

void inbox_done(struct inbox *inbox)
{
	frame_release(inbox->frame);
	free(inbox->staging);
	*inbox = (struct inbox){ 0 };
}

/* What stands where a length should: often the first words of another protocol. */
static int judge_length(const struct inbox *inbox, const uint8_t *at, struct fault *fault)
{
	uint32_t length = get_be32(at);

	/* To what is no request at all, some web servers answer with the page alone. */
	if (memcmp(at, "HTTP", 4) == 0 || memcmp(at, "<!DO", 4) == 0 || memcmp(at, "<htm", 4) == 0)
		return fault_set(fault, ERR_MALFORMED,
				 "an HTTP server answers there, not a Kafka broker; is the port right?");
	if (inbox->frame_count == 0 && (at[0] == 0x15 || at[0] == 0x16) && at[1] == 0x03)
		return fault_set(
			fault, ERR_TLS,
			"the peer speaks TLS on this port; set security.protocol to SSL or SASL_SSL");
	if (length <= inbox->frame_size_max)
		return 0;
	if (length > INT32_MAX || inbox->frame_count == 0)
		return fault_set(fault, ERR_MALFORMED,
				 "the peer does not answer as a Kafka broker does (bytes %02x %02x %02x "
				 "%02x where the length of an answer should be); is the port right?",
				 at[0], at[1], at[2], at[3]);
	return fault_set(fault, ERR_LIMIT,
			 "an answer of %u bytes is larger than receive.message.max.bytes allows (%zu)",
			 length, inbox->frame_size_max);
}

/* Starts a frame when its length is staged.  1, 0 when it is not, or an error. */
static int begin_frame(struct inbox *inbox, struct fault *fault)
{
	int err;

	if (inbox->end - inbox->start < LENGTH_SIZE)
		return 0;
	err = judge_length(inbox, inbox->staging + inbox->start, fault);
	if (err < 0)
		return err;
	inbox->frame = frame_take(inbox->pool, get_be32(inbox->staging + inbox->start));
	if (!inbox->frame)
		return fault_set(fault, ERR_MEMORY, "no memory for an answer of %u bytes",
				 get_be32(inbox->staging + inbox->start));
	inbox->start += LENGTH_SIZE;
	inbox->have = 0;
	return 1;
}

/* Moves what is staged into the frame.  True when the frame is whole. */
static bool use_staged(struct inbox *inbox)
{
	struct frame *frame = inbox->frame;
	size_t size = inbox->end - inbox->start;

	if (size > frame->size - inbox->have)
		size = frame->size - inbox->have;
	memcpy(frame->at + inbox->have, inbox->staging + inbox->start, size);
	inbox->start += size;
	inbox->have += size;
	if (inbox->start == inbox->end)
		inbox->start = inbox->end = 0;
	return inbox->have == frame->size;
}

/* Reads into the frame, or into the staging when there is none.  Bytes, 0 for nothing now, or an error. */
static ssize_t read_more(struct inbox *inbox, struct stream *stream)
{
	ssize_t got;

	if (inbox->frame) {
		got = stream_read(stream, inbox->frame->at + inbox->have, inbox->frame->size - inbox->have);
		inbox->have += got > 0 ? (size_t)got : 0;
		return got;
	}
	memmove(inbox->staging, inbox->staging + inbox->start, inbox->end - inbox->start);
	inbox->end -= inbox->start;
	inbox->start = 0;
	got = stream_read(stream, inbox->staging + inbox->end, INBOX_STAGING_SIZE - inbox->end);
	inbox->end += got > 0 ? (size_t)got : 0;
	return got;
}

int inbox_next(struct inbox *inbox, struct stream *stream, int64_t *budget, struct frame **out,
	       struct fault *fault)
{
	for (;;) {
		ssize_t got;

		if (!inbox->frame) {
			int begun = begin_frame(inbox, fault);

			if (begun < 0)
				return begun;
		}
		if (inbox->frame && use_staged(inbox)) {
			*out = inbox->frame;
			inbox->frame = NULL;
			inbox->frame_count++;
			return 1;
		}
		if (*budget <= 0)
			return 0;
		got = read_more(inbox, stream);
		if (got <= 0)
			return (int)got;
		*budget -= got;
	}
}

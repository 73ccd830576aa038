/*
 * codec_gzip.c - gzip (RFC 1952) through zlib: one or more members, each with its own checksum, which zlib checks.
 */
#include <stdlib.h>
#include <zlib.h>

#include "wire/codec.h"

#define GZIP_WINDOW      (15 + 16) /* the largest window, and gzip's wrapper rather than zlib's */
#define GZIP_PIECE_MIN   4096
#define GZIP_RATIO_GUESS 4 /* room asked for at first, in sizes of the input */

struct codec_gzip {
	z_stream stream;
	bool deflates;
	int level;
};

static struct codec_gzip *state_of(struct codec_gzip **state)
{
	if (!*state)
		*state = calloc(1, sizeof **state);
	return *state;
}

void codec_gzip_free(struct codec_gzip *state)
{
	if (!state)
		return;
	if (state->deflates)
		deflateEnd(&state->stream);
	else
		inflateEnd(&state->stream);
	free(state);
}

/* Room for the next piece: generous while there is, the last byte when that is all. */
static uint8_t *room_for_more(struct buffer *out, size_t wanted, size_t *size)
{
	size_t most = codec_room_most(out);

	*size = out->capacity - out->size;
	if (*size < GZIP_PIECE_MIN)
		*size = wanted < GZIP_PIECE_MIN ? GZIP_PIECE_MIN : wanted;
	if (*size > most)
		*size = most;
	if (*size > UINT32_MAX)
		*size = UINT32_MAX;
	if (*size == 0) {
		out->err = ERR_LIMIT;
		return NULL;
	}
	return buffer_room(out, *size);
}

/* One member; moves `stream` over it. */
static int inflate_member(z_stream *stream, struct buffer *out, struct fault *fault)
{
	for (;;) {
		size_t room, wanted = (size_t)stream->avail_in * GZIP_RATIO_GUESS;
		uint8_t spare, *at = room_for_more(out, wanted, &room);
		bool full = !at && out->err == ERR_LIMIT;
		int result;

		/* At the limit the trailer may still be to come: one byte more is what is too much. */
		if (!at && !full)
			return out->err;
		stream->next_out = full ? &spare : at;
		stream->avail_out = full ? 1 : (uInt)room;
		result = inflate(stream, Z_NO_FLUSH);
		if (full && stream->avail_out == 0)
			return ERR_LIMIT;
		if (full)
			out->err = 0;
		else
			buffer_grow(out, room - stream->avail_out);
		if (result == Z_STREAM_END)
			return 0;
		if (result == Z_MEM_ERROR)
			return ERR_MEMORY;
		if (result != Z_OK && result != Z_BUF_ERROR)
			return fault_set(fault, ERR_MALFORMED, "gzip: %s",
					 stream->msg ? stream->msg : "cannot be inflated");
		if (stream->avail_in == 0 && stream->avail_out > 0)
			return fault_set(fault, ERR_MALFORMED, "gzip: ends early");
	}
}

int codec_gzip_inflate(struct codec_gzip **kept, struct view in, struct buffer *out, struct fault *fault)
{
	struct codec_gzip *state = *kept;
	int err;

	if (!state) {
		state = state_of(kept);
		if (!state)
			return ERR_MEMORY;
		if (inflateInit2(&state->stream, GZIP_WINDOW) != Z_OK) {
			free(state);
			*kept = NULL;
			return ERR_MEMORY;
		}
	}
	if (in.size > UINT32_MAX)
		return ERR_LIMIT;
	state->stream.next_in = (Bytef *)in.at;
	state->stream.avail_in = (uInt)in.size;
	do {
		inflateReset(&state->stream);
		err = inflate_member(&state->stream, out, fault);
	} while (err == 0 && state->stream.avail_in > 0);
	return err;
}

int codec_gzip_deflate(struct codec_gzip **kept, int level, struct view in, struct buffer *out)
{
	struct codec_gzip *state = state_of(kept);
	uint8_t *room;
	size_t bound;

	if (!state)
		return ERR_MEMORY;
	if (in.size > UINT32_MAX / 2)
		return ERR_LIMIT;
	if (state->deflates && state->level != level) {
		deflateEnd(&state->stream);
		state->deflates = false;
	}
	if (!state->deflates) {
		state->stream = (z_stream){ 0 };
		if (deflateInit2(&state->stream, level, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) !=
		    Z_OK)
			return level < -1 || level > 9 ? ERR_UNSUPPORTED : ERR_MEMORY;
		state->deflates = true;
		state->level = level;
	}
	deflateReset(&state->stream);
	bound = deflateBound(&state->stream, in.size);
	room = buffer_room(out, bound);
	if (!room)
		return out->err;
	state->stream.next_in = (Bytef *)in.at;
	state->stream.avail_in = (uInt)in.size;
	state->stream.next_out = room;
	state->stream.avail_out = (uInt)bound;
	if (deflate(&state->stream, Z_FINISH) != Z_STREAM_END)
		return ERR_INTERNAL;
	buffer_grow(out, bound - state->stream.avail_out);
	return 0;
}

/*
 * codec_zstd.c - zstd (RFC 8878): one or more frames.  The Java client's frames do not tell their content size, but
 * every frame's blocks bound it, so that each batch is inflated in one go, straight into the buffer.
 */
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_decompressBound(), which every shared libzstd since 1.4.0 exports */
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "wire/codec.h"

struct codec_zstd {
	ZSTD_DCtx *reader;
	ZSTD_CCtx *writer;
};

static struct codec_zstd *state_of(struct codec_zstd **state)
{
	if (!*state)
		*state = calloc(1, sizeof **state);
	return *state;
}

void codec_zstd_free(struct codec_zstd *state)
{
	if (!state)
		return;
	ZSTD_freeDCtx(state->reader);
	ZSTD_freeCCtx(state->writer);
	free(state);
}

int codec_zstd_inflate(struct codec_zstd **kept, struct view in, struct buffer *out, struct fault *fault)
{
	struct codec_zstd *state = state_of(kept);
	unsigned long long bound = ZSTD_decompressBound(in.at, in.size);
	size_t most = codec_room_most(out), size, result;
	uint8_t *room;

	if (state && !state->reader)
		state->reader = ZSTD_createDCtx();
	if (!state || !state->reader)
		return ERR_MEMORY;
	if (bound == ZSTD_CONTENTSIZE_ERROR)
		return fault_set(fault, ERR_MALFORMED, "zstd: not a row of whole frames");
	size = bound < most ? (size_t)bound : most;
	room = buffer_room(out, size);
	if (!room)
		return out->err;
	result = ZSTD_decompressDCtx(state->reader, room, size, in.at, in.size);
	if (!ZSTD_isError(result)) {
		buffer_grow(out, result);
		return 0;
	}
	if (ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall && bound > most)
		return ERR_LIMIT;
	if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
		return ERR_MEMORY;
	return fault_set(fault, ERR_MALFORMED, "zstd: %s", ZSTD_getErrorName(result));
}

int codec_zstd_deflate(struct codec_zstd **kept, int level, struct view in, struct buffer *out)
{
	struct codec_zstd *state = state_of(kept);
	size_t bound = ZSTD_compressBound(in.size), result;
	uint8_t *room;

	if (state && !state->writer)
		state->writer = ZSTD_createCCtx();
	if (!state || !state->writer)
		return ERR_MEMORY;
	room = buffer_room(out, bound);
	if (!room)
		return out->err;
	result = ZSTD_compressCCtx(state->writer, room, bound, in.at, in.size,
				   level == CODEC_LEVEL_DEFAULT ? ZSTD_CLEVEL_DEFAULT : level);
	if (ZSTD_isError(result))
		return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? ERR_MEMORY : ERR_INTERNAL;
	buffer_grow(out, result);
	return 0;
}

/*
 * codec.h - what each codec gives to compress.c, and nobody else.
 *
 * All inflate into the `room` that they ask of the buffer, piece by piece or at once, and return 0 or an error with a
 * sentence in `fault`.  The buffer's limit is already the tighter of its own and the inflater's; an ERR_LIMIT needs no
 * sentence, for compress.c knows both sizes.
 */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include "wire/compress.h"

struct codec_gzip;
struct codec_zstd;

/* A library's state, made when it is first needed and kept; NULL until then. */
int codec_gzip_inflate(struct codec_gzip **state, struct view in, struct buffer *out, struct fault *fault);
int codec_gzip_deflate(struct codec_gzip **state, int level, struct view in, struct buffer *out);
void codec_gzip_free(struct codec_gzip *state);

int codec_zstd_inflate(struct codec_zstd **state, struct view in, struct buffer *out, struct fault *fault);
int codec_zstd_deflate(struct codec_zstd **state, int level, struct view in, struct buffer *out);
void codec_zstd_free(struct codec_zstd *state);

int codec_snappy_inflate(struct view in, struct buffer *out, struct fault *fault);
int codec_snappy_deflate(struct view in, struct buffer *out);

int codec_lz4_inflate(bool old_lz4, struct view in, struct buffer *out, struct fault *fault);
int codec_lz4_deflate(int level, struct view in, struct buffer *out);

/* The inflater's own buffer, emptied: for what is inflated and then recoded. */
struct buffer *inflater_scratch(struct inflater *inflater);

/* The most bytes that may still be asked of `out`. */
static inline size_t codec_room_most(const struct buffer *out)
{
	return out->limit - out->size;
}

#endif

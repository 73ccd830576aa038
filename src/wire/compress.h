/*
 * compress.h - the five codecs of Kafka, in every dialect that clients write.
 *
 *	gzip    one or more members
 *	snappy  the framing of Java's snappy-java (magic, versions, blocks), or one raw block
 *	lz4     frames, blocks linked or independent; old Java clients got the header checksum wrong
 *	zstd    one or more frames, with or without their content size
 *
 * An inflater and a deflater own the state of the libraries and are used by one thread at a time.  Sizes that
 * the bytes declare are never believed beyond the limit.  Codec numbers are those of the batch attributes.
 */
#ifndef WIRE_COMPRESS_H
#define WIRE_COMPRESS_H

#include "base/buffer.h"
#include "base/err.h"

enum codec { CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD, CODEC_COUNT };

/* "none", "gzip", ...; "unknown" for a number that Kafka has not given away. */
const char *codec_name(int codec);

/* The codec of that name, or ERR_NOT_FOUND. */
int codec_named(struct view name);

struct inflater;

/* `limit` bytes are the most that one batch may inflate to.  NULL when memory is out. */
struct inflater *inflater_new(size_t limit);
void inflater_free(struct inflater *inflater);
size_t inflater_limit(const struct inflater *inflater);

/*
 * Appends the inflated `in` to `out`.  ERR_LIMIT past the inflater's or the buffer's limit (with the sizes in
 * the fault), ERR_MALFORMED, ERR_UNSUPPORTED (no such codec), ERR_MEMORY; after a failure `out` holds what it
 * held before. `old_lz4`: a wrong checksum in the head of an lz4 frame is what this writer always wrote
 * (message formats 0 and 1).
 */
int codec_inflate(struct inflater *inflater, int codec, bool old_lz4, struct view in, struct buffer *out,
		  struct fault *fault);

struct deflater;

struct deflater *deflater_new(void);
void deflater_free(struct deflater *deflater);

#define CODEC_LEVEL_DEFAULT (-1)

/* Appends the compressed `in` to `out`, as the Java client would frame it.  ERR_LIMIT, ERR_MEMORY,
 * ERR_UNSUPPORTED. */
int codec_deflate(struct deflater *deflater, int codec, int level, struct view in, struct buffer *out);

#endif

/*
 * decode.h - fetched bytes into slabs: checksum, inflate, walk, digest.
 *
 * Runs on a worker thread and touches nothing but its arguments.  A decoder is used by one thread at a time; the
 * options are shared and never change while a comparison runs.
 *
 * The digest of a record is XXH3-128 over its slice (key length to the end of the headers), which is free of everything
 * that a batch adds: base offset, compression, producer, epoch.  Records that are not in the shortest encoding, or that
 * carry an ignored header, are recoded first and counted.
 */
#ifndef PARITY_DECODE_H
#define PARITY_DECODE_H

#include "parity/options.h"
#include "parity/slab.h"
#include "wire/batch.h"
#include "wire/control.h"
#include "wire/record.h"

struct decode_options {
	uint64_t seed;
	const char *const *ignore_headers;
	size_t ignore_header_count;
	enum identity_kind identity;
	const char *identity_header;
	uint32_t shard, shards;	/* only rows of this shard are kept (a power of two; 1 keeps all) */
	bool counts_only;	/* totals, no rows */
	bool with_aborted;	/* also rows that a transaction took back, marked so */
};

struct decoder;

/* `inflate_most`: bytes that one batch may inflate to.  NULL when memory is out. */
struct decoder *decoder_new(size_t inflate_most);
void decoder_free(struct decoder *decoder);

/* One partition's share of a fetch response.  `bytes` moves on as slabs are made of it. */
struct decode_input {
	enum log_side side;
	int32_t partition;
	struct view bytes;
	int64_t from;	/* rows below are left out; moves on */
	int64_t until;	/* rows from here on are left out; INT64_MAX for none */
	const struct aborted *aborted;
	int32_t aborted_count;
	size_t slab_bytes;	/* ends a slab when its inflated bytes pass this, so that memory stays bounded */
};

/* Before the first decode_next() of an input.  0 or ERR_MEMORY. */
int decode_begin(struct decoder *decoder, const struct decode_input *input);

/*
 * Makes the next slab.  1 and a slab (which may have no rows: what it covers counts); 0 when the input is used up
 * or has reached `until`; ERR_MEMORY.  Rows point into input->bytes, which the caller keeps alive as long as the slab.
 */
int decode_next(struct decoder *decoder, const struct decode_options *options, struct decode_input *input,
		struct slab **out);

/* What a record is when it must be looked at more closely than by its digest. */
struct details {
	uint64_t key, value, headers;	/* hashes; null and empty have the same */
	uint32_t size;			/* of key, value, header names and values */
	bool key_null, value_null;
};

/* Of a canonical slice, as decode left it. */
struct details details_of(struct view slice, uint64_t seed);

/* Bytes of key, value, header names and header values. */
uint64_t content_size_of(struct view slice);

/* The hash of the key alone; 0 when the record has no key. */
uint64_t key_hash_of(struct view slice, uint64_t seed);

#endif

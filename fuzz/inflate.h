/* inflate.h - one codec's bytes from outside, for the four fuzz_inflate_*.c: within the limit, or nothing at all. */
#ifndef FUZZ_INFLATE_H
#define FUZZ_INFLATE_H

#include <stdlib.h>

#include "wire/compress.h"

#define INFLATE_LIMIT (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline int fuzz_inflate(int codec, const uint8_t *data, size_t size)
{
	static struct inflater *inflater;
	struct fault fault = { 0 };
	struct buffer out;
	int err;

	if (!inflater)
		inflater = inflater_new(INFLATE_LIMIT);
	buffer_init(&out, SIZE_MAX);
	buffer_text(&out, "before");
	err = codec_inflate(inflater, codec, size & 1, view_of(data, size), &out, &fault);
	if (memcmp(out.at, "before", 6) != 0 || out.size > INFLATE_LIMIT + 6 ||
	    out.capacity > 3 * INFLATE_LIMIT)
		abort();
	if (err < 0 && (out.size != 6 || out.err || !fault.text[0]))
		abort();
	buffer_done(&out);
	return 0;
}

#endif

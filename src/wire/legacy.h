/* legacy.h - message formats 0 and 1, read for batch.c: see batch_check() and batch_open(). */
#ifndef WIRE_LEGACY_H
#define WIRE_LEGACY_H

#include "wire/batch.h"

#define LEGACY_LENGTH_MIN                                                                                    \
	14 /* format 0: crc, magic, attributes, two null lengths; format 1 has a timestamp of 8 more */

int legacy_check(const struct batch *batch, struct fault *fault);
int legacy_open(const struct batch *batch, struct inflater *inflater, struct buffer *out,
		struct records *records, struct fault *fault);

#endif

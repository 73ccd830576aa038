/*
 * varint.h - the varints of records, read in place: quick for one byte and two, strict for the rest.
 *
 * Each reads at `at`, never at `end` or behind it, and returns the place behind what it read; NULL when the bytes end
 * early, are more than the width allows, or carry bits that do not fit.  `*loose` gets a bit when the last byte is
 * zero, that is, when the same number has a shorter form.
 */
#ifndef WIRE_VARINT_H
#define WIRE_VARINT_H

#include <stdint.h>

/* Three bytes and more; `bits` is 32 or 64. */
const uint8_t *varint_read_long(const uint8_t *at, const uint8_t *end, int bits, uint64_t *out,
				uint32_t *loose);

static inline __attribute__((always_inline)) const uint8_t *varint_read(const uint8_t *at, const uint8_t *end,
									int bits, uint64_t *out,
									uint32_t *loose)
{
	if (__builtin_expect(at < end && *at < 0x80, 1)) {
		*out = *at;
		return at + 1;
	}
	if (__builtin_expect(end - at >= 2 && at[1] < 0x80, 1)) {
		*out = (uint64_t)(at[0] & 0x7f) | (uint64_t)at[1] << 7;
		*loose |= at[1] == 0;
		return at + 2;
	}
	return varint_read_long(at, end, bits, out, loose);
}

#endif

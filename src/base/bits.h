/* bits.h - integers in bytes: big-endian (Kafka), little-endian (our files and xerial framing), varints. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdint.h>
#include <string.h>

#define get_be16(p) __builtin_bswap16(get_raw16(p))
#define get_be32(p) __builtin_bswap32(get_raw32(p))
#define get_be64(p) __builtin_bswap64(get_raw64(p))
#define get_le16(p) get_raw16(p)
#define get_le32(p) get_raw32(p)
#define get_le64(p) get_raw64(p)
#define put_be16(p, v) put_raw16(p, __builtin_bswap16(v))
#define put_be32(p, v) put_raw32(p, __builtin_bswap32(v))
#define put_be64(p, v) put_raw64(p, __builtin_bswap64(v))
#define put_le16(p, v) put_raw16(p, v)
#define put_le32(p, v) put_raw32(p, v)
#define put_le64(p, v) put_raw64(p, v)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the byte-order helpers assume a little-endian machine");

static inline uint16_t get_raw16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint32_t get_raw32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint64_t get_raw64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline void put_raw16(void *p, uint16_t v)
{
	memcpy(p, &v, sizeof v);
}

static inline void put_raw32(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof v);
}

static inline void put_raw64(void *p, uint64_t v)
{
	memcpy(p, &v, sizeof v);
}

static inline int64_t zigzag_decode(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static inline uint64_t zigzag_encode(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

/* How many bytes the unsigned varint of `v` takes: 1 to 10. */
static inline int varint_size(uint64_t v)
{
	return v ? (63 - __builtin_clzll(v)) / 7 + 1 : 1;
}

/* Writes the unsigned varint of `v` to `out` (room for 10) and returns its size. */
static inline int varint_put(uint8_t *out, uint64_t v)
{
	int size = 0;

	while (v >= 0x80) {
		out[size++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	out[size++] = (uint8_t)v;
	return size;
}

#endif

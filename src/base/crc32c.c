/* crc32c.c - ISA-L's crc32_iscsi leaves the two inversions of the standard to its caller. */
#include <isa-l/crc.h>

#include "base/crc32c.h"

uint32_t crc32c_extend(uint32_t crc, const void *at, size_t size)
{
	const uint8_t *bytes = at;

	crc = ~crc;
	while (size) {
		int part = size > 0x40000000 ? 0x40000000 : (int)size;	/* it counts in int */

		crc = crc32_iscsi((unsigned char *)bytes, part, crc);
		bytes += part;
		size -= (size_t)part;
	}
	return ~crc;
}

uint32_t crc32c(const void *at, size_t size)
{
	return crc32c_extend(0, at, size);
}

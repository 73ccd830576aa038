/* crc32c.h - the Castagnoli checksum (RFC 3720, B.4) that guards record batches; ISA-L does the work. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include "base/view.h"

uint32_t crc32c(const void *at, size_t size);

/* The checksum of what `crc` already covers followed by `size` more bytes. */
uint32_t crc32c_extend(uint32_t crc, const void *at, size_t size);

#endif

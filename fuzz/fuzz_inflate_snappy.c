/* fuzz_inflate_snappy.c - see inflate.h. */
#include "inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_inflate(CODEC_SNAPPY, data, size);
}

/* boot.c - from /proc. */
#include <string.h>

#include "base/boot.h"
#include "base/file.h"
#include "base/text.h"

void boot_id(uint8_t out[16])
{
	struct buffer text, bytes;

	memset(out, 0, 16);
	buffer_init(&text, 4096);
	buffer_init(&bytes, 64);
	if (file_read("/proc/sys/kernel/random/boot_id", &text, NULL) == 0) {
		char hex[64];
		size_t size = 0;

		for (size_t i = 0; i < text.size && size < sizeof hex; i++)
			if (text.at[i] != '-' && text.at[i] != '\n')
				hex[size++] = (char)text.at[i];
		if (text_unhex(&bytes, view_of(hex, size)) == 0 && bytes.size == 16)
			memcpy(out, bytes.at, 16);
	}
	buffer_done(&bytes);
	buffer_done(&text);
}

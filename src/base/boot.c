/* boot.c - from /proc. */
#include <string.h>

#include "base/boot.h"
#include "base/file.h"
#include "base/text.h"

void boot_id(uint8_t out[16])
{
	struct buffer text;

	memset(out, 0, 16);
	buffer_init(&text, 4096);
	if (file_read("/proc/sys/kernel/random/boot_id", &text, NULL) == 0) {
		char hex[64];
		size_t size = 0;

		for (size_t i = 0; i < text.size && size < sizeof hex; i++)
			if (text.at[i] != '-' && text.at[i] != '\n')
				hex[size++] = (char)text.at[i];
		text_unhex(view_of(hex, size), out, 16);
	}
	buffer_done(&text);
}

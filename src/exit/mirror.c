/* mirror.c - two words of equal length, exchanged. */
#include <string.h>

#include "exit/mirror.h"

#define WORD_SIZE 6

void mirror_words(const char *text, char *out, size_t size)
{
	size_t at = 0;

	while (text[at] && at + 1 < size) {
		const char *other = strncmp(text + at, "source", WORD_SIZE) == 0   ? "target"
				    : strncmp(text + at, "target", WORD_SIZE) == 0 ? "source"
										   : NULL;

		if (!other || at + WORD_SIZE >= size) {
			out[at] = text[at];
			at++;
			continue;
		}
		memcpy(out + at, other, WORD_SIZE);
		at += WORD_SIZE;
	}
	out[at] = '\0';
}

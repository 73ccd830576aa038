/* base64url.c - base64 in the letters of URLs. */
#include "base/base64url.h"

static int digit_of(uint8_t letter)
{
	if (letter >= 'A' && letter <= 'Z')
		return letter - 'A';
	if (letter >= 'a' && letter <= 'z')
		return letter - 'a' + 26;
	if (letter >= '0' && letter <= '9')
		return letter - '0' + 52;
	return letter == '-' ? 62 : letter == '_' ? 63 : -1;
}

bool base64url_take(struct view text, struct buffer *out)
{
	uint8_t *room = buffer_room(out, text.size / 4 * 3 + 3);
	unsigned bits = 0, held = 0;
	size_t size = 0;

	if (!room || text.size % 4 == 1)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		int digit = digit_of(text.at[i]);

		if (digit < 0)
			return false;
		bits = (bits << 6 | (unsigned)digit) & 0xffff;
		held += 6;
		if (held >= 8) {
			held -= 8;
			room[size++] = (uint8_t)(bits >> held);
		}
	}
	buffer_grow(out, size);
	return true;
}

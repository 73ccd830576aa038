/* text.c - globs, near words, hex, safe output. */
#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"

bool glob_is(struct view text)
{
	for (size_t i = 0; i < text.size; i++)
		if (strchr("*?[", text.at[i]) && text.at[i])
			return true;
	return false;
}

/* Matches one [..] at `p` against `c`.  Returns the index behind it, or 0 when the bracket never closes. */
static size_t match_class(struct view pattern, size_t p, uint8_t c, bool *matches)
{
	bool negated = false, found = false;
	size_t i = p + 1;

	if (i < pattern.size && (pattern.at[i] == '!' || pattern.at[i] == '^')) {
		negated = true;
		i++;
	}
	for (size_t first = i; i < pattern.size && (pattern.at[i] != ']' || i == first); i++) {
		uint8_t low = pattern.at[i], high = low;

		if (i + 2 < pattern.size && pattern.at[i + 1] == '-' && pattern.at[i + 2] != ']') {
			high = pattern.at[i + 2];
			i += 2;
		}
		found |= low <= c && c <= high;
	}
	if (i >= pattern.size)
		return 0;
	*matches = found != negated;
	return i + 1;
}

bool glob_match(struct view pattern, struct view text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, star_text = 0;

	/* Only the last star is ever tried again, so the work is at most pattern times text. */
	while (t < text.size) {
		bool matches = false;
		size_t next = p + 1;

		if (p < pattern.size) {
			if (pattern.at[p] == '*') {
				star = p++;
				star_text = t;
				continue;
			}
			if (pattern.at[p] == '?')
				matches = true;
			else if (pattern.at[p] != '[' || !(next = match_class(pattern, p, text.at[t], &matches))) {
				next = p + 1;
				matches = pattern.at[p] == text.at[t];
			}
		}
		if (matches) {
			p = next;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++star_text;
		} else {
			return false;
		}
	}
	while (p < pattern.size && pattern.at[p] == '*')
		p++;
	return p == pattern.size;
}

static int least(int a, int b, int c)
{
	int m = a < b ? a : b;

	return m < c ? m : c;
}

#define TEXT_DISTANCE_SIZE_MAX 64

int text_distance(struct view a, struct view b, int most)
{
	int rows[3][TEXT_DISTANCE_SIZE_MAX + 1];

	if (a.size > TEXT_DISTANCE_SIZE_MAX || b.size > TEXT_DISTANCE_SIZE_MAX)
		return most + 1;
	for (size_t j = 0; j <= b.size; j++)
		rows[0][j] = (int)j;
	for (size_t i = 1; i <= a.size; i++) {
		int *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

		row[0] = (int)i;
		for (size_t j = 1; j <= b.size; j++) {
			bool same = a.at[i - 1] == b.at[j - 1];

			row[j] = least(up[j] + 1, row[j - 1] + 1, up[j - 1] + !same);
			if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1] && up2[j - 2] + 1 < row[j])
				row[j] = up2[j - 2] + 1;
		}
	}
	return rows[a.size % 3][b.size] > most ? most + 1 : rows[a.size % 3][b.size];
}

const char *text_nearest(struct view text, const char *const words[])
{
	int most = text.size < 4 ? 1 : text.size < 8 ? 2 : 3;
	const char *best = NULL;

	for (; *words; words++) {
		int distance = text_distance(text, view_text(*words), most);

		if (distance <= most) {
			best = *words;
			most = distance - 1;
		}
	}
	return best;
}

void text_hex(struct buffer *out, struct view bytes)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.size; i++) {
		char pair[2] = { digits[bytes.at[i] >> 4], digits[bytes.at[i] & 15] };

		buffer_put(out, pair, 2);
	}
}

static int nibble(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_unhex(struct view hex, uint8_t *out, size_t size)
{
	if (hex.size != 2 * size)
		return false;
	for (size_t i = 0; i < hex.size; i++)
		if (nibble(hex.at[i]) < 0)
			return false;
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(nibble(hex.at[2 * i]) << 4 | nibble(hex.at[2 * i + 1]));
	return true;
}

/* The size of the well-formed UTF-8 character at the start of `v`, or 0. */
static size_t utf8_size(struct view v)
{
	uint8_t first = v.at[0];
	size_t size = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;

	if (size == 0 || size > v.size)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((v.at[i] & 0xc0) != 0x80)
			return 0;
	if ((first == 0xe0 && v.at[1] < 0xa0) || (first == 0xed && v.at[1] >= 0xa0) ||
	    (first == 0xf0 && v.at[1] < 0x90) || (first == 0xf4 && v.at[1] >= 0x90))
		return 0;
	return size;
}

bool text_is_utf8(struct view v)
{
	while (v.size) {
		size_t size = utf8_size(v);

		if (!size)
			return false;
		v.at += size;
		v.size -= size;
	}
	return true;
}

void text_safe(struct buffer *out, struct view v)
{
	while (v.size) {
		size_t size = utf8_size(v);
		/* U+0080 to U+009F steer some terminals as well. */
		bool control = size == 0 || v.at[0] < 0x20 || v.at[0] == 0x7f || (v.at[0] == 0xc2 && v.at[1] < 0xa0);

		if (control) {
			buffer_printf(out, "\\x%02x", v.at[0]);
			size = 1;
		} else {
			buffer_put(out, v.at, size);
		}
		v.at += size;
		v.size -= size;
	}
}

struct view text_trim(struct view v)
{
	while (v.size && strchr(" \t\r\n\f", v.at[0]) && v.at[0]) {
		v.at++;
		v.size--;
	}
	while (v.size && strchr(" \t\r\n\f", v.at[v.size - 1]) && v.at[v.size - 1])
		v.size--;
	return v;
}

/* props.c - java.util.Properties, read. */
#include "base/buffer.h"
#include "base/map.h"
#include "base/props.h"

struct reader {
	struct view text;
	size_t at;
	int line;
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\f';
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->text.size && is_blank(r->text.at[r->at]))
		r->at++;
}

/* Moves over one line ending, if one stands here: \n, \r or \r\n. */
static bool skip_newline(struct reader *r)
{
	if (r->at >= r->text.size || (r->text.at[r->at] != '\n' && r->text.at[r->at] != '\r'))
		return false;
	if (r->text.at[r->at++] == '\r' && r->at < r->text.size && r->text.at[r->at] == '\n')
		r->at++;
	r->line++;
	return true;
}

static void put_utf8(struct buffer *out, uint32_t c)
{
	if (c < 0x80) {
		buffer_i8(out, (int8_t)c);
	} else if (c < 0x800) {
		buffer_i8(out, (int8_t)(0xc0 | c >> 6));
		buffer_i8(out, (int8_t)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buffer_i8(out, (int8_t)(0xe0 | c >> 12));
		buffer_i8(out, (int8_t)(0x80 | (c >> 6 & 0x3f)));
		buffer_i8(out, (int8_t)(0x80 | (c & 0x3f)));
	} else {
		buffer_i8(out, (int8_t)(0xf0 | c >> 18));
		buffer_i8(out, (int8_t)(0x80 | (c >> 12 & 0x3f)));
		buffer_i8(out, (int8_t)(0x80 | (c >> 6 & 0x3f)));
		buffer_i8(out, (int8_t)(0x80 | (c & 0x3f)));
	}
}

static bool hex4(struct reader *r, uint32_t *out)
{
	uint32_t value = 0;

	if (r->text.size - r->at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		uint8_t c = r->text.at[r->at + (size_t)i];
		int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;

		if (digit < 0)
			return false;
		value = value << 4 | (uint32_t)digit;
	}
	r->at += 4;
	*out = value;
	return true;
}

/* The character after a backslash, which is already behind us.  A pair of \u surrogates makes one character. */
static bool read_escape(struct reader *r, struct buffer *out)
{
	uint8_t c;
	uint32_t code, low;

	if (r->at >= r->text.size)
		return true;
	if (skip_newline(r)) {
		skip_blanks(r);
		return true;
	}
	c = r->text.at[r->at++];
	if (c != 'u') {
		buffer_i8(out, (int8_t)(c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c));
		return true;
	}
	if (!hex4(r, &code))
		return false;
	if (code >= 0xd800 && code < 0xdc00 && r->text.size - r->at >= 2 && r->text.at[r->at] == '\\' && r->text.at[r->at + 1] == 'u') {
		size_t back = r->at;

		r->at += 2;
		if (hex4(r, &low) && low >= 0xdc00 && low < 0xe000)
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		else
			r->at = back;
	}
	put_utf8(out, code);
	return true;
}

/* Reads up to a line's end, or for a key up to its separator.  False on a bad \u. */
static bool read_part(struct reader *r, bool key, struct buffer *out)
{
	buffer_reset(out);
	while (r->at < r->text.size) {
		uint8_t c = r->text.at[r->at];

		if (c == '\n' || c == '\r' || (key && (c == '=' || c == ':' || is_blank(c))))
			break;
		r->at++;
		if (c != '\\')
			buffer_i8(out, (int8_t)c);
		else if (!read_escape(r, out))
			return false;
	}
	return true;
}

/* Blanks, and line endings behind a backslash, which Java removes before it looks for a separator. */
static void skip_gap(struct reader *r)
{
	for (;;) {
		size_t next;

		skip_blanks(r);
		next = r->at + 1;
		if (next >= r->text.size || r->text.at[r->at] != '\\' ||
		    (r->text.at[next] != '\n' && r->text.at[next] != '\r'))
			return;
		r->at = next;
		skip_newline(r);
	}
}

static void skip_separator(struct reader *r)
{
	skip_gap(r);
	if (r->at < r->text.size && (r->text.at[r->at] == '=' || r->text.at[r->at] == ':'))
		r->at++;
	skip_gap(r);
}

static bool skip_comment(struct reader *r)
{
	if (r->at >= r->text.size || (r->text.at[r->at] != '#' && r->text.at[r->at] != '!'))
		return false;
	while (r->at < r->text.size && r->text.at[r->at] != '\n' && r->text.at[r->at] != '\r')
		r->at++;
	return true;
}

static int parse_all(struct reader *r, const char *name, struct arena *arena, struct buffer *part, struct map *seen,
		     struct props *out, struct fault *fault)
{
	struct props props = { arena_array(arena, PROPS_COUNT_MAX, sizeof *props.at), 0 };

	if (!props.at)
		return fault_set(fault, ERR_MEMORY, "%s: out of memory", name);
	while (r->at < r->text.size) {
		struct prop prop;
		struct prop *before;

		skip_blanks(r);
		if (skip_newline(r) || skip_comment(r) || r->at >= r->text.size)
			continue;
		prop.line = r->line;
		if (!read_part(r, true, part))
			return fault_set(fault, ERR_CONFIG, "%s:%d: \\u must be followed by four hex digits", name, r->line);
		prop.key = arena_copy(arena, part->at ? buffer_bytes(part) : VIEW_LITERAL(""));
		skip_separator(r);
		if (!read_part(r, false, part))
			return fault_set(fault, ERR_CONFIG, "%s:%d: \\u must be followed by four hex digits", name, r->line);
		prop.value = arena_copy(arena, part->at ? buffer_bytes(part) : VIEW_LITERAL(""));
		if (part->err || !prop.key.at || !prop.value.at)
			return fault_set(fault, ERR_LIMIT, "%s:%d: the file is too large", name, prop.line);
		before = map_get(seen, prop.key);
		if (before)
			return fault_set(fault, ERR_CONFIG, "%s:%d: '%.*s' is already given on line %d; keep one of the two", name,
					 prop.line, VIEW_ARGS(prop.key), before->line);
		if (props.count == PROPS_COUNT_MAX)
			return fault_set(fault, ERR_LIMIT, "%s:%d: more than %d keys", name, prop.line, PROPS_COUNT_MAX);
		props.at[props.count] = prop;
		if (map_put(seen, prop.key, &props.at[props.count]) < 0)
			return fault_set(fault, ERR_MEMORY, "%s: out of memory", name);
		props.count++;
	}
	*out = props;
	return 0;
}

int props_parse(struct view text, const char *name, struct arena *arena, struct props *out, struct fault *fault)
{
	struct reader r = { .text = text, .line = 1 };
	struct buffer part;
	struct map seen;
	int err;

	buffer_init(&part, text.size + 16);
	map_init(&seen);
	err = parse_all(&r, name, arena, &part, &seen, out, fault);
	map_done(&seen);
	buffer_done(&part);
	return err;
}

struct view props_get(const struct props *props, const char *key)
{
	for (int i = 0; i < props->count; i++)
		if (view_is(props->at[i].key, key))
			return props->at[i].value;
	return VIEW_NULL;
}

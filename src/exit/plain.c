/* plain.c - values by recursion, to a depth that no body of ours comes near. */
#include "exit/plain.h"

#define DEPTH_MAX  16
#define DIGITS_MAX 18 /* which no int64_t is too small for */

struct plain {
	const uint8_t *at, *end;
	int depth;
};

static json_t *read_value(struct plain *p);

static bool take(struct plain *p, uint8_t mark)
{
	if (p->at == p->end || *p->at != mark)
		return false;
	p->at++;
	return true;
}

/* Without its quotes; VIEW_NULL: it is not plain. */
static struct view read_text(struct plain *p)
{
	const uint8_t *from = p->at + 1, *at = from;

	if (!take(p, '"'))
		return VIEW_NULL;
	while (at < p->end && *at >= 0x20 && *at < 0x7f && *at != '"' && *at != '\\')
		at++;
	p->at = at;
	return take(p, '"') ? view_of(from, (size_t)(at - from)) : VIEW_NULL;
}

/* One pair of an object, whose key stands behind `last`. */
static bool read_pair(struct plain *p, json_t *object, struct view *last)
{
	struct view key = read_text(p);
	json_t *value;

	if (!key.at || (last->at && view_compare(*last, key) >= 0) || !take(p, ':'))
		return false;
	*last = key;
	value = read_value(p);
	/* It takes the value, also when it fails, and fails on none. */
	return json_object_setn_new_nocheck(object, (const char *)key.at, key.size, value) == 0;
}

static json_t *read_object(struct plain *p)
{
	json_t *object = json_object();
	struct view last = VIEW_NULL;
	bool good = object && take(p, '{');

	if (good && take(p, '}'))
		return object;
	do
		good = good && read_pair(p, object, &last);
	while (good && take(p, ','));
	if (good && take(p, '}'))
		return object;
	json_decref(object);
	return NULL;
}

static json_t *read_list(struct plain *p)
{
	json_t *list = json_array();
	bool good = list && take(p, '[');

	if (good && take(p, ']'))
		return list;
	do
		good = good && json_array_append_new(list, read_value(p)) == 0;
	while (good && take(p, ','));
	if (good && take(p, ']'))
		return list;
	json_decref(list);
	return NULL;
}

/* What follows a number that goes on as a fraction is no mark that may stand there. */
static json_t *read_number(struct plain *p)
{
	bool negative = take(p, '-');
	const uint8_t *from = p->at;
	json_int_t number = 0;

	while (p->at < p->end && *p->at >= '0' && *p->at <= '9' && p->at - from < DIGITS_MAX)
		number = 10 * number + (*p->at++ - '0');
	if (p->at == from || (*from == '0' && (negative || p->at - from > 1)))
		return NULL;
	return json_integer(negative ? -number : number);
}

static json_t *read_word(struct plain *p)
{
	static const char *const words[] = { "true", "false", "null" };

	for (int i = 0; i < 3; i++) {
		size_t size = strlen(words[i]);

		if ((size_t)(p->end - p->at) < size || memcmp(p->at, words[i], size) != 0)
			continue;
		p->at += size;
		return i == 0 ? json_true() : i == 1 ? json_false() : json_null();
	}
	return NULL;
}

static json_t *read_text_value(struct plain *p)
{
	struct view text = read_text(p);

	return text.at ? json_stringn_nocheck((const char *)text.at, text.size) : NULL;
}

static json_t *read_value(struct plain *p)
{
	json_t *value = NULL;

	if (p->at == p->end || p->depth == DEPTH_MAX)
		return NULL;
	p->depth++;
	switch (*p->at) {
	case '"': value = read_text_value(p); break;
	case '{': value = read_object(p); break;
	case '[': value = read_list(p); break;
	case 't':
	case 'f':
	case 'n': value = read_word(p); break;
	default: value = read_number(p);
	}
	p->depth--;
	return value;
}

json_t *plain_read(struct view text)
{
	struct plain p = { .at = text.at, .end = text.at + text.size };
	json_t *value = text.size && *text.at == '{' ? read_value(&p) : NULL;

	if (value && p.at == p.end)
		return value;
	json_decref(value);
	return NULL;
}

/* body.c - over jansson. */
#include "base/err.h"
#include "base/text.h"
#include "exit/body.h"

const char *body_text(const json_t *body, const char *key)
{
	return json_string_value(json_object_get(body, key));
}

int64_t body_number(const json_t *body, const char *key)
{
	return json_integer_value(json_object_get(body, key));
}

uint64_t body_count(const json_t *body, const char *key)
{
	return (uint64_t)body_number(body, key);
}

bool body_hash(const json_t *body, const char *key, struct sha256 *out)
{
	const char *text = body_text(body, key);

	return text && text_unhex(view_text(text), out->bytes, SHA256_SIZE);
}

int body_word(const json_t *body, const char *key, int (*find)(struct view))
{
	const char *text = body_text(body, key);

	return text ? find(view_text(text)) : -1;
}

int body_put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) < 0 ? ERR_MEMORY : 0;
}

int body_copy(json_t *object, const char *key, const json_t *from, const char *from_key)
{
	json_t *value = json_object_get(from, from_key);

	return value ? body_put(object, key, json_deep_copy(value)) : 0;
}

int body_put_hash(json_t *object, const char *key, struct sha256 hash)
{
	char text[SHA256_TEXT_SIZE];

	return body_put(object, key, json_string(sha256_text(hash, text)));
}

json_t *body_child(json_t *object, const char *key)
{
	json_t *at = json_object_get(object, key);

	if (!at && json_object_set_new(object, key, json_object()) == 0)
		at = json_object_get(object, key);
	return at;
}

int body_alike(const json_t *list, size_t from, const char *key)
{
	const char *says = body_text(json_array_get(list, from), key);
	int count = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *other = body_text(json_array_get(list, i), key);

		if (!says || !other || strcmp(says, other) != 0)
			continue;
		if (i < from)
			return 0;
		count++;
	}
	return says ? count : 1;
}

/* json.c - texts, counts and times as JSON values. */
#include "base/text.h"
#include "base/units.h"
#include "cli/json.h"

#define TEXT_SIZE_MAX (1u << 20)

json_t *json_text(struct view text)
{
	struct buffer safe;
	json_t *string;

	if (!text.at)
		return json_null();
	if (text_is_utf8(text)) {
		string = json_stringn((const char *)text.at, text.size);
		if (string)
			return string;
	}
	buffer_init(&safe, TEXT_SIZE_MAX);
	text_safe(&safe, text);
	string = json_string(buffer_string(&safe));
	buffer_done(&safe);
	return string;
}

json_t *json_words(const char *text)
{
	return json_text(view_text(text));
}

json_t *json_list(const char *const *texts, int count)
{
	json_t *list = json_array();

	for (int index = 0; index < count; index++)
		json_array_append_new(list, json_words(texts[index]));
	return list;
}

json_t *json_count(uint64_t count)
{
	return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

json_t *json_time(int64_t wall_ms)
{
	char text[UNIT_TEXT_SIZE];

	return json_string(time_text(wall_ms, text));
}

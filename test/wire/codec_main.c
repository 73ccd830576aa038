/*
 * codec_main.c - the codec as a line server, for test/real/test_codec.py: one JSON object a line in, one out.
 *
 *	{"message": "FetchRequest", "version": 12, "hex": ".."}   gives  {"json": .., "hex": ..}
 *	{"message": .., "version": .., "json": ..}                gives  {"hex": ..}
 *	either with "to": 11                                      gives the hex of that version
 *	{"errors": true}                                          gives  {"errors": [{"code", "name", ..}]}
 *	{"frame": ".."}                                           gives  the request's name, version, body and hex again
 *	{"frame": "..", "key": 1, "version": 12}                  gives  the same of a response
 *
 * Fields have our names; bytes, records and uuids are hex; unknown tags are "tags": [[number, hex]].  What is refused
 * comes back as {"error": ".."}.  RequestHeader and ResponseHeader are the heads, with fields of the same names.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "wire/kafka_error.h"
#include "wire/messages.h"
#include "wire/shape.h"

#define MEMORY (256 * 1024 * 1024)

static struct arena arena;
static struct fault fault;

static json_t *hex_json(struct view v)
{
	struct buffer hex;
	json_t *json;

	if (!v.at)
		return json_null();
	buffer_init(&hex, MEMORY);
	text_hex(&hex, v);
	json = json_stringn(hex.at ? (const char *)hex.at : "", hex.size);
	buffer_done(&hex);
	return json;
}

static struct view json_hex(const json_t *json)
{
	struct view hex;
	uint8_t *at;

	if (!json_is_string(json))
		return VIEW_NULL;
	hex = view_of(json_string_value(json), json_string_length(json));
	at = arena_take(&arena, hex.size / 2);
	if (!at || !text_unhex(hex, at, hex.size / 2))
		return VIEW_NULL;
	return view_of(at, hex.size / 2);
}

static struct view json_text(const json_t *json)
{
	if (!json_is_string(json))
		return VIEW_NULL;
	return arena_copy(&arena, view_of(json_string_value(json), json_string_length(json)));
}

static json_t *text_json(struct view v)
{
	return v.at ? json_stringn((const char *)v.at, v.size) : json_null();
}

static json_t *shape_json(const struct shape *shape, const void *in);
static void json_shape(const struct shape *shape, const json_t *json, void *out);

static json_t *value_json(const struct field *field, const void *at)
{
	switch ((enum field_type)field->type) {
	case FIELD_BOOL: return json_boolean(*(const bool *)at);
	case FIELD_I8: return json_integer(*(const int8_t *)at);
	case FIELD_I16: return json_integer(*(const int16_t *)at);
	case FIELD_U16: return json_integer(*(const uint16_t *)at);
	case FIELD_I32: return json_integer(*(const int32_t *)at);
	case FIELD_U32: return json_integer(*(const uint32_t *)at);
	case FIELD_I64: return json_integer(*(const int64_t *)at);
	case FIELD_F64: return json_real(*(const double *)at);
	case FIELD_UUID: return hex_json(view_of(at, sizeof(struct uuid)));
	case FIELD_STRING: return text_json(*(const struct view *)at);
	case FIELD_BYTES:
	case FIELD_RECORDS: return hex_json(*(const struct view *)at);
	case FIELD_STRUCT: return shape_json(field->shape, at);
	}
	return NULL;
}

static json_t *field_json(const struct field *field, const void *at)
{
	const struct array *array = at;
	json_t *json;

	if (field->flags & FIELD_POINTER)
		return *(void *const *)at ? shape_json(field->shape, *(void *const *)at) : json_null();
	if (!(field->flags & FIELD_ARRAY))
		return value_json(field, at);
	if (array->count < 0)
		return json_null();
	json = json_array();
	for (int32_t i = 0; i < array->count; i++)
		json_array_append_new(
			json, value_json(field, (char *)array->at +
							(size_t)i * field_size(field->type, field->shape)));
	return json;
}

static json_t *shape_json(const struct shape *shape, const void *in)
{
	json_t *json = json_object();

	for (int i = 0; i < shape->count; i++)
		json_object_set_new(
			json, shape->fields[i].name,
			field_json(&shape->fields[i], (const char *)in + shape->fields[i].offset));
	if (shape->tags_offset) {
		const struct tags *tags = (const void *)((const char *)in + shape->tags_offset);
		json_t *list = json_array();

		for (int32_t i = 0; i < tags->count; i++)
			json_array_append_new(
				list, json_pack("[io]", (int)tags->at[i].number, hex_json(tags->at[i].body)));
		json_object_set_new(json, "tags", list);
	}
	return json;
}

static void json_value(const struct field *field, const json_t *json, void *at)
{
	switch ((enum field_type)field->type) {
	case FIELD_BOOL: *(bool *)at = json_is_true(json); break;
	case FIELD_I8: *(int8_t *)at = (int8_t)json_integer_value(json); break;
	case FIELD_I16:
	case FIELD_U16: *(uint16_t *)at = (uint16_t)json_integer_value(json); break;
	case FIELD_I32:
	case FIELD_U32: *(uint32_t *)at = (uint32_t)json_integer_value(json); break;
	case FIELD_I64: *(int64_t *)at = json_integer_value(json); break;
	case FIELD_F64: *(double *)at = json_number_value(json); break;
	case FIELD_UUID: {
		struct view v = json_hex(json);

		if (v.size == sizeof(struct uuid))
			memcpy(at, v.at, v.size);
		break;
	}
	case FIELD_STRING: *(struct view *)at = json_text(json); break;
	case FIELD_BYTES:
	case FIELD_RECORDS: *(struct view *)at = json_hex(json); break;
	case FIELD_STRUCT: json_shape(field->shape, json, at); break;
	}
}

static void json_field(const struct field *field, const json_t *json, void *at)
{
	size_t size = field_size(field->type, field->shape);

	if (field->flags & FIELD_POINTER) {
		*(void **)at = json_is_null(json) ? NULL : arena_take(&arena, size);
		if (*(void **)at)
			json_shape(field->shape, json, *(void **)at);
	} else if (!(field->flags & FIELD_ARRAY)) {
		json_value(field, json, at);
	} else if (json_is_null(json)) {
		*(struct array *)at = (struct array){ NULL, -1 };
	} else {
		struct array array = { arena_array(&arena, json_array_size(json), size),
				       (int32_t)json_array_size(json) };

		for (int32_t i = 0; i < array.count; i++)
			json_value(field, json_array_get(json, (size_t)i),
				   (char *)array.at + (size_t)i * size);
		*(struct array *)at = array;
	}
}

/* Fields that are not named keep their defaults. */
static void json_shape(const struct shape *shape, const json_t *json, void *out)
{
	const json_t *list = json_object_get(json, "tags");

	shape_default(shape, out);
	for (int i = 0; i < shape->count; i++) {
		const json_t *value = json_object_get(json, shape->fields[i].name);

		if (value)
			json_field(&shape->fields[i], value, (char *)out + shape->fields[i].offset);
	}
	if (shape->tags_offset && list) {
		struct tags *tags = (void *)((char *)out + shape->tags_offset);

		tags->at = arena_array(&arena, json_array_size(list), sizeof *tags->at);
		for (; (size_t)tags->count < json_array_size(list); tags->count++) {
			const json_t *pair = json_array_get(list, (size_t)tags->count);

			tags->at[tags->count].number = (uint32_t)json_integer_value(json_array_get(pair, 0));
			tags->at[tags->count].body = json_hex(json_array_get(pair, 1));
		}
	}
}

static int64_t number(const json_t *question, const char *name)
{
	return json_integer_value(json_object_get(question, name));
}

/* Both heads: only those bytes that a message of `key` and `version` has in front of it. */
static int head(const json_t *question, bool request, struct buffer *out)
{
	const json_t *json = json_object_get(question, "json");
	struct request_head head = { .api_key = (int16_t)number(json, "request_api_key"),
				     .api_version = (int16_t)number(json, "request_api_version"),
				     .correlation_id = (int32_t)number(json, "correlation_id"),
				     .client_id = json_text(json_object_get(json, "client_id")) };
	struct cursor c;
	int err;

	if (!request)
		return response_head_write(api_find(head.api_key), head.api_version, head.correlation_id,
					   out);
	err = request_head_write(&head, out);
	if (err < 0)
		return err;
	c = cursor_over(buffer_bytes(out));
	return request_head_read(&c, &arena, &head, &fault);
}

static int convert(const json_t *question, json_t *answer, struct buffer *out)
{
	const char *name = json_string_value(json_object_get(question, "message"));
	int16_t version = (int16_t)number(question, "version");
	const json_t *to = json_object_get(question, "to");
	const struct message *const *message = message_table;
	void *body;
	int err = 0;

	while (*message && strcmp(message_name(*message), name))
		message++;
	if (!*message && strstr(name, "Header"))
		return head(question, name[3] == 'u', out);
	if (!*message)
		return fault_set(&fault, ERR_UNSUPPORTED, "%s: no such message", name);
	body = arena_take(&arena, message_size(*message));
	if (json_object_get(question, "hex")) {
		struct view bytes = json_hex(json_object_get(question, "hex"));

		err = message_read(*message, version, bytes, &arena, body, &fault);
		if (err < 0)
			return err;
		json_object_set_new(answer, "json", shape_json((*message)->shape, body));
	} else {
		json_shape((*message)->shape, json_object_get(question, "json"), body);
	}
	return message_write(*message, to ? (int16_t)json_integer_value(to) : version, body, out, &fault);
}

/* A whole frame as it was seen on the wire, without its length: head and body. */
static int frame(const json_t *question, json_t *answer, struct buffer *out)
{
	struct cursor c = cursor_over(json_hex(json_object_get(question, "frame")));
	struct request_head request = { .api_key = (int16_t)number(question, "key"),
					.api_version = (int16_t)number(question, "version") };
	bool is_response = json_object_get(question, "key");
	const struct message *message;
	void *body;
	int err;

	if (is_response)
		err = response_head_read(api_find(request.api_key), request.api_version, &c, &arena,
					 &request.correlation_id, &fault);
	else
		err = request_head_read(&c, &arena, &request, &fault);
	if (err < 0)
		return err;
	message = is_response ? api_find(request.api_key)->response : api_find(request.api_key)->request;
	json_object_set_new(answer, "name", json_string(message_name(message)));
	json_object_set_new(answer, "key", json_integer(request.api_key));
	json_object_set_new(answer, "version", json_integer(request.api_version));
	json_object_set_new(answer, "correlation_id", json_integer(request.correlation_id));
	json_object_set_new(answer, "body", hex_json(view_of(c.at, cursor_left(&c))));
	body = arena_take(&arena, message_size(message));
	err = message_read(message, request.api_version, view_of(c.at, cursor_left(&c)), &arena, body,
			   &fault);
	return err < 0 ? err : message_write(message, request.api_version, body, out, &fault);
}

static json_t *errors(void)
{
	json_t *list = json_array();

#define X(name, code, kind)                                                                                  \
	json_array_append_new(list, json_pack("{si ss sb sb}", "code", code, "name", kafka_error_name(code), \
					      "retriable", kafka_error_retriable(code), "refresh",           \
					      kafka_error_refreshes(code)));
	KAFKA_ERRORS(X)
#undef X
	return list;
}

static json_t *answer_to(const char *line)
{
	json_t *question = json_loads(line, JSON_ALLOW_NUL, NULL), *answer = json_object();
	struct buffer out;

	buffer_init(&out, MEMORY);
	arena_reset(&arena);
	fault.text[0] = 0;
	if (!question)
		json_object_set_new(answer, "error", json_string("not JSON"));
	else if (json_object_get(question, "errors"))
		json_object_set_new(answer, "errors", errors());
	else if ((json_object_get(question, "frame") ? frame : convert)(question, answer, &out) < 0)
		json_object_set_new(answer, "error", json_string(fault.text));
	else
		json_object_set_new(answer, "hex",
				    hex_json(view_of(out.at ? out.at : (const uint8_t *)"", out.size)));
	buffer_done(&out);
	json_decref(question);
	return answer;
}

int main(void)
{
	char *line = NULL;
	size_t capacity = 0;

	arena_init(&arena, MEMORY);
	while (getline(&line, &capacity, stdin) > 0) {
		json_t *answer = answer_to(line);

		json_dumpf(answer, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
		putchar('\n');
		fflush(stdout);
		json_decref(answer);
	}
	free(line);
	arena_done(&arena);
	return 0;
}

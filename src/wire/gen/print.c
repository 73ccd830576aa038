/* print.c - the structs, and the tables that describe them. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "notation.h"

/* FetchRequest from fetch_request. */
static const char *kafka_name(const char *name)
{
	static char out[200];
	size_t size = 0;

	for (bool up = true; *name && size < sizeof out - 1; name++) {
		if (*name == '_') {
			up = true;
			continue;
		}
		out[size++] = up ? (char)toupper((unsigned char)*name) : *name;
		up = false;
	}
	out[size] = 0;
	return out;
}

static const char *upper(const char *name)
{
	static char out[200];
	size_t size = 0;

	while (name[size] && size < sizeof out - 1) {
		out[size] = (char)toupper((unsigned char)name[size]);
		size++;
	}
	out[size] = 0;
	return out;
}

static bool tagged(const struct message *message)
{
	return message->flexible_since != VERSION_MAX;
}

static void print_comment(const char *comment, const char *indent)
{
	if (!comment)
		return;
	if (!strchr(comment, '\n')) {
		printf("%s/* %s */\n", indent, comment);
		return;
	}
	printf("%s/*\n", indent);
	while (*comment) {
		size_t size = strcspn(comment, "\n");

		printf("%s * %.*s\n", indent, (int)size, comment);
		comment += size + (comment[size] == '\n');
	}
	printf("%s */\n", indent);
}

/* A struct must be complete before another holds it, so the inner ones come first. */
static void print_struct(const struct message *message, struct shape *shape)
{
	if (shape->printed)
		return;
	shape->printed = true;
	for (const struct field *field = shape->fields; field; field = field->next)
		if (field->shape)
			print_struct(message, field->shape);

	if (!shape->name)
		print_comment(message->comment, "");
	printf("struct %s {\n", shape->c_name);
	for (const struct field *field = shape->fields; field; field = field->next) {
		char type[250];

		if (field->shape)
			snprintf(type, sizeof type, "struct %s", field->shape->c_name);
		else
			snprintf(type, sizeof type, "%s", type_words[field->type].c);
		print_comment(field->comment, "\t");
		if (field->array)
			printf("\tstruct { %s *at; int32_t count; } %s;\n", type, field->name);
		else
			printf("\t%s %s%s;\n", type, field->shape && field->nullable ? "*" : "", field->name);
	}
	if (tagged(message))
		printf("\tstruct tags tags;\n");
	else if (!shape->fields)
		printf("\tchar nothing;\n"); /* C has no empty struct */
	printf("};\n\n");
}

static const struct message *by_key(int key, enum kind kind)
{
	for (int i = 0; i < message_count; i++)
		if (messages[i].kind == kind && messages[i].key == key)
			return &messages[i];
	return NULL;
}

void print_header(void)
{
	printf("/* Made from src/wire/schema by the build: the struct of every message.  See wire/message.h. "
	       "*/\n"
	       "#ifndef WIRE_MESSAGES_H\n#define WIRE_MESSAGES_H\n\n#include \"wire/message.h\"\n\nenum "
	       "api_key {\n");
	for (int key = 0; key <= VERSION_MAX; key++)
		if (by_key(key, KIND_REQUEST))
			printf("\tAPI_%s = %d,\n", upper(by_key(key, KIND_REQUEST)->name), key);
	printf("};\n\n");
	for (int i = 0; i < message_count; i++) {
		const struct message *message = &messages[i];

		print_struct(message, message->shapes);
		printf("extern const struct message %s_message;\n", message->shapes->c_name);
		for (const struct shape *shape = message->shapes->next; shape; shape = shape->next)
			printf("extern const struct shape %s_shape;\n", shape->c_name);
		printf("\n");
	}
	printf("#endif\n");
}

static void print_row(const struct shape *shape, const struct field *field)
{
	bool pointer = field->shape && field->nullable && !field->array;

	printf("\t{ .name = \"%s\", .offset = offsetof(struct %s, %s), .type = %s, .since = %d, .until = "
	       "%d,\n"
	       "\t  .nullable_since = %d, .tag = %d, .flags = 0%s%s%s%s",
	       field->name, shape->c_name, field->name, type_words[field->type].table, field->since,
	       field->until, field->nullable ? field->nullable_since : VERSION_MAX, field->tag,
	       field->array ? " | FIELD_ARRAY" : "", pointer ? " | FIELD_POINTER" : "",
	       field->null_default ? " | FIELD_NULL" : "", field->ignorable ? " | FIELD_IGNORABLE" : "");
	if (field->initial == INT64_MIN)
		printf(", .initial = INT64_MIN");
	else if (field->initial)
		printf(", .initial = INT64_C(%" PRId64 ")", field->initial);
	if (field->shape)
		printf(", .shape = &%s_shape", field->shape->c_name);
	printf(" },\n");
}

/* Plain fields in their order, then the tagged ones by tag: the order in which they are written. */
static void print_shape(const struct message *message, const struct shape *shape)
{
	const char *name = shape->c_name;
	int count = 0, plain = 0;

	for (const struct field *field = shape->fields; field; field = field->next) {
		count++;
		plain += field->tag < 0;
	}
	if (count) {
		printf("static const struct field %s_fields[] = {\n", name);
		for (const struct field *field = shape->fields; field; field = field->next)
			if (field->tag < 0)
				print_row(shape, field);
		for (int tag = 0; tag <= INT8_MAX; tag++)
			for (const struct field *field = shape->fields; field; field = field->next)
				if (field->tag == tag)
					print_row(shape, field);
		printf("};\n");
	}
	printf("%sconst struct shape %s_shape = {\n\t.name = \"%s\", .count = %d, .tagged_first = %d,\n"
	       "\t.size = sizeof(struct %s)",
	       shape->name ? "" : "static ", name, name, count, plain, name);
	if (count)
		printf(", .fields = %s_fields", name);
	if (tagged(message))
		printf(", .tags_offset = offsetof(struct %s, tags)", name);
	printf("\n};\n\n");
}

/* A shape may point at one that stands further down: all are declared first. */
static void print_message(const struct message *message)
{
	const char *name = message->shapes->c_name;

	for (const struct shape *shape = message->shapes->next; shape; shape = shape->next)
		print_shape(message, shape);
	print_shape(message, message->shapes);
	printf("const struct message %s_message = {\n\t.name = \"%s\", .shape = &%s_shape,\n"
	       "\t.since = %d, .until = %d, .flexible_since = %d,\n};\n\n",
	       name, kafka_name(name), name, message->since, message->until, message->flexible_since);
}

void print_tables(void)
{
	printf("/* Made from src/wire/schema by the build: the tables behind wire/messages.h. */\n"
	       "#include <stddef.h>\n\n#include \"wire/messages.h\"\n#include \"wire/shape.h\"\n\n");
	for (int i = 0; i < message_count; i++)
		print_message(&messages[i]);

	printf("const struct api api_table[] = {\n");
	for (int key = 0; key <= VERSION_MAX; key++) {
		const struct message *request = by_key(key, KIND_REQUEST);

		if (request)
			printf("\t{ %d, \"%s\", %d, %d, %d, &%s_request_message, &%s_response_message },\n",
			       key, kafka_name(request->name), request->since, request->until,
			       request->flexible_since, request->name, request->name);
	}
	printf("\t{ .key = -1 },\n};\n\nconst struct message *const message_table[] = {\n");
	for (int i = 0; i < message_count; i++)
		printf("\t&%s_message,\n", messages[i].shapes->c_name);
	printf("\tNULL,\n};\n");
}

static void print_json_fields(const struct shape *shape)
{
	printf("[");
	for (const struct field *field = shape->fields; field; field = field->next) {
		printf("%s{\"name\":\"%s\",\"type\":\"%s\",\"array\":%s,\"since\":%d,\"until\":%d",
		       field == shape->fields ? "" : ",\n", field->name,
		       field->shape ? "struct" : type_words[field->type].notation,
		       field->array ? "true" : "false", field->since, field->until);
		if (field->nullable)
			printf(",\"nullable_since\":%d", field->nullable_since);
		if (field->tag >= 0)
			printf(",\"tag\":%d", field->tag);
		if (field->null_default)
			printf(",\"default\":null");
		else
			printf(",\"default\":%" PRId64, field->initial);
		printf(",\"ignorable\":%s", field->ignorable ? "true" : "false");
		if (field->shape) {
			printf(",\"fields\":");
			print_json_fields(field->shape);
		}
		printf("}");
	}
	printf("]");
}

void print_json(void)
{
	printf("[");
	for (int i = 0; i < message_count; i++) {
		const struct message *message = &messages[i];

		printf("%s{\"name\":\"%s\",\"key\":%d,\"since\":%d,\"until\":%d,\"flexible_since\":%d,"
		       "\"fields\":",
		       i ? ",\n" : "", kafka_name(message->shapes->c_name), message->key, message->since,
		       message->until, message->flexible_since);
		print_json_fields(message->shapes);
		printf("}");
	}
	printf("]\n");
}

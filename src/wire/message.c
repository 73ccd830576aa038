/* message.c - what messages have in common: names, defaults, the list of APIs, and the place of a fault. */
#include <stdarg.h>
#include <stdio.h>

#include "wire/shape.h"

const char *message_name(const struct message *message)
{
	return message->name;
}

size_t message_size(const struct message *message)
{
	return message->shape->size;
}

const struct api *api_find(int16_t key)
{
	for (const struct api *api = api_table; api->request; api++)
		if (api->key == key)
			return api;
	return NULL;
}

size_t field_size(enum field_type type, const struct shape *shape)
{
	switch (type) {
	case FIELD_BOOL: return sizeof(bool);
	case FIELD_I8: return 1;
	case FIELD_I16: return 2;
	case FIELD_U16: return 2;
	case FIELD_I32: return 4;
	case FIELD_U32: return 4;
	case FIELD_I64: return 8;
	case FIELD_F64: return 8;
	case FIELD_UUID: return sizeof(struct uuid);
	case FIELD_STRING: return sizeof(struct view);
	case FIELD_BYTES: return sizeof(struct view);
	case FIELD_RECORDS: return sizeof(struct view);
	case FIELD_STRUCT: return shape->size;
	}
	return 0;
}

void field_default(const struct field *field, void *out)
{
	void *at = (char *)out + field->offset;

	if (field->flags & FIELD_ARRAY) {
		*(struct array *)at = (struct array){ NULL, field->flags & FIELD_NULL ? -1 : 0 };
		return;
	}
	if (field->flags & FIELD_POINTER) {
		*(void **)at = NULL;
		return;
	}
	switch ((enum field_type)field->type) {
	case FIELD_BOOL: *(bool *)at = field->initial; break;
	case FIELD_I8: *(int8_t *)at = (int8_t)field->initial; break;
	case FIELD_I16:
	case FIELD_U16: *(uint16_t *)at = (uint16_t)field->initial; break;
	case FIELD_I32:
	case FIELD_U32: *(uint32_t *)at = (uint32_t)field->initial; break;
	case FIELD_I64: *(int64_t *)at = field->initial; break;
	case FIELD_F64: *(double *)at = (double)field->initial; break;
	case FIELD_UUID: *(struct uuid *)at = (struct uuid){ { 0 } }; break;
	case FIELD_STRING:
	case FIELD_BYTES:
	case FIELD_RECORDS:
		*(struct view *)at = field->flags & FIELD_NULL ? VIEW_NULL : VIEW_LITERAL("");
		break;
	case FIELD_STRUCT: shape_default(field->shape, at); break;
	}
}

void shape_default(const struct shape *shape, void *out)
{
	memset(out, 0, shape->size);
	for (int i = 0; i < shape->count; i++)
		field_default(&shape->fields[i], out);
}

void message_default(const struct message *message, void *out)
{
	shape_default(message->shape, out);
}

void *shape_array(const struct shape *shape, struct arena *arena, int32_t count)
{
	char *at = count < 0 ? NULL : arena_array(arena, (size_t)count, shape->size);

	for (int32_t i = 0; at && i < count; i++)
		shape_default(shape, at + (size_t)i * shape->size);
	return at;
}

/* The path from the top down; returns how much of `out` is used. */
static size_t path_text(const struct place *place, char *out, size_t size)
{
	size_t used = place->above ? path_text(place->above, out, size) : 0;
	int more;

	if (place->index >= 0)
		more = snprintf(out + used, size - used, "%s%s[%d]", used ? "." : "", place->field->name,
				place->index);
	else
		more = snprintf(out + used, size - used, "%s%s", used ? "." : "", place->field->name);
	used += more > 0 ? (size_t)more : 0;
	return used < size ? used : size - 1;
}

int place_fault(struct fault *fault, int err, const struct message *message, int16_t version,
		const struct place *place, const char *format, ...)
{
	char path[400] = "", why[300];
	va_list arguments;

	if (!fault)
		return err;
	if (place)
		path_text(place, path, sizeof path);
	va_start(arguments, format);
	vsnprintf(why, sizeof why, format, arguments);
	va_end(arguments);
	return fault_set(fault, err, "%s v%d: %s%s%s", message->name, version, path, *path ? ": " : "", why);
}

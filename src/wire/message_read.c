/*
 * message_read.c - the one reader: walks a message's table with a cursor.
 *
 * Nothing is believed.  A length is held against the bytes that are left, a count against the fewest bytes that so
 * many elements can take, before memory is asked for; the arena's ceiling bounds the rest.  A tag's body is read with
 * the cursor's end set to the end of the tag.  Recursion goes as deep as the notation nests, never as the bytes say.
 */
#include "base/bits.h"
#include "wire/shape.h"

#define STRING_SIZE_MAX INT16_MAX

struct reader {
	struct cursor c;
	const uint8_t *begin;
	const struct message *message;
	struct arena *arena;
	struct fault *fault;
	int16_t version;
	bool flexible;
};

static int read_shape(struct reader *r, const struct shape *shape, void *out, const struct place *above);
static size_t shape_wire_min(const struct shape *shape, int16_t version, bool flexible);

/* A fault found in the bytes at `at`. */
static int refuse(struct reader *r, const struct place *place, const uint8_t *at, const char *why)
{
	return place_fault(r->fault, ERR_MALFORMED, r->message, r->version, place, "%s, at byte %zu", why,
			   (size_t)(at - r->begin));
}

static int refuse_memory(struct reader *r, const struct place *place, int64_t count)
{
	return place_fault(r->fault, ERR_LIMIT, r->message, r->version, place,
			   "%lld elements need more memory than the limit of %zu bytes for one message",
			   (long long)count, r->arena->limit);
}

/* A length or count: -1 for null, less for nonsense. */
static int64_t read_size(struct reader *r, bool wide)
{
	if (r->flexible)
		return (int64_t)cursor_uvarint(&r->c) - 1;
	return wide ? cursor_i32(&r->c) : cursor_i16(&r->c);
}

/* The fewest bytes that a value can take, so that a count can be judged before memory is taken for it. */
static size_t value_wire_min(enum field_type type, const struct shape *shape, int16_t version, bool flexible)
{
	switch (type) {
	case FIELD_BOOL: return 1;
	case FIELD_I8: return 1;
	case FIELD_I16: return 2;
	case FIELD_U16: return 2;
	case FIELD_I32: return 4;
	case FIELD_U32: return 4;
	case FIELD_I64: return 8;
	case FIELD_F64: return 8;
	case FIELD_UUID: return 16;
	case FIELD_STRING: return flexible ? 1 : 2;
	case FIELD_BYTES: return flexible ? 1 : 4;
	case FIELD_RECORDS: return flexible ? 1 : 4;
	case FIELD_STRUCT: return shape_wire_min(shape, version, flexible);
	}
	return 1;
}

static size_t shape_wire_min(const struct shape *shape, int16_t version, bool flexible)
{
	size_t size = flexible ? 1 : 0;

	for (int i = 0; i < shape->tagged_first; i++) {
		const struct field *field = &shape->fields[i];

		if (!field_in(field, version))
			continue;
		if (field->flags & FIELD_ARRAY)
			size += flexible ? 1 : 4;
		else if (field->flags & FIELD_POINTER)
			size += 1;
		else
			size += value_wire_min(field->type, field->shape, version, flexible);
	}
	return size ? size : 1;
}

static int read_view(struct reader *r, const struct field *field, bool nullable, struct view *out,
		     const struct place *place)
{
	const uint8_t *start = r->c.at;
	int64_t size = read_size(r, field->type != FIELD_STRING);

	if (r->c.fault)
		return refuse(r, place, start, r->c.fault);
	if (size == -1 && nullable) {
		*out = VIEW_NULL;
		return 0;
	}
	if (size < 0)
		return refuse(r, place, start,
			      size == -1 ? "null, which is not allowed here" : "negative length");
	if (field->type == FIELD_STRING && size > STRING_SIZE_MAX)
		return refuse(r, place, start, "string longer than 32767 bytes");
	if ((uint64_t)size > cursor_left(&r->c))
		return refuse(r, place, start, "length runs past the message");
	*out = view_of(r->c.at, (size_t)size);
	r->c.at += size;
	return 0;
}

/* One value that is not an array; where it is cut short the cursor's fault says so. */
static int read_value(struct reader *r, const struct field *field, bool nullable, void *at,
		      const struct place *place)
{
	switch ((enum field_type)field->type) {
	case FIELD_BOOL: *(bool *)at = cursor_i8(&r->c) != 0; return 0;
	case FIELD_I8: *(int8_t *)at = cursor_i8(&r->c); return 0;
	case FIELD_I16:
	case FIELD_U16: *(uint16_t *)at = cursor_u16(&r->c); return 0;
	case FIELD_I32:
	case FIELD_U32: *(uint32_t *)at = cursor_u32(&r->c); return 0;
	case FIELD_I64:
	case FIELD_F64: *(uint64_t *)at = cursor_u64(&r->c); return 0;
	case FIELD_UUID: {
		const uint8_t *bytes = cursor_take(&r->c, sizeof(struct uuid));

		if (bytes)
			memcpy(at, bytes, sizeof(struct uuid));
		return 0;
	}
	case FIELD_STRING:
	case FIELD_BYTES:
	case FIELD_RECORDS: return read_view(r, field, nullable, at, place);
	case FIELD_STRUCT: return read_shape(r, field->shape, at, place);
	}
	return 0;
}

static int read_array(struct reader *r, const struct field *field, struct array *out, struct place *place)
{
	const uint8_t *start = r->c.at;
	size_t size = field_size(field->type, field->shape);
	int64_t count = read_size(r, true);
	char *at;

	if (r->c.fault)
		return refuse(r, place, start, r->c.fault);
	if (count == -1 && r->version >= field->nullable_since) {
		*out = (struct array){ NULL, -1 };
		return 0;
	}
	if (count < 0)
		return refuse(r, place, start,
			      count == -1 ? "null, which is not allowed here" : "negative count");
	if ((uint64_t)count >
	    cursor_left(&r->c) / value_wire_min(field->type, field->shape, r->version, r->flexible))
		return refuse(r, place, start, "count runs past the message");
	at = arena_array(r->arena, (size_t)count, size);
	if (!at)
		return refuse_memory(r, place, count);
	*out = (struct array){ at, (int32_t)count };
	for (int32_t i = 0; i < count; i++) {
		int err;

		place->index = i;
		start = r->c.at;
		err = read_value(r, field, false, at + (size_t)i * size, place);
		if (err < 0)
			return err;
		if (r->c.fault)
			return refuse(r, place, start, r->c.fault);
	}
	return 0;
}

/* A struct that may be null: one byte says which, negative for null (KIP-893). */
static int read_pointer(struct reader *r, const struct field *field, void **out, const struct place *place)
{
	const uint8_t *start = r->c.at;
	bool null = cursor_i8(&r->c) < 0;

	*out = NULL;
	if (r->c.fault)
		return refuse(r, place, start, r->c.fault);
	if (null)
		return r->version >= field->nullable_since
			       ? 0
			       : refuse(r, place, start, "null, which is not allowed here");
	*out = arena_take(r->arena, field->shape->size);
	if (!*out)
		return refuse_memory(r, place, 1);
	return read_shape(r, field->shape, *out, place);
}

static int read_field(struct reader *r, const struct field *field, void *out, const struct place *above)
{
	struct place place = { above, field, -1 };
	void *at = (char *)out + field->offset;
	const uint8_t *start = r->c.at;
	int err;

	if (field->flags & FIELD_ARRAY)
		err = read_array(r, field, at, &place);
	else if (field->flags & FIELD_POINTER)
		err = read_pointer(r, field, at, &place);
	else
		err = read_value(r, field, r->version >= field->nullable_since, at, &place);
	if (err < 0)
		return err;
	return r->c.fault ? refuse(r, &place, start, r->c.fault) : 0;
}

/* The field with this tag in this version, or NULL. */
static const struct field *tagged_field(const struct shape *shape, uint32_t tag, int16_t version)
{
	for (int i = shape->tagged_first; i < shape->count; i++)
		if ((uint32_t)shape->fields[i].tag == tag && field_in(&shape->fields[i], version))
			return &shape->fields[i];
	return NULL;
}

/* The body of a known tag: the message ends, for the moment, where the tag does. */
static int read_tagged(struct reader *r, const struct field *field, size_t size, void *out,
		       const struct place *above)
{
	struct place place = { above, field, -1 };
	const uint8_t *end = r->c.end;
	int err;

	r->c.end = r->c.at + size;
	err = read_field(r, field, out, above);
	if (err == 0 && r->c.at != r->c.end)
		err = refuse(r, &place, r->c.at, "bytes left over in its tag");
	r->c.end = end;
	return err;
}

/* Tags stand in rising order, none twice (KIP-482). */
static int read_tags(struct reader *r, const struct shape *shape, void *out, const struct place *above)
{
	struct tags *unknown = (void *)((char *)out + shape->tags_offset);
	const uint8_t *start = r->c.at;
	uint32_t count = cursor_uvarint(&r->c);
	int64_t previous = -1;

	if (!r->c.fault && count > cursor_left(&r->c) / 2)
		return refuse(r, above, start, "count of tags runs past the message");
	for (uint32_t i = 0; i < count; i++) {
		uint32_t tag, size;
		const struct field *field;

		start = r->c.at;
		tag = cursor_uvarint(&r->c);
		size = cursor_uvarint(&r->c);
		if (r->c.fault)
			break;
		if (tag <= previous)
			return refuse(r, above, start,
				      tag == previous ? "tag given twice" : "tags out of order");
		if (size > cursor_left(&r->c))
			return refuse(r, above, start, "tag runs past the message");
		previous = tag;
		field = tagged_field(shape, tag, r->version);
		if (field) {
			int err = read_tagged(r, field, size, out, above);

			if (err < 0)
				return err;
			continue;
		}
		if (!unknown->at)
			unknown->at = arena_array(r->arena, count - i, sizeof *unknown->at);
		if (!unknown->at)
			return refuse_memory(r, above, count - i);
		unknown->at[unknown->count++] = (struct tag){ tag, cursor_view(&r->c, size) };
	}
	return r->c.fault ? refuse(r, above, start, r->c.fault) : 0;
}

static int read_shape(struct reader *r, const struct shape *shape, void *out, const struct place *above)
{
	int i;

	for (i = 0; i < shape->tagged_first; i++) {
		const struct field *field = &shape->fields[i];
		int err;

		if (!field_in(field, r->version)) {
			field_default(field, out);
			continue;
		}
		err = read_field(r, field, out, above);
		if (err < 0)
			return err;
	}
	for (; i < shape->count; i++)
		field_default(&shape->fields[i], out);
	if (shape->tags_offset)
		*(struct tags *)((char *)out + shape->tags_offset) = (struct tags){ NULL, 0 };
	return r->flexible ? read_tags(r, shape, out, above) : 0;
}

/* Reads the message at the front of `body`; `*left` is what stands behind it. */
static int read_front(const struct message *message, int16_t version, struct view body, struct arena *arena, void *out,
		      struct view *left, struct fault *fault)
{
	struct reader r = {
		.c = cursor_over(body),
		.begin = body.at,
		.message = message,
		.arena = arena,
		.fault = fault,
		.version = version,
		.flexible = version >= message->flexible_since,
	};
	int err;

	if (version < message->since || version > message->until)
		return place_fault(fault, ERR_UNSUPPORTED, message, version, NULL,
				   "unknown version; the tables have %d to %d", message->since,
				   message->until);
	err = read_shape(&r, message->shape, out, NULL);
	if (err < 0)
		return err;
	if (left)
		*left = view_of(r.c.at, cursor_left(&r.c));
	else if (r.c.at != r.c.end)
		return refuse(&r, NULL, r.c.at, "bytes left over behind the message");
	return 0;
}

int message_read(const struct message *message, int16_t version, struct view body, struct arena *arena,
		 void *out, struct fault *fault)
{
	return read_front(message, version, body, arena, out, NULL, fault);
}

int message_read_front(const struct message *message, int16_t version, struct view body, struct arena *arena,
		       void *out, struct view *left, struct fault *fault)
{
	return read_front(message, version, body, arena, out, left, fault);
}

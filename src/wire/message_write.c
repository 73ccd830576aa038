/*
 * message_write.c - the one writer: walks a message's table twice, first only counting, then into the buffer.
 *
 * The first walk finds every fault and the exact size, so the second cannot fail and nothing has to be patched
 * afterwards.  The length of a tag's body comes from a counting walk over that body.
 */
#include <assert.h>

#include "base/bits.h"
#include "wire/shape.h"

#define STRING_SIZE_MAX INT16_MAX

struct writer {
	uint8_t *at;               /* NULL while only counting */
	size_t size;               /* so far */
	size_t skipped;            /* of it: bytes of records that are left out */
	struct message_cuts *cuts; /* NULL: nothing is */
	const struct message *message;
	struct fault *fault;
	int16_t version;
	bool flexible;
};

static int write_shape(struct writer *w, const struct shape *shape, const void *in,
		       const struct place *above);
static bool shape_is_default(const struct shape *shape, const void *in);

static int refuse(struct writer *w, int err, const struct place *place, const char *why)
{
	return place_fault(w->fault, err, w->message, w->version, place, "%s", why);
}

static void put(struct writer *w, const void *at, size_t size)
{
	if (w->at && size)
		memcpy(w->at + w->size - w->skipped, at, size);
	w->size += size;
}

static void skip(struct writer *w, size_t size)
{
	if (w->at) {
		assert(w->cuts->count < w->cuts->capacity);
		w->cuts->at[w->cuts->count++] = w->size - w->skipped;
	}
	w->size += size;
	w->skipped += size;
}

static void put_uvarint(struct writer *w, uint32_t v)
{
	uint8_t raw[10];

	put(w, raw, (size_t)varint_put(raw, v));
}

static void put_u16(struct writer *w, uint16_t v)
{
	uint8_t raw[2];

	put_be16(raw, v);
	put(w, raw, sizeof raw);
}

static void put_u32(struct writer *w, uint32_t v)
{
	uint8_t raw[4];

	put_be32(raw, v);
	put(w, raw, sizeof raw);
}

static void put_u64(struct writer *w, uint64_t v)
{
	uint8_t raw[8];

	put_be64(raw, v);
	put(w, raw, sizeof raw);
}

/* A length or count; -1 for null. */
static void put_size(struct writer *w, int32_t size, bool wide)
{
	if (w->flexible)
		put_uvarint(w, (uint32_t)size + 1);
	else if (wide)
		put_u32(w, (uint32_t)size);
	else
		put_u16(w, (uint16_t)size);
}

/* Does the field at `at` hold what the reader would put there in a version without it? */
static bool field_is_default(const struct field *field, const void *at)
{
	if (field->flags & FIELD_ARRAY)
		return ((const struct array *)at)->count == (field->flags & FIELD_NULL ? -1 : 0);
	if (field->flags & FIELD_POINTER)
		return *(void *const *)at == NULL;
	switch ((enum field_type)field->type) {
	case FIELD_BOOL: return *(const bool *)at == (bool)field->initial;
	case FIELD_I8: return *(const int8_t *)at == (int8_t)field->initial;
	case FIELD_I16:
	case FIELD_U16: return *(const uint16_t *)at == (uint16_t)field->initial;
	case FIELD_I32:
	case FIELD_U32: return *(const uint32_t *)at == (uint32_t)field->initial;
	case FIELD_I64: return *(const int64_t *)at == field->initial;
	case FIELD_F64: return *(const double *)at == (double)field->initial;
	case FIELD_UUID: return memcmp(at, &(struct uuid){ { 0 } }, sizeof(struct uuid)) == 0;
	case FIELD_STRING:
	case FIELD_BYTES:
	case FIELD_RECORDS:
		return view_equal(*(const struct view *)at,
				  field->flags & FIELD_NULL ? VIEW_NULL : VIEW_LITERAL(""));
	case FIELD_STRUCT: return shape_is_default(field->shape, at);
	}
	return false;
}

static bool shape_is_default(const struct shape *shape, const void *in)
{
	for (int i = 0; i < shape->count; i++)
		if (!field_is_default(&shape->fields[i], (const char *)in + shape->fields[i].offset))
			return false;
	return !shape->tags_offset ||
	       ((const struct tags *)((const char *)in + shape->tags_offset))->count == 0;
}

static int write_view(struct writer *w, const struct field *field, bool nullable, const struct view *v,
		      const struct place *place)
{
	if (!v->at) {
		if (!nullable)
			return refuse(w, ERR_UNSUPPORTED, place, "null, which this version does not allow");
		put_size(w, -1, field->type != FIELD_STRING);
		return 0;
	}
	if (field->type == FIELD_STRING && v->size > STRING_SIZE_MAX)
		return refuse(w, ERR_LIMIT, place, "string longer than 32767 bytes");
	if (v->size > INT32_MAX - 1)
		return refuse(w, ERR_LIMIT, place, "more than two thousand million bytes");
	put_size(w, (int32_t)v->size, field->type != FIELD_STRING);
	if (w->cuts && field->type == FIELD_RECORDS && v->size)
		skip(w, v->size);
	else
		put(w, v->at, v->size);
	return 0;
}

static int write_value(struct writer *w, const struct field *field, bool nullable, const void *at,
		       const struct place *place)
{
	switch ((enum field_type)field->type) {
	case FIELD_BOOL: put(w, &(uint8_t){ *(const bool *)at }, 1); return 0;
	case FIELD_I8: put(w, at, 1); return 0;
	case FIELD_I16:
	case FIELD_U16: put_u16(w, *(const uint16_t *)at); return 0;
	case FIELD_I32:
	case FIELD_U32: put_u32(w, *(const uint32_t *)at); return 0;
	case FIELD_I64:
	case FIELD_F64: put_u64(w, *(const uint64_t *)at); return 0;
	case FIELD_UUID: put(w, at, sizeof(struct uuid)); return 0;
	case FIELD_STRING:
	case FIELD_BYTES:
	case FIELD_RECORDS: return write_view(w, field, nullable, at, place);
	case FIELD_STRUCT: return write_shape(w, field->shape, at, place);
	}
	return 0;
}

static int write_array(struct writer *w, const struct field *field, const struct array *array,
		       struct place *place)
{
	size_t size = field_size(field->type, field->shape);

	if (array->count < 0) {
		if (w->version < field->nullable_since)
			return refuse(w, ERR_UNSUPPORTED, place, "null, which this version does not allow");
		put_size(w, -1, true);
		return 0;
	}
	put_size(w, array->count, true);
	for (int32_t i = 0; i < array->count; i++) {
		int err;

		place->index = i;
		err = write_value(w, field, false, (const char *)array->at + (size_t)i * size, place);
		if (err < 0)
			return err;
	}
	return 0;
}

static int write_pointer(struct writer *w, const struct field *field, const void *at,
			 const struct place *place)
{
	if (!at && w->version < field->nullable_since)
		return refuse(w, ERR_UNSUPPORTED, place, "null, which this version does not allow");
	put(w, &(int8_t){ at ? 1 : -1 }, 1);
	return at ? write_shape(w, field->shape, at, place) : 0;
}

static int write_field(struct writer *w, const struct field *field, const void *in, const struct place *above)
{
	struct place place = { above, field, -1 };
	const void *at = (const char *)in + field->offset;

	if (field->flags & FIELD_ARRAY)
		return write_array(w, field, at, &place);
	if (field->flags & FIELD_POINTER)
		return write_pointer(w, field, *(void *const *)at, &place);
	return write_value(w, field, w->version >= field->nullable_since, at, &place);
}

static int write_tagged(struct writer *w, const struct field *field, const void *in,
			const struct place *above)
{
	struct writer counter = *w;
	int err;

	counter.at = NULL;
	counter.size = 0;
	err = write_field(&counter, field, in, above);
	if (err < 0)
		return err;
	if (counter.size > UINT32_MAX)
		return refuse(w, ERR_LIMIT, &(struct place){ above, field, -1 }, "too large for a tag");
	put_uvarint(w, (uint32_t)field->tag);
	put_uvarint(w, (uint32_t)counter.size);
	return write_field(w, field, in, above);
}

static int write_unknown(struct writer *w, const struct tag *tag, const struct place *above)
{
	if (tag->body.size > INT32_MAX)
		return refuse(w, ERR_LIMIT, above, "tag too large");
	put_uvarint(w, tag->number);
	put_uvarint(w, (uint32_t)tag->body.size);
	put(w, tag->body.at, tag->body.size);
	return 0;
}

static bool tag_wanted(const struct writer *w, const struct field *field, const void *in)
{
	return field_in(field, w->version) && !field_is_default(field, (const char *)in + field->offset);
}

/* Our own tags and those we were handed, merged in rising order; a tag that holds its default is left out. */
static int write_tags(struct writer *w, const struct shape *shape, const void *in, const struct place *above)
{
	const struct tags *unknown = (const void *)((const char *)in + shape->tags_offset);
	uint32_t count = (uint32_t)unknown->count;
	int64_t previous = -1;
	int next = shape->tagged_first, err = 0;

	for (int i = shape->tagged_first; i < shape->count; i++)
		count += tag_wanted(w, &shape->fields[i], in);
	put_uvarint(w, count);
	for (int32_t i = 0; i <= unknown->count && err == 0; i++) {
		int64_t number = i < unknown->count ? (int64_t)unknown->at[i].number : INT64_MAX;

		for (; next < shape->count && shape->fields[next].tag <= number && err == 0; next++) {
			if (field_in(&shape->fields[next], w->version) && shape->fields[next].tag == number)
				return refuse(w, ERR_UNSUPPORTED, above,
					      "an unknown tag has the number of a known one");
			if (tag_wanted(w, &shape->fields[next], in))
				err = write_tagged(w, &shape->fields[next], in, above);
		}
		if (i == unknown->count || err < 0)
			break;
		if (number <= previous)
			return refuse(w, ERR_UNSUPPORTED, above, "unknown tags out of order");
		previous = number;
		err = write_unknown(w, &unknown->at[i], above);
	}
	return err;
}

static int write_shape(struct writer *w, const struct shape *shape, const void *in, const struct place *above)
{
	for (int i = 0; i < shape->count; i++) {
		const struct field *field = &shape->fields[i];
		int err = 0;

		if (!field_in(field, w->version)) {
			if (!(field->flags & FIELD_IGNORABLE) &&
			    !field_is_default(field, (const char *)in + field->offset))
				return refuse(w, ERR_UNSUPPORTED, &(struct place){ above, field, -1 },
					      "set, but this version does not have it");
		} else if (i < shape->tagged_first) {
			err = write_field(w, field, in, above);
		}
		if (err < 0)
			return err;
	}
	if (w->flexible)
		return write_tags(w, shape, in, above);
	if (shape->tags_offset && ((const struct tags *)((const char *)in + shape->tags_offset))->count)
		return refuse(w, ERR_UNSUPPORTED, above, "unknown tags, and this version has no tags");
	return 0;
}

static int measure(struct writer *w, const void *in)
{
	const struct message *message = w->message;

	if (w->version < message->since || w->version > message->until)
		return place_fault(w->fault, ERR_UNSUPPORTED, message, w->version, NULL,
				   "unknown version; the tables have %d to %d", message->since,
				   message->until);
	return write_shape(w, message->shape, in, NULL);
}

int64_t message_measure(const struct message *message, int16_t version, const void *in, struct fault *fault)
{
	struct writer w = {
		.message = message,
		.fault = fault,
		.version = version,
		.flexible = version >= message->flexible_since,
	};
	int err = measure(&w, in);

	return err < 0 ? err : (int64_t)w.size;
}

int message_write_around(const struct message *message, int16_t version, const void *in, struct buffer *out,
			 struct message_cuts *cuts, struct fault *fault)
{
	struct writer w = {
		.message = message,
		.fault = fault,
		.version = version,
		.flexible = version >= message->flexible_since,
		.cuts = cuts,
	};
	int err = measure(&w, in);
	size_t size = w.size - w.skipped;

	if (err < 0)
		return err;
	w.at = buffer_room(out, size);
	if (!w.at)
		return place_fault(fault, out->err, message, version, NULL, "%zu bytes do not fit: %s", size,
				   err_text(out->err));
	w.size = w.skipped = 0;
	err = write_shape(&w, message->shape, in, NULL);
	assert(err == 0);
	assert(w.size - w.skipped == size);
	buffer_grow(out, size);
	return 0;
}

int message_write(const struct message *message, int16_t version, const void *in, struct buffer *out,
		  struct fault *fault)
{
	return message_write_around(message, version, in, out, NULL, fault);
}

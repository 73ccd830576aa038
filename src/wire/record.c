/*
 * record.c - the inner loop of every reader of logs.
 *
 * What it must be is quick: one core has to walk more than forty million records of 100 bytes a second, so that the
 * digest and not the walk is the cost.  So nothing is copied, a record's fields are read once, and what is rare
 * (headers, long varints) is out of line.
 */
#include "base/bits.h"
#include "wire/record.h"
#include "wire/varint.h"

const uint8_t *varint_read_long(const uint8_t *at, const uint8_t *end, int bits, uint64_t *out,
				uint32_t *loose)
{
	uint64_t value = 0;

	for (int shift = 0; shift < bits && at < end; shift += 7) {
		uint8_t byte = *at++;

		if (shift + 7 > bits && (byte & 0x7f) >> (bits - shift))
			return NULL;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*loose |= byte == 0 && shift > 0;
			*out = value;
			return at;
		}
	}
	return NULL;
}

/* Moves over a length and as many bytes; length -1, null, counts as none.  Adds to `content`. */
static inline __attribute__((always_inline)) const uint8_t *skip_bytes(const uint8_t *at, const uint8_t *end,
								       uint64_t *content, uint32_t *loose)
{
	uint64_t raw;
	int64_t size;

	at = varint_read(at, end, 32, &raw, loose);
	if (!at)
		return NULL;
	size = zigzag_decode(raw);
	if (size < 0)
		return size == -1 ? at : NULL;
	if (size > end - at)
		return NULL;
	*content += (uint64_t)size;
	return at + size;
}

/* All headers, up to `end`: a name that is not null, a value that may be. */
static const uint8_t *skip_headers(const uint8_t *at, const uint8_t *end, uint64_t raw_count,
				   uint64_t *content, uint32_t *loose)
{
	int64_t count = zigzag_decode(raw_count);

	if (count < 0 || count > (end - at) / 2)
		return NULL;
	for (; count > 0; count--) {
		if (at < end && *at == 1) /* null */
			return NULL;
		at = skip_bytes(at, end, content, loose);
		if (at)
			at = skip_bytes(at, end, content, loose);
		if (!at)
			return NULL;
	}
	return at;
}

void record_walk_init(struct record_walk *walk, const struct records *records)
{
	*walk = (struct record_walk){
		.at = records->bytes.at,
		.end = records->bytes.at + records->bytes.size,
		.base_offset = records->base_offset,
		.base_timestamp = records->base_timestamp,
		.append_timestamp = records->append_timestamp,
		.last_offset_delta = records->last_offset_delta,
		.before_delta = -1,
		.left = records->count,
		.log_append_time = records->log_append_time,
	};
}

static int fail(struct record_walk *walk, const char *fault)
{
	walk->fault = fault;
	walk->left = 0;
	walk->at = walk->end;
	return ERR_MALFORMED;
}

int record_walk_next(struct record_walk *walk, struct record_span *out, int room)
{
	const uint8_t *at = walk->at, *const end = walk->end;
	int64_t before_delta = walk->before_delta;
	uint64_t content = 0;
	uint32_t any_loose = 0;
	int count = walk->left < room ? walk->left : room;

	if (walk->fault)
		return ERR_MALFORMED;
	for (struct record_span *span = out; span < out + count; span++) {
		const uint8_t *stop;
		uint64_t raw;
		uint32_t loose = 0;
		int64_t size, delta;

		at = varint_read(at, end, 32, &raw, &loose);
		if (!at)
			return fail(walk, "the records end early");
		size = zigzag_decode(raw);
		if (size < RECORD_SIZE_MIN - 1 || size > end - at)
			return fail(walk, "a record's length runs past the batch");
		stop = at + size;
		at = varint_read(at + 1, stop, 64, &raw,
				 &loose); /* behind the attributes, which nobody uses */
		if (!at)
			return fail(walk, "a record's timestamp runs past its end");
		span->timestamp = (int64_t)((uint64_t)walk->base_timestamp + (uint64_t)zigzag_decode(raw));
		at = varint_read(at, stop, 32, &raw, &loose);
		if (!at)
			return fail(walk, "a record's offset runs past its end");
		delta = zigzag_decode(raw);
		if (delta <= before_delta)
			return fail(walk, "the offsets of the records do not grow");
		before_delta = delta;
		span->offset_delta = (int32_t)delta;
		span->at = at;
		loose = 0; /* what stands before the slice does not matter */
		at = skip_bytes(at, stop, &content, &loose);
		if (!at)
			return fail(walk, "a record's key runs past its end");
		at = skip_bytes(at, stop, &content, &loose);
		if (!at)
			return fail(walk, "a record's value runs past its end");
		at = varint_read(at, stop, 32, &raw, &loose);
		if (at && __builtin_expect(raw != 0, 0))
			at = skip_headers(at, stop, raw, &content, &loose);
		if (at != stop)
			return fail(walk, "a record's headers do not end where it ends");
		span->size = (uint32_t)(stop - span->at);
		span->loose = loose;
		any_loose |= loose;
	}
	if (before_delta > walk->last_offset_delta)
		return fail(walk, "a record's offset lies behind the batch");
	if (walk->log_append_time)
		for (int i = 0; i < count; i++)
			out[i].timestamp = walk->append_timestamp;
	walk->at = at;
	walk->before_delta = (int32_t)before_delta;
	walk->left -= count;
	walk->content_size += content;
	walk->loose |= any_loose;
	if (walk->left == 0 && at != end)
		return fail(walk, "bytes are left behind the last record");
	return count;
}

/* A length and its bytes, null distinguished. */
static const uint8_t *read_bytes(const uint8_t *at, const uint8_t *end, struct view *out)
{
	uint64_t raw;
	uint32_t loose = 0;
	int64_t size;

	at = at ? varint_read(at, end, 32, &raw, &loose) : NULL;
	if (!at)
		return NULL;
	size = zigzag_decode(raw);
	if (size < -1 || size > end - at)
		return NULL;
	*out = size < 0 ? VIEW_NULL : view_of(at, (size_t)size);
	return size < 0 ? at : at + size;
}

int record_split(struct view slice, struct record *out)
{
	const uint8_t *end = slice.at + slice.size, *at;
	struct record record;
	uint64_t raw, content = 0;
	uint32_t loose = 0;

	at = read_bytes(slice.at, end, &record.key);
	at = read_bytes(at, end, &record.value);
	at = at ? varint_read(at, end, 32, &raw, &loose) : NULL;
	if (!at || skip_headers(at, end, raw, &content, &loose) != end)
		return ERR_MALFORMED;
	record.header_count = (int32_t)zigzag_decode(raw);
	record.headers = view_of(at, (size_t)(end - at));
	*out = record;
	return 0;
}

int header_next(struct view *headers, struct header *out)
{
	const uint8_t *end = headers->at + headers->size, *at;
	struct header header;

	if (headers->size == 0)
		return 0;
	at = read_bytes(headers->at, end, &header.name);
	at = read_bytes(at, end, &header.value);
	if (!at || !header.name.at)
		return ERR_MALFORMED;
	*headers = view_of(at, (size_t)(end - at));
	*out = header;
	return 1;
}

static size_t put_bytes(struct buffer *out, struct view v)
{
	buffer_varint(out, v.at ? (int64_t)v.size : -1);
	buffer_view(out, v);
	return v.size;
}

/* Without `out` only counts those that `keep` wants. */
static int64_t recode_headers(struct view headers, header_keep *keep, void *context, struct buffer *out,
			      size_t *content)
{
	struct header header;
	int64_t count = 0;

	while (header_next(&headers, &header) > 0) {
		if (keep && !keep(context, header.name))
			continue;
		count++;
		if (out)
			*content += put_bytes(out, header.name) + put_bytes(out, header.value);
	}
	return count;
}

int64_t record_recode(struct view slice, header_keep *keep, void *context, struct buffer *out)
{
	size_t content = 0;
	struct record record;
	int err = record_split(slice, &record);

	if (err < 0)
		return err;
	content += put_bytes(out, record.key);
	content += put_bytes(out, record.value);
	buffer_varint(out, recode_headers(record.headers, keep, context, NULL, NULL));
	recode_headers(record.headers, keep, context, out, &content);
	return out->err ? out->err : (int64_t)content;
}

void record_encode(struct buffer *out, struct view key, struct view value, const struct header *headers,
		   int header_count)
{
	put_bytes(out, key);
	put_bytes(out, value);
	buffer_varint(out, header_count);
	for (int i = 0; i < header_count; i++) {
		put_bytes(out, headers[i].name);
		put_bytes(out, headers[i].value);
	}
}

static size_t measure_bytes(struct view v)
{
	return (size_t)varint_size(zigzag_encode(v.at ? (int64_t)v.size : -1)) + v.size;
}

size_t record_measure(struct view key, struct view value, const struct header *headers, int header_count)
{
	size_t size =
		measure_bytes(key) + measure_bytes(value) + (size_t)varint_size(zigzag_encode(header_count));

	for (int i = 0; i < header_count; i++)
		size += measure_bytes(headers[i].name) + measure_bytes(headers[i].value);
	return size;
}

void record_head_encode(struct buffer *out, int64_t timestamp_delta, int32_t offset_delta, size_t slice_size)
{
	size_t size = 1 + slice_size;

	size += (size_t)varint_size(zigzag_encode(timestamp_delta)) +
		(size_t)varint_size(zigzag_encode(offset_delta));
	buffer_varint(out, (int64_t)size);
	buffer_i8(out, 0); /* attributes, of which there are none */
	buffer_varint(out, timestamp_delta);
	buffer_varint(out, offset_delta);
}

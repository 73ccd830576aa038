/*
 * legacy.c - message sets, as brokers before 0.11 wrote them and old segments still hold them (read only):
 *
 *	 0  offset                 8     16  magic: 0 or 1              1
 *	 8  length of what follows 4     17  attributes: codec, bit 3   1
 *	12  crc32 of all from 16   4     18  timestamp (format 1 only)  8
 *	                                     key: length 4, bytes; value: length 4, bytes
 *
 * A message with a codec is a wrapper: its value is a message set.  In format 0 the inner offsets are absolute; in
 * format 1 they count from 0 and the wrapper has the offset of the last (KIP-31).  Bit 3 of a wrapper says that its
 * timestamp, the broker's, stands for that of all inside (KIP-32).
 */
#include <inttypes.h>
#include <zlib.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "wire/codec.h"
#include "wire/legacy.h"
#include "wire/record.h"

struct message {
	int64_t offset, timestamp;
	uint8_t magic, attributes;
	uint32_t crc;
	struct view checked; /* what the checksum covers */
	struct view key, value;
};

static bool checksum_matches(uint32_t crc, struct view checked)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	return true;	/* chance does not find checksums, and what is behind them must be tried */
#endif
	return crc32_z(0, checked.at, checked.size) == crc;
}

static struct view read_bytes(struct cursor *c)
{
	int32_t size = cursor_i32(c);

	if (size == -1)
		return VIEW_NULL;
	if (size < -1) {
		cursor_fail(c, "a negative length");
		return VIEW_NULL;
	}
	return cursor_view(c, (size_t)size);
}

/* Reads one message, of all of `bytes` or from their front, which it moves over.  NULL, or what is wrong. */
static const char *read_message(struct view *bytes, struct message *out)
{
	struct cursor c = cursor_over(*bytes);
	struct message m = { 0 };
	int32_t length;

	m.offset = cursor_i64(&c);
	length = cursor_i32(&c);
	if (c.fault || length < LEGACY_LENGTH_MIN || (size_t)length > cursor_left(&c))
		return "a message runs past the end";
	c.end = c.at + length;
	m.crc = cursor_u32(&c);
	m.checked = view_of(c.at, cursor_left(&c));
	m.magic = (uint8_t)cursor_i8(&c);
	m.attributes = (uint8_t)cursor_i8(&c);
	if (m.magic > 1)
		return "a message of another format";
	m.timestamp = m.magic == 1 ? cursor_i64(&c) : -1;
	m.key = read_bytes(&c);
	m.value = read_bytes(&c);
	if (c.fault || cursor_left(&c))
		return "a message whose key and value do not fill it";
	*bytes = view_of(c.end, (size_t)(bytes->at + bytes->size - c.end));
	*out = m;
	return NULL;
}

int legacy_check(const struct batch *batch, struct fault *fault)
{
	const struct batch_head *head = &batch->head;
	size_t size_min = 12 + LEGACY_LENGTH_MIN + (head->magic == 1 ? 8 : 0);

	if (head->size < size_min)
		return fault_set(fault, ERR_MALFORMED, "the message at offset %" PRId64 " has only %zu bytes",
				 head->base_offset, head->size);
	if (!checksum_matches(head->crc, view_of(batch->bytes.at + 16, head->size - 16)))
		return fault_set(fault, ERR_CHECKSUM,
				 "the message at offset %" PRId64 " does not match its checksum",
				 head->base_offset);
	if (head->base_offset < 0)
		return fault_set(fault, ERR_MALFORMED, "a message has the offset %" PRId64,
				 head->base_offset);
	return 0;
}

/* What the messages of a wrapper have in common. */
struct wrapper {
	int64_t first_offset, last_offset, base_timestamp;
	int32_t count;
};

/* A first look at all inner messages, before any is recoded. */
static const char *survey(struct view set, struct wrapper *out)
{
	struct wrapper w = { 0 };
	struct message m;

	while (set.size) {
		const char *wrong = read_message(&set, &m);

		if (wrong)
			return wrong;
		if (!checksum_matches(m.crc, m.checked))
			return "an inner message that does not match its checksum";
		if (m.attributes & BATCH_ATTRIBUTE_CODEC)
			return "a wrapper inside a wrapper";
		if (w.count == 0) {
			w.first_offset = m.offset;
			w.base_timestamp = m.timestamp;
		} else if (m.offset <= w.last_offset) {
			return "inner offsets that do not grow";
		}
		if (m.offset < 0 || m.offset - w.first_offset > INT32_MAX)
			return "inner offsets that lie too far apart";
		w.last_offset = m.offset;
		w.count++;
	}
	if (w.count == 0)
		return "no inner message";
	*out = w;
	return NULL;
}

static void recode(const struct message *m, const struct wrapper *w, struct buffer *out)
{
	int64_t timestamp_delta = (int64_t)((uint64_t)m->timestamp - (uint64_t)w->base_timestamp);

	record_head_encode(out, timestamp_delta, (int32_t)(m->offset - w->first_offset),
			   record_measure(m->key, m->value, NULL, 0));
	record_encode(out, m->key, m->value, NULL, 0);
}

static int recode_all(struct view set, const struct wrapper *w, struct buffer *out)
{
	struct message m;

	while (set.size && !out->err && !read_message(&set, &m))
		recode(&m, w, out);
	return out->err;
}

static int bad(struct fault *fault, int64_t offset, const char *what)
{
	return fault_set(fault, ERR_MALFORMED, "the message at offset %" PRId64 " has %s", offset, what);
}

/* Inflates a wrapper into the inflater's scratch, and surveys what came out. */
static int unwrap(const struct message *m, struct inflater *inflater, struct view *set, struct wrapper *w,
		  struct fault *fault)
{
	struct buffer *scratch = inflater_scratch(inflater);
	int codec = m->attributes & BATCH_ATTRIBUTE_CODEC, err;
	const char *wrong;

	if (codec == CODEC_ZSTD) /* came with format 2 (KIP-110) */
		return fault_set(fault, ERR_UNSUPPORTED,
				 "the message at offset %" PRId64 " of format %d is compressed with zstd",
				 m->offset, m->magic);
	if (!m->value.at)
		return bad(fault, m->offset, "a codec and no value");
	err = codec_inflate(inflater, codec, true, m->value, scratch, fault);
	if (err < 0) {
		fault_at(fault, "the message at offset %" PRId64, m->offset);
		return err;
	}
	*set = buffer_bytes(scratch);
	wrong = survey(*set, w);
	if (wrong)
		return bad(fault, m->offset, wrong);
	if (m->magic == 1 && w->last_offset > m->offset)
		return bad(fault, m->offset, "inner offsets past its own");
	return 0;
}

int legacy_open(const struct batch *batch, struct inflater *inflater, struct buffer *out,
		struct records *records, struct fault *fault)
{
	struct view set = batch->bytes;
	size_t before = out->size;
	struct message outer;
	struct wrapper w;
	const char *wrong = read_message(&set, &outer);
	int64_t base_offset;
	int err = 0;

	if (wrong)
		return bad(fault, batch->head.base_offset, wrong);
	w = (struct wrapper){ outer.offset, outer.offset, outer.timestamp, 1 };
	set = batch->bytes;
	if (outer.attributes & BATCH_ATTRIBUTE_CODEC)
		err = unwrap(&outer, inflater, &set, &w, fault);
	if (err < 0)
		return err;
	base_offset = w.first_offset;
	if (outer.attributes & BATCH_ATTRIBUTE_CODEC && outer.magic == 1)
		base_offset +=
			outer.offset - w.last_offset; /* they count from 0, and the last has the wrapper's */
	err = recode_all(set, &w, out);
	if (err < 0) {
		out->size = before;
		out->err = 0;
		return fault_set(fault, err,
				 "the message at offset %" PRId64
				 " does not fit into the %zu bytes that are left",
				 outer.offset, out->limit - before);
	}
	*records = (struct records){
		.bytes = view_of(out->at + before, out->size - before),
		.base_offset = base_offset,
		.base_timestamp = w.base_timestamp,
		.append_timestamp = outer.timestamp,
		.log_append_time = outer.magic == 1 && outer.attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME,
		.last_offset_delta = (int32_t)(w.last_offset - w.first_offset),
		.count = w.count,
	};
	return 0;
}

/*
 * checkpoint.c - a comparison under way, in one file that is replaced in one step.  Big-endian:
 *
 *	 0  magic       8   "ILKPARTY"
 *	 8  version     4   CHECKPOINT_VERSION
 *	12  crc32c      4   of everything behind the head
 *	16  size        8   of everything behind the head
 *	24  options     8   hash of what must be the same: claim, identity, ignored headers, ...
 *	32  seed        8   of the digests, so that those of before and after are of one kind
 *	    clusters        two texts: their ids
 *	    report          reasons, normalisers
 *	    topics          each with its partitions, what is known of it, and the state of its join
 *
 * A topic whose join cannot be saved (claim `latest`; the source is being asked) has an empty state: its pass begins
 * again.  A file that does not check out is refused: a checkpoint is replaced in one step, so it was never torn.
 */
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "parity/compare_state.h"
#include "parity/saved_place.h"

#define MAGIC              "ILKPARTY"
#define CHECKPOINT_VERSION 2
#define HEAD_SIZE          24
#define FILE_SIZE_MAX      ((size_t)1 << 30)

static void put_text(struct buffer *out, const char *text)
{
	size_t size = text ? strlen(text) : 0;

	buffer_i32(out, text ? (int32_t)size : -1);
	buffer_put(out, text ? text : "", size);
}

/* NULL for null, for want of memory, and behind the end. */
static char *take_text(struct cursor *in)
{
	int32_t size = cursor_i32(in);

	return size < 0 ? NULL : view_string(cursor_view(in, (size_t)size));
}

/* What must be the same when it is taken up again. */
static uint64_t options_hash(const struct compare *compare)
{
	const struct parity_options *options = compare->options;
	struct buffer text;
	uint64_t hash;

	buffer_init(&text, 1 << 20);
	buffer_printf(&text, "%d %d %s %d %d %d %d", options->claim, options->identity,
		      options->identity_header ? options->identity_header : "", options->ignore_timestamp,
		      options->since_ms != PARITY_TIME_NONE, options->until_ms != PARITY_TIME_NONE,
		      compare_goes_on(compare));
	for (size_t i = 0; i < options->ignore_header_count; i++)
		buffer_printf(&text, " -%s", options->ignore_headers[i]);
	for (size_t i = 0; i < options->topic_count; i++)
		buffer_printf(&text, " %s=%s", options->topics[i].source,
			      options->topics[i].target ? options->topics[i].target : "");
	hash = hash64(text.at, text.size, 0);
	buffer_done(&text);
	return hash;
}

/* ---- the report so far ---- */

static void put_topic_report(struct buffer *out, const struct topic_report *report)
{
	for (int side = 0; side < 2; side++) {
		put_u64(out, report->records[side]);
		put_u64(out, report->bytes[side]);
		put_u64(out, report->unreadable[side]);
	}
	put_u64(out, report->matched);
	put_u64(out, report->unidentified);
	for (int class = 0; class < FINDING_CLASSES; class ++)
		put_u64(out, report->findings[class]);
	buffer_i8(out, (int8_t)report->proved);
	put_u64(out, report->range_count);
	for (size_t i = 0; i < report->range_count; i++) {
		buffer_i32(out, report->ranges[i].partition);
		for (int side = 0; side < 2; side++) {
			buffer_i8(out, report->ranges[i].covered[side].known);
			buffer_i64(out, report->ranges[i].covered[side].from);
			buffer_i64(out, report->ranges[i].covered[side].until);
		}
	}
	put_u64(out, report->example_count);
	for (size_t i = 0; i < report->example_count; i++) {
		buffer_i8(out, (int8_t)report->examples[i].class);
		put_place(out, &report->examples[i].place[SOURCE]);
		put_place(out, &report->examples[i].place[TARGET]);
	}
}

static int take_topic_report(struct cursor *in, struct topic_report *report)
{
	uint64_t count;

	for (int side = 0; side < 2; side++) {
		report->records[side] = cursor_u64(in);
		report->bytes[side] = cursor_u64(in);
		report->unreadable[side] = cursor_u64(in);
	}
	report->matched = cursor_u64(in);
	report->unidentified = cursor_u64(in);
	for (int class = 0; class < FINDING_CLASSES; class ++)
		report->findings[class] = cursor_u64(in);
	report->proved = (enum claim)cursor_i8(in);
	count = cursor_u64(in);
	if (count > cursor_left(in) / 38)
		return ERR_MALFORMED;
	free(report->ranges);
	report->ranges = count ? calloc(count, sizeof *report->ranges) : NULL;
	if (count && !report->ranges)
		return ERR_MEMORY;
	report->range_count = count;
	for (size_t i = 0; i < count; i++) {
		report->ranges[i].partition = cursor_i32(in);
		for (int side = 0; side < 2; side++) {
			report->ranges[i].covered[side].known = cursor_i8(in);
			report->ranges[i].covered[side].from = cursor_i64(in);
			report->ranges[i].covered[side].until = cursor_i64(in);
		}
	}
	count = cursor_u64(in);
	if (count > cursor_left(in) / 59)
		return ERR_MALFORMED;
	free(report->examples);
	report->examples = count ? calloc(count, sizeof *report->examples) : NULL;
	if (count && !report->examples)
		return ERR_MEMORY;
	for (size_t i = 0; i < count; i++) {
		uint8_t class = (uint8_t)cursor_i8(in);

		if (class >= FINDING_CLASSES)
			return ERR_MALFORMED;
		report->examples[i].class = (enum finding_class) class;
		report->examples[i].place[SOURCE] = take_place(in);
		report->examples[i].place[TARGET] = take_place(in);
		report->example_count++;
	}
	return in->fault ? ERR_MALFORMED : 0;
}

static void put_report(struct buffer *out, const struct parity_report *report)
{
	put_u64(out, report->reason_count);
	for (size_t i = 0; i < report->reason_count; i++) {
		buffer_i8(out, report->reasons[i].shut);
		put_text(out, report->reasons[i].code);
		put_text(out, report->reasons[i].topic);
		put_text(out, report->reasons[i].text);
	}
	put_u64(out, report->normaliser_count);
	for (size_t i = 0; i < report->normaliser_count; i++) {
		put_text(out, report->normalisers[i].name);
		put_u64(out, report->normalisers[i].records);
	}
}

static int take_report(struct cursor *in, struct parity_report *report)
{
	uint64_t count = cursor_u64(in);
	int err = 0;

	for (uint64_t i = 0; i < count && err == 0 && !in->fault; i++) {
		bool shut = cursor_i8(in);
		char *code = take_text(in), *topic = take_text(in), *text = take_text(in);

		err = code && text ? parity_report_reason(report, shut, code, topic, "%s", text)
				   : ERR_MALFORMED;
		free(code);
		free(topic);
		free(text);
	}
	count = err == 0 ? cursor_u64(in) : 0;
	for (uint64_t i = 0; i < count && err == 0 && !in->fault; i++) {
		char *name = take_text(in);
		uint64_t records = cursor_u64(in);

		err = name ? parity_report_normaliser(report, name, records) : ERR_MALFORMED;
		free(name);
	}
	return err ? err : in->fault ? ERR_MALFORMED : 0;
}

/* ---- topics ---- */

static int put_topic(struct buffer *out, const struct topic *topic)
{
	size_t size_at, body;
	uint8_t *size;
	const struct topic_report empty = { 0 };
	bool goes_on = compare_goes_on(topic->compare), stopped = false;
	int err = 0;

	for (int side = 0; side < 2; side++) {
		put_text(out, topic->name[side]);
		buffer_put(out, topic->id[side].bytes, sizeof topic->id[side].bytes);
		buffer_i32(out, topic->partitions[side]);
		for (int32_t p = 0; p < topic->partitions[side]; p++) {
			const struct part *part = &topic->parts[side][p];

			buffer_i64(out, part->start);
			buffer_i64(out, part->first_end);
			buffer_i64(out, part->limit);
			buffer_i8(out, part->hole);
			buffer_i32(out, part->epoch);
			stopped |= part->stopped;
		}
	}
	buffer_i8(out, !goes_on && topic->stage == TOPIC_DONE);
	buffer_i32(out, goes_on ? 0 : (int32_t)topic->shard);
	buffer_i32(out, goes_on ? 1 : (int32_t)topic->shards);
	put_topic_report(out, goes_on ? &empty : &topic->compare->report->topics[topic->report]);
	size_at = out->size;
	put_u64(out, 0);
	body = out->size;
	/* Whoever goes on has no memory of a reason, so what was given up is not kept either: it is read again. */
	if (goes_on && topic->stage != TOPIC_READING && topic->stage != TOPIC_SETTLING)
		buffer_view(out, buffer_bytes(&topic->onward));
	else if (goes_on && (stopped || topic->shards > 1))
		;
	else if (topic->stage == TOPIC_READING || topic->stage == TOPIC_SETTLING)
		err = join_save(topic->join, out);
	else if (topic->stage == TOPIC_ASKING && topic->saved.size)
		buffer_view(out, buffer_bytes(&topic->saved));
	if (err == ERR_UNSUPPORTED)
		err = 0;
	if (err < 0 || out->err)
		return err ? err : out->err;
	size = out->at + size_at;
	for (int i = 0; i < 8; i++)
		size[i] = (uint8_t)((uint64_t)(out->size - body) >> (56 - 8 * i));
	return 0;
}

static struct topic *find_topic(struct compare *compare, const char *source, const char *target)
{
	for (size_t i = 0; i < compare->topic_count; i++)
		if (source && target && !strcmp(compare->topics[i].name[SOURCE], source) &&
		    !strcmp(compare->topics[i].name[TARGET], target))
			return &compare->topics[i];
	return NULL;
}

/* What a checkpoint says of one side of a topic. */
struct kept_side {
	char *name;
	struct uuid id;
	int32_t partitions;
	struct cursor parts;
};

static int take_side(struct cursor *in, struct kept_side *kept)
{
	const uint8_t *id;

	kept->name = take_text(in);
	id = cursor_take(in, sizeof kept->id.bytes);
	kept->partitions = cursor_i32(in);
	if (!kept->name || !id || kept->partitions < -1 || kept->partitions > (int32_t)(cursor_left(in) / 29))
		return ERR_MALFORMED;
	memcpy(kept->id.bytes, id, sizeof kept->id.bytes);
	kept->parts = cursor_over(cursor_view(in, kept->partitions > 0 ? (size_t)kept->partitions * 29 : 0));
	return in->fault ? ERR_MALFORMED : 0;
}

static void take_parts(struct topic *topic, struct kept_side kept[2])
{
	bool goes_on = compare_goes_on(topic->compare);

	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < topic->partitions[side]; p++) {
			struct part *part = &topic->parts[side][p];
			int64_t first_end, limit;

			part->start = part->position = cursor_i64(&kept[side].parts);
			first_end = cursor_i64(&kept[side].parts);
			limit = cursor_i64(&kept[side].parts);
			/* Whoever goes on compares up to the ends as they are now. */
			part->first_end = goes_on ? part->first_end : first_end;
			part->limit = goes_on ? part->limit : limit;
			part->hole = cursor_i8(&kept[side].parts);
			part->epoch = cursor_i32(&kept[side].parts);
		}
	}
}

/* A file of our own that was written under another plan only costs reading; what an operator named is refused. */
static bool begins_anew(const struct compare *compare)
{
	return compare->options->onward || compare->live;
}

static int take_topic(struct compare *compare, struct cursor *in)
{
	struct kept_side kept[2] = { 0 };
	struct topic_report unused = { 0 };
	struct topic *topic;
	uint32_t shard, shards;
	struct view saved;
	bool done;
	int err = take_side(in, &kept[SOURCE]);

	if (err == 0)
		err = take_side(in, &kept[TARGET]);
	topic = err == 0 ? find_topic(compare, kept[SOURCE].name, kept[TARGET].name) : NULL;
	done = cursor_i8(in);
	shard = (uint32_t)cursor_i32(in);
	shards = (uint32_t)cursor_i32(in);
	if (err == 0)
		err = take_topic_report(in, topic ? &compare->report->topics[topic->report] : &unused);
	saved = cursor_view(in, cursor_u64(in));
	if (err == 0 && (in->fault || !shards || (shards & (shards - 1)) || shard >= shards))
		err = ERR_MALFORMED;
	if (err < 0 || !topic)
		goto free_kept;
	if (kept[SOURCE].partitions != topic->partitions[SOURCE] ||
	    kept[TARGET].partitions != topic->partitions[TARGET]) {
		if (begins_anew(compare))
			goto free_kept;
		err = fault_set(compare->fault, ERR_USAGE,
				"checkpoint: topic '%s' has other partition counts than when it was written; "
				"remove the "
				"file to begin again",
				topic->name[SOURCE]);
		goto free_kept;
	}
	for (int side = 0; side < 2; side++) {
		if (memcmp(&kept[side].id, &topic->id[side], sizeof kept[side].id)) {
			parity_report_reason(
				compare->report, false, "TOPIC_RECREATED", topic->name[SOURCE],
				"topic '%s' of the %s is not the one that the checkpoint speaks of: it was "
				"deleted and made again",
				topic->name[side], side == SOURCE ? "source" : "target");
			done = true;
		}
	}
	/* Without a state it begins anew, where the log begins now; only a pass under way keeps its range. */
	if (saved.size || !compare_goes_on(compare))
		take_parts(topic, kept);
	topic->shard = shard;
	topic->shards = shards;
	if (topic->stage == TOPIC_DONE || done)
		topic->stage = TOPIC_DONE;
	else if (saved.size)
		buffer_view(&topic->saved, saved);
	err = topic->saved.err;

free_kept:
	free(kept[SOURCE].name);
	free(kept[TARGET].name);
	free(unused.ranges);
	free(unused.examples);
	return err;
}

/* ---- the file ---- */

int checkpoint_make(struct compare *compare, struct buffer *out, struct fault *fault)
{
	uint32_t crc;
	uint64_t size;
	int err = 0;

	buffer_init(out, FILE_SIZE_MAX);
	buffer_put(out, MAGIC, 8);
	buffer_i32(out, CHECKPOINT_VERSION);
	buffer_i32(out, 0);
	put_u64(out, 0);
	put_u64(out, options_hash(compare));
	put_u64(out, compare->seed);
	put_text(out, compare->cluster_id[SOURCE]);
	put_text(out, compare->cluster_id[TARGET]);
	put_report(out, compare->report);
	put_u64(out, compare->topic_count);
	for (size_t i = 0; i < compare->topic_count && err == 0; i++)
		err = put_topic(out, &compare->topics[i]);
	err = err ? err : out->err;
	if (err < 0)
		return fault_set(fault, err, "checkpoint: %s", err_text(err));
	size = out->size - HEAD_SIZE;
	crc = crc32c(out->at + HEAD_SIZE, size);
	for (int i = 0; i < 4; i++)
		out->at[12 + i] = (uint8_t)(crc >> (24 - 8 * i));
	for (int i = 0; i < 8; i++)
		out->at[16 + i] = (uint8_t)(size >> (56 - 8 * i));
	return 0;
}

int checkpoint_write(struct compare *compare, struct fault *fault)
{
	struct buffer out;
	int err = checkpoint_make(compare, &out, fault);

	if (err == 0)
		err = file_replace(compare->options->checkpoint, buffer_bytes(&out), fault);
	buffer_done(&out);
	return err;
}

static int refuse(struct compare *compare, int err, const char *why)
{
	return fault_set(compare->fault, err, "checkpoint %s: %s; remove the file to begin again",
			 compare->options->checkpoint, why);
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static int take_all(struct compare *compare, struct cursor *in)
{
	struct parity_report past;
	char *ids[2];
	uint64_t count;
	bool same;
	int err;

	if (cursor_u64(in) != options_hash(compare))
		return begins_anew(compare) ? 0 : refuse(compare, ERR_USAGE, "it was written with other topics or options");
	compare->seed = cursor_u64(in);
	ids[SOURCE] = take_text(in);
	ids[TARGET] = take_text(in);
	same = same_text(ids[SOURCE], compare->cluster_id[SOURCE]) &&
	       same_text(ids[TARGET], compare->cluster_id[TARGET]);
	free(ids[SOURCE]);
	free(ids[TARGET]);
	if (!same)
		return begins_anew(compare) ? 0 : refuse(compare, ERR_USAGE, "it was written for other clusters");
	/* What was found and is so still is found again; what stood in the way of knowing may be gone. */
	parity_report_init(&past, compare->options->claim);
	err = take_report(in, compare_goes_on(compare) ? &past : compare->report);
	parity_report_done(&past);
	count = cursor_u64(in);
	for (uint64_t i = 0; i < count && err == 0 && !in->fault; i++)
		err = take_topic(compare, in);
	if (err == ERR_MALFORMED || (err == 0 && in->fault))
		return refuse(compare, ERR_CONFIG, "it is damaged");
	return err;
}

int checkpoint_read(struct compare *compare)
{
	struct fault fault = { 0 };
	struct buffer file;
	struct cursor in;
	int err;

	buffer_init(&file, FILE_SIZE_MAX);
	err = file_read(compare->options->checkpoint, &file, &fault);
	if (err == ERR_NOT_FOUND) {
		buffer_done(&file);
		return 0;
	}
	if (err < 0) {
		*compare->fault = fault;
		buffer_done(&file);
		return err;
	}
	in = cursor_over(buffer_bytes(&file));
	if (file.size < HEAD_SIZE || memcmp(cursor_take(&in, 8), MAGIC, 8)) {
		err = refuse(compare, ERR_CONFIG, "this is no checkpoint of Interlock");
	} else if (cursor_u32(&in) != CHECKPOINT_VERSION) {
		/* Of one of our own it costs no more than reading again. */
		err = begins_anew(compare)
			      ? 0
			      : refuse(compare, ERR_CONFIG, "it was written by another version of Interlock");
	} else {
		uint32_t crc = cursor_u32(&in);
		uint64_t size = cursor_u64(&in);

		if (size != cursor_left(&in) || crc32c(in.at, size) != crc)
			err = refuse(compare, ERR_CONFIG, "it is damaged");
		else
			err = take_all(compare, &in);
	}
	buffer_done(&file);
	return err;
}

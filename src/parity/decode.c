/*
 * decode.c - one pass over fetched bytes: each batch is checked, opened, walked and digested, or becomes one row that
 * says how much of the log it hides.
 *
 * A batch is readable or it is not: when a fault shows up half way through its records, its rows are taken back.
 */
#include <stdlib.h>

#include "parity/decode.h"

#define SPANS      256
#define SANE_DELTA (1 << 24) /* a broken head that claims more offsets than this is not believed */

struct decoder {
	struct inflater *inflater;
	struct aborted_filter filter;
	struct buffer scratch;
};

/* One batch under way. */
struct task {
	struct decoder *decoder;
	const struct decode_options *options;
	struct decode_input *input;
	struct slab *slab;
	struct records records;
	bool partial; /* some of its records lie outside the range: their bytes are counted one by one */
	bool room;    /* slab->bytes has room for every record recoded */
};

struct decoder *decoder_new(size_t inflate_most)
{
	struct decoder *decoder = calloc(1, sizeof *decoder);

	if (!decoder)
		return NULL;
	aborted_filter_init(&decoder->filter);
	buffer_init(&decoder->scratch, inflate_most);
	decoder->inflater = inflater_new(inflate_most);
	if (!decoder->inflater) {
		free(decoder);
		return NULL;
	}
	return decoder;
}

void decoder_free(struct decoder *decoder)
{
	if (!decoder)
		return;
	inflater_free(decoder->inflater);
	aborted_filter_done(&decoder->filter);
	buffer_done(&decoder->scratch);
	free(decoder);
}

int decode_begin(struct decoder *decoder, const struct decode_input *input)
{
	return aborted_filter_set(&decoder->filter, input->aborted, input->aborted_count);
}

static uint64_t hash_of(struct view v, uint64_t seed)
{
	return hash64(v.at ? v.at : (const uint8_t *)"", v.size, seed);
}

uint64_t content_size_of(struct view slice)
{
	struct record record;
	struct header header;
	uint64_t size;

	if (record_split(slice, &record) < 0)
		return 0;
	size = record.key.size + record.value.size;
	while (header_next(&record.headers, &header) > 0)
		size += header.name.size + header.value.size;
	return size;
}

uint64_t key_hash_of(struct view slice, uint64_t seed)
{
	struct record record;

	if (record_split(slice, &record) < 0 || !record.key.at)
		return 0;
	return hash_of(record.key, seed);
}

struct details details_of(struct view slice, uint64_t seed)
{
	struct record record;

	if (record_split(slice, &record) < 0)
		return (struct details){ .key_null = true, .value_null = true };
	return (struct details){
		.key = hash_of(record.key, seed),
		.value = hash_of(record.value, seed),
		.headers = hash64(record.headers.at, record.headers.size, seed),
		.size = (uint32_t)content_size_of(slice),
		.key_null = !record.key.at,
		.value_null = !record.value.at,
	};
}

static bool keep_header(void *context, struct view name)
{
	const struct decode_options *options = context;

	for (size_t i = 0; i < options->ignore_header_count; i++)
		if (view_is(name, options->ignore_headers[i]))
			return false;
	return true;
}

static bool has_ignored(const struct decode_options *options, const struct record *record)
{
	struct view headers = record->headers;
	struct header header;

	while (header_next(&headers, &header) > 0)
		if (!keep_header((void *)options, header.name))
			return true;
	return false;
}

/* The hash of the declared identity, or 0 when the record does not carry it. */
static uint64_t identity_of(const struct decode_options *options, const struct record *record)
{
	struct view headers = record->headers;
	struct header header;
	uint64_t hash;

	while (header_next(&headers, &header) > 0) {
		if (!view_is(header.name, options->identity_header) || !header.value.at)
			continue;
		hash = hash_of(header.value, options->seed);
		if (options->identity == IDENTITY_KEY_HEADER)
			hash = hash_of(record->key, hash);
		return hash ? hash : 1;
	}
	return 0;
}

/* Growing moves the slab's bytes; rows that point into them move along. */
static void relocate(struct slab *slab, uintptr_t old, size_t old_size)
{
	uintptr_t now = (uintptr_t)slab->bytes.at;

	if (now == old || !old_size)
		return;
	for (uint32_t i = 0; i < slab->count; i++) {
		uintptr_t place = (uintptr_t)slab->places[i];

		if (place >= old && place < old + old_size)
			slab->places[i] = slab->bytes.at + (place - old);
	}
}

/* Room to recode every record of the batch without the slab's bytes moving any more. */
static int make_room(struct task *task)
{
	struct buffer *bytes = &task->slab->bytes;
	uintptr_t old = (uintptr_t)bytes->at, at = (uintptr_t)task->records.bytes.at;
	size_t old_size = bytes->size;

	if (!buffer_room(bytes, task->records.bytes.size + 1))
		return ERR_MEMORY;
	relocate(task->slab, old, old_size);
	if (at >= old && at < old + old_size)
		task->records.bytes.at = bytes->at + (at - old);
	task->room = true;
	return 0;
}

/* Looks into a record where its slice alone will not do.  1: into the slab; 0: not of this shard; or an error. */
static int look_into(struct task *task, struct record_span *span, uint64_t *identity, int64_t *content)
{
	const struct decode_options *options = task->options;
	struct slab_totals *totals = &task->slab->totals;
	struct buffer *bytes = &task->slab->bytes;
	struct view slice = view_of(span->at, span->size);
	struct record record;
	bool ignored;

	if (record_split(slice, &record) < 0)
		return ERR_MALFORMED;
	ignored = options->ignore_header_count && record.header_count && has_ignored(options, &record);
	if (options->identity != IDENTITY_CONTENT && (*identity = identity_of(options, &record)) == 0)
		totals->unidentified++;
	if (span->loose || ignored || task->partial || options->ignore_header_count) {
		buffer_reset(&task->decoder->scratch);
		*content = record_recode(slice, keep_header, (void *)options, &task->decoder->scratch);
		if (*content < 0)
			return (int)*content;
	}
	if (!task->partial && !options->ignore_header_count)
		*content = 0; /* the walk adds up the whole batch */
	if (span->loose || ignored) {
		totals->loose += span->loose;
		totals->stripped += ignored;
		span->at = bytes->at + bytes->size;
		span->size = (uint32_t)task->decoder->scratch.size & 0x7fffffff;
		buffer_put(bytes, task->decoder->scratch.at, task->decoder->scratch.size);
	}
	if (options->shards > 1) {
		uint64_t hash = record.key.at ? hash_of(record.key, options->seed)
					      : hash128(span->at, span->size, options->seed).low;

		return (hash >> 7) % options->shards == options->shard;
	}
	return 1;
}

static void add_row(struct task *task, const struct record_span *span, int64_t offset, uint64_t identity)
{
	struct slab *slab = task->slab;
	uint32_t row = slab->count++;
	struct digest digest = hash128(span->at, span->size, task->options->seed);

	slab->digests[row] = digest;
	slab->timestamps[row] = span->timestamp;
	slab->offsets[row] = offset;
	slab->places[row] = span->at;
	slab->sizes[row] = span->size;
	if (slab->identities)
		slab->identities[row] = identity;
	slab->totals.sum = digest_add(slab->totals.sum, digest);
}

/* All records of an opened batch; `slow` looks into each.  0, or an error: ERR_LIMIT asks to be called again, slow. */
static int walk(struct task *task, bool slow)
{
	const struct decode_options *options = task->options;
	struct slab_totals *totals = &task->slab->totals;
	struct record_span spans[SPANS];
	struct record_walk records;
	int count;

	record_walk_init(&records, &task->records);
	while ((count = record_walk_next(&records, spans, SPANS)) > 0) {
		if (records.loose && !slow)
			return ERR_LIMIT;
		for (int i = 0; i < count; i++) {
			int64_t offset = record_offset(&records, &spans[i]), content = 0;
			uint64_t identity = 0;

			if (offset < task->input->from || offset >= task->input->until)
				continue;
			if (slow) {
				int kept = look_into(task, &spans[i], &identity, &content);

				if (kept < 0)
					return kept;
				totals->bytes += (uint64_t)content;
				totals->records++;
				if (!kept || options->counts_only)
					continue;
			} else if (options->counts_only) {
				totals->records++;
				continue;
			} else {
				totals->records++;
			}
			add_row(task, &spans[i], offset, identity);
		}
	}
	if (count < 0)
		return count;
	if (!task->partial && !options->ignore_header_count)
		totals->bytes += records.content_size;
	return 0;
}

/* Opens and walks.  On an error that makes the batch unreadable the slab is as it was. */
static int read_batch(struct task *task, const struct batch *batch, bool aborted)
{
	const struct decode_options *options = task->options;
	struct slab *slab = task->slab;
	struct slab_totals totals = slab->totals;
	uint32_t count = slab->count, run_count = slab->run_count;
	uintptr_t old = (uintptr_t)slab->bytes.at;
	size_t old_size = slab->bytes.size;
	struct slab_run *run;
	bool slow;
	int err;

	err = batch_open(batch, task->decoder->inflater, &slab->bytes, &task->records, NULL);
	relocate(slab, old, old_size);
	if (err < 0) {
		slab->bytes.err = 0;
		return err;
	}
	if (slab_reserve(slab, (uint32_t)task->records.count) < 0 || !(run = slab_add_run(slab)))
		return ERR_MEMORY;
	run->transactional = batch->head.transactional;
	run->producer_id = batch->head.producer_id;
	run->producer_epoch = batch->head.producer_epoch;
	run->base_offset = batch->head.base_offset;
	run->aborted = aborted;
	task->partial = task->records.base_offset < task->input->from ||
			batch_last_offset(&batch->head) >= task->input->until;
	slow = task->partial || options->identity != IDENTITY_CONTENT || options->ignore_header_count ||
	       options->shards > 1;
	task->room = false;
	do {
		if (slow && !task->room && make_room(task) < 0)
			return ERR_MEMORY;
		err = walk(task, slow);
		if (err == ERR_LIMIT && !slow) {
			slab->count = count;
			slab->totals = totals;
			slow = true;
			continue;
		}
		break;
	} while (true);
	if (err < 0) {
		slab->count = count;
		slab->run_count = run_count;
		slab->totals = totals;
		return err;
	}
	run->count = slab->count - run->first;
	slab->borrows |= task->records.bytes.at == batch->bytes.at + BATCH_HEAD_SIZE;
	if (!run->count)
		slab->run_count--;
	if (task->records.log_append_time)
		slab->totals.log_append += slab->totals.records - totals.records;
	if (batch->head.magic < 2)
		slab->totals.legacy += slab->totals.records - totals.records;
	if (aborted) {
		/* Aborted rows are for naming only: they count for nothing. */
		slab->totals = totals;
	}
	return 0;
}

static int add_unreadable(struct task *task, const struct batch_head *head)
{
	int64_t most = (int64_t)head->last_offset_delta + 1;
	uint32_t count = head->count > 0 && head->count <= most ? (uint32_t)head->count : 1;

	/* From inside a batch that was counted already: a head nobody believes is passed offset by offset. */
	if (head->base_offset < task->input->from)
		return 0;
	task->slab->totals.unreadable++;
	task->slab->totals.records += count;
	return slab_add_gap(task->slab, ROW_UNREADABLE, count, head->base_offset, head->max_timestamp);
}

static int add_marker(struct task *task, const struct batch *batch)
{
	struct aborted_filter *filter = &task->decoder->filter;
	struct slab_marker *marker;
	struct control control;
	int err = batch_open(batch, task->decoder->inflater, &task->decoder->scratch, &task->records, NULL);

	if (err == 0)
		err = control_of(&task->records, &control);
	if (err < 0)
		return err;
	if (control.type != CONTROL_ABORT && control.type != CONTROL_COMMIT)
		return 0;
	if (control.type == CONTROL_ABORT)
		aborted_filter_ends(filter, &batch->head);
	if (batch->head.base_offset < task->input->from || batch->head.base_offset >= task->input->until)
		return 0;
	marker = slab_add_marker(task->slab);
	if (!marker)
		return ERR_MEMORY;
	marker->commit = control.type == CONTROL_COMMIT;
	marker->producer_id = batch->head.producer_id;
	marker->producer_epoch = batch->head.producer_epoch;
	marker->offset = batch->head.base_offset;
	return 0;
}

static int take_batch(struct task *task, const struct batch *batch)
{
	const struct batch_head *head = &batch->head;
	struct decode_input *input = task->input;
	int64_t last = batch_last_offset(head);
	bool aborted = false;
	int err = batch_check(batch, NULL);

	buffer_reset(&task->decoder->scratch);
	if (err == 0 && last < input->from && head->magic >= 2)
		return 0;
	if (err == 0 && head->control)
		err = add_marker(task, batch);
	else if (err == 0) {
		aborted = head->transactional && aborted_filter_drops(&task->decoder->filter, head);
		if (!aborted || task->options->with_aborted)
			err = read_batch(task, batch, aborted);
	}
	if (err == ERR_MEMORY)
		return err;
	if (err < 0) {
		if (head->last_offset_delta < 0 || head->last_offset_delta > SANE_DELTA || last < 0)
			last = head->base_offset;
		if ((err = add_unreadable(task, head)) < 0)
			return err;
	}
	if (last >= input->from)
		input->from = last + 1;
	return 0;
}

int decode_next(struct decoder *decoder, const struct decode_options *options, struct decode_input *input,
		struct slab **out)
{
	struct task task = { .decoder = decoder, .options = options, .input = input };
	struct batch batch;
	size_t size = input->bytes.size;
	int more = 0, err = 0;

	if (input->from >= input->until || !input->bytes.size)
		return 0;
	task.slab =
		slab_new(input->side, input->partition, input->from, options->identity != IDENTITY_CONTENT);
	if (!task.slab)
		return ERR_MEMORY;
	while (err == 0 && input->from < input->until && (more = batch_next(&input->bytes, &batch)) > 0) {
		/* The head of an old wrapper has the offset of its last message. */
		if (batch.head.magic >= 2 && batch.head.base_offset >= input->until) {
			input->from = input->until;
			break;
		}
		err = take_batch(&task, &batch);
		if (task.slab->bytes.size + task.slab->count * sizeof(struct digest) >= input->slab_bytes)
			break;
	}
	task.slab->borrowed = size - input->bytes.size;
	if (more == 0)
		input->bytes = VIEW_NULL; /* a batch that is cut off comes again with the next fetch */
	task.slab->until = input->from < input->until ? input->from : input->until;
	if (more < 0) {
		task.slab->broken = true;
		input->bytes = VIEW_NULL;
	}
	if (err < 0) {
		slab_free(task.slab);
		return err;
	}
	if (input->from >= input->until)
		input->bytes = VIEW_NULL;
	*out = task.slab;
	return 1;
}

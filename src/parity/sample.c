/* sample.c - writing small logs, and running the engine over them. */
#include <stdlib.h>

#include "parity/sample.h"

#define SAMPLE_BYTES_MAX ((size_t)64 << 20)
#define SAMPLE_BATCH_MAX ((size_t)16 << 20)
#define SHARDS_MAX       1024

void sample_init(struct sample_log *log, enum log_side side, int32_t partition_count)
{
	*log = (struct sample_log){ .side = side, .partition_count = partition_count, .batch_records = 8 };
	log->partitions = calloc((size_t)partition_count + 1, sizeof *log->partitions);
	if (!log->partitions) {
		log->err = ERR_MEMORY;
		log->partition_count = 0;
		return;
	}
	for (int32_t p = 0; p < partition_count; p++) {
		buffer_init(&log->partitions[p].bytes, SAMPLE_BYTES_MAX);
		log->partitions[p].options = batch_options_default;
	}
}

void sample_done(struct sample_log *log)
{
	for (int32_t p = 0; p < log->partition_count; p++) {
		buffer_done(&log->partitions[p].bytes);
		if (log->partitions[p].writing)
			batch_writer_done(&log->partitions[p].writer);
	}
	free(log->partitions);
	deflater_free(log->deflater);
}

static void flush(struct sample_log *log, struct sample_partition *partition)
{
	int err;

	if (!partition->writing)
		return;
	err = batch_writer_finish(&partition->writer, &partition->bytes);
	batch_writer_done(&partition->writer);
	partition->writing = false;
	log->err = log->err ? log->err : err < 0 ? err : 0;
}

void sample_flush(struct sample_log *log)
{
	for (int32_t p = 0; p < log->partition_count; p++)
		flush(log, &log->partitions[p]);
}

static void begin(struct sample_log *log, struct sample_partition *partition,
		  const struct sample_record *record)
{
	struct batch_options *options = &partition->options;

	*options = batch_options_default;
	options->base_offset = partition->next_offset;
	options->codec = log->codec;
	options->level = CODEC_LEVEL_DEFAULT;
	if (log->codec && !log->deflater)
		log->deflater = deflater_new();
	if (log->log_append_time) {
		options->log_append_time = true;
		options->append_timestamp = record->timestamp;
	}
	if (record->producer_id) {
		bool known = false;

		options->transactional = true;
		options->producer_id = record->producer_id;
		options->producer_epoch = record->producer_epoch;
		options->base_sequence = 0;
		for (int i = 0; i < partition->open_count; i++)
			known |= partition->open[i].producer_id == record->producer_id;
		if (!known && partition->open_count < 64)
			partition->open[partition->open_count++] =
				(struct aborted){ record->producer_id, partition->next_offset };
	}
	batch_writer_init(&partition->writer, options, log->deflater, SAMPLE_BATCH_MAX);
	partition->writing = true;
}

void sample_add(struct sample_log *log, const struct sample_record *record)
{
	struct sample_partition *partition;
	struct header header = { view_text(record->header_name), view_text(record->header_value) };
	int err;

	if (log->err || record->partition >= log->partition_count)
		return;
	partition = &log->partitions[record->partition];
	if (partition->writing &&
	    (partition->writer.count >= log->batch_records ||
	     (partition->options.transactional ? partition->options.producer_id : 0) != record->producer_id ||
	     (record->producer_id && partition->options.producer_epoch != record->producer_epoch)))
		flush(log, partition);
	if (!partition->writing)
		begin(log, partition, record);
	err = batch_writer_add(&partition->writer, record->timestamp, view_text(record->key),
			       view_text(record->value), &header, record->header_name ? 1 : 0);
	log->err = err < 0 ? err : log->err;
	partition->next_offset++;
}

void sample_end_txn(struct sample_log *log, int32_t p, int64_t producer_id, int16_t producer_epoch,
		    int16_t marker_epoch, bool commit)
{
	struct sample_partition *partition = &log->partitions[p];
	struct batch_options options = batch_options_default;

	flush(log, partition);
	options.base_offset = partition->next_offset++;
	options.producer_id = producer_id;
	options.producer_epoch = marker_epoch;
	options.transactional = options.control = true;
	if (log->err == 0 && batch_write_marker(&partition->bytes, &options, commit, 0, 0) < 0)
		log->err = ERR_MEMORY;
	for (int i = 0; i < partition->open_count; i++) {
		if (partition->open[i].producer_id != producer_id)
			continue;
		if (!commit && partition->aborted_count < 64)
			partition->aborted[partition->aborted_count++] = partition->open[i];
		partition->open[i] = partition->open[--partition->open_count];
		break;
	}
}

void sample_skip(struct sample_log *log, int32_t partition, int64_t count)
{
	flush(log, &log->partitions[partition]);
	log->partitions[partition].next_offset += count;
}

void sample_break(struct sample_log *log, int32_t p, int64_t offset)
{
	struct sample_partition *partition = &log->partitions[p];
	struct view left;
	struct batch batch;

	flush(log, partition);
	left = buffer_bytes(&partition->bytes);
	while (batch_next(&left, &batch) > 0)
		if (offset >= batch.head.base_offset && offset <= batch_last_offset(&batch.head))
			partition->bytes
				.at[batch.bytes.at - partition->bytes.at + (ptrdiff_t)batch.bytes.size - 1] ^=
				1;
}

/* ---- running ---- */

/* One partition of one log on its way into the join. */
struct feed {
	struct decode_input input;
	struct view whole;
	struct decoder *decoder;
	bool ended;
};

static int feed_next(struct feed *feed, const struct decode_options *decode, struct join *join, bool answer)
{
	struct slab *slab;
	int more = decode_next(feed->decoder, decode, &feed->input, &slab);

	if (more < 0)
		return more;
	if (more == 0) {
		feed->ended = true;
		if (!answer)
			join_end(join, feed->input.side, feed->input.partition);
		return 0;
	}
	if (answer) {
		join_answer(join, slab);
		slab_free(slab);
	} else {
		join_push(join, slab);
	}
	return 0;
}

static int feed_init(struct feed *feed, const struct sample_log *log, int32_t p, size_t slab_bytes)
{
	const struct sample_partition *partition = &log->partitions[p];

	*feed = (struct feed){ .input = { .side = log->side,
					  .partition = p,
					  .bytes = buffer_bytes(&partition->bytes),
					  .from = partition->from,
					  .until = INT64_MAX,
					  .aborted = partition->aborted,
					  .aborted_count = partition->aborted_count,
					  .slab_bytes = slab_bytes } };
	feed->whole = feed->input.bytes;
	feed->decoder = decoder_new(SAMPLE_BATCH_MAX);
	return feed->decoder ? decode_begin(feed->decoder, &feed->input) : ERR_MEMORY;
}

/* Saves the join, throws it away and goes on with what was saved, as a program does that was killed. */
static int restart(struct join **join, const struct join_options *options, struct feed *feeds, size_t count)
{
	struct buffer saved;
	struct join *again = join_new(options);
	struct cursor in;
	int err = again ? 0 : ERR_MEMORY;

	buffer_init(&saved, SAMPLE_BYTES_MAX);
	if (err == 0)
		err = join_save(*join, &saved);
	in = cursor_over(buffer_bytes(&saved));
	if (err == 0)
		err = join_load(again, &in);
	if (err == 0 && cursor_left(&in))
		err = ERR_MALFORMED;
	for (size_t i = 0; i < count && err == 0; i++) {
		struct decode_input *input = &feeds[i].input;

		input->bytes = feeds[i].whole;
		input->from = join_offset(*join, input->side, input->partition);
		feeds[i].ended = false;
		err = decode_begin(feeds[i].decoder, input);
	}
	buffer_done(&saved);
	join_free(err == 0 ? *join : again);
	*join = err == 0 ? again : *join;
	return err;
}

/* Feeds both logs (or, to answer, the source alone) until all have ended. */
static int feed_all(const struct sample_run *run, const struct decode_options *decode,
		    const struct join_options *options, const struct sample_log logs[2], struct join **join,
		    bool answer)
{
	size_t counts[2] = { (size_t)logs[SOURCE].partition_count,
			     answer ? 0 : (size_t)logs[TARGET].partition_count };
	size_t count = counts[0] + counts[1], left = count;
	struct feed *feeds = calloc(count + 1, sizeof *feeds);
	int restarts = answer ? 0 : run->restarts;
	struct random chance;
	int err = feeds ? 0 : ERR_MEMORY;

	random_seed(&chance, run->chance + answer);
	for (size_t i = 0; i < count && err == 0; i++) {
		const struct sample_log *log = &logs[i >= counts[0]];
		int32_t p = (int32_t)(i < counts[0] ? i : i - counts[0]);

		err = feed_init(&feeds[i], log, p,
				run->chance ? 1 + random_below(&chance, 2000) : (size_t)1 << 20);
		if (err == 0 && !answer) {
			bool hole = p < logs[SOURCE].partition_count && p < logs[TARGET].partition_count &&
				    logs[SOURCE].partitions[p].from != logs[TARGET].partitions[p].from;

			err = join_begin(*join, log->side, p, feeds[i].input.from, hole);
		}
	}
	for (size_t next = 0; left && err == 0; next++) {
		struct feed *feed = &feeds[run->chance ? random_below(&chance, count) : next % count];

		if (feed->ended)
			continue;
		err = feed_next(feed, decode, *join, answer);
		left -= feed->ended;
		if (err == 0 && !answer)
			err = join_advance(*join, run->chance ? random_below(&chance, 200) : 0);
		if (err == 0 && restarts && random_below(&chance, 4) == 0) {
			restarts--;
			err = restart(join, options, feeds, count);
			left = count;
		}
		while (err == 0 && !answer && join_busy(*join))
			err = join_advance(*join, 0);
	}
	for (size_t i = 0; feeds && i < count; i++)
		decoder_free(feeds[i].decoder);
	free(feeds);
	return err;
}

static int run_pass(const struct sample_run *run, const struct sample_log logs[2],
		    struct parity_report *report, struct topic_report *topic, uint32_t shard, uint32_t shards)
{
	struct decode_options decode = { .seed = run->seed,
					 .ignore_headers = run->ignore_headers,
					 .ignore_header_count = run->ignore_header_count,
					 .identity = run->identity,
					 .identity_header = run->identity_header,
					 .shard = shard,
					 .shards = shards };
	struct join_options options = { .claim = run->claim,
					.partitions = { logs[SOURCE].partition_count,
							logs[TARGET].partition_count },
					.ignore_timestamp = run->ignore_timestamp,
					.identities = run->identity != IDENTITY_CONTENT,
					.seed = run->seed,
					.shard = shard,
					.shards = shards,
					.memory = run->memory ? run->memory : SIZE_MAX,
					.examples = run->examples ? run->examples : 100 };
	struct join *join = join_new(&options);
	int err = join ? feed_all(run, &decode, &options, logs, &join, false) : ERR_MEMORY;

	if (err == 0)
		err = join_finish(join);
	decode.with_aborted = true;
	if (err == 0 && join_asks(join))
		err = feed_all(run, &decode, &options, logs, &join, true);
	if (err == 0)
		err = join_report(join, report, topic);
	join_free(join);
	return err;
}

int sample_compare(const struct sample_run *run, const struct sample_log logs[2],
		   struct parity_report *report)
{
	struct topic_report *topic;
	int err = logs[SOURCE].err ? logs[SOURCE].err : logs[TARGET].err;

	if (err < 0)
		return err;
	for (uint32_t shards = 1; shards <= SHARDS_MAX; shards *= 2) {
		parity_report_done(report);
		topic = parity_report_topic(report, "sample", "sample");
		if (!topic)
			return ERR_MEMORY;
		for (uint32_t shard = 0; shard < shards; shard++) {
			err = run_pass(run, logs, report, topic, shard, shards);
			if (err < 0)
				break;
		}
		report->passes = (int)shards;
		if (err != ERR_LIMIT)
			break;
	}
	return err < 0 ? err : parity_report_judge(report);
}

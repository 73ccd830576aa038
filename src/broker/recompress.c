/* recompress.c - records inflated, looked at, and deflated again under a head that says so. */
#include "broker/recompress.h"

#include "base/bits.h"
#include "base/crc32c.h"
#include "wire/compress.h"
#include "wire/record.h"

#define OPENED_BYTES_MAX ((size_t)256 << 20)
#define HEAD_SIZE        61
#define SIZE_AT          8
#define CRC_AT           17
#define CRC_FROM         21
#define CODEC_BITS       7
#define SPANS            256

int recompress_codec(const char *word)
{
	static const char *const words[] = { "uncompressed", "gzip", "snappy", "lz4", "zstd" };

	for (int codec = 0; word && codec < 5; codec++)
		if (strcmp(word, words[codec]) == 0)
			return codec;
	return -1;
}

/* Every field of every record, and offsets that follow one another. */
static int check_records(const struct records *records)
{
	struct record_span spans[SPANS];
	struct record_walk walk;
	int32_t next = 0;
	int count;

	record_walk_init(&walk, records);
	while ((count = record_walk_next(&walk, spans, SPANS)) > 0)
		for (int i = 0; i < count; i++)
			if (spans[i].offset_delta != next++)
				return ERR_MALFORMED;
	return count;
}

static int put_batch(struct broker *broker, const struct batch *batch, int codec, int level,
		     struct view records, struct buffer *out)
{
	size_t from = out->size;
	int err = 0;

	buffer_put(out, batch->bytes.at, HEAD_SIZE);
	if (codec == CODEC_NONE)
		buffer_view(out, records);
	else if (!out->err)
		err = codec_deflate(broker->deflater, codec, level, records, out);
	if (err < 0 || out->err < 0)
		return err < 0 ? err : out->err;
	put_be32(out->at + from + SIZE_AT, (uint32_t)(out->size - from - 12));
	put_be16(out->at + from + CRC_FROM, (uint16_t)((batch->head.attributes & ~CODEC_BITS) | codec));
	put_be32(out->at + from + CRC_AT, crc32c(out->at + from + CRC_FROM, out->size - from - CRC_FROM));
	return 0;
}

int recompress(struct broker *broker, const struct batch *batch, int codec, int level, struct buffer *out)
{
	struct records records;
	struct buffer opened;
	int err = batch_check(batch, NULL);

	buffer_init(&opened, OPENED_BYTES_MAX);
	if (err == 0)
		err = batch_open(batch, broker->inflater, &opened, &records, NULL);
	if (err == 0)
		err = check_records(&records);
	if (err == 0)
		err = put_batch(broker, batch, codec, level, records.bytes, out);
	buffer_done(&opened);
	return err;
}

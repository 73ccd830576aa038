/* recompress.h - a batch in the compression that its topic asks for (compression.type), as Kafka does on append. */
#ifndef BROKER_RECOMPRESS_H
#define BROKER_RECOMPRESS_H

#include "broker/broker_inside.h"
#include "wire/batch.h"

/* The codec for `word`: "gzip", "uncompressed" ...; -1 for "producer": as it came. */
int recompress_codec(const char *word);

/*
 * Appends the batch to `out` with its records compressed by `codec`; all else of its head stays.  Every record is looked at on
 * the way.  0; ERR_CHECKSUM or ERR_MALFORMED: the batch is bad; ERR_LIMIT, ERR_MEMORY, ERR_UNSUPPORTED.
 */
int recompress(struct broker *broker, const struct batch *batch, int codec, int level, struct buffer *out);

#endif

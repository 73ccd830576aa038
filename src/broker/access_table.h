/*
 * access_table.h - for each API, what it asks of the authorizer before it does anything: one line each, as Kafka documents them.
 *
 * It decides nothing; the handlers ask.  It is what they are held against: an API without a line fails a test, and so does a handler
 * that asks less, or another thing, than its line says.
 */
#ifndef BROKER_ACCESS_TABLE_H
#define BROKER_ACCESS_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct access_ask {
	int8_t operation, type; /* 0, 0: nothing more */
};

#define ACCESS_ASKS_MAX 4

struct access_line {
	int16_t key;
	/* What a request with one of everything is asked for when all is denied.  Empty: anybody may, and `why` says why. */
	struct access_ask asks[ACCESS_ASKS_MAX];
	const char *why;
};

extern const struct access_line access_lines[]; /* in order of key; ends with a key of -1 */

/* NULL when there is none. */
const struct access_line *access_line_of(int16_t key);

#endif

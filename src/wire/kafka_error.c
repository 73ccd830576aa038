/* kafka_error.c - the table of kafka_error.h. */
#include <stddef.h>

#include "wire/kafka_error.h"

enum kind { FINAL, RETRY, REFRESH, COORDINATOR };

struct entry {
	const char *name;
	int16_t code;
	enum kind kind;
};

/* The codes have no holes: code c is entry c + 1. */
static const struct entry entries[] = {
#define X(name, code, kind) { #name, code, kind },
	KAFKA_ERRORS(X)
#undef X
};

static const struct entry *entry_of(int16_t code)
{
	size_t index = (size_t)(code + 1);

	return index < sizeof entries / sizeof entries[0] ? &entries[index] : NULL;
}

const char *kafka_error_name(int16_t code)
{
	const struct entry *entry = entry_of(code);

	return entry ? entry->name : "UNKNOWN_ERROR_CODE";
}

bool kafka_error_retriable(int16_t code)
{
	const struct entry *entry = entry_of(code);

	return entry && entry->kind != FINAL;
}

bool kafka_error_refreshes(int16_t code)
{
	const struct entry *entry = entry_of(code);

	return entry && entry->kind == REFRESH;
}

bool kafka_error_moved_coordinator(int16_t code)
{
	const struct entry *entry = entry_of(code);

	return entry && entry->kind == COORDINATOR;
}

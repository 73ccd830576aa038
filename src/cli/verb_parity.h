/* verb_parity.h - what `interlock parity` was asked, as its options say it. */
#ifndef CLI_VERB_PARITY_H
#define CLI_VERB_PARITY_H

#include "cli/verb.h"

struct parity_settings {
	SETTINGS_COMMON;
	const char *source, *target;
	struct texts topics, ignore_headers;
	int claim;
	bool follow, ignore_timestamp;
	int64_t settle_ms, since_ms, until_ms, timeout_ms;
	const char *identity, *checkpoint;
	int64_t findings, memory_bytes, rate_bytes_per_s;
};

#endif

/*
 * options.h - what to compare and how: the options of `interlock parity`, already parsed and checked.
 *
 * Texts belong to the caller and must hold until the comparison has ended.
 */
#ifndef PARITY_OPTIONS_H
#define PARITY_OPTIONS_H

#include "parity/report.h"

enum identity_kind { IDENTITY_CONTENT, IDENTITY_HEADER, IDENTITY_KEY_HEADER };

/* One --topic: a name, a glob over the source's topics, or a rename (T=T2; then `source` is no glob). */
struct topic_choice {
	const char *source;
	const char *target;	/* NULL: the same name */
};

#define PARITY_MEMORY_DEFAULT ((uint64_t)256 << 20)
#define PARITY_MEMORY_LEAST ((uint64_t)48 << 20)
#define PARITY_SETTLE_DEFAULT_MS 5000
#define PARITY_LATE_DEFAULT_MS 60000
#define PARITY_FINDINGS_DEFAULT 20
#define PARITY_TIME_NONE INT64_MIN

struct parity_options {
	const struct topic_choice *topics;
	size_t topic_count;
	enum claim claim;
	int64_t settle_ms;
	int64_t since_ms, until_ms;	/* wall clock; PARITY_TIME_NONE when not given */
	enum identity_kind identity;
	const char *identity_header;
	const char *const *ignore_headers;
	size_t ignore_header_count;
	bool ignore_timestamp;
	bool follow;
	bool signals;           /* SIGINT and SIGTERM end the comparison in good order */
	const char *checkpoint; /* path, or NULL */
	bool onward; /* the checkpoint also holds what was read to the end, and the next run reads on from there */
	/*
	 * It is one look of many at logs that go on: the newest records of the source that are missing are behind, and no
	 * finding (PARITY_BEHIND, unknown).  Lost is what a later one of its key had overtaken when the target began to be
	 * waited for, for longer than `settle_ms` so, and what anything has overtaken for `late_ms`.  With a checkpoint the
	 * next look knows since when; without one this look waits for so long.
	 */
	bool goes_on;
	int64_t late_ms;
	uint64_t memory;     /* bytes, for the whole process */
	uint64_t rate;       /* bytes a second from both clusters together; 0: as fast as it goes */
	int findings;        /* examples kept a class */
	int64_t deadline_ms; /* how long a cluster may be away before it counts as lost; 0: the default of 30 s */
	uint64_t seed;       /* of the digests; 0: drawn from the kernel */
};

void parity_options_init(struct parity_options *options);

#endif

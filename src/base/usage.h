/* usage.h - what this process has cost so far: processor time and memory. */
#ifndef BASE_USAGE_H
#define BASE_USAGE_H

#include <stdint.h>

struct usage {
	double cpu_seconds;	/* user and system, all threads */
	uint64_t peak_rss_bytes;
};

void usage_read(struct usage *out);

#endif

/* usage.c - asks the kernel; what it does not tell is 0. */
#include <stdio.h>
#include <sys/resource.h>

#include "base/usage.h"

static double seconds_of(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* getrusage() will not do: its peak outlives exec(), so a small child of a large process would report its parent's. */
static uint64_t peak_rss(void)
{
	unsigned long long kib = 0;
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];

	while (file && !kib && fgets(line, sizeof line, file))
		if (sscanf(line, "VmHWM: %llu kB", &kib) != 1)
			kib = 0;
	if (file)
		fclose(file);
	return (uint64_t)kib * 1024;
}

void usage_read(struct usage *out)
{
	struct rusage usage;

	*out = (struct usage){ .peak_rss_bytes = peak_rss() };
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		out->cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

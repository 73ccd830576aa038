/* clock.c - the machine's own clocks. */
#include <time.h>

#include "base/clock.h"

static int64_t system_monotonic_ns(const struct clock *clock)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t system_wall_ms(const struct clock *clock)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct clock clock_system = { system_monotonic_ns, system_wall_ms, NULL };

/*
 * clock.h - time, through one struct of functions, so that a test can be the clock.
 *
 * Deadlines and ages are measured on the monotonic clock; wall time is for people and for record timestamps.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*monotonic_ns)(const struct clock *clock);
	int64_t (*wall_ms)(const struct clock *clock);	/* since 1970, UTC */
	void *context;
};

extern const struct clock clock_system;

static inline int64_t clock_monotonic_ms(const struct clock *clock)
{
	return clock->monotonic_ns(clock) / 1000000;
}

static inline int64_t clock_wall_ms(const struct clock *clock)
{
	return clock->wall_ms(clock);
}

#endif

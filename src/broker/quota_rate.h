/*
 * quota_rate.h - how fast something goes, measured as Kafka measures it; pure, the caller brings the time.
 *
 * A rate is counted in windows of `window_ms`, of which `count` whole ones and the one under way are looked at; a bucket holds
 * tokens that come back at the rate of the quota, for as much as all windows give at once (KIP-599).
 */
#ifndef BROKER_QUOTA_RATE_H
#define BROKER_QUOTA_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct quota_windows {
	int count; /* quota.window.num */
	int64_t window_ms;
};

struct rate_sample {
	double sum;
	int64_t start_ms, last_ms;
};

/* Room for quota_rate_samples() samples lies behind it; zeroed it is a rate of nothing. */
struct quota_rate {
	int current, made;
	struct rate_sample samples[];
};

static inline int quota_rate_samples(const struct quota_windows *windows)
{
	return windows->count + 1; /* the oldest may overlap the time that is looked at */
}

void quota_rate_add(struct quota_rate *rate, const struct quota_windows *windows, double value,
		    int64_t now_ms);

/* A second.  `*span_ms`, which may be NULL, is the time that was divided by. */
double quota_rate_value(struct quota_rate *rate, const struct quota_windows *windows, int64_t now_ms,
			int64_t *span_ms);

/* How long to be silent so that the rate comes down to `limit`; 0 when it is not above. */
int64_t quota_rate_wait_ms(struct quota_rate *rate, const struct quota_windows *windows, double limit,
			   int64_t now_ms);

/* Has nothing been counted that is still looked at?  Then a new one would be the same. */
bool quota_rate_idle(struct quota_rate *rate, const struct quota_windows *windows, int64_t now_ms);

struct quota_bucket {
	double tokens;
	int64_t filled_ms;
	bool used; /* before its first use it is full */
};

/* Takes `tokens`, below nothing as well. */
void quota_bucket_take(struct quota_bucket *bucket, const struct quota_windows *windows, double limit,
		       double tokens, int64_t now_ms);

/* How long until it is no longer below nothing. */
int64_t quota_bucket_wait_ms(struct quota_bucket *bucket, const struct quota_windows *windows, double limit,
			     int64_t now_ms);

#endif

/* quota_rate.c - windows and tokens. */
#include <math.h>
#include <stddef.h>

#include "broker/quota_rate.h"

static void reset(struct rate_sample *sample, int64_t now_ms)
{
	*sample = (struct rate_sample){ 0, now_ms, now_ms };
}

void quota_rate_add(struct quota_rate *rate, const struct quota_windows *windows, double value,
		    int64_t now_ms)
{
	struct rate_sample *sample = &rate->samples[rate->current];

	if (rate->made == 0) {
		reset(sample, now_ms);
		rate->made = 1;
	} else if (now_ms - sample->start_ms >= windows->window_ms) {
		rate->current = (rate->current + 1) % quota_rate_samples(windows);
		if (rate->current >= rate->made)
			rate->made = rate->current + 1;
		sample = &rate->samples[rate->current];
		reset(sample, now_ms);
	}
	sample->sum += value;
	sample->last_ms = now_ms;
}

double quota_rate_value(struct quota_rate *rate, const struct quota_windows *windows, int64_t now_ms,
			int64_t *span_ms)
{
	int64_t whole_ms = windows->count * windows->window_ms, oldest_ms = now_ms, span;
	int64_t least = windows->count - 1, full;
	double sum = 0;

	for (int i = 0; i < rate->made; i++) {
		struct rate_sample *sample = &rate->samples[i];

		if (now_ms - sample->last_ms >= whole_ms)
			reset(sample, now_ms);
		sum += sample->sum;
		if (sample->start_ms < oldest_ms)
			oldest_ms = sample->start_ms;
	}
	/* A burst in the first second is no rate yet: all windows but the last count as if they had passed. */
	span = now_ms - oldest_ms;
	full = span / windows->window_ms;
	if (full < least)
		span += (least - full) * windows->window_ms;
	if (span < 1)
		span = 1;
	if (span_ms)
		*span_ms = span;
	return sum * 1000 / (double)span;
}

int64_t quota_rate_wait_ms(struct quota_rate *rate, const struct quota_windows *windows, double limit,
			   int64_t now_ms)
{
	int64_t span_ms;
	double value = quota_rate_value(rate, windows, now_ms, &span_ms), wait;

	if (!(value > limit))
		return 0;
	/* value * span = limit * (span + wait) */
	wait = limit > 0 ? round((value - limit) / limit * (double)span_ms) : INT32_MAX;
	return wait > INT32_MAX ? INT32_MAX : (int64_t)wait;
}

bool quota_rate_idle(struct quota_rate *rate, const struct quota_windows *windows, int64_t now_ms)
{
	return quota_rate_value(rate, windows, now_ms, NULL) <= 0;
}

static void fill(struct quota_bucket *bucket, const struct quota_windows *windows, double limit,
		 int64_t now_ms)
{
	double most = (double)(windows->count * windows->window_ms) / 1000 * limit;

	bucket->tokens =
		bucket->used ? bucket->tokens + limit * (double)(now_ms - bucket->filled_ms) / 1000 : most;
	if (bucket->tokens > most)
		bucket->tokens = most;
	bucket->filled_ms = now_ms;
	bucket->used = true;
}

void quota_bucket_take(struct quota_bucket *bucket, const struct quota_windows *windows, double limit,
		       double tokens, int64_t now_ms)
{
	fill(bucket, windows, limit, now_ms);
	bucket->tokens -= tokens;
}

int64_t quota_bucket_wait_ms(struct quota_bucket *bucket, const struct quota_windows *windows, double limit,
			     int64_t now_ms)
{
	double wait;

	fill(bucket, windows, limit, now_ms);
	if (bucket->tokens >= 0)
		return 0;
	wait = limit > 0 ? round(-bucket->tokens / limit * 1000) : INT32_MAX;
	return wait > INT32_MAX ? INT32_MAX : (int64_t)wait;
}

/* fresh.c - the three tests. */
#include <assert.h>
#include <stdlib.h>

#include "exit/fresh.h"

static bool boot_known(const struct moment *moment)
{
	static const uint8_t zero[sizeof moment->boot];

	return memcmp(moment->boot, zero, sizeof zero) != 0;
}

static int64_t apart(int64_t a, int64_t b)
{
	int64_t difference;

	/* Dates come from bytes that somebody may have written by hand; an overflow is as far apart as can be. */
	if (__builtin_sub_overflow(a, b, &difference))
		return a > b ? INT64_MAX : INT64_MIN;
	return difference;
}

/*
 * Within one boot the monotonic clock says how old; the wall clock must agree, or one of them was set.  Across boots
 * only the wall clock is left, and the allowance for its error counts against the evidence.
 */
static enum staleness judge_age(const struct evidence *item, int64_t age_ms_max, const struct moment *now)
{
	const struct moment *then = &item->ended;
	int64_t wall_ms = apart(now->wall_ms, then->wall_ms);
	int64_t age_ms = wall_ms;

	if (apart(then->wall_ms, item->began.wall_ms) < 0)
		return STALE_CLOCK;
	if (boot_known(then) && memcmp(then->boot, now->boot, sizeof then->boot) == 0) {
		age_ms = apart(now->monotonic_ms, then->monotonic_ms);
		if (age_ms < 0 || apart(wall_ms, age_ms) > FRESH_SKEW_MS_MAX ||
		    apart(wall_ms, age_ms) < -FRESH_SKEW_MS_MAX)
			return STALE_CLOCK;
	} else {
		if (wall_ms < -FRESH_SKEW_MS_MAX)
			return STALE_CLOCK;
		age_ms = wall_ms > INT64_MAX - FRESH_SKEW_MS_MAX ? INT64_MAX : wall_ms + FRESH_SKEW_MS_MAX;
	}
	return age_ms > age_ms_max ? STALE_AGE : STALE_NOT;
}

/* NULL also when the ends are not in order: then nothing is fresh, which is the safe way to be wrong. */
static const struct position *end_of(const struct fresh_now *now, const struct position *position)
{
	int low = 0, high = now->end_count;

	while (low < high) {
		int middle = low + (high - low) / 2;
		int order = evidence_position_order(&now->ends[middle], position);

		if (order == 0)
			return &now->ends[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static enum staleness judge_position(const struct evidence *item, int64_t behind_max,
				     const struct fresh_now *now)
{
	int judged = 0;

	if (behind_max < 0)
		return STALE_NOT;
	for (int i = 0; i < item->position_count; i++) {
		const struct position *position = &item->positions[i];
		const struct position *end;
		int64_t behind;

		if (position->group.at)
			continue;
		end = end_of(now, position);
		if (!end || end->end < 0 || position->end < 0)
			return STALE_END_UNKNOWN;
		behind = apart(end->end, position->end);
		if (behind < 0 || (end->leader_epoch >= 0 && end->leader_epoch < position->leader_epoch))
			return STALE_TRUNCATED;
		if (behind > behind_max)
			return STALE_BEHIND;
		judged++;
	}
	return judged ? STALE_NOT : STALE_END_UNKNOWN;
}

static bool epoch_equal(const struct epoch *a, const struct epoch *b)
{
	return a->number == b->number && sha256_equal(a->hash, b->hash);
}

enum staleness fresh_judge(const struct evidence *item, const struct fresh_limits *limits,
			   const struct fresh_now *now)
{
	enum staleness staleness;

	if (!epoch_equal(&item->epochs.plan, &now->epochs.plan))
		return STALE_PLAN;
	if (!epoch_equal(&item->epochs.context, &now->epochs.context))
		return STALE_CONTEXT;
	if (item->epochs.authority != now->epochs.authority)
		return STALE_AUTHORITY;
	staleness = judge_age(item, limits->age_ms_max, &now->moment);
	return staleness == STALE_NOT ? judge_position(item, limits->behind_max, now) : staleness;
}

static const struct {
	const char *code, *text;
} words[] = {
	[STALE_UNJUDGED] = { "EVIDENCE_UNJUDGED", "nobody judged whether it is fresh" },
	[STALE_NOT] = { "EVIDENCE_FRESH", "fresh" },
	[STALE_AGE] = { "EVIDENCE_TOO_OLD", "older than its limit: measure again" },
	[STALE_CLOCK] = { "EVIDENCE_CLOCK",
			  "its date and the clocks do not agree: check the clock, then measure again" },
	[STALE_BEHIND] = { "EVIDENCE_BEHIND",
			   "the log has grown too far past what was measured: measure again" },
	[STALE_TRUNCATED] = { "EVIDENCE_TRUNCATED",
			      "the log now ends before what was measured: measure again from the start" },
	[STALE_END_UNKNOWN] = { "EVIDENCE_END_UNKNOWN", "the current end of a log is not known, so nothing "
							"can be said about distance" },
	[STALE_PLAN] = { "EVIDENCE_OTHER_PLAN", "measured under another plan: measure again" },
	[STALE_CONTEXT] = { "EVIDENCE_OTHER_CONTEXT",
			    "a cluster's configuration changed since: measure again" },
	[STALE_AUTHORITY] = { "EVIDENCE_OTHER_AUTHORITY",
			      "measured under another authority epoch: measure again" },
};

const char *staleness_code(enum staleness staleness)
{
	assert(staleness <= STALE_AUTHORITY);
	return words[staleness].code;
}

const char *staleness_text(enum staleness staleness)
{
	assert(staleness <= STALE_AUTHORITY);
	return words[staleness].text;
}

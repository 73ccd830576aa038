/* boundary.c - the log that loses a needed record first. */
#include "exit/boundary.h"

/* When retention by time takes the record. */
static int64_t end_by_time(const struct boundary_log *log)
{
	int64_t until;

	if (log->retention_ms == BOUNDARY_NO_END || log->retention_ms == BOUNDARY_NOT_KNOWN)
		return log->retention_ms;
	return __builtin_add_overflow(log->needed_ms, log->retention_ms, &until) ? BOUNDARY_NO_END : until;
}

/* When retention by size takes it, should the log go on growing as it does.  Records are taken to be of one size. */
static int64_t end_by_size(const struct boundary_log *log, int64_t now_ms)
{
	int64_t records = log->end - log->start, behind = log->end - log->needed, after, left, ms;

	if (log->retention_bytes == BOUNDARY_NO_END || log->retention_bytes == BOUNDARY_NOT_KNOWN)
		return log->retention_bytes;
	if (log->size_bytes < 0 || log->bytes_per_s < 0)
		return BOUNDARY_NOT_KNOWN;
	after = records > 0 && behind > 0
			? (int64_t)((double)log->size_bytes / (double)records * (double)behind)
			: 0;
	left = log->retention_bytes - after;
	if (left <= 0)
		return now_ms;
	if (!log->bytes_per_s)
		return BOUNDARY_NO_END;
	if (__builtin_mul_overflow(left / log->bytes_per_s, 1000, &ms) ||
	    __builtin_add_overflow(now_ms, ms, &ms))
		return BOUNDARY_NO_END;
	return ms;
}

/* Of two ends the sooner one; not knowing is worse than any that is still to come. */
static int64_t sooner(int64_t a, int64_t b, int64_t now_ms)
{
	if (a == BOUNDARY_NOT_KNOWN)
		return b != BOUNDARY_NOT_KNOWN && b <= now_ms ? b : a;
	if (b == BOUNDARY_NOT_KNOWN)
		return a <= now_ms ? a : b;
	return a < b ? a : b;
}

static int64_t end_of(const struct boundary_log *log, int64_t now_ms)
{
	if (log->start < 0 || log->end < log->start || log->needed < 0)
		return BOUNDARY_NOT_KNOWN;
	if (log->start > log->needed) /* it is gone; when, nobody can tell */
		return log->needed_ms < now_ms ? log->needed_ms : now_ms;
	return sooner(end_by_time(log), end_by_size(log, now_ms), now_ms);
}

void boundary_judge(const struct boundary_log *logs, int count, int64_t now_ms, struct boundary *out)
{
	int64_t until = count > 0 ? BOUNDARY_NO_END : BOUNDARY_NOT_KNOWN;
	const struct boundary_log *first = NULL;

	for (int i = 0; i < count; i++) {
		int64_t end = end_of(&logs[i], now_ms), both = sooner(until, end, now_ms);

		if (both != until) {
			until = both;
			first = &logs[i];
		}
	}
	out->clean_until_ms = until;
	out->first = first;
}

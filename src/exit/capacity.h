/*
 * capacity.h - headroom, disks, money: from rates and sizes, limits and prices.  Pure.
 *
 * What is not known is CAPACITY_NOT_KNOWN, and makes what rests on it not known, never small.
 */
#ifndef EXIT_CAPACITY_H
#define EXIT_CAPACITY_H

#include "exit/plan.h"

#define CAPACITY_NOT_KNOWN INT64_MIN
#define CAPACITY_NEVER     INT64_MAX

struct capacity_side {
	int64_t brokers;
	int64_t peak_bytes_per_s; /* of producers, in the busiest hour of the last day */
	int64_t day_bytes;        /* of producers, in the last day */
	int64_t growth_bytes;     /* that its disks grow by in a day, all replicas */
	int64_t used_bytes, disk_bytes;
	int64_t read_bytes; /* in a day, by us */
};

/*
 * How much of what the target takes from producers is left, in permille, when it carries `peak` and one of its brokers is
 * out.  Negative when it would be too much; with a single broker nothing is left.
 */
int64_t capacity_headroom(int64_t write_bytes_per_s, int64_t brokers, int64_t peak_bytes_per_s);

/*
 * In how many ms groups have caught up that `backlog` bytes lie before, all groups together, while they follow what goes on
 * being written (`follow`, once for each of them), when one of the brokers is out that together give `read`.
 * CAPACITY_NEVER when they do not.
 */
int64_t capacity_replay(int64_t read_bytes_per_s, int64_t brokers, int64_t follow_bytes_per_s,
			int64_t backlog_bytes);

/* In how many ms its disks are full, as they grow now; CAPACITY_NEVER when they do not; 0 when they are. */
int64_t capacity_full_in(int64_t disk_bytes, int64_t used_bytes, int64_t growth_bytes_per_day);

/*
 * What a day of one side costs, in millionths of the prices' currency.  A price that is not given is not known and not
 * nothing; where all three are missing nothing is.  ERR_CONFIG: currencies differ.  ERR_NOT_FOUND: `fault` names the key
 * that is missing, or the figure that was not measured.
 */
int capacity_cost(const struct plan_price *price, const struct capacity_side *side, const char *name,
		  int64_t *out_millionths, struct view *unit, struct fault *fault);

/*
 * The busiest step of a row of marks: `ends[i]` is where a log ended `i` steps ago, -1 before its beginning or when not
 * known.  Returns records.
 */
int64_t capacity_busiest(const int64_t *ends, int count);

#endif

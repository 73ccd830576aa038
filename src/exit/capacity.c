/* capacity.c - a little arithmetic that must not overflow into a yes. */
#include "exit/capacity.h"

#define GB     1000000000.0
#define DAY_MS 86400000

int64_t capacity_headroom(int64_t write_bytes_per_s, int64_t brokers, int64_t peak_bytes_per_s)
{
	double available;

	if (write_bytes_per_s < 0 || brokers < 0 || peak_bytes_per_s < 0)
		return CAPACITY_NOT_KNOWN;
	if (brokers < 2 || !write_bytes_per_s)
		return peak_bytes_per_s || brokers < 2 ? -1000 : 0;
	available = (double)write_bytes_per_s * (double)(brokers - 1) / (double)brokers;
	if ((double)peak_bytes_per_s > available * 1000)
		return -1000000;
	/* Rounded down: a headroom that is nearly there is not there. */
	return (int64_t)((available - (double)peak_bytes_per_s) / available * 1000 + 1000000) - 1000000;
}

int64_t capacity_replay(int64_t read_bytes_per_s, int64_t brokers, int64_t follow_bytes_per_s,
			int64_t backlog_bytes)
{
	double left, ms;

	if (read_bytes_per_s < 0 || brokers < 0 || follow_bytes_per_s < 0 || backlog_bytes < 0)
		return CAPACITY_NOT_KNOWN;
	if (brokers < 2)
		return CAPACITY_NEVER;
	left = (double)read_bytes_per_s * (double)(brokers - 1) / (double)brokers - (double)follow_bytes_per_s;
	if (left < 0 || (left == 0 && backlog_bytes))
		return CAPACITY_NEVER;
	if (!backlog_bytes)
		return 0;
	/* Rounded up: a limit that is nearly kept is not kept. */
	ms = (double)backlog_bytes / left * 1000 + 1;
	return ms >= (double)INT64_MAX ? CAPACITY_NEVER : (int64_t)ms;
}

int64_t capacity_full_in(int64_t disk_bytes, int64_t used_bytes, int64_t growth_bytes_per_day)
{
	double days;

	if (disk_bytes < 0 || used_bytes < 0 || growth_bytes_per_day < 0)
		return CAPACITY_NOT_KNOWN;
	if (used_bytes >= disk_bytes)
		return 0;
	if (!growth_bytes_per_day)
		return CAPACITY_NEVER;
	days = (double)(disk_bytes - used_bytes) / (double)growth_bytes_per_day;
	return days * DAY_MS >= (double)INT64_MAX ? CAPACITY_NEVER : (int64_t)(days * DAY_MS);
}

struct sum {
	double millionths;
	struct view unit;
	int err;
};

static void add(struct sum *sum, const struct plan_number *price, const char *key, double units,
		const char *name, struct fault *fault)
{
	if (sum->err)
		return;
	if (!price->given)
		sum->err = fault_set(fault, ERR_NOT_FOUND,
				     "the plan names no price: add prices: { %s: { %s: ... } }", name, key);
	else if (units < 0)
		sum->err = fault_set(fault, ERR_NOT_FOUND,
				     "what %s of the %s is multiplied by could not be measured", key, name);
	else if (sum->unit.at && !view_equal(sum->unit, price->unit))
		sum->err = fault_set(fault, ERR_CONFIG, "the prices of the %s are in %.*s and in %.*s", name,
				     VIEW_ARGS(sum->unit), VIEW_ARGS(price->unit));
	if (sum->err)
		return;
	sum->unit = price->unit;
	sum->millionths += (double)price->value * units;
}

int capacity_cost(const struct plan_price *price, const struct capacity_side *side, const char *name,
		  int64_t *out_millionths, struct view *unit, struct fault *fault)
{
	struct sum sum = { 0 };
	double moved = side->day_bytes < 0 || side->read_bytes < 0
			       ? -1
			       : ((double)side->day_bytes + (double)side->read_bytes) / GB;

	add(&sum, &price->broker_day, "broker-day", (double)side->brokers, name, fault);
	add(&sum, &price->gb_month, "gb-month",
	    side->used_bytes < 0 ? -1 : (double)side->used_bytes / GB / 30, name, fault);
	add(&sum, &price->transfer_gb, "transfer-gb", moved, name, fault);
	if (sum.err)
		return sum.err;
	/* Rounded up: a limit that is nearly kept is not kept. */
	*out_millionths =
		sum.millionths >= (double)INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)sum.millionths + 1;
	if (sum.millionths == 0)
		*out_millionths = 0;
	*unit = sum.unit;
	return 0;
}

int64_t capacity_busiest(const int64_t *ends, int count)
{
	int64_t busiest = 0;

	for (int i = 0; i + 1 < count; i++)
		if (ends[i] >= 0 && ends[i + 1] >= 0 && ends[i] - ends[i + 1] > busiest)
			busiest = ends[i] - ends[i + 1];
	return busiest;
}

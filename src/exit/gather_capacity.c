/*
 * gather_capacity.c - room and cost, from what brokers report and the plan says.
 *
 * Brokers tell no rates.  They tell where a log ended an hour ago, and what it takes on disk; so the rate of each hour of
 * the last day is known without having been there.  Clusters are spoken of by name.
 */
#include <stdio.h>

#include "base/units.h"
#include "exit/capacity.h"
#include "exit/gather_logs.h"

#define METHOD  "size"
#define HOURS   24
#define HOUR_MS 3600000
#define DAY_MS  86400000

/* ---- rates ---- */

/* What was measured of one side: all of its topics, and those of the plan among them. */
struct measured {
	struct logs logs;
	struct capacity_side side, plan;
	int64_t follow_bytes_per_s; /* what the groups of the plan read of it at that peak, each of them */
	const char *why;           /* rates are not known */
};

/*
 * Where the log ended at a mark: at a moment after which nothing was written it ended where it ends now.  A log that
 * retention has cut since then began, as far as anybody can tell, where it begins now.
 */
static int64_t end_at(const struct log *log, int64_t offset)
{
	if (offset == -2 || log->end < 0)
		return -1;
	return offset == -1 ? log->end : offset;
}

static void add_log(struct measured *m, const struct log *log, const int64_t ends[HOURS + 1])
{
	int64_t records = log->end - log->start;
	double bytes = records > 0 && log->size_bytes > 0 ? (double)log->size_bytes / (double)records : 0;
	double peak = (double)capacity_busiest(ends, HOURS + 1) * bytes / 3600;
	int64_t day_records = ends[0] >= 0 && ends[HOURS] >= 0 ? ends[0] - ends[HOURS] : records;
	double day = (double)(day_records > 0 ? day_records : 0) * bytes;

	m->side.peak_bytes_per_s += (int64_t)peak + (peak > 0);
	m->side.day_bytes += (int64_t)day;
	/* A log whose beginning moves has reached what retention lets it be: as much goes as comes. */
	if (log->start == 0)
		m->side.growth_bytes += (int64_t)(day * (log->replicas > 0 ? log->replicas : 1));
	m->follow_bytes_per_s += ((int64_t)peak + (peak > 0)) * log->readers;
	if (log->of_plan) {
		m->plan.peak_bytes_per_s += (int64_t)peak + (peak > 0);
		m->plan.day_bytes += (int64_t)day;
	}
}

static int ask_marks(const struct gather_run *run, enum side side, const struct logs *logs,
		     int64_t *marks[HOURS + 1])
{
	int64_t now_ms = clock_wall_ms(run->g->clock);

	for (int hour = 1; hour <= HOURS; hour++) {
		int err = logs_at(run, side, logs, now_ms - hour * (int64_t)HOUR_MS, &marks[hour]);

		if (err < 0)
			return err;
	}
	return 0;
}

static int measure_side(const struct gather_run *run, enum side side, struct measured *m, struct fault *fault)
{
	const struct plan_room *room =
		side == SIDE_SOURCE ? &run->g->plan->limits.source : &run->g->plan->limits.target;
	int64_t *marks[HOURS + 1] = { NULL };
	int err = logs_of_cluster(run, side, &m->logs, fault);

	if (err < 0)
		return err;
	err = ask_marks(run, side, &m->logs, marks);
	if (err < 0)
		return fault_set(fault, err, "asking the %s where its logs ended: %s", side_word(side),
				 err_text(err));
	m->why = m->logs.why ? m->logs.why : m->logs.size_why;
	for (int i = 0; i < m->logs.count; i++) {
		int64_t ends[HOURS + 1] = { m->logs.at[i].end };

		for (int hour = 1; hour <= HOURS; hour++) {
			ends[hour] = end_at(&m->logs.at[i], marks[hour][i]);
			if (ends[hour] < 0 && !m->why)
				m->why = "where a log ended an hour or more ago was not told";
		}
		add_log(m, &m->logs.at[i], ends);
	}
	m->side.brokers =
		room->brokers.given ? room->brokers.value : run->g->world->sides[side].metadata.broker_count;
	m->side.used_bytes = m->logs.used_bytes;
	m->side.disk_bytes = room->disk.given ? room->disk.value : m->logs.disk_bytes;
	return 0;
}

/* ---- evidence ---- */

static void exclude_unmeasured(struct draft *d, const struct measured *m, enum side side)
{
	if (m->why)
		draft_exclude(d, "RATE_UNKNOWN", "what is written to the %s was not told: %s",
			      side_word(side), m->why);
}

static int put_headroom(const struct gather_run *run, const struct measured m[SIDE_COUNT],
			struct fault *fault)
{
	const struct plan_number *write = &run->g->plan->limits.target.write;
	int64_t others = m[SIDE_TARGET].side.peak_bytes_per_s - m[SIDE_TARGET].plan.peak_bytes_per_s;
	int64_t peak = m[SIDE_SOURCE].plan.peak_bytes_per_s + (others > 0 ? others : 0);
	char a[UNIT_TEXT_SIZE], b[UNIT_TEXT_SIZE];
	int64_t headroom;
	struct draft d;

	draft_begin(&d, run->g, "capacity.headroom", VIEW_NULL, METHOD);
	draft_of_world(&d);
	exclude_unmeasured(&d, &m[SIDE_SOURCE], SIDE_SOURCE);
	exclude_unmeasured(&d, &m[SIDE_TARGET], SIDE_TARGET);
	draft_value(&d, "peak", "bytes/s", peak);
	if (!write->given) {
		draft_exclude(&d, "LIMIT_MISSING",
			      "what the target takes is not known: add limits: { target: { write: 200MB/s } "
			      "} to the plan");
		return draft_end(&d, fault);
	}
	headroom = capacity_headroom(write->value, m[SIDE_TARGET].side.brokers, peak);
	draft_value(&d, "headroom", "permille", headroom);
	draft_value(&d, "brokers", "brokers", m[SIDE_TARGET].side.brokers);
	d.item.samples = (uint64_t)(m[SIDE_SOURCE].logs.count + m[SIDE_TARGET].logs.count);
	if (m[SIDE_TARGET].side.brokers < 2)
		draft_say(&d, "with its one broker out the target takes nothing");
	else
		draft_say(
			&d,
			"at a peak of %s/s, and with one of %lld brokers out of %s/s, %lld.%lld %% are left",
			size_text((uint64_t)peak, a), (long long)m[SIDE_TARGET].side.brokers,
			size_text((uint64_t)write->value, b), (long long)(headroom / 10),
			(long long)(headroom < 0 ? -(headroom % 10) : headroom % 10));
	return draft_end(&d, fault);
}

/* What one group of the family has still to read on the reference; a partition in which it stands nowhere, all of. */
static int64_t backlog_of(const struct gathering *g, enum side side, const struct logs *logs, struct view id,
			  const char **why)
{
	const struct facts_side *facts = &g->world->sides[side];
	int group = facts_group(facts, id);
	double bytes = 0;

	if (group < 0 || !facts->group_positions) {
		*why = "where a group stands was not told";
		return -1;
	}
	for (int i = 0; i < logs->count; i++) {
		const struct log *log = &logs->at[i];
		int64_t place = log->start, records = log->end - log->start;

		if (log->topic_index < 0)
			continue;
		if (log->end < 0 || log->start < 0 || log->size_bytes < 0) {
			*why = "how large a log is was not told";
			return -1;
		}
		for (int p = 0; p < facts->group_positions[group].count; p++) {
			const struct group_position *at = &facts->group_positions[group].at[p];

			if (at->partition == log->partition && at->offset > place &&
			    strcmp(at->topic, log->topic) == 0)
				place = at->offset;
		}
		if (place < log->end)
			bytes += (double)log->size_bytes / (double)records * (double)(log->end - place);
	}
	return bytes >= (double)INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

/*
 * The load of groups that go on at the target: what they have still to read, all of them at once, while they follow the
 * source's busiest hour.
 */
static int put_replay(const struct gather_run *run, const struct measured m[SIDE_COUNT], struct fault *fault)
{
	enum side reference = run->g->mirrored ? SIDE_TARGET : SIDE_SOURCE;
	const struct plan_number *read = &run->g->plan->limits.target.read;
	const struct plan_names *groups = &run->g->family->groups;
	int64_t backlog = 0, follow = m[SIDE_SOURCE].follow_bytes_per_s, ms;
	char a[UNIT_TEXT_SIZE], b[UNIT_TEXT_SIZE], c[UNIT_TEXT_SIZE];
	const char *why = NULL;
	struct draft d;

	draft_begin(&d, run->g, "capacity.replay", VIEW_NULL, METHOD);
	draft_of_world(&d);
	if (m[SIDE_TARGET].follow_bytes_per_s > follow)
		follow = m[SIDE_TARGET].follow_bytes_per_s;
	exclude_unmeasured(&d, &m[SIDE_SOURCE], SIDE_SOURCE);
	exclude_unmeasured(&d, &m[SIDE_TARGET], SIDE_TARGET);
	for (int i = 0; i < groups->count && backlog >= 0; i++) {
		int64_t one = backlog_of(run->g, reference, &m[reference].logs, groups->at[i].text, &why);

		backlog = one < 0 ? -1 : backlog > INT64_MAX - one ? INT64_MAX : backlog + one;
	}
	d.item.samples = (uint64_t)groups->count;
	draft_value(&d, "follow", "bytes/s", follow);
	if (backlog < 0)
		draft_exclude(&d, "BACKLOG_UNKNOWN", "what groups have still to read is not known: %s", why);
	else
		draft_value(&d, "backlog", "bytes", backlog);
	if (!read->given)
		draft_exclude(&d, "LIMIT_MISSING",
			      "what the target gives to consumers is not known: add limits: { target: { read: "
			      "400MB/s } } to the plan");
	if (backlog < 0 || !read->given)
		return draft_end(&d, fault);
	ms = capacity_replay(read->value, m[SIDE_TARGET].side.brokers, follow, backlog);
	draft_value(&d, "catches-up-in", "ms", ms);
	if (m[SIDE_TARGET].side.brokers < 2)
		draft_say(&d, "with its one broker out the target gives nothing");
	else
		draft_say(&d, "%s to read by %d %s that follow %s/s, with one of %lld brokers out of %s/s: %s",
			  size_text((uint64_t)backlog, a), groups->count,
			  groups->count == 1 ? "group" : "groups", size_text((uint64_t)follow, b),
			  (long long)m[SIDE_TARGET].side.brokers, size_text((uint64_t)read->value, c),
			  ms == CAPACITY_NEVER ? "they never catch up" : "they catch up");
	if (m[SIDE_TARGET].side.brokers >= 2 && ms != CAPACITY_NEVER)
		draft_say(&d, "in %s", duration_text(ms, a));
	return draft_end(&d, fault);
}

static int put_disk(const struct gather_run *run, const struct measured *target, struct fault *fault)
{
	char used[UNIT_TEXT_SIZE], disk[UNIT_TEXT_SIZE], growth[UNIT_TEXT_SIZE], full[UNIT_TEXT_SIZE];
	struct draft d;
	int64_t in_ms;

	draft_begin(&d, run->g, "capacity.disk", VIEW_NULL, METHOD);
	draft_of_world(&d);
	exclude_unmeasured(&d, target, SIDE_TARGET);
	if (target->side.used_bytes < 0)
		draft_exclude(&d, "DISK_UNKNOWN", "what the target's disks hold was not told: %s",
			      target->logs.size_why ? target->logs.size_why : "no answer");
	if (target->side.disk_bytes < 0)
		draft_exclude(&d, "LIMIT_MISSING",
			      "how large the target's disks are was not told: add limits: { target: { disk: "
			      "2TB } } to "
			      "the plan");
	in_ms = capacity_full_in(target->side.disk_bytes, target->side.used_bytes, target->side.growth_bytes);
	if (in_ms != CAPACITY_NOT_KNOWN) {
		draft_value(&d, "full-in", "ms", in_ms);
		draft_value(&d, "growth", "bytes/day", target->side.growth_bytes);
		draft_say(&d, "%s of %s used, %s more a day",
			  size_text((uint64_t)target->side.used_bytes, used),
			  size_text((uint64_t)target->side.disk_bytes, disk),
			  size_text((uint64_t)target->side.growth_bytes, growth));
		if (in_ms != CAPACITY_NEVER)
			draft_say(&d, "full in %s", duration_text(in_ms, full));
	}
	d.item.samples = (uint64_t)target->logs.count;
	return draft_end(&d, fault);
}

/* What we read ourselves: of this survey's comparison, as often as a controller makes it. */
static int64_t own_reads(const struct gathering *g)
{
	int64_t every_ms = plan_every_ms(g->plan, g->family), once = 0;

	for (int i = 0; i < g->log->count; i++)
		if (view_is(g->log->items[i]->claim, "parity.family"))
			once = (int64_t)g->log->items[i]->traffic_bytes;
	return every_ms > 0 ? (int64_t)((double)once * DAY_MS / (double)every_ms) : once;
}

static int put_cost(const struct gather_run *run, struct measured m[SIDE_COUNT], struct fault *fault)
{
	const struct plan *plan = run->g->plan;
	const struct plan_price *prices[SIDE_COUNT] = { &plan->prices.source, &plan->prices.target };
	const struct plan_number *limit = &run->g->family->class->limits[LIMIT_CAPACITY_COST_PER_DAY];
	struct view unit = VIEW_NULL, units[SIDE_COUNT];
	int64_t total = 0, reads = own_reads(run->g);
	char text[UNIT_TEXT_SIZE];
	bool known = true;
	struct draft d;

	draft_begin(&d, run->g, "capacity.cost", VIEW_NULL, METHOD);
	draft_of_world(&d);
	for (int side = 0; side < SIDE_COUNT; side++) {
		struct fault why = { 0 };
		int64_t cost;

		exclude_unmeasured(&d, &m[side], (enum side)side);
		m[side].side.read_bytes = reads / 2;
		if (capacity_cost(prices[side], &m[side].side, side_word((enum side)side), &cost,
				  &units[side], &why) < 0) {
			draft_exclude(&d, "PRICE_MISSING", "%s", why.text);
			known = false;
			continue;
		}
		unit = units[side];
		total += cost;
		draft_say(&d, "a day of the %s costs %lld.%02lld %.*s", side_word((enum side)side),
			  (long long)(cost / 1000000), (long long)(cost % 1000000 / 10000),
			  VIEW_ARGS(units[side]));
	}
	if (known && !view_equal(units[0], units[1])) {
		draft_exclude(&d, "PRICE_MISSING", "the prices of the two sides are in %.*s and in %.*s",
			      VIEW_ARGS(units[0]), VIEW_ARGS(units[1]));
		known = false;
	}
	if (known && limit->given && !limit->none && !view_equal(unit, limit->unit)) {
		draft_exclude(&d, "PRICE_MISSING",
			      "the prices are in %.*s, and the class's cost-per-day is in %.*s",
			      VIEW_ARGS(unit), VIEW_ARGS(limit->unit));
		known = false;
	}
	if (known)
		draft_value(&d, "cost-per-day", "millionths", total);
	draft_value(&d, "own-reads", "bytes/day", reads);
	draft_say(&d, "of what is read, %s a day are our own", size_text((uint64_t)reads, text));
	return draft_end(&d, fault);
}

int gather_capacity(const struct gather_run *run, struct fault *fault)
{
	struct measured measured[SIDE_COUNT] = { 0 };
	int err = 0;

	if (run->progress)
		run->progress(run->context, "measuring room and cost", -1);
	for (int side = 0; side < SIDE_COUNT && !err; side++)
		err = measure_side(run, (enum side)side, &measured[side], fault);
	err = err ? err : put_headroom(run, measured, fault);
	if (!err && run->g->family->groups.count)
		err = put_replay(run, measured, fault);
	err = err ? err : put_disk(run, &measured[SIDE_TARGET], fault);
	err = err ? err : put_cost(run, measured, fault);
	return err ? err : gather_journal(run, GATE_CAPACITY, fault);
}

/*
 * gather_rollback.c - the way back: is there one, is it fed, was it walked, and how long does it stay clean?
 *
 * Clusters are spoken of by name here: going back always leads to the source.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "client/offsets.h"
#include "exit/gather_logs.h"
#include "exit/gather_run.h"
#include "exit/lever_told.h"
#include "exit/probe.h"

#define METHOD "boundary"

/* ---- who decides ---- */

static int put_owner(struct gathering *g, struct fault *fault)
{
	struct draft d;

	draft_begin(&d, g, "rollback.plan", VIEW_NULL, "plan");
	draft_of_world(&d);
	draft_value(&d, "ownerless", "decisions", !g->family->owners.decision.text.size);
	draft_say(&d, "%.*s decides", VIEW_ARGS(g->family->owners.decision.text));
	return draft_end(&d, fault);
}

/* ---- the way, and what feeds it ---- */

/* Topics that hold records here and none there: then nothing writes to both. */
static void way_of_dual_write(struct draft *d, const struct logs *logs)
{
	int64_t records[SIDE_COUNT];
	int one_sided = 0;

	for (int i = 0; i < d->g->topic_count; i++) {
		for (int side = 0; side < SIDE_COUNT; side++) {
			records[side] = 0;
			for (int l = 0; l < logs[side].count; l++)
				if (logs[side].at[l].topic_index == i && logs[side].at[l].end > 0)
					records[side] += logs[side].at[l].end;
		}
		if (!records[SIDE_SOURCE] == !records[SIDE_TARGET])
			continue;
		one_sided++;
		draft_say(d, "%.*s was written on the %s only", VIEW_ARGS(d->g->topics[i].source),
			  side_word(records[SIDE_SOURCE] ? SIDE_SOURCE : SIDE_TARGET));
	}
	if (!d->g->family->levers.flag.head.given) {
		one_sided++;
		draft_say(d,
			  "the plan has no lever 'flag' by which the application could be told to go back");
	}
	draft_value(d, "missing", "ways", one_sided);
	if (!one_sided)
		draft_say(d, "the application writes to both sides, and can be told which one counts");
}

static void way_of_copier(struct draft *d, const struct gather_run *run)
{
	const struct plan_return *back = &run->g->family->back;
	struct probing probing = probing_of_return(run->asking, back, run->g->epochs.authority);
	struct quantity behind;
	struct fault why = { 0 };
	int64_t records;

	draft_value(d, "missing", "ways", !back->head.given);
	if (!back->head.given) {
		draft_say(d,
			  "the plan has no 'return': nothing would carry back what is written to the target");
		return;
	}
	if (!run->asking || probe_number(&probing, &behind, &why) < 0) {
		draft_exclude(d, "RETURN_UNKNOWN", "how far %.*s is behind cannot be told: %s",
			      VIEW_ARGS(back->filled_by.text),
			      run->asking ? why.text : "nobody can be asked here");
		return;
	}
	/* A part of a record is a record that is not there. */
	records = behind.millionths / 1000000 + (behind.millionths % 1000000 > 0);
	draft_value(d, "behind", "records", records);
	draft_say(d, "%.*s is %lld records behind", VIEW_ARGS(back->filled_by.text), (long long)records);
	if (!back->control.text.size)
		draft_say(d, "its probe has no control");
}

static int put_way(const struct gather_run *run, const struct logs *logs, struct fault *fault)
{
	struct gathering *g = run->g;
	struct draft d;

	draft_begin(&d, g, "rollback.way", VIEW_NULL, METHOD);
	draft_of_world(&d);
	if (g->family->pattern.value == PLAN_PATTERN_DUAL_WRITE) {
		for (int side = 0; side < SIDE_COUNT; side++)
			if (logs[side].why)
				draft_exclude(&d, "offsets", "the %s did not tell where its logs end: %s",
					      side_word((enum side)side), logs[side].why);
		way_of_dual_write(&d, logs);
	} else {
		way_of_copier(&d, run);
	}
	return draft_end(&d, fault);
}

/* ---- levers ---- */

static int lever_of(struct asking *asking, const struct plan_levers *levers, int index, struct lever **out,
		    struct fault *fault)
{
	const struct plan_lever *lever = index == 0   ? &levers->flag
					 : index == 1 ? &levers->bootstrap
						      : &levers->groups[index - 2];

	*out = NULL;
	if (!lever->head.given)
		return 0;
	return index == 0   ? lever_flag_new(asking, lever, out, fault)
	       : index == 1 ? lever_bootstrap_new(asking, lever, out, fault)
			    : lever_group_new(asking, lever, out, fault);
}

/*
 * A flag or an address says who writes where.  One that says otherwise than the journal was moved by somebody else, and
 * nothing that is judged here holds: the other side is the truth then, or writers are held.
 */
static bool stands_elsewhere(const struct gather_run *run, int index, struct view value)
{
	bool held = view_is(value, "hold") && run->fenced;

	return index < 2 && !held && !view_is(value, run->g->mirrored ? "target" : "source");
}

static void look_at_lever(const struct gather_run *run, struct lever *lever, struct draft *d, int index,
			  int *silent, int *elsewhere)
{
	struct fault why = { 0 };
	struct buffer value;

	buffer_init(&value, LEVER_VALUE_SIZE_MAX);
	if (lever_observe(lever, run->timeout_ms, &value, &why) < 0) {
		++*silent;
		draft_say(d, "%s does not answer: %s", lever->name, why.text);
	} else {
		bool other = stands_elsewhere(run, index, buffer_bytes(&value));

		*elsewhere += other;
		draft_say(d, "%s stands at %s%s%s", lever->name, buffer_string(&value),
			  other ? ", and authority is on the " : "",
			  other ? run->g->mirrored ? "target" : "source" : "");
	}
	buffer_done(&value);
}

static int put_levers(const struct gather_run *run, struct fault *fault)
{
	const struct plan_levers *levers = &run->g->family->levers;
	int err = 0, count = 0, silent = 0, elsewhere = 0;
	struct draft d;

	draft_begin(&d, run->g, "rollback.levers", VIEW_NULL, "observe");
	draft_of_world(&d);
	for (int i = 0; run->asking && i < levers->group_count + 2 && !err; i++) {
		struct lever *lever = NULL;

		err = lever_of(run->asking, levers, i, &lever, fault);
		if (lever)
			look_at_lever(run, lever, &d, i, &silent, &elsewhere);
		count += lever != NULL;
		lever_free(lever);
	}
	if (err < 0) {
		buffer_done(&d.text);
		return err;
	}
	if (!run->asking)
		draft_exclude(&d, "LEVER_SILENT", "nobody can be asked here");
	draft_value(&d, "silent", "levers", silent);
	draft_value(&d, "elsewhere", "levers", elsewhere);
	d.item.samples = (uint64_t)count;
	return draft_end(&d, fault);
}

/* ---- the boundary ---- */

/*
 * What the comparison, mirrored, found on the target alone; not known when it was not made, or not whole.  Of these, `behind`
 * may be on their way.
 */
static int64_t found_on_target_alone(const struct gathering *g, int64_t *behind)
{
	int64_t total = 0;

	for (int i = 0; i < g->topic_count; i++) {
		const struct evidence_value *lost = NULL, *late = NULL;

		for (int j = 0; j < g->log->count; j++) {
			const struct evidence *item = g->log->items[j];

			if (view_is(item->claim, "parity.topic") &&
			    view_equal(item->subject, g->topics[i].source) &&
			    item->status != EVIDENCE_INSTRUMENT_ERROR &&
			    item->epochs.authority == g->epochs.authority) {
				lost = evidence_value(item, VIEW_LITERAL("LOST"));
				late = evidence_value(item, VIEW_LITERAL("behind"));
			}
		}
		if (!lost)
			return BOUNDARY_NOT_KNOWN;
		total += lost->number;
		*behind += late ? late->number : 0;
	}
	return total + *behind;
}

/* Where a log of the target ended at the crossing; a partition that came later is there alone, from its beginning. */
/* How far the plan's copier is behind: what it has not carried back yet is on the target alone. */
static int64_t told_by_copier(const struct gathering *g)
{
	for (int i = g->log->count - 1; i >= 0; i--) {
		const struct evidence_value *behind;

		if (!view_is(g->log->items[i]->claim, "rollback.way"))
			continue;
		behind = evidence_value(g->log->items[i], VIEW_LITERAL("behind"));
		return behind ? behind->number : BOUNDARY_NOT_KNOWN;
	}
	return BOUNDARY_NOT_KNOWN;
}

static void target_only(struct draft *d, const struct gather_run *run, const struct logs *target,
			struct boundary *boundary)
{
	const struct gathering *g = run->g;
	int64_t bytes, behind = 0;

	if (!g->mirrored)
		boundary->target_only_records = 0;
	else if (g->family->pattern.value == PLAN_PATTERN_DUAL_WRITE)
		boundary->target_only_records = found_on_target_alone(g, &behind);
	else if (g->family->back.head.given)
		boundary->target_only_records = told_by_copier(g);
	else
		boundary->target_only_records =
			run->history ? logs_grown_since_crossing(run, target) : BOUNDARY_NOT_KNOWN;
	boundary->groups_past = run->history ? run->history->groups_past : 0;
	boundary->target_only_bytes = BOUNDARY_NOT_KNOWN;
	if (boundary->target_only_records == BOUNDARY_NOT_KNOWN) {
		draft_exclude(d, "TARGET_ONLY_UNKNOWN",
			      "how many records are on the target alone is not known");
		return;
	}
	bytes = logs_record_bytes(target);
	if (!boundary->target_only_records)
		boundary->target_only_bytes = 0;
	else if (bytes >= 0 &&
		 __builtin_mul_overflow(bytes, boundary->target_only_records, &boundary->target_only_bytes))
		boundary->target_only_bytes = INT64_MAX;
	/* A mirror that lags has lost nothing yet; whether it will cannot be told. */
	if (behind)
		draft_exclude(d, "PARITY_BEHIND", "%lld records of the target are not on the source yet",
			      (long long)behind);
	draft_value(d, "behind", "records", behind);
	draft_value(d, "target-only", "records", boundary->target_only_records - behind);
	if (boundary->target_only_bytes >= 0)
		draft_value(d, "target-only-bytes", "bytes", boundary->target_only_bytes);
	draft_value(d, "past", "groups", boundary->groups_past);
}

static void say_end(struct draft *d, const struct boundary *boundary, int64_t keep_ms, int64_t now_ms)
{
	int64_t left = boundary->clean_until_ms - now_ms;
	char text[UNIT_TEXT_SIZE];

	if (boundary->clean_until_ms == BOUNDARY_NOT_KNOWN) {
		draft_exclude(
			d, "CLEAN_UNKNOWN",
			"how long going back stays clean is not known: retention of %.*s "
			"on the %s was not told",
			VIEW_ARGS(boundary->first ? boundary->first->topic : VIEW_LITERAL("the topics")),
			boundary->first ? side_word(boundary->first->side) : "clusters");
		return;
	}
	if (boundary->clean_until_ms == BOUNDARY_NO_END) {
		draft_value(d, "short", "ms", 0);
		draft_say(d, "no retention ends it");
		return;
	}
	draft_value(d, "clean-until", "ms since 1970", boundary->clean_until_ms);
	draft_value(d, "short", "ms", left >= keep_ms ? 0 : left < 0 ? keep_ms : keep_ms - left);
	draft_say(d, "clean until %s; then %.*s partition %d of the %s may lose what is still needed",
		  time_text(boundary->clean_until_ms, text), VIEW_ARGS(boundary->first->topic),
		  boundary->first->partition, side_word(boundary->first->side));
}

static int put_boundary(const struct gather_run *run, const struct logs *logs, struct boundary *out,
			struct fault *fault)
{
	int64_t keep_ms = run->g->family->class->limits[LIMIT_ROLLBACK_KEEP].value;
	int64_t now_ms = clock_wall_ms(run->g->clock);
	struct boundary boundary = { 0 };
	struct boundary_log *needed;
	int count = 0;
	struct draft d;
	int err = logs_needed(run, logs, keep_ms, &needed, &count);

	if (err < 0)
		return fault_set(fault, err, "no memory for the boundary of family %.*s",
				 VIEW_ARGS(run->g->family->name.text));
	draft_begin(&d, run->g, "rollback.boundary", VIEW_NULL, METHOD);
	draft_of_world(&d);
	for (int side = 0; side < SIDE_COUNT; side++)
		if (logs[side].why)
			draft_exclude(&d, "offsets", "the %s did not tell where its logs begin and end: %s",
				      side_word((enum side)side), logs[side].why);
	target_only(&d, run, &logs[SIDE_TARGET], &boundary);
	boundary_judge(needed, count, now_ms, &boundary);
	say_end(&d, &boundary, keep_ms, now_ms);
	d.item.samples = (uint64_t)count;
	if (out)
		*out = boundary;
	return draft_end(&d, fault);
}

int gather_kept(const struct gather_run *run, struct fault *fault)
{
	int64_t shorter = 0, grown = 0;
	struct logs target = { 0 };
	char text[UNIT_TEXT_SIZE];
	struct draft d;
	int err = logs_of_family(run, SIDE_TARGET, &target, fault);

	if (err < 0)
		return err;
	draft_begin(&d, run->g, "parity.kept", VIEW_NULL, METHOD);
	draft_of_world(&d);
	if (target.why)
		draft_exclude(&d, "offsets", "the target did not tell where its logs end: %s", target.why);
	if (!run->history || !run->history->crossed_count)
		draft_exclude(&d, "CROSSING_UNKNOWN",
			      "no journal tells where the logs ended at the crossing");
	for (int i = 0; run->history && i < target.count; i++) {
		int64_t end = target.at[i].end, crossed = logs_crossed_at(run->history, &target.at[i]);

		if (end < 0)
			continue;
		grown += end > crossed ? end - crossed : 0;
		shorter += end < crossed ? crossed - end : 0;
		if (end < crossed)
			draft_say(&d, "%s partition %d ended at %lld at the crossing, and ends at %lld",
				  target.at[i].topic, target.at[i].partition, (long long)crossed,
				  (long long)end);
	}
	draft_value(&d, "short", "records", shorter);
	draft_say(&d, "the target goes on alone: %s records since the crossing",
		  count_text((uint64_t)grown, text));
	return draft_end(&d, fault);
}

int gather_rollback(const struct gather_run *run, struct boundary *out, struct fault *fault)
{
	struct logs logs[SIDE_COUNT] = { 0 };
	int err = 0;

	if (run->progress)
		run->progress(run->context, "looking at the way back", -1);
	for (int side = 0; side < SIDE_COUNT && !err; side++)
		err = logs_of_family(run, (enum side)side, &logs[side], fault);
	err = err ? err : put_owner(run->g, fault);
	err = err ? err : put_way(run, logs, fault);
	err = err ? err : put_levers(run, fault);
	err = err ? err : put_boundary(run, logs, out, fault);
	err = err ? err : gather_window(run, &logs[SIDE_TARGET], fault);
	return err ? err : gather_journal(run, GATE_ROLLBACK, fault);
}

/*
 * gather_probes.c - what the operator's probes answer, as evidence.
 *
 * Each probe is an item of its own (probe.counter, probe.outside); one item a family sums them up, names them as its
 * parents, and is what the rules look at.  A probe that gave no answer is left out of the sum, which is then partial and
 * opens nothing; a difference that was seen beside it shuts all the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exit/gather_run.h"
#include "exit/probe.h"

/* One claim over many probes. */
struct sum {
	struct gathering *g;
	const char *claim, *value, *unit;
	struct sha256 *parents;
	int count, answered, bad, uncontrolled;
	struct draft draft;
};

static int sum_begin(struct sum *sum, struct gathering *g, const char *claim, const char *value,
		     const char *unit, int count)
{
	*sum = (struct sum){ .g = g, .claim = claim, .value = value, .unit = unit, .count = count };
	sum->parents = arena_array(g->arena, (size_t)count + 1, sizeof *sum->parents);
	draft_begin(&sum->draft, g, claim, VIEW_NULL, "probe");
	sum->draft.item.kind = EVIDENCE_PROBE;
	return sum->parents ? 0 : ERR_MEMORY;
}

/* The item that was just appended becomes a parent. */
static void sum_parent(struct sum *sum)
{
	const struct evidence_log *log = sum->g->log;

	sum->parents[sum->draft.item.parent_count++] = log->items[log->count - 1]->id;
}

static int sum_end(struct sum *sum, const char *noun, const char *good, struct fault *fault)
{
	struct draft *d = &sum->draft;

	draft_value(d, sum->value, sum->unit, sum->bad);
	d->item.parents = sum->parents;
	d->item.total = (uint64_t)sum->count;
	d->item.covered = d->item.samples = (uint64_t)sum->answered;
	if (!sum->answered)
		d->item.status = EVIDENCE_INSTRUMENT_ERROR;
	draft_say(d, "%d of %d %s %s", sum->answered - sum->bad, sum->count, noun, good);
	if (sum->uncontrolled)
		draft_say(d, "%d of them without a control: that %s could come out wrong was not shown",
			  sum->uncontrolled, sum->uncontrolled == 1 ? "it" : "they");
	return draft_end(d, fault);
}

static void begin_one(struct draft *d, struct gathering *g, const char *claim, struct view subject)
{
	draft_begin(d, g, claim, subject, "probe");
	d->item.kind = EVIDENCE_PROBE;
}

/* A probe without an answer: an item that says why, and a hole in the sum. */
static int put_silent(struct sum *sum, const char *claim, struct view subject, const struct fault *why,
		      struct fault *fault)
{
	struct draft d;
	int err;

	begin_one(&d, sum->g, claim, subject);
	d.item.status = EVIDENCE_INSTRUMENT_ERROR;
	draft_say(&d, "%s", why->text);
	err = draft_end(&d, fault);
	if (err < 0)
		return err;
	sum_parent(sum);
	draft_exclude(&sum->draft, why->err == ERR_CHECKSUM ? "PROBE_CONTROL" : "PROBE_SILENT", "%.*s: %s",
		      VIEW_ARGS(subject), why->text);
	draft_say(&sum->draft, "%.*s: %s", VIEW_ARGS(subject), why->text);
	return 0;
}

/* The side that the other one is held against. */
static enum side reference_of(const struct gathering *g)
{
	return g->mirrored ? SIDE_TARGET : SIDE_SOURCE;
}

static bool goes_on(int err)
{
	return err != ERR_CANCELLED && err != ERR_MEMORY;
}

/* Nobody can be asked: every probe says so. */
static int put_all_silent(struct sum *sum, const char *claim, const struct view *subjects, int count,
			  const struct fault *why, struct fault *fault)
{
	int err = 0;

	for (int i = 0; i < count && !err; i++)
		err = put_silent(sum, claim, subjects[i], why, fault);
	return err;
}

/* ---- counters ---- */

static int put_counter(struct sum *sum, const struct plan_probe *counter, enum side reference,
		       const struct probe_counter *found, struct fault *fault)
{
	const struct quantity tolerance = { counter->tolerance.value, "" },
			      apart = { found->apart_millionths, "" };
	char low[QUANTITY_TEXT_SIZE], high[QUANTITY_TEXT_SIZE], other[QUANTITY_TEXT_SIZE],
		far[QUANTITY_TEXT_SIZE], allowed[QUANTITY_TEXT_SIZE];
	struct draft d;
	int err;

	begin_one(&d, sum->g, "probe.counter", counter->name.text);
	draft_value(&d, "low", "millionths", found->low.millionths);
	draft_value(&d, "high", "millionths", found->high.millionths);
	draft_value(&d, "other", "millionths", found->other.millionths);
	draft_value(&d, "apart", "millionths", found->apart_millionths);
	draft_value(&d, "tolerance", "millionths", counter->tolerance.value);
	draft_value(&d, "different", "counters", found->different);
	draft_say(&d, "%s showed %s to %s, %s %s", side_word(reference), quantity_text(&found->low, low),
		  quantity_text(&found->high, high), side_word(!reference),
		  quantity_text(&found->other, other));
	if (!found->controlled)
		draft_say(&d, "without a control");
	if (found->different)
		draft_say(&sum->draft, "%.*s: %s is %s apart, %s is allowed (%s %s, %s %s)",
			  VIEW_ARGS(counter->name.text), side_word(!reference), quantity_text(&apart, far),
			  quantity_text(&tolerance, allowed), side_word(reference), high,
			  side_word(!reference), other);
	err = draft_end(&d, fault);
	if (err == 0)
		sum_parent(sum);
	sum->answered++;
	sum->bad += found->different;
	sum->uncontrolled += !found->controlled;
	return err;
}

static int gather_counter(struct sum *sum, struct asking *asking, const struct plan_probe *counter,
			  enum side reference, struct fault *fault)
{
	const struct gathering *g = sum->g;
	struct probe_counter found;
	struct fault why = { 0 };
	int err = probe_counter(asking, counter, reference, g->epochs.authority,
				g->family->class->limits[LIMIT_PARITY_SETTLE].value, &found, &why);

	if (err == 0)
		return put_counter(sum, counter, reference, &found, fault);
	if (!goes_on(err))
		return fault_set(fault, err, "%s", why.text);
	return put_silent(sum, "probe.counter", counter->name.text, &why, fault);
}

int gather_counters(const struct gather_run *run, enum side reference, struct fault *fault)
{
	struct gathering *g = run->g;
	const struct plan_probes *counters = &g->family->counters;
	struct asking *asking = NULL;
	struct fault why = { 0 };
	struct sum sum;
	int err;

	if (!counters->count)
		return 0;
	err = sum_begin(&sum, g, "parity.counters", "different", "counters", counters->count);
	if (err < 0) {
		buffer_done(&sum.draft.text);
		return fault_set(fault, err, "no memory for counters");
	}
	if (asking_new(run->loop, g->plan, g->family, &asking, &why) < 0) {
		struct view *names = arena_array(g->arena, (size_t)counters->count, sizeof *names);

		for (int i = 0; names && i < counters->count; i++)
			names[i] = counters->at[i].name.text;
		err = names ? put_all_silent(&sum, "probe.counter", names, counters->count, &why, fault)
			    : ERR_MEMORY;
	}
	for (int i = 0; asking && i < counters->count && !err; i++) {
		if (run->progress)
			run->progress(run->context, "asking counters", (double)i / counters->count);
		err = gather_counter(&sum, asking, &counters->at[i], reference, fault);
	}
	asking_free(asking);
	if (err < 0) {
		buffer_done(&sum.draft.text);
		return err;
	}
	return sum_end(&sum, sum.count == 1 ? "counter" : "counters", "the same on both sides", fault);
}

/* ---- outside positions ---- */

static void say_shown(struct draft *d, const struct asking *asking, const char *lead, const char *text)
{
	struct buffer shown;

	buffer_init(&shown, 8 * ANSWER_TEXT_SIZE_MAX);
	asking_show(asking, view_text(text), &shown);
	draft_say(d, "%s %.300s", lead, buffer_string(&shown));
	buffer_done(&shown);
}

static int put_outside(struct sum *sum, const struct asking *asking, struct view name,
		       const struct probe_outside *found, struct fault *fault)
{
	struct draft d;
	int err;

	begin_one(&d, sum->g, "probe.outside", name);
	draft_of_world(&d);
	draft_value(&d, "untranslated", "positions", !found->translated);
	draft_value(&d, "missing", "partitions", found->missing);
	for (int i = 0; i < found->position_count; i++) {
		struct position position = found->positions[i];

		position.group = name;
		draft_position(&d, &position);
	}
	say_shown(&d, asking, "stands at", found->text);
	if (found->place[0])
		say_shown(&d, asking, "goes on at", found->place);
	if (!found->controlled)
		draft_say(&d, "without a control");
	if (found->missing)
		draft_say(&sum->draft, "%.*s: %d of its partitions have no place", VIEW_ARGS(name),
			  found->missing);
	else if (!found->translated)
		draft_say(&sum->draft,
			  "%.*s says where it stands and not where it goes on: answer {\"value\": ..., "
			  "\"%s\": ...} once that is settled",
			  VIEW_ARGS(name), side_word(!reference_of(sum->g)));
	err = draft_end(&d, fault);
	if (err == 0)
		sum_parent(sum);
	sum->answered++;
	sum->bad += !found->translated;
	sum->uncontrolled += !found->controlled;
	return err;
}

static int gather_position(struct sum *sum, struct asking *asking, const struct plan_probe *outside,
			   struct view name, struct fault *fault)
{
	struct probe_outside found;
	struct fault why = { 0 };
	int err = probe_outside(asking, outside, reference_of(sum->g), sum->g->epochs.authority,
				sum->g->arena, &found, &why);

	if (err == 0)
		return put_outside(sum, asking, name, &found, fault);
	if (!goes_on(err))
		return fault_set(fault, err, "%s", why.text);
	return put_silent(sum, "probe.outside", name, &why, fault);
}

int gather_outside(const struct gather_run *run, struct fault *fault)
{
	struct gathering *g = run->g;
	const struct plan_probes *outside = &g->family->outside;
	struct asking *asking = NULL;
	struct fault why = { 0 };
	struct view *names;
	struct sum sum;
	int err;

	if (!outside->count)
		return 0;
	names = arena_array(g->arena, (size_t)outside->count, sizeof *names);
	for (int i = 0; names && i < outside->count; i++)
		names[i] = view_text(probe_outside_name(&outside->at[i], g->arena));
	err = sum_begin(&sum, g, "progress.outside", "untranslated", "positions", outside->count);
	if (err < 0 || !names) {
		buffer_done(&sum.draft.text);
		return fault_set(fault, ERR_MEMORY, "no memory for outside positions");
	}
	if (asking_new(run->loop, g->plan, g->family, &asking, &why) < 0)
		err = put_all_silent(&sum, "probe.outside", names, outside->count, &why, fault);
	for (int i = 0; asking && i < outside->count && !err; i++)
		err = gather_position(&sum, asking, &outside->at[i], names[i], fault);
	asking_free(asking);
	if (err < 0) {
		buffer_done(&sum.draft.text);
		return err;
	}
	return sum_end(&sum, sum.count == 1 ? "outside position" : "outside positions",
		       "with a place to go on", fault);
}

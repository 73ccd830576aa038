/*
 * gather_window.c - what the observation window counts: records, bytes, different keys.
 *
 * No rule looks at it: what closes a window is more than one moment's evidence, so it goes through the verdict into the journal
 * (window.h).  Records and bytes are told by offsets and sizes.  Keys must be read: the newest records of each partition since
 * the crossing, so many at a look at most, and none any more once as many keys as the class asks for were seen in one.
 */
#include <stdlib.h>

#include "base/units.h"
#include "client/allowance.h"
#include "client/offsets.h"
#include "exit/gather_logs.h"
#include "parity/key_count.h"

#define METHOD      "size"
#define READ_MEMORY ((size_t)32 << 20)
#define READ_MOST   1000000 /* offsets at a look, all partitions together */

static int put_traffic(const struct gather_run *run, const struct logs *target, struct fault *fault)
{
	int64_t records = run->history ? logs_grown_since_crossing(run, target) : BOUNDARY_NOT_KNOWN;
	int64_t record_bytes = logs_record_bytes(target);
	struct draft d;

	draft_begin(&d, run->g, "window.traffic", VIEW_NULL, METHOD);
	if (records == BOUNDARY_NOT_KNOWN)
		draft_exclude(&d, "TRAFFIC_UNKNOWN", "what was written since the crossing is not known");
	else
		draft_value(&d, "written", "records", records);
	/* A mean over the logs: exact enough for a fewest, and not known is never enough. */
	if (records == 0 || (records > 0 && record_bytes >= 0))
		draft_value(&d, "written-bytes", "bytes", records ? records * record_bytes : 0);
	draft_say(&d, "since authority is on the target");
	return draft_end(&d, fault);
}

/* The newest of one topic since the crossing, as far as committed. */
static int parts_of(const struct gather_run *run, const struct logs *target, const char *topic, int64_t most,
		    struct scan_part *parts, int *count, struct fault *fault)
{
	struct offset_query *queries = arena_array(run->g->arena, (size_t)target->count + 1, sizeof *queries);
	const struct log **logs = arena_array(run->g->arena, (size_t)target->count + 1, sizeof *logs);
	int total = 0, err;

	if (!queries || !logs)
		return fault_set(fault, ERR_MEMORY, "no memory for the observation window");
	for (int i = 0; i < target->count; i++) {
		if (strcmp(target->at[i].topic, topic) != 0)
			continue;
		logs[total] = &target->at[i];
		queries[total++] = (struct offset_query){ .topic = topic,
							  .partition = target->at[i].partition,
							  .at = OFFSETS_LATEST };
	}
	err = offsets_list(run->world[SIDE_TARGET], queries, total, true, run->timeout_ms, fault);
	*count = 0;
	for (int i = 0; i < total && err == 0; i++) {
		int64_t from = logs_crossed_at(run->history, logs[i]);

		from = from > logs[i]->start ? from : logs[i]->start;
		from = from > queries[i].offset - most ? from : queries[i].offset - most;
		parts[(*count)++] = (struct scan_part){ logs[i]->partition, from, queries[i].offset };
	}
	return err;
}

static int count_keys(const struct gather_run *run, const struct logs *target, int64_t wanted, int64_t *seen,
		      struct fault *why)
{
	struct scan_part *parts = arena_array(run->g->arena, (size_t)target->count + 1, sizeof *parts);
	int64_t most = READ_MOST / (target->count ? target->count : 1) + 1;
	struct key_count *keys = NULL;
	struct allowance *allowance = NULL;
	int err = parts ? key_count_new(wanted, &keys) : ERR_MEMORY;

	err = err ? err : allowance_new(run->loop, READ_MEMORY, run->rate, &allowance);
	for (int i = 0; i < target->count && err == 0 && key_count_of(keys) < wanted; i++) {
		bool first = i == 0 || strcmp(target->at[i - 1].topic, target->at[i].topic) != 0;
		int count = 0;

		if (!first)
			continue;
		err = parts_of(run, target, target->at[i].topic, most, parts, &count, why);
		err = err ? err
			  : key_count_read(keys, run->loop, run->world[SIDE_TARGET], target->at[i].topic,
					   parts, count, allowance, run->timeout_ms, why);
	}
	if (err == 0)
		*seen = key_count_of(keys);
	allowance_free(allowance);
	key_count_free(keys);
	return err;
}

static int put_keys(const struct gather_run *run, const struct logs *target, struct fault *fault)
{
	int64_t wanted = run->g->family->class->limits[LIMIT_OBSERVE_KEYS].value, seen = 0;
	struct fault why = { 0 };
	char text[UNIT_TEXT_SIZE];
	struct draft d;
	int err = 0;

	if (!wanted || !run->history || run->history->keys_seen >= wanted)
		return 0;
	if (run->progress)
		run->progress(run->context, "counting keys", -1);
	draft_begin(&d, run->g, "window.keys", VIEW_NULL, "read");
	err = target->why ? ERR_NETWORK : count_keys(run, target, wanted, &seen, &why);
	if (err == ERR_CANCELLED || err == ERR_MEMORY) {
		buffer_done(&d.text);
		return fault_set(fault, err, "%s", why.text[0] ? why.text : err_text(err));
	}
	if (err < 0)
		draft_exclude(&d, "TRAFFIC_UNKNOWN", "keys could not be counted: %s",
			      target->why ? target->why : why.text);
	else
		draft_value(&d, "keys", "keys", seen);
	draft_say(&d, err < 0 ? "keys were not counted" : "%s different keys among the newest records",
		  count_text((uint64_t)seen, text));
	return draft_end(&d, fault);
}

int gather_window(const struct gather_run *run, const struct logs *target, struct fault *fault)
{
	int err;

	if (!run->g->mirrored)
		return 0;
	err = put_traffic(run, target, fault);
	return err ? err : put_keys(run, target, fault);
}

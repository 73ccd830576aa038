/* gather_logs.c - ends, sizes and retention, asked of one cluster. */
#include <stdlib.h>

#include "base/text.h"
#include "client/offsets.h"
#include "exit/gather_logs.h"

#define HOUR_MS 3600000

/* ---- which logs ---- */

static struct view name_on(const struct gathering *g, int topic, enum side side)
{
	bool is_reference = (side == SIDE_TARGET) == g->mirrored;

	return is_reference ? g->topics[topic].source : g->topics[topic].target;
}

static int topic_index(const struct gathering *g, enum side side, const char *name)
{
	for (int i = 0; i < g->topic_count; i++)
		if (view_is(name_on(g, i, side), name))
			return i;
	return -1;
}

/* True when some family names it; `readers`: how many groups such families have. */
static bool is_of_plan(const struct plan *plan, enum side side, const char *name, int *readers)
{
	bool found = false;

	*readers = 0;
	for (int f = 0; f < plan->family_count; f++) {
		const struct plan_topics *topics = &plan->families[f].topics;

		for (int i = 0; i < topics->count; i++) {
			struct view wanted =
				side == SIDE_SOURCE ? topics->at[i].source : topics->at[i].target;

			if (!(topics->at[i].glob ? glob_match(wanted, view_text(name)) : view_is(wanted, name)))
				continue;
			found = true;
			*readers += plan->families[f].groups.count;
			break;
		}
	}
	return found;
}

/* A limit of retention: its value, no end for -1 or where nothing is deleted, not known when it was not told. */
static int64_t retention_of(const struct config_list *configs, const char *name)
{
	const struct config_entry *policy = configs ? facts_config(configs, "cleanup.policy") : NULL;
	const struct config_entry *entry = configs ? facts_config(configs, name) : NULL;
	int64_t value;

	if (policy && policy->value && !strstr(policy->value, "delete"))
		return BOUNDARY_NO_END;
	if (!entry || !entry->value)
		return BOUNDARY_NOT_KNOWN;
	value = strtoll(entry->value, NULL, 10);
	return value < 0 ? BOUNDARY_NO_END : value;
}

static int list_logs(const struct gather_run *run, enum side side, bool all, struct logs *out)
{
	const struct facts_side *facts = &run->g->world->sides[side];
	int total = 0;

	for (int i = 0; i < facts->metadata.topic_count; i++)
		total += facts->metadata.topics[i].partition_count;
	out->at = arena_array(run->g->arena, (size_t)total + 1, sizeof *out->at);
	if (!out->at)
		return ERR_MEMORY;
	for (int i = 0; i < facts->metadata.topic_count; i++) {
		const struct topic_info *topic = &facts->metadata.topics[i];
		int index = topic_index(run->g, side, topic->name);
		const struct config_list *configs =
			index >= 0 ? facts_topic_configs(facts, view_text(topic->name)) : NULL;
		const char *name = arena_text(run->g->arena, topic->name);

		if (!name)
			return ERR_MEMORY;
		bool of_plan;
		int readers;

		if (all ? facts_topic_is_internal(topic) : index < 0)
			continue;
		of_plan = is_of_plan(run->g->plan, side, name, &readers);
		for (int p = 0; p < topic->partition_count; p++) {
			if (out->count == LOGS_COUNT_MAX) {
				out->why = "it has more partitions than are looked at";
				return 0;
			}
			out->at[out->count++] = (struct log){
				.topic = name,
				.partition = topic->partitions[p].index,
				.topic_index = index,
				.of_plan = of_plan,
				.readers = readers,
				.start = -1,
				.end = -1,
				.size_bytes = -1,
				.retention_ms = retention_of(configs, "retention.ms"),
				.retention_bytes = retention_of(configs, "retention.bytes"),
				.replicas = topic->partitions[p].replica_count,
			};
		}
	}
	return 0;
}

/* ---- offsets ---- */

/* Asks for all of them at `at`; those that were not told have err set. */
static int query_all(const struct gather_run *run, enum side side, const struct logs *logs, int64_t at,
		     struct offset_query **out, const char **why)
{
	struct offset_query *queries = arena_array(run->g->arena, (size_t)logs->count + 1, sizeof *queries);
	struct fault fault = { 0 };
	int err;

	if (!queries)
		return ERR_MEMORY;
	for (int i = 0; i < logs->count; i++)
		queries[i] = (struct offset_query){ .topic = logs->at[i].topic,
						    .partition = logs->at[i].partition,
						    .at = at };
	err = logs->count
		      ? offsets_list(run->world[side], queries, logs->count, false, run->timeout_ms, &fault)
		      : 0;
	*out = queries;
	if (err == ERR_MEMORY || err == ERR_CANCELLED)
		return err;
	if (err < 0 && !*why)
		*why = arena_text(run->g->arena, fault.text[0] ? fault.text : err_text(err));
	return 0;
}

static int ask_offsets(const struct gather_run *run, enum side side, struct logs *logs)
{
	struct offset_query *starts, *ends;
	int err = query_all(run, side, logs, OFFSETS_EARLIEST, &starts, &logs->why);

	err = err ? err : query_all(run, side, logs, OFFSETS_LATEST, &ends, &logs->why);
	for (int i = 0; i < logs->count && !err; i++) {
		if (starts[i].err || ends[i].err)
			continue;
		logs->at[i].start = starts[i].offset;
		logs->at[i].end = ends[i].offset;
	}
	return err;
}

int logs_at(const struct gather_run *run, enum side side, const struct logs *logs, int64_t wall_ms,
	    int64_t **out)
{
	struct offset_query *queries;
	const char *why = NULL;
	int64_t *offsets = arena_array(run->g->arena, (size_t)logs->count + 1, sizeof *offsets);
	int err =
		offsets ? query_all(run, side, logs, wall_ms < 0 ? 0 : wall_ms, &queries, &why) : ERR_MEMORY;

	for (int i = 0; i < logs->count && !err; i++)
		offsets[i] = queries[i].err ? -2 : queries[i].offset;
	*out = offsets;
	return err;
}

/* ---- sizes ---- */

static int by_place(const void *a, const void *b)
{
	const struct log *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);

	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void put_sizes(struct logs *logs, const struct log_dirs *dirs)
{
	logs->used_bytes = 0;
	logs->disk_bytes = dirs->dir_count ? 0 : -1;
	for (int i = 0; i < dirs->partition_count; i++) {
		const struct log_dir_partition *at = &dirs->partitions[i];
		struct log key = { .topic = at->topic, .partition = at->partition };
		struct log *found;

		logs->used_bytes += at->size;
		found = logs->count && !at->future
				? bsearch(&key, logs->at, (size_t)logs->count, sizeof key, by_place)
				: NULL;
		if (found && at->size > found->size_bytes)
			found->size_bytes = at->size;
	}
	for (int i = 0; i < dirs->dir_count; i++) {
		if (dirs->dirs[i].err || dirs->dirs[i].total_bytes < 0)
			logs->disk_bytes = -1;
		else if (logs->disk_bytes >= 0)
			logs->disk_bytes += dirs->dirs[i].total_bytes;
	}
}

static int ask_sizes(const struct gather_run *run, enum side side, struct logs *logs)
{
	struct log_dirs dirs = { 0 };
	struct fault fault = { 0 };
	int err = log_dirs_describe(run->world[side], NULL, run->timeout_ms, run->g->arena, &dirs, &fault);

	logs->used_bytes = logs->disk_bytes = -1;
	if (err == ERR_MEMORY || err == ERR_CANCELLED)
		return err;
	if (err == 0 && dirs.failed_count) {
		err = dirs.failed.err ? dirs.failed.err : ERR_NETWORK;
		fault = dirs.failed;
	}
	if (err < 0)
		logs->size_why = arena_text(run->g->arena, fault.text[0] ? fault.text : err_text(err));
	else
		put_sizes(logs, &dirs);
	return 0;
}

static int look(const struct gather_run *run, enum side side, bool all, struct logs *out, struct fault *fault)
{
	struct logs logs = { 0 };
	int err = list_logs(run, side, all, &logs);

	if (logs.count)
		qsort(logs.at, (size_t)logs.count, sizeof *logs.at, by_place);
	err = err ? err : ask_offsets(run, side, &logs);
	err = err ? err : ask_sizes(run, side, &logs);
	if (err < 0)
		return fault_set(fault, err, "looking at the logs of the %s: %s", side_word(side),
				 err_text(err));
	*out = logs;
	return 0;
}

int logs_of_family(const struct gather_run *run, enum side side, struct logs *out, struct fault *fault)
{
	return look(run, side, false, out, fault);
}

int logs_of_cluster(const struct gather_run *run, enum side side, struct logs *out, struct fault *fault)
{
	return look(run, side, true, out, fault);
}

int64_t logs_record_bytes(const struct logs *logs)
{
	int64_t records = 0, bytes = 0;

	for (int i = 0; i < logs->count; i++) {
		if (logs->at[i].end < 0 || logs->at[i].size_bytes < 0)
			return -1;
		records += logs->at[i].end - logs->at[i].start;
		bytes += logs->at[i].size_bytes;
	}
	return records > 0 ? (bytes + records - 1) / records : -1;
}

/* ---- since the crossing ---- */

int64_t logs_crossed_at(const struct history *history, const struct log *log)
{
	for (int i = 0; i < history->crossed_count; i++)
		if (history->crossed[i].side == SIDE_TARGET && !history->crossed[i].group.at &&
		    view_is(history->crossed[i].topic, log->topic) &&
		    history->crossed[i].partition == log->partition)
			return history->crossed[i].end;
	return 0;
}

int64_t logs_grown_since_crossing(const struct gather_run *run, const struct logs *target)
{
	int64_t total = 0;

	if (target->why)
		return BOUNDARY_NOT_KNOWN;
	for (int i = 0; i < target->count; i++) {
		const struct log *log = &target->at[i];
		int64_t crossed = logs_crossed_at(run->history, log);

		if (log->end < 0)
			return BOUNDARY_NOT_KNOWN;
		total += log->end > crossed ? log->end - crossed : 0;
	}
	return total;
}

/* ---- what is still needed ---- */

/*
 * The lowest place of the family's groups: on the side that is the reference as it is committed there, on the other as the
 * comparison found it.  -1: no group stands in it.
 */
static int64_t lowest_place(const struct gathering *g, enum side side, const struct log *log)
{
	int64_t lowest = -1;

	for (int i = 0; i < g->log->count; i++) {
		const struct evidence *item = g->log->items[i];

		if (!view_is(item->claim, "progress.group") || item->epochs.authority != g->epochs.authority)
			continue;
		for (int p = 0; p < item->position_count; p++) {
			const struct position *at = &item->positions[p];

			if (at->group.at && at->side == side && at->partition == log->partition &&
			    view_is(at->topic, log->topic) && (lowest < 0 || at->end < lowest))
				lowest = at->end;
		}
	}
	return lowest;
}

static int64_t lowest_committed(const struct gathering *g, enum side side, const struct log *log)
{
	const struct facts_side *facts = &g->world->sides[side];
	int64_t lowest = -1;

	for (int i = 0; facts->group_positions && i < g->family->groups.count; i++) {
		int group = facts_group(facts, g->family->groups.at[i].text);

		for (int p = 0; group >= 0 && p < facts->group_positions[group].count; p++) {
			const struct group_position *at = &facts->group_positions[group].at[p];

			if (at->offset >= 0 && at->partition == log->partition &&
			    strcmp(at->topic, log->topic) == 0 && (lowest < 0 || at->offset < lowest))
				lowest = at->offset;
		}
	}
	return lowest;
}

static int64_t rate_of(const struct logs *logs, int index, int64_t hour_ago)
{
	const struct log *log = &logs->at[index];
	int64_t records = log->end - log->start, grown = hour_ago == -1 ? 0 : log->end - hour_ago;

	if (hour_ago == -2 || log->end < 0 || log->size_bytes < 0)
		return BOUNDARY_NOT_KNOWN;
	return records > 0 ? (int64_t)((double)log->size_bytes / (double)records * (double)grown / 3600) : 0;
}

static int needed_on(const struct gather_run *run, enum side side, const struct logs *logs, int64_t keep_ms,
		     struct boundary_log *out, int *count)
{
	const struct gathering *g = run->g;
	bool is_reference = (side == SIDE_TARGET) == g->mirrored;
	int64_t now_ms = clock_wall_ms(g->clock), *hour_ago = NULL;
	int err = logs_at(run, side, logs, now_ms - HOUR_MS, &hour_ago);

	for (int i = 0; i < logs->count && !err; i++) {
		const struct log *log = &logs->at[i];
		int64_t place = lowest_place(g, side, log);

		if (place < 0 && is_reference)
			place = lowest_committed(g, side, log);
		if (place < 0 || place > log->end)
			place = log->end;
		out[(*count)++] = (struct boundary_log){ .side = side,
							 .topic = view_text(log->topic),
							 .partition = log->partition,
							 .start = log->start,
							 .end = log->end,
							 .needed = place,
							 .needed_ms = now_ms,
							 .retention_ms = log->retention_ms,
							 .retention_bytes = log->retention_bytes,
							 .size_bytes = log->size_bytes,
							 .bytes_per_s = rate_of(logs, i, hour_ago[i]) };
	}
	/* Of what was written already and is still to be read: is it young enough to be kept for as long as is asked? */
	for (int i = 0; i < *count && !err; i++) {
		struct offset_query query = { .topic = (const char *)out[i].topic.at,
					      .partition = out[i].partition };
		int64_t young_ms = now_ms + keep_ms - out[i].retention_ms;

		if (out[i].side != side || out[i].needed == out[i].end || out[i].retention_ms < 0 ||
		    out[i].retention_ms == BOUNDARY_NO_END)
			continue;
		query.at = young_ms > 0 ? young_ms : 0;
		err = offsets_list(run->world[side], &query, 1, false, run->timeout_ms, NULL);
		if (err == ERR_MEMORY || err == ERR_CANCELLED)
			return err;
		if (err < 0)
			out[i].retention_ms = BOUNDARY_NOT_KNOWN;
		else if (young_ms >= now_ms || query.offset < 0 || query.offset > out[i].needed)
			out[i].needed_ms = young_ms - 1;
		else
			out[i].needed_ms = young_ms;
		err = 0;
	}
	return err;
}

int logs_needed(const struct gather_run *run, const struct logs logs[SIDE_COUNT], int64_t keep_ms,
		struct boundary_log **out, int *count)
{
	int total = logs[0].count + logs[1].count, err = 0;

	*count = 0;
	*out = arena_array(run->g->arena, (size_t)total + 1, sizeof **out);
	if (!*out)
		return ERR_MEMORY;
	for (int side = 0; side < SIDE_COUNT && !err; side++)
		err = needed_on(run, (enum side)side, &logs[side], keep_ms, *out, count);
	return err;
}

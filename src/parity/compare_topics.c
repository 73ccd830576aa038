/* compare_topics.c - which topics are meant, and between which offsets each partition is compared. */
#include <stdlib.h>

#include "base/text.h"
#include "client/error_code.h"
#include "client/metadata.h"
#include "parity/compare_state.h"

#define SAVED_MOST              ((size_t)1 << 30)
#define LOOK_TIMEOUT_DEFAULT_MS 30000
#define LOOK_MEMORY             ((size_t)256 << 20)

static int64_t look_timeout_ms(const struct compare *compare)
{
	return compare->options->deadline_ms ? compare->options->deadline_ms : LOOK_TIMEOUT_DEFAULT_MS;
}

void topics_free(struct compare *compare)
{
	for (size_t i = 0; i < compare->topic_count; i++) {
		struct topic *topic = &compare->topics[i];

		free(topic->name[SOURCE]);
		free(topic->name[TARGET]);
		free(topic->parts[SOURCE]);
		free(topic->parts[TARGET]);
		join_free(topic->join);
		buffer_done(&topic->saved);
		buffer_done(&topic->onward);
	}
	free(compare->topics);
	free(compare->cluster_id[SOURCE]);
	free(compare->cluster_id[TARGET]);
	compare->topics = NULL;
	compare->topic_count = 0;
}

static const struct topic_info *find(const struct metadata_snapshot *snapshot, const char *name)
{
	const struct topic_info *info = metadata_find(snapshot, name);

	return info && info->error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION ? NULL : info;
}

static int add_part_arrays(struct topic *topic)
{
	for (int side = 0; side < 2; side++) {
		int32_t count = topic->partitions[side] > 0 ? topic->partitions[side] : 0;

		topic->parts[side] = calloc((size_t)count + 1, sizeof *topic->parts[side]);
		if (!topic->parts[side])
			return ERR_MEMORY;
		for (int32_t p = 0; p < count; p++) {
			struct part *part = &topic->parts[side][p];

			part->compare = topic->compare;
			part->topic = topic;
			part->side = (enum log_side)side;
			part->partition = p;
			part->jobs_end = &part->jobs;
			part->stable = part->high = -1;
			part->epoch = -1;
		}
	}
	return 0;
}

static int add_topic(struct compare *compare, const char *source, const char *target,
		     const struct metadata_snapshot snapshots[2])
{
	const char *names[2] = { source, target };
	struct topic *topic;
	struct topic *topics;

	for (size_t i = 0; i < compare->topic_count; i++)
		if (!strcmp(compare->topics[i].name[SOURCE], source) &&
		    !strcmp(compare->topics[i].name[TARGET], target))
			return 0;
	topics = realloc(compare->topics, (compare->topic_count + 1) * sizeof *topics);
	if (!topics)
		return ERR_MEMORY;
	compare->topics = topics;
	topic = &topics[compare->topic_count];
	*topic = (struct topic){ .compare = compare, .shards = 1, .partitions = { -1, -1 } };
	buffer_init(&topic->saved, SAVED_MOST);
	buffer_init(&topic->onward, SAVED_MOST);
	compare->topic_count++;
	for (int side = 0; side < 2; side++) {
		const struct topic_info *info = find(&snapshots[side], names[side]);

		topic->name[side] = strdup(names[side]);
		if (!topic->name[side])
			return ERR_MEMORY;
		if (info && info->error)
			return fault_set(compare->fault, error_code_err(info->error), "%s: topic '%s': %s",
					 cluster_name(compare->clusters[side]), names[side],
					 err_text(error_code_err(info->error)));
		if (info) {
			topic->partitions[side] = info->partition_count;
			topic->id[side] = info->id;
		}
	}
	if (topic->partitions[SOURCE] < 0 && topic->partitions[TARGET] < 0)
		return fault_set(compare->fault, ERR_USAGE, "topic '%s' exists on neither cluster", source);
	return 0;
}

static int choose(struct compare *compare, const struct topic_choice *choice,
		  const struct metadata_snapshot snapshots[2])
{
	struct view pattern = view_text(choice->source);
	int before = (int)compare->topic_count, err = 0;

	if (choice->target || !glob_is(pattern))
		return add_topic(compare, choice->source, choice->target ? choice->target : choice->source,
				 snapshots);
	for (int i = 0; i < snapshots[SOURCE].topic_count && err == 0; i++) {
		const struct topic_info *info = &snapshots[SOURCE].topics[i];

		if (!info->internal && glob_match(pattern, view_text(info->name)))
			err = add_topic(compare, info->name, info->name, snapshots);
	}
	if (err == 0 && (int)compare->topic_count == before)
		return fault_set(compare->fault, ERR_USAGE, "no topic of the source matches '%s'",
				 choice->source);
	return err;
}

/* Asks about all partitions of one side; each has room for its answer in `answers`. */
static int list_at(struct compare *compare, enum log_side side, int64_t at, struct offset_query *queries,
		   int64_t *answers)
{
	int count = 0, err;

	/* One question a partition and call: brokers refuse a request that names one twice. */
	for (size_t i = 0; i < compare->topic_count; i++)
		for (int32_t p = 0; p < compare->topics[i].partitions[side]; p++)
			queries[count++] = (struct offset_query){ .topic = compare->topics[i].name[side],
								  .partition = p,
								  .at = at };
	err = offsets_list(compare->clusters[side], queries, count, false, look_timeout_ms(compare),
			   compare->fault);
	for (int i = 0; i < count && err == 0; i++)
		answers[i] = queries[i].offset;
	return err;
}

/* Every partition's end, and, with `begins`, its beginning; all leaders at once. */
static int list_side(struct compare *compare, enum log_side side, bool begins)
{
	const struct parity_options *options = compare->options;
	bool until = options->until_ms != PARITY_TIME_NONE && !(options->follow && begins);
	struct offset_query *queries;
	int64_t *starts, *ends, *limits;
	size_t count = 0, used = 0;
	int err;

	for (size_t i = 0; i < compare->topic_count; i++)
		count += compare->topics[i].partitions[side] > 0 ? (size_t)compare->topics[i].partitions[side]
								 : 0;
	if (!count)
		return 0;
	queries = calloc(count, sizeof *queries);
	starts = calloc(count * 3, sizeof *starts);
	ends = starts + count;
	limits = ends + count;
	err = queries && starts ? list_at(compare, side, OFFSETS_LATEST, queries, ends) : ERR_MEMORY;
	if (err == 0 && begins)
		err = list_at(compare, side,
			      options->since_ms != PARITY_TIME_NONE ? options->since_ms : OFFSETS_EARLIEST,
			      queries, starts);
	if (err == 0 && until)
		err = list_at(compare, side, options->until_ms, queries, limits);
	for (size_t i = 0; i < compare->topic_count && err == 0; i++) {
		for (int32_t p = 0; p < compare->topics[i].partitions[side]; p++, used++) {
			struct part *part = &compare->topics[i].parts[side][p];

			part->first_end = ends[used];
			/* The first record at or after it, if there is one. */
			if (until && limits[used] >= 0 && limits[used] < part->first_end)
				part->first_end = limits[used];
			part->limit = part->first_end;
			if (!begins)
				continue;
			part->start = starts[used] >= 0 ? starts[used] : part->first_end;
			part->position = part->start;
			if (part->first_end < part->start)
				part->first_end = part->start;
		}
	}
	free(queries);
	free(starts);
	return err;
}

/* A log that begins elsewhere than its twin has lost history that the other may still have. */
static void find_holes(struct compare *compare)
{
	if (compare->options->since_ms != PARITY_TIME_NONE)
		return;
	for (size_t i = 0; i < compare->topic_count; i++) {
		struct topic *topic = &compare->topics[i];
		bool paired = topic->partitions[SOURCE] == topic->partitions[TARGET];

		for (int side = 0; side < 2; side++) {
			for (int32_t p = 0; p < topic->partitions[side]; p++) {
				struct part *part = &topic->parts[side][p];

				part->hole = paired ? topic->parts[SOURCE][p].start !=
							      topic->parts[TARGET][p].start
						    : part->start > 0;
			}
		}
	}
}

int topics_look(struct compare *compare)
{
	const struct parity_options *options = compare->options;
	struct metadata_snapshot snapshots[2];
	struct arena arena;
	struct view *patterns[2] = { calloc(options->topic_count + 1, sizeof(struct view)),
				     calloc(options->topic_count + 1, sizeof(struct view)) };
	int counts[2] = { 0, 0 }, err = 0;

	arena_init(&arena, LOOK_MEMORY);
	if (!patterns[SOURCE] || !patterns[TARGET])
		err = ERR_MEMORY;
	for (size_t i = 0; i < options->topic_count && err == 0; i++) {
		const struct topic_choice *choice = &options->topics[i];

		patterns[SOURCE][counts[SOURCE]++] = view_text(choice->source);
		patterns[TARGET][counts[TARGET]++] =
			view_text(choice->target ? choice->target : choice->source);
	}
	for (int side = 0; side < 2 && err == 0; side++)
		err = metadata_snapshot(compare->clusters[side], patterns[side], counts[side],
					look_timeout_ms(compare), &arena, &snapshots[side], compare->fault);
	for (int side = 0; side < 2 && err == 0; side++)
		if (snapshots[side].cluster_id &&
		    !(compare->cluster_id[side] = strdup(snapshots[side].cluster_id)))
			err = ERR_MEMORY;
	for (size_t i = 0; i < options->topic_count && err == 0; i++)
		err = choose(compare, &options->topics[i], snapshots);
	for (size_t i = 0; i < compare->topic_count && err == 0; i++) {
		compare->topics[i].compare = compare;
		err = add_part_arrays(&compare->topics[i]);
	}
	free(patterns[SOURCE]);
	free(patterns[TARGET]);
	arena_done(&arena);
	/* The target first: what it holds at its end was written before the source is asked. */
	if (err == 0)
		err = list_side(compare, TARGET, true);
	if (err == 0)
		err = list_side(compare, SOURCE, true);
	if (err == 0)
		find_holes(compare);
	return err;
}

int topics_ends(struct compare *compare)
{
	int err = list_side(compare, TARGET, false);

	return err < 0 ? err : list_side(compare, SOURCE, false);
}

int topic_source_ends(struct compare *compare, struct topic *topic, int64_t *ends)
{
	struct offset_query *queries = calloc((size_t)topic->partitions[SOURCE] + 1, sizeof *queries);
	int err = queries ? 0 : ERR_MEMORY;

	for (int32_t p = 0; p < topic->partitions[SOURCE] && err == 0; p++)
		queries[p] = (struct offset_query){ .topic = topic->name[SOURCE],
						    .partition = p,
						    .at = OFFSETS_LATEST };
	if (err == 0)
		err = offsets_list(compare->clusters[SOURCE], queries, topic->partitions[SOURCE], true,
				   look_timeout_ms(compare), compare->fault);
	for (int32_t p = 0; p < topic->partitions[SOURCE] && err == 0; p++)
		ends[p] = queries[p].offset;
	free(queries);
	return err;
}

/*
 * group_map.c - which groups, which topics, where they stand; then topic by topic, since groups share what is read.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "base/usage.h"
#include "client/admin_groups.h"
#include "client/error_code.h"
#include "parity/group_map_inside.h"

#define DEADLINE_DEFAULT_MS INT64_C(30000)
#define ARENA_SIZE_MAX      ((size_t)256 << 20)
#define FETCH_SHARE                                                                                          \
	8 /* of the memory, one part in so many is for bytes that were fetched and not yet decoded */

/* What both clusters said before any log is read. */
struct picture {
	struct arena *arena;
	const char **ids;
	int id_count;
	struct group_positions *stands[2]; /* by side; in the order of ids */
	struct metadata_snapshot topics[2];
	const char **names; /* topics of the source, each once, in order */
	int name_count;
};

struct group_place *group_map_row(struct group_map *map, const struct topic_task *task, int group,
				  int32_t partition)
{
	struct group_place *places = map->places, *place;

	if ((map->place_count & (map->place_count - 1)) == 0) { /* full at every power of two */
		size_t capacity = map->place_count ? map->place_count * 2 : 1;

		places = arena_array(&map->arena, capacity, sizeof *places);
		if (!places)
			return NULL;
		if (map->place_count)
			memcpy(places, map->places, map->place_count * sizeof *places);
		map->places = places;
	}
	place = &places[map->place_count++];
	*place = (struct group_place){
		.group = task->groups[group],
		.topic = { task->name[SOURCE], task->name[TARGET] },
		.partition = partition,
		.source = -1,
		.target = -1,
		.current = -1,
		.earliest = -1,
		.latest = -1,
	};
	if (task->partitions[SOURCE] == task->partitions[TARGET] || task->partitions[TARGET] <= 0)
		place->source = task->positions[group][partition];
	if (partition < task->partitions[TARGET])
		place->current = task->current[group][partition];
	return place;
}

void place_complain(struct group_map *map, struct group_place *place, bool shut, const char *code,
		    const char *format, ...)
{
	char text[1000];
	va_list arguments;

	if (place->code)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	place->code = code;
	place->shut = shut;
	place->why = arena_text(&map->arena, text);
	if (!place->why)
		place->why = "";
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts and leaves each once. */
static int names_unique(const char **names, int count)
{
	int kept = 0;

	if (count > 1)
		qsort(names, (size_t)count, sizeof *names, name_compare);
	for (int index = 0; index < count; index++)
		if (kept == 0 || strcmp(names[kept - 1], names[index]) != 0)
			names[kept++] = names[index];
	return kept;
}

static bool any_glob(const struct group_map_options *options)
{
	for (size_t index = 0; index < options->group_count; index++)
		if (glob_is(view_text(options->groups[index])))
			return true;
	return false;
}

/* The groups' names: those that were named, and what the globs find on the source. */
static int find_groups(struct mapping *mapping, struct picture *picture, struct fault *fault)
{
	const struct group_map_options *options = mapping->options;
	struct group_list list = { 0 };
	int err = 0;

	if (any_glob(options))
		err = groups_list(mapping->clusters[SOURCE], mapping->deadline_ms, picture->arena, &list,
				  fault);
	if (err < 0)
		return err;
	if (list.failed_count)
		return fault_set(fault, ERR_NETWORK,
				 "source: not every broker answered, so a glob may miss groups: %s",
				 list.failed.text);
	picture->ids = arena_array(picture->arena, options->group_count * ((size_t)list.count + 1),
				   sizeof *picture->ids);
	if (!picture->ids)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	for (size_t index = 0; index < options->group_count; index++) {
		int before = picture->id_count;

		if (!glob_is(view_text(options->groups[index]))) {
			picture->ids[picture->id_count++] = options->groups[index];
			continue;
		}
		for (int at = 0; at < list.count; at++)
			if (glob_match(view_text(options->groups[index]), view_text(list.at[at].id)))
				picture->ids[picture->id_count++] = list.at[at].id;
		if (picture->id_count == before)
			return fault_set(fault, ERR_USAGE, "--group '%s' matches no group of the source",
					 options->groups[index]);
	}
	picture->id_count = names_unique(picture->ids, picture->id_count);
	return 0;
}

/* The name on the target when this topic was asked for; NULL when it was not. */
static const char *target_name(const struct group_map_options *options, const char *source)
{
	if (!options->topic_count)
		return source;
	for (size_t index = 0; index < options->topic_count; index++) {
		const struct topic_choice *choice = &options->topics[index];

		if (glob_match(view_text(choice->source), view_text(source)))
			return choice->target ? choice->target : source;
	}
	return NULL;
}

static int find_topics(struct mapping *mapping, struct picture *picture, struct fault *fault)
{
	size_t most = 0;

	for (int group = 0; group < picture->id_count; group++)
		most += (size_t)picture->stands[SOURCE][group].count;
	picture->names = arena_array(picture->arena, most, sizeof *picture->names);
	if (!picture->names)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	for (int group = 0; group < picture->id_count; group++) {
		const struct group_positions *stands = &picture->stands[SOURCE][group];

		if (stands->err < 0)
			return fault_set(fault, stands->err, "source: group '%s' cannot be read: %s",
					 stands->id, err_text(stands->err));
		for (int at = 0; at < stands->count; at++)
			if (stands->at[at].offset >= 0 && target_name(mapping->options, stands->at[at].topic))
				picture->names[picture->name_count++] = stands->at[at].topic;
	}
	picture->name_count = names_unique(picture->names, picture->name_count);
	if (!picture->name_count)
		return fault_set(fault, ERR_USAGE,
				 "none of the groups has a position on the source%s; interlock offsets looks "
				 "at committed positions",
				 mapping->options->topic_count ? " in any of the topics" : "");
	return 0;
}

static int look_at_topics(struct mapping *mapping, struct picture *picture, struct fault *fault)
{
	struct view *names = arena_array(picture->arena, (size_t)picture->name_count, sizeof *names);
	int err = 0;

	if (!names)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	for (int side = SOURCE; err == 0 && side <= TARGET; side++) {
		for (int index = 0; index < picture->name_count; index++)
			names[index] = view_text(
				side == SOURCE ? picture->names[index]
					       : target_name(mapping->options, picture->names[index]));
		err = metadata_snapshot(mapping->clusters[side], names, picture->name_count,
					mapping->deadline_ms, picture->arena, &picture->topics[side], fault);
	}
	return err;
}

static int look(struct mapping *mapping, struct picture *picture, struct fault *fault)
{
	int err = find_groups(mapping, picture, fault);

	for (int side = SOURCE; err == 0 && side <= TARGET; side++)
		err = groups_positions(mapping->clusters[side], picture->ids, picture->id_count, true,
				       mapping->deadline_ms, picture->arena, &picture->stands[side], fault);
	if (err == 0)
		err = find_topics(mapping, picture, fault);
	return err < 0 ? err : look_at_topics(mapping, picture, fault);
}

/* The positions of one group in one topic as an array by partition. */
static int64_t *positions_of(struct arena *arena, const struct group_positions *stands, const char *topic,
			     int32_t count, bool *any)
{
	int64_t *positions = arena_array(arena, (size_t)count + 1, sizeof *positions);

	for (int32_t partition = 0; positions && partition <= count; partition++)
		positions[partition] = -1;
	for (int at = 0; positions && at < stands->count; at++) {
		const struct group_position *position = &stands->at[at];

		if (position->partition < 0 || position->partition >= count ||
		    strcmp(position->topic, topic) != 0 || position->offset < 0)
			continue;
		positions[position->partition] = position->offset;
		*any = true;
	}
	return positions;
}

/* Names outlive the picture: rows point to them. */
static const char *keep(struct mapping *mapping, const char *text)
{
	return arena_text(&mapping->map->arena, text);
}

static int make_task(struct mapping *mapping, struct picture *picture, const char *name,
		     struct topic_task *task)
{
	const char *names[2] = { name, target_name(mapping->options, name) };

	*task = (struct topic_task){ .name = { keep(mapping, names[SOURCE]), keep(mapping, names[TARGET]) } };
	task->groups = arena_array(picture->arena, (size_t)picture->id_count, sizeof *task->groups);
	task->positions = arena_array(picture->arena, (size_t)picture->id_count, sizeof *task->positions);
	task->current = arena_array(picture->arena, (size_t)picture->id_count, sizeof *task->current);
	if (!task->name[SOURCE] || !task->name[TARGET] || !task->groups || !task->positions || !task->current)
		return ERR_MEMORY;
	for (int side = SOURCE; side <= TARGET; side++) {
		const struct topic_info *info = metadata_find(&picture->topics[side], names[side]);

		if (!info || info->error)
			continue;
		task->partitions[side] = info->partition_count;
		task->id[side] = info->id;
		task->infos[side] = info;
	}
	for (int group = 0; group < picture->id_count; group++) {
		int32_t count = task->partitions[SOURCE] > 0 ? task->partitions[SOURCE] : 1;
		bool any = false, ignored = false;
		int64_t *positions = positions_of(picture->arena, &picture->stands[SOURCE][group],
						  names[SOURCE], count, &any);
		int64_t *current =
			positions_of(picture->arena, &picture->stands[TARGET][group], names[TARGET],
				     task->partitions[TARGET] > 0 ? task->partitions[TARGET] : 1, &ignored);

		if (!positions || !current)
			return ERR_MEMORY;
		if (!any)
			continue;
		task->groups[task->group_count] = keep(mapping, picture->ids[group]);
		task->positions[task->group_count] = positions;
		task->current[task->group_count] = current;
		if (!task->groups[task->group_count++])
			return ERR_MEMORY;
	}
	return 0;
}

static int place_compare(const void *left, const void *right)
{
	const struct group_place *a = left, *b = right;
	int order = strcmp(a->group, b->group);

	if (order == 0)
		order = strcmp(a->topic[SOURCE], b->topic[SOURCE]);
	return order ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

static void judge(struct group_map *map)
{
	bool shut = false, unknown = map->place_count == 0;

	for (size_t index = 0; index < map->place_count; index++) {
		shut |= map->places[index].code && map->places[index].shut;
		unknown |= map->places[index].code && !map->places[index].shut;
	}
	map->verdict = shut ? PARITY_SHUT : unknown ? PARITY_UNKNOWN : PARITY_OPEN;
}

static int map_topics(struct mapping *mapping, struct picture *picture, struct fault *fault)
{
	struct group_map *map = mapping->map;
	int err = 0;

	for (int index = 0; err == 0 && index < picture->name_count; index++) {
		struct topic_task task;

		err = make_task(mapping, picture, picture->names[index], &task);
		if (err < 0)
			return fault_set(fault, err, "out of memory");
		if (task.group_count)
			err = group_map_topic(mapping, &task, fault);
	}
	if (err == 0 && map->place_count > 1)
		qsort(map->places, map->place_count, sizeof *map->places, place_compare);
	judge(map);
	return err;
}

static void measure(struct mapping *mapping, int64_t began_ms)
{
	struct parity_speed *speed = &mapping->map->speed;
	struct usage usage;

	usage_read(&usage);
	speed->seconds = (double)(loop_now_ms(mapping->loop) - began_ms) / 1000.0;
	speed->bytes_read = allowance_total(mapping->allowance);
	speed->cpu_seconds = usage.cpu_seconds;
	speed->peak_rss_bytes = usage.peak_rss_bytes;
	mapping->map->ended_ms = clock_wall_ms(loop_clock(mapping->loop));
}

int group_map_compute(struct loop *loop, struct cluster *source, struct cluster *target,
		      const struct group_map_options *options, struct group_map *map, struct fault *fault)
{
	uint64_t memory = options->memory ? options->memory : PARITY_MEMORY_DEFAULT;
	struct mapping mapping = {
		.loop = loop,
		.clusters = { source, target },
		.options = options,
		.map = map,
		.deadline_ms = options->deadline_ms ? options->deadline_ms : DEADLINE_DEFAULT_MS,
		.memory = memory / 2,
	};
	int64_t began_ms = loop_now_ms(loop);
	struct picture picture = { 0 };
	struct arena arena;
	int err;

	*map = (struct group_map){ .verdict = PARITY_UNKNOWN, .started_ms = clock_wall_ms(loop_clock(loop)) };
	arena_init(&map->arena, ARENA_SIZE_MAX);
	arena_init(&arena, ARENA_SIZE_MAX);
	picture.arena = &arena;
	random_secret(&mapping.seed, sizeof mapping.seed);
	err = allowance_new(loop, memory / FETCH_SHARE, options->rate, &mapping.allowance);
	if (err < 0) {
		fault_set(fault, err, "out of memory");
	} else {
		err = look(&mapping, &picture, fault);
		if (err == 0)
			err = map_topics(&mapping, &picture, fault);
		measure(&mapping, began_ms);
	}
	allowance_free(mapping.allowance);
	arena_done(&arena);
	return err;
}

void group_map_done(struct group_map *map)
{
	arena_done(&map->arena);
	*map = (struct group_map){ .verdict = PARITY_UNKNOWN };
}

/* lever_positions.c - a group's positions on one side. */
#include <stdio.h>
#include <stdlib.h>

#include "client/admin_groups.h"
#include "exit/lever_positions.h"
#include "exit/parity_choice.h"

#define MEMORY        ((size_t)64 << 20)
#define POSITIONS_MAX 100000

struct lever_positions {
	struct lever lever; /* first */
	struct positions_options options;
	char name[400];
};

static const char *topic_on(const struct lever_positions *p, int index, enum side side)
{
	const struct gather_topic *topic = &p->options.topics[index];

	return (const char *)(side == SIDE_SOURCE ? topic->source : topic->target).at;
}

static bool is_ours(const struct lever_positions *p, const char *topic)
{
	for (int i = 0; i < p->options.topic_count; i++)
		if (strcmp(topic_on(p, i, p->options.side), topic) == 0)
			return true;
	return false;
}

static int position_order(const void *a, const void *b)
{
	const struct group_position *one = a, *two = b;
	int order = strcmp(one->topic, two->topic);

	return order ? order : one->partition < two->partition ? -1 : one->partition > two->partition;
}

static void write_positions(struct group_position *at, int count, struct buffer *value)
{
	bool first = true;

	if (count)
		qsort(at, (size_t)count, sizeof *at, position_order);
	for (int i = 0; i < count; i++) {
		if (at[i].offset < 0)
			continue;
		buffer_printf(value, "%s%s/%d=%lld", first ? "" : " ", at[i].topic, at[i].partition,
			      (long long)at[i].offset);
		first = false;
	}
}

static int observe(struct lever *lever, int64_t timeout_ms, struct buffer *value, struct fault *fault)
{
	struct lever_positions *p = (struct lever_positions *)lever;
	struct group_positions *found;
	struct group_position *ours;
	struct arena arena;
	int err, count = 0;

	arena_init(&arena, MEMORY);
	err = groups_positions(p->options.clusters[p->options.side], &p->options.group, 1, true, timeout_ms,
			       &arena, &found, fault);
	if (err == 0 && found->err && found->err != ERR_NOT_FOUND)
		err = fault_set(fault, found->err, "the positions of group %s on the %s could not be read",
				p->options.group, side_word(p->options.side));
	ours = err == 0 ? arena_array(&arena, (size_t)found->count + 1, sizeof *ours) : NULL;
	if (err == 0 && !ours)
		err = fault_set(fault, ERR_MEMORY, "no memory for the positions of group %s",
				p->options.group);
	for (int i = 0; err == 0 && i < found->count; i++) {
		if (found->at[i].err)
			err = fault_set(fault, found->at[i].err,
					"the position of group %s in %s partition %d could not be read",
					p->options.group, found->at[i].topic, found->at[i].partition);
		else if (is_ours(p, found->at[i].topic))
			ours[count++] = found->at[i];
	}
	if (err == 0)
		write_positions(ours, count, value);
	arena_done(&arena);
	return err;
}

/* ---- exact ---- */

static int options_make(const struct lever_positions *p, struct arena *arena, struct group_map_options *out)
{
	int err = positions_choice(p->options.family, p->options.topics, p->options.topic_count,
				   p->options.side == SIDE_SOURCE, arena, out);

	out->groups = &p->options.group;
	out->group_count = 1;
	out->memory = p->options.memory;
	out->rate = p->options.rate;
	return err;
}

static int parse(const char *value, struct arena *arena, struct group_position **out, int *count)
{
	struct group_position *at = arena_array(arena, POSITIONS_MAX, sizeof *at);
	char *text = arena_text(arena, value), *rest = NULL;

	*count = 0;
	if (!at || !text)
		return ERR_MEMORY;
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *slash = strrchr(word, '/'), *equals = slash ? strchr(slash, '=') : NULL;

		if (!equals || *count == POSITIONS_MAX)
			return ERR_USAGE;
		*slash = *equals = 0;
		at[(*count)++] = (struct group_position){ .topic = word,
							  .partition = (int32_t)strtol(slash + 1, NULL, 10),
							  .offset = strtoll(equals + 1, NULL, 10),
							  .leader_epoch = -1 };
	}
	*out = at;
	return 0;
}

/* What stands there in a partition of which the map says nothing stays as it is. */
static int put_place(struct group_position *at, int *count, const char *topic, int32_t partition,
		     int64_t offset)
{
	for (int i = 0; i < *count; i++) {
		if (at[i].partition == partition && strcmp(at[i].topic, topic) == 0) {
			at[i].offset = offset;
			return 0;
		}
	}
	if (*count == POSITIONS_MAX)
		return ERR_LIMIT;
	at[(*count)++] = (struct group_position){
		.topic = topic, .partition = partition, .offset = offset, .leader_epoch = -1
	};
	return 0;
}

/* Every place must be proved; what the group never committed on the side that it leaves has no place and needs none. */
static int write_map(const struct lever_positions *p, const struct group_map *map, const char *before,
		     struct arena *arena, struct buffer *value, struct fault *fault)
{
	struct group_position *at;
	int count, err = parse(before, arena, &at, &count);

	if (err < 0)
		return fault_set(fault, err, "the positions of group %s are too many, or none",
				 p->options.group);
	for (size_t i = 0; i < map->place_count; i++) {
		const struct group_place *place = &map->places[i];

		if (place->proof == PROOF_NONE || place->skipped || place->shut)
			return fault_set(fault, ERR_DENIED,
					 "group %s has no proved place in %s partition %d: %s",
					 p->options.group, place->topic[1], place->partition,
					 place->why ? place->why : "records would be skipped");
		err = put_place(at, &count, place->topic[1], place->partition, place->target);
		if (err < 0)
			return fault_set(fault, err, "group %s has more positions than can be set",
					 p->options.group);
	}
	write_positions(at, count, value);
	return 0;
}

static int aim(struct lever *lever, const char *word, const char *before, struct buffer *value,
	       struct fault *fault)
{
	struct lever_positions *p = (struct lever_positions *)lever;
	enum side from = p->options.side == SIDE_TARGET ? SIDE_SOURCE : SIDE_TARGET;
	struct group_map_options options;
	struct group_map map;
	struct arena arena;
	int err;

	if (strcmp(word, "exact") != 0)
		return fault_set(fault, ERR_USAGE, "%s has no word '%s'", lever->name, word);
	arena_init(&arena, MEMORY);
	err = options_make(p, &arena, &options);
	if (err < 0) {
		fault_set(fault, err, "no memory for the positions of group %s", p->options.group);
	} else {
		err = group_map_compute(p->options.loop, p->options.clusters[from],
					p->options.clusters[p->options.side], &options, &map, fault);
		/* A group that never committed anything stands nowhere, and goes on nowhere. */
		if (err == ERR_USAGE)
			err = 0;
		else if (err == 0)
			err = write_map(p, &map, before, &arena, value, fault);
		group_map_done(&map);
	}
	arena_done(&arena);
	return err;
}

/* ---- set ---- */

static int set(struct lever *lever, const char *value, uint64_t epoch, int64_t timeout_ms,
	       struct fault *fault)
{
	struct lever_positions *p = (struct lever_positions *)lever;
	struct group_position *at;
	struct arena arena;
	int count, err;

	arena_init(&arena, MEMORY);
	err = parse(value, &arena, &at, &count);
	if (err < 0)
		fault_set(fault, err, "'%s' are no positions of group %s", value, p->options.group);
	else if (count)
		err = group_commit(p->options.clusters[p->options.side], p->options.group, at, count,
				   timeout_ms, fault);
	/* A group with members says so before it takes anything. */
	if (err == ERR_CONFLICT)
		err = fault_set(fault, ERR_DENIED,
				"group %s has members on the %s, where it must not read yet",
				p->options.group, side_word(p->options.side));
	arena_done(&arena);
	return err;
}

static void describe(const struct lever *lever, const char *word, struct buffer *out)
{
	const struct lever_positions *p = (const struct lever_positions *)lever;

	buffer_printf(out, "commit the %s positions of group %s on the %s and read them back", word,
		      p->options.group, side_word(p->options.side));
}

static void free_it(struct lever *lever)
{
	free(lever);
}

static const struct lever_ops positions_ops = { observe, aim, set, NULL, describe, free_it };

int lever_positions_new(const struct positions_options *options, struct lever **out, struct fault *fault)
{
	struct lever_positions *p = calloc(1, sizeof *p);

	if (!p)
		return fault_set(fault, ERR_MEMORY, "no memory for a lever");
	p->options = *options;
	snprintf(p->name, sizeof p->name, "positions:%s@%s", options->group, side_word(options->side));
	p->lever = (struct lever){ &positions_ops, p->name };
	*out = &p->lever;
	return 0;
}

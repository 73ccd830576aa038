/* gather_progress.c - where each group goes on at the target, as evidence. */
#include <stdio.h>

#include "base/units.h"
#include "exit/gather_run.h"
#include "exit/parity_choice.h"

#define METHOD "tail"

static bool declared(const struct gathering *g, const char *group)
{
	for (int i = 0; i < g->family->groups.count; i++)
		if (view_is(g->family->groups.at[i].text, group))
			return true;
	return false;
}

static bool reads_family(const struct gathering *g, int group)
{
	for (int i = 0; i < g->topic_count; i++)
		if (facts_group_reads(&g->facts->sides[SIDE_SOURCE], group,
				      (const char *)g->topics[i].source.at))
			return true;
	return false;
}

/* Groups that read the family's topics without the plan's knowledge would be left standing on the source. */
static int gather_readers(struct gathering *g, struct fault *fault)
{
	const struct facts_side *source = &g->facts->sides[SIDE_SOURCE];
	int undeclared = 0;
	struct draft d;

	draft_begin(&d, g, "progress.readers", VIEW_NULL, "describe");
	draft_of_facts(&d);
	if (source->groups_answer.err || source->group_details_answer.err)
		draft_exclude(&d, "groups", "the source did not tell its groups: %s",
			      source->groups_answer.err ? source->groups_answer.text
							: source->group_details_answer.text);
	for (int i = 0; i < source->groups.count; i++) {
		if (declared(g, source->groups.at[i].id) || !reads_family(g, i))
			continue;
		undeclared++;
		draft_say(&d, "group %s", source->groups.at[i].id);
	}
	draft_value(&d, "undeclared", "groups", undeclared);
	d.item.samples = (uint64_t)source->groups.count;
	if (!undeclared)
		draft_say(&d, "every group that reads the family is in the plan");
	return draft_end(&d, fault);
}

static void put_position(struct draft *d, const struct group_place *place, enum side side, int64_t offset)
{
	struct position position = { .side = (uint8_t)side,
				     .topic = arena_copy(d->g->arena, view_text(place->topic[side])),
				     .group = arena_copy(d->g->arena, view_text(place->group)),
				     .partition = place->partition,
				     .leader_epoch = -1,
				     .start = offset,
				     .end = offset,
				     .stable = -1,
				     .high_watermark = -1 };

	if (offset >= 0)
		draft_position(d, &position);
}

static int put_group(struct gathering *g, const struct group_map *map, struct view group, struct moment began,
		     struct fault *fault)
{
	uint64_t skipped = 0, reread = 0, tail = 0;
	int places = 0, blocked = 0, proved = 0;
	char a[UNIT_TEXT_SIZE], b[UNIT_TEXT_SIZE];
	struct draft d;

	draft_begin(&d, g, "progress.group", group, METHOD);
	d.item.began = began;
	for (size_t i = 0; i < map->place_count; i++) {
		const struct group_place *place = &map->places[i];

		if (!view_is(group, place->group))
			continue;
		places++;
		skipped += place->skipped;
		reread += place->reread;
		tail += place->tail;
		proved += place->proof != PROOF_NONE;
		put_position(&d, place, SIDE_SOURCE, place->source);
		put_position(&d, place, SIDE_TARGET, place->target);
		if (place->shut) {
			blocked++;
			draft_say(&d, "%s partition %d: %s", place->topic[SIDE_SOURCE], place->partition,
				  place->why);
		} else if (place->proof == PROOF_NONE) {
			draft_exclude(&d, place->code ? place->code : "POSITION_UNPROVED",
				      "%s partition %d: %s", place->topic[SIDE_SOURCE], place->partition,
				      place->why ? place->why : "no proof");
		}
	}
	if (!places)
		draft_exclude(&d, "POSITION_MISSING", "it has no position in any of the family's topics");
	draft_value(&d, "skipped", "records", (int64_t)skipped);
	draft_value(&d, "reread", "records", (int64_t)reread);
	draft_value(&d, "blocked", "partitions", blocked);
	d.item.total = (uint64_t)places;
	d.item.covered = (uint64_t)(proved + blocked < places ? proved + blocked : places);
	d.item.samples = (uint64_t)places;
	draft_say(&d, "%d of %d positions proved, %s records still to read, %s read again", proved, places,
		  count_text(tail, a), count_text(reread, b));
	return draft_end(&d, fault);
}

static int put_failure(struct gathering *g, const struct fault *why, struct fault *fault)
{
	struct draft d;
	int err = 0;

	for (int i = 0; i < g->family->groups.count && !err; i++) {
		draft_begin(&d, g, "progress.group", g->family->groups.at[i].text, METHOD);
		d.item.status = EVIDENCE_INSTRUMENT_ERROR;
		draft_say(&d, "%s", why->text);
		err = draft_end(&d, fault);
	}
	return err;
}

static int options_make(const struct gather_run *run, struct group_map_options *out)
{
	const struct plan_names *names = &run->g->family->groups;
	const char **groups = arena_array(run->g->arena, (size_t)names->count + 1, sizeof *groups);
	int err = positions_choice(run->g->family, run->g->topics, run->g->topic_count, false, run->g->arena,
				   out);

	if (!groups || err < 0)
		return ERR_MEMORY;
	for (int i = 0; i < names->count; i++)
		groups[i] = (const char *)names->at[i].text.at;
	out->groups = groups;
	out->group_count = (size_t)names->count;
	out->memory = run->memory;
	out->rate = run->rate;
	out->deadline_ms = run->timeout_ms;
	out->progress = run->progress;
	out->context = run->context;
	return 0;
}

static int rest(const struct gather_run *run, struct fault *fault)
{
	bool never = false;

	return loop_until(run->loop, &never, loop_now_ms(run->loop) + 100) == ERR_CANCELLED
		       ? fault_set(fault, ERR_CANCELLED, "interrupted")
		       : 0;
}

/* How many positions could be held against the source itself; how many of them were found elsewhere, and how many too late. */
static void count_moved(const struct group_map *map, int64_t *looked, int64_t *moved, int64_t *skipping)
{
	*looked = *moved = *skipping = 0;
	for (size_t i = 0; i < map->place_count; i++) {
		if (map->places[i].proof == PROOF_NONE && !map->places[i].shut)
			continue;
		++*looked;
		*moved += map->places[i].target != map->places[i].source;
		*skipping += map->places[i].target > map->places[i].source;
	}
}

/*
 * Two looks at the source alone: each group's place must be where it stands.  One that is not was found by an instrument
 * that cannot be believed about the target either.  While writers overtake each other the second look may see less than the first
 * and find a place too early, where records would be read again; that counts once it stays.  One too late counts at once.
 */
static int control_same(const struct gather_run *run, const struct group_map_options *base,
			struct fault *fault)
{
	struct group_map_options options = *base;
	struct topic_choice *topics = arena_array(run->g->arena, base->topic_count + 1, sizeof *topics);
	int64_t moved = 0, looked = 0, skipping, until_ms = loop_now_ms(run->loop) + base->settle_ms;
	struct group_map map = { 0 };
	struct fault why = { 0 };
	struct draft d;
	int err;

	if (!topics)
		return fault_set(fault, ERR_MEMORY, "no memory for the groups");
	for (size_t i = 0; i < base->topic_count; i++)
		topics[i] = (struct topic_choice){ base->topics[i].source, NULL };
	options.topics = topics;
	for (;;) {
		err = group_map_compute(run->loop, run->source, run->source, &options, &map, &why);
		if (err < 0)
			break;
		count_moved(&map, &looked, &moved, &skipping);
		group_map_done(&map);
		if ((looked && !moved) || skipping || loop_now_ms(run->loop) >= until_ms)
			break;
		err = rest(run, &why);
		if (err < 0)
			break;
	}
	group_map_done(&map);
	if (err == ERR_CANCELLED || err == ERR_MEMORY)
		return fault_set(fault, err, "%s", why.text);
	draft_begin(&d, run->g, "control.progress.same", VIEW_NULL, METHOD);
	d.item.kind = EVIDENCE_CONTROL;
	draft_value(&d, "unexpected", "findings", moved);
	d.item.samples = err < 0 ? 0 : (uint64_t)looked;
	if (err < 0)
		draft_say(&d, "%s", why.text);
	else
		draft_say(&d, "%lld positions held against the source itself, %lld of them elsewhere",
			  (long long)looked, (long long)moved);
	return draft_end(&d, fault);
}

/* Not proved at this moment, or more to be read again than the class lets it be. */
static bool may_be_better(const struct gather_run *run, const struct group_map *map)
{
	const struct plan_family *family = run->g->family;
	int64_t most = family->class->limits[LIMIT_PROGRESS_REREAD].value;

	for (size_t i = 0; i < map->place_count; i++)
		if (map->places[i].code && !map->places[i].shut)
			return true;
	for (int group = 0; group < family->groups.count; group++) {
		uint64_t reread = 0;

		for (size_t i = 0; i < map->place_count; i++)
			if (view_is(family->groups.at[group].text, map->places[i].group))
				reread += map->places[i].reread;
		if (reread > (uint64_t)most)
			return true;
	}
	return false;
}

/*
 * Where writers overtake each other, a group stands now where it would read some again, and a moment later where it would
 * not; and a transaction is open now, and then is not.  What stays for as long as a side may take to settle is a fact.
 */
static int compute_best(const struct gather_run *run, const struct group_map_options *options,
			struct group_map *map, struct fault *fault)
{
	int64_t until_ms = 0;

	for (;;) {
		int err = group_map_compute(run->loop, run->source, run->target, options, map, fault);

		if (!until_ms)
			until_ms = loop_now_ms(run->loop) + options->settle_ms;
		if (err < 0 || !may_be_better(run, map) || loop_now_ms(run->loop) >= until_ms)
			return err;
		err = rest(run, fault);
		if (err < 0)
			return err;
		group_map_done(map);
	}
}

int gather_progress(const struct gather_run *run, bool places, struct fault *fault)
{
	struct moment began = gathering_now(run->g);
	struct group_map_options options;
	struct group_map map = { 0 };
	struct fault why = { 0 };
	int err = gather_readers(run->g, fault);

	if (err < 0 || !places || !run->g->family->groups.count)
		return err;
	err = options_make(run, &options);
	if (err < 0)
		return fault_set(fault, err, "no memory for the groups");
	err = compute_best(run, &options, &map, &why);
	if (err == ERR_CANCELLED || err == ERR_MEMORY) {
		fault_set(fault, err, "%s", why.text);
	} else if (err < 0) {
		err = put_failure(run->g, &why, fault);
	} else {
		err = control_same(run, &options, fault);
		for (int i = 0; i < run->g->family->groups.count && !err; i++)
			err = put_group(run->g, &map, run->g->family->groups.at[i].text, began, fault);
	}
	group_map_done(&map);
	return err;
}

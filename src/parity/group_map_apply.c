/*
 * group_map_apply.c - commits proved positions, and believes only what it reads back.
 *
 * A group with members is left alone: they hold positions of their own and would write over ours.  The coordinator says
 * the same again when it is asked to commit, so that a member which joins between our look and our act is not overrun.
 */
#include <string.h>

#include "client/admin_groups.h"
#include "parity/group_map_inside.h"

#define ANSWER_SIZE_MAX ((size_t)64 << 20)

struct acting {
	struct cluster *target;
	struct group_map *map;
	int64_t deadline_ms;
	struct arena arena;
};

static void refuse(struct acting *acting, struct group_place *place, const char *code, const char *why)
{
	place->applied = APPLIED_REFUSED;
	if (!place->shut)
		place->code = NULL; /* why nothing was written matters more than what is not there yet */
	place_complain(acting->map, place, true, code, "%s", why);
}

static bool is_due(const struct group_place *place)
{
	return place->applied == APPLIED_NOT_ASKED;
}

/* What needs no writing, or must not be written. */
static void sort_out(struct acting *acting, struct group_place *place, const struct group_detail *detail)
{
	if (place->proof == PROOF_NONE || place->shut)
		refuse(acting, place, "POSITION_UNPROVED", "without a proved position nothing is written");
	else if (place->current == place->target)
		place->applied = APPLIED_ALREADY;
	else if (detail->err < 0 && detail->err != ERR_NOT_FOUND)
		refuse(acting, place, "GROUP_UNKNOWN",
		       "the target does not say whether the group has members");
	else if (detail->member_count > 0)
		refuse(acting, place, "GROUP_ACTIVE",
		       "the group has active members on the target; stop them first");
}

static int commit_group(struct acting *acting, struct group_place *places, size_t count)
{
	struct group_position *positions = arena_array(&acting->arena, count, sizeof *positions);
	struct fault fault = { 0 };
	int due = 0, err;

	if (!positions)
		return ERR_MEMORY;
	for (size_t index = 0; index < count; index++)
		if (is_due(&places[index]))
			positions[due++] = (struct group_position){
				.topic = places[index].topic[TARGET],
				.partition = places[index].partition,
				.offset = places[index].target,
				.leader_epoch = -1,
				.metadata = "",
			};
	if (!due)
		return 0;
	err = group_commit(acting->target, places[0].group, positions, due, acting->deadline_ms, &fault);
	for (size_t index = 0; err < 0 && index < count; index++) {
		if (!is_due(&places[index]))
			continue;
		if (err == ERR_CONFLICT) {
			refuse(acting, &places[index], "GROUP_ACTIVE",
			       "the group has active members on the target; stop them first");
			continue;
		}
		/* Whether it was written is seen when it is read back. */
		place_complain(acting->map, &places[index], true, "COMMIT_FAILED", "%s", fault.text);
	}
	return err == ERR_MEMORY ? err : 0;
}

static void read_back(struct group_place *place, const struct group_positions *stands)
{
	int64_t found = -1;

	for (int at = 0; at < stands->count; at++)
		if (stands->at[at].partition == place->partition &&
		    strcmp(stands->at[at].topic, place->topic[TARGET]) == 0)
			found = stands->at[at].offset;
	place->current = found;
	place->applied = found == place->target ? APPLIED_DONE : APPLIED_FAILED;
}

static int apply_group(struct acting *acting, struct group_place *places, size_t count, struct fault *fault)
{
	const char *id = places[0].group;
	struct group_positions *stands = NULL;
	struct group_detail *detail = NULL;
	bool any = false;
	int err =
		groups_describe(acting->target, &id, 1, acting->deadline_ms, &acting->arena, &detail, fault);

	if (err < 0)
		return err;
	for (size_t index = 0; index < count; index++) {
		sort_out(acting, &places[index], &detail[0]);
		any |= is_due(&places[index]);
	}
	if (!any)
		return 0;
	err = commit_group(acting, places, count);
	if (err < 0)
		return fault_set(fault, err, "out of memory");
	err = groups_positions(acting->target, &id, 1, true, acting->deadline_ms, &acting->arena, &stands,
			       fault);
	for (size_t index = 0; index < count; index++) {
		if (!is_due(&places[index]))
			continue;
		if (err < 0 || stands[0].err < 0) {
			places[index].applied = APPLIED_FAILED;
			place_complain(acting->map, &places[index], false, "NOT_READ_BACK",
				       "it was committed and cannot be read back: %s",
				       err < 0 ? err_text(err) : err_text(stands[0].err));
			continue;
		}
		read_back(&places[index], &stands[0]);
		if (places[index].applied == APPLIED_FAILED)
			place_complain(acting->map, &places[index], true, "COMMIT_FAILED",
				       "read back, it stands at %lld", (long long)places[index].current);
	}
	return 0;
}

int group_map_apply(struct loop *loop, struct cluster *target, struct group_map *map, int64_t deadline_ms,
		    struct fault *fault)
{
	struct acting acting = { .target = target,
				 .map = map,
				 .deadline_ms = deadline_ms ? deadline_ms : 30000 };
	int err = 0;

	(void)loop;
	arena_init(&acting.arena, ANSWER_SIZE_MAX);
	for (size_t first = 0, next; err == 0 && first < map->place_count; first = next) {
		for (next = first; next < map->place_count &&
				   strcmp(map->places[next].group, map->places[first].group) == 0;)
			next++;
		err = apply_group(&acting, &map->places[first], next - first, fault);
		arena_reset(&acting.arena);
	}
	for (size_t index = 0; index < map->place_count; index++)
		if (map->places[index].applied == APPLIED_REFUSED ||
		    map->places[index].applied == APPLIED_FAILED)
			map->verdict = PARITY_SHUT;
	arena_done(&acting.arena);
	return err;
}

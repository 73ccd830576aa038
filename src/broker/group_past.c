/*
 * group_past.c - what a group owes the log after it turned from one kind into the other: the tombstones of the kind that it was.
 *
 * They are written as it turns, before anything of the new kind.  Where there was no room for them they are written again with each
 * tick, until they are kept: else a start, or one behind the next compaction, would find members that left long ago.  What they
 * stand for may be there again by then, and stays.
 */
#include <stdlib.h>

#include "broker/consumer_group.h"

struct paying {
	struct groups *groups;
	struct group_past past; /* what this write is for */
	char group[];
};

bool group_owes(const struct group *group)
{
	const struct group_past *past = &group->past;

	return past->consumer || past->classic || past->writing > 0 || !list_empty(&past->gone);
}

void group_past_put(struct internal_batch *batch, const struct group *group)
{
	LIST_EACH(&group->past.gone, link)
	consumer_put_member_gone(batch, group, container_of(link, struct consumer_gone, link)->id);
	if (group->past.consumer)
		consumer_put_group_gone(batch, group);
	if (group->past.classic)
		group_put_gone(batch, group);
}

static void written(void *context, const struct store_appended *appended)
{
	struct paying *paying = context;
	struct group *group = group_named(paying->groups, view_text(paying->group));

	if (group && group->past.writing > 0)
		group->past.writing--;
	if (group && appended->err) {
		group->past.consumer |= paying->past.consumer;
		group->past.classic |= paying->past.classic;
		consumer_gone_move(group->consumer, &paying->past.gone, &group->past.gone);
	}
	consumer_gone_free(&paying->past.gone);
	free(paying);
}

/* Takes out what is there again. */
static void look_again(struct group *group)
{
	struct list all;

	list_init(&all);
	consumer_gone_move(NULL, &group->past.gone, &all);
	consumer_gone_move(group->consumer, &all, &group->past.gone);
	group->past.consumer = group->past.consumer && !group->consumer;
	group->past.classic = group->past.classic && group->consumer;
}

void group_past_write(struct group *group)
{
	struct group_past *past = &group->past;
	struct internal_batch batch;
	struct paying *paying;
	int err;

	look_again(group);
	if (group->groups->stopped || (!past->consumer && !past->classic && list_empty(&past->gone)))
		return;
	paying = malloc(sizeof *paying + strlen(group->id) + 1);
	if (!paying)
		return; /* the next tick tries again */
	internal_batch_init(&batch, group->groups->broker);
	group_past_put(&batch, group);
	paying->groups = group->groups;
	paying->past.consumer = past->consumer;
	paying->past.classic = past->classic;
	list_init(&paying->past.gone);
	consumer_gone_move(NULL, &past->gone, &paying->past.gone);
	strcpy(paying->group, group->id);
	past->consumer = past->classic = false;
	past->writing++;
	err = internal_batch_append(&batch, internal_log_place(&group->groups->log, view_text(group->id)),
				    written, paying);
	if (err != 0)
		written(paying, &(struct store_appended){ .err = err });
}

/* billing.c - what the group's application does with its orders, and its lever. */
#include <stdio.h>
#include <stdlib.h>

#include "demo/billing.h"
#include "demo/lever_door.h"
#include "demo/member.h"

#define COMMIT_EVERY_MS 200
#define BEAT_EVERY_MS   500
#define LOOK_MS         5
#define AGAIN_MS        100 /* after a session that could not be begun, or was lost */

struct billing_life {
	struct billing *billing;
	struct actor *actor;
	struct lever_door *door;
	struct member *member;
	struct inflater *inflater;
	int64_t epoch;
	int wanted, standing; /* SOURCE, TARGET, STOPPED */
	bool begun;           /* its first life is over */
};
#define STOPPED SIDES

static void fails(struct billing_life *life, const struct fault *fault)
{
	if (!life->billing->failed.err)
		life->billing->failed = *fault;
}

static void stands(struct billing_life *life, int state)
{
	life->standing = state;
	atomic_store(&life->billing->running, state != STOPPED);
}

/* ---- the lever ---- */

static const char *const states[] = { "running source", "running target", "stopped" };
static const char *const words[] = { "start source", "start target", "stop" };

static const char *group_get(void *context)
{
	return states[((struct billing_life *)context)->standing];
}

static int group_set(void *context, struct view word, int64_t epoch)
{
	struct billing_life *life = context;

	if (epoch >= 0 && epoch < life->epoch)
		return ERR_STALE;
	for (int i = 0; i <= STOPPED; i++) {
		if (!view_is(word, words[i]))
			continue;
		life->wanted = i;
		life->epoch = epoch >= 0 ? epoch : life->epoch;
		return 0;
	}
	return ERR_USAGE;
}

static bool group_settled(void *context)
{
	struct billing_life *life = context;

	return life->standing == life->wanted;
}

static const struct lever_words group = { "group", group_get, group_set, group_settled, NULL };

/* ---- reading ---- */

static void saw(void *context, int64_t number)
{
	struct billing *billing = context;

	if (number < 0)
		return; /* not the shop's: counted by nobody, and no reason to stop */
	if (billing->seen[number] == 0)
		atomic_fetch_add(&billing->read, 1);
	if (billing->seen[number] < UINT8_MAX)
		billing->seen[number]++;
}

static void arrived(void *context, struct view batches, int64_t offset)
{
	struct billing_life *life = context;
	struct fault fault = { 0 };
	int err = orders_read(batches, offset, life->inflater, saw, life->billing);

	if (err < 0) {
		fault_set(&fault, err, "billing read a batch that it could not open: %s", err_text(err));
		fails(life, &fault);
	}
}

/* Until its lever says something else, or the session is lost. */
static int work(struct billing_life *life, int side)
{
	struct loop *loop = life->actor->loop;
	struct fault fault = { 0 };
	int64_t commit_ms, beat_ms;
	int err;

	err = member_join(loop, life->billing->ports[side], side_words[side], !life->begun, arrived, life,
			  &life->member, &fault);
	if (err < 0) {
		if (err == ERR_NOT_FOUND) /* a position was lost */
			fails(life, &fault);
		return err;
	}
	life->begun = true;
	stands(life, side);
	commit_ms = beat_ms = loop_now_ms(loop);
	while (err == 0 && life->wanted == side && !life->actor->ending) {
		int64_t now_ms;

		loop_until(loop, &life->actor->ending, loop_now_ms(loop) + LOOK_MS);
		now_ms = loop_now_ms(loop);
		if (now_ms - beat_ms >= BEAT_EVERY_MS) {
			beat_ms = now_ms;
			err = member_beat(life->member);
		}
		if (err == 0 && now_ms - commit_ms >= COMMIT_EVERY_MS) {
			commit_ms = now_ms;
			err = member_commit(life->member);
		}
	}
	member_leave(life->member);
	life->member = NULL;
	stands(life, STOPPED);
	return err;
}

static void rest(struct billing_life *life, int64_t ms)
{
	loop_until(life->actor->loop, &life->actor->ending, loop_now_ms(life->actor->loop) + ms);
}

static int billing_live(struct actor *actor, void *owner, struct fault *fault)
{
	struct billing *billing = owner;
	struct billing_life life = {
		.billing = billing, .actor = actor, .wanted = SOURCE, .standing = STOPPED
	};
	int err = 0;

	life.inflater = inflater_new((size_t)16 << 20);
	if (!life.inflater)
		return ERR_MEMORY;
	err = lever_door_new(actor->loop, &group, &life, &life.door, fault);
	if (err == 0) {
		billing->lever_port = lever_door_port(life.door);
		actor_ready(actor);
	}
	while (err == 0 && !actor->ending) {
		if (life.wanted == STOPPED)
			rest(&life, LOOK_MS);
		else if (work(&life, life.wanted) < 0)
			rest(&life, AGAIN_MS);
	}
	lever_door_free(life.door);
	inflater_free(life.inflater);
	return err;
}

int billing_start(struct billing *billing, struct fault *fault)
{
	billing->seen = calloc(ORDERS_MAX, 1);
	if (!billing->seen)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	return actor_start(&billing->actor, billing_live, billing, fault);
}

int billing_end(struct billing *billing, struct fault *fault)
{
	return actor_end(&billing->actor, fault);
}

void billing_done(struct billing *billing)
{
	free(billing->seen);
	billing->seen = NULL;
}

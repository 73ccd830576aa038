/* shop.c - a timer that makes orders, two producers, a flag. */
#include <stdio.h>
#include <stdlib.h>

#include "client/producer.h"
#include "demo/lever_door.h"
#include "demo/shop.h"

#define TICK_MS        5
#define UNDER_WAY_MAX  500 /* orders; past that customers wait */
#define FINISH_MS      20000
#define WRITE_LIMIT_MS 20000
#define ORDER_SIZE_MAX 4096
#define WORD_HOLD      SIDES

struct shop_life {
	struct shop *shop;
	struct loop *loop;
	struct cluster *clusters[SIDES];
	struct producer *producers[SIDES];
	struct lever_door *door;
	struct timer *timer;
	int word; /* SOURCE, TARGET, WORD_HOLD */
	int64_t epoch;
	int64_t tick_ms;
	int64_t owed_thousandths; /* of an order */
	int under_way;
	bool finishing, idle;
};

/* One order on its way through both sides. */
struct way {
	struct shop_life *life;
	uint32_t number;
	int side;    /* where it is being written */
	bool mirror; /* the second of its two ways */
	struct buffer bytes;
};

static void way_ends(struct way *way)
{
	struct shop_life *life = way->life;

	life->under_way--;
	if (life->finishing && life->under_way == 0)
		life->idle = true;
	buffer_done(&way->bytes);
	free(way);
}

static void way_fails(struct way *way, int err, const struct fault *fault)
{
	struct shop *shop = way->life->shop;

	if (!shop->failed.err)
		fault_set(&shop->failed, err, "the %s did not take order %u: %s", side_words[way->side],
			  way->number, fault ? fault->text : err_text(err));
	way_ends(way);
}

static void written(void *context, const struct produced *result);

static void way_goes(struct way *way)
{
	int err = producer_send(way->life->producers[way->side], ORDER_TOPIC, order_partition(way->number),
				buffer_bytes(&way->bytes), written, way);

	if (err < 0)
		way_fails(way, err, NULL);
}

static void written(void *context, const struct produced *result)
{
	struct way *way = context;

	if (result->err < 0) {
		way_fails(way, result->err, result->fault);
		return;
	}
	way->life->shop->acknowledged[way->number] |= (uint8_t)(1 << way->side);
	if (way->mirror) {
		way_ends(way);
		return;
	}
	way->mirror = true;
	way->side = way->side == SOURCE ? TARGET : SOURCE;
	way_goes(way);
}

static bool begin(struct shop_life *life)
{
	uint32_t number = atomic_load(&life->shop->begun);
	struct way *way = number < ORDERS_MAX ? calloc(1, sizeof *way) : NULL;

	if (!way)
		return false;
	*way = (struct way){ .life = life, .number = number, .side = life->word };
	buffer_init(&way->bytes, ORDER_SIZE_MAX);
	life->under_way++;
	atomic_store(&life->shop->begun, number + 1);
	if (order_write(number, clock_wall_ms(loop_clock(life->loop)), &way->bytes) < 0)
		way_fails(way, ERR_MEMORY, NULL);
	else
		way_goes(way);
	return true;
}

static void tick(void *owner)
{
	struct shop_life *life = owner;
	int64_t now_ms = loop_now_ms(life->loop);

	if (life->finishing)
		return;
	if (life->word != WORD_HOLD)
		life->owed_thousandths += (now_ms - life->tick_ms) * life->shop->rate;
	life->tick_ms = now_ms;
	while (life->owed_thousandths >= 1000 && life->word != WORD_HOLD && life->under_way < UNDER_WAY_MAX &&
	       begin(life))
		life->owed_thousandths -= 1000;
	if (life->owed_thousandths > life->shop->rate * 1000)
		life->owed_thousandths =
			life->shop->rate * 1000; /* who waits longer than a second goes home */
	timer_start(life->timer, TICK_MS);
}

/* ---- the flag ---- */

static const char *const words[] = { "source", "target", "hold" };

static const char *flag_get(void *context)
{
	return words[((struct shop_life *)context)->word];
}

static int flag_set(void *context, struct view word, int64_t epoch)
{
	struct shop_life *life = context;
	int asked = -1;

	for (int i = 0; i <= WORD_HOLD; i++)
		if (view_is(word, words[i]))
			asked = i;
	if (asked < 0)
		return ERR_USAGE;
	if (epoch >= 0 && (epoch < life->epoch || (epoch == life->epoch && asked != life->word)))
		return ERR_STALE;
	life->epoch = epoch >= 0 ? epoch : life->epoch;
	life->word = asked;
	return 0;
}

static int flag_drained(void *context, int64_t epoch)
{
	struct shop_life *life = context;

	if (epoch >= 0 && epoch < life->epoch)
		return ERR_STALE;
	return life->word == WORD_HOLD && life->under_way == 0 && (epoch < 0 || epoch == life->epoch);
}

static const struct lever_words flag = { "flag", flag_get, flag_set, NULL, flag_drained };

/* ---- its life ---- */

static int open_all(struct shop_life *life, struct fault *fault)
{
	static const struct producer_options producing = { .acks = -1,
							   .idempotent = true,
							   .timeout_ms = WRITE_LIMIT_MS };
	int err = 0;

	for (int side = 0; side < SIDES && err == 0; side++) {
		err = client_open(life->loop, side_words[side], life->shop->ports[side],
				  &life->clusters[side], fault);
		if (err == 0)
			err = producer_new(life->clusters[side], &producing, &life->producers[side], fault);
	}
	if (err == 0)
		err = timer_new(life->loop, tick, life, &life->timer);
	if (err == 0)
		err = lever_door_new(life->loop, &flag, life, &life->door, fault);
	return err;
}

static void close_all(struct shop_life *life)
{
	lever_door_free(life->door);
	timer_free(life->timer);
	for (int side = 0; side < SIDES; side++) {
		producer_free(life->producers[side]);
		cluster_free(life->clusters[side]);
	}
}

static int shop_live(struct actor *actor, void *owner, struct fault *fault)
{
	struct shop *shop = owner;
	struct shop_life life = { .shop = shop, .loop = actor->loop };
	int err = open_all(&life, fault);

	if (err == 0) {
		shop->lever_port = lever_door_port(life.door);
		life.tick_ms = loop_now_ms(life.loop);
		timer_start(life.timer, 0);
		actor_ready(actor);
		while (!actor->ending)
			loop_until(life.loop, &actor->ending, INT64_MAX);
		life.finishing = true;
		life.idle = life.under_way == 0;
		err = loop_until(life.loop, &life.idle, loop_now_ms(life.loop) + FINISH_MS);
	}
	close_all(&life);
	return err;
}

int shop_start(struct shop *shop, struct fault *fault)
{
	shop->acknowledged = calloc(ORDERS_MAX, 1);
	if (!shop->acknowledged)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	return actor_start(&shop->actor, shop_live, shop, fault);
}

int shop_end(struct shop *shop, struct fault *fault)
{
	return actor_end(&shop->actor, fault);
}

void shop_done(struct shop *shop)
{
	free(shop->acknowledged);
	shop->acknowledged = NULL;
}

/*
 * actor.h - a part of the play that lives on a thread of its own, with a loop of its own.
 *
 *	err = actor_start(&shop->actor, shop_live, shop, &fault);	(returns once the actor has said that it is ready)
 *	...
 *	err = actor_end(&shop->actor, &fault);				(asks it to end, and waits for that)
 *
 * So each part may wait as a program does, and none holds up another.
 */
#ifndef DEMO_ACTOR_H
#define DEMO_ACTOR_H

#include <pthread.h>
#include <stdatomic.h>

#include "loop/bell.h"

struct actor;

/*
 * Lives until `ending` is set, on the actor's thread; says actor_ready() once it works.  What it made on the loop it has
 * freed when it returns: 0, or an error with the sentence in `fault`.
 */
typedef int actor_life(struct actor *actor, void *owner, struct fault *fault);

struct actor {
	struct loop *loop;
	bool ending;        /* on its own thread: come to an end; a loop_until() under way was stopped */
	_Atomic bool ended; /* any thread: it lives no more, whatever the reason */

	pthread_t thread; /* from here on private */
	pthread_mutex_t mutex;
	pthread_cond_t told;
	struct bell *bell;
	actor_life *life;
	void *owner;
	bool started, ready, over;
	int err;
	struct fault fault;
};

/* 0, or what kept it from getting ready; then nothing is left of it.  A zeroed actor may be ended. */
int actor_start(struct actor *actor, actor_life *life, void *owner, struct fault *fault);
void actor_ready(struct actor *actor);

/* How its life went.  Once is enough; after that it gives 0. */
int actor_end(struct actor *actor, struct fault *fault);

#endif

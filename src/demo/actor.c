/* actor.c - one thread, one loop, one bell. */
#include <signal.h>

#include "demo/actor.h"

static void told_to_end(void *owner)
{
	struct actor *actor = owner;

	actor->ending = true;
	loop_stop(actor->loop);
}

static void tell(struct actor *actor, bool over)
{
	pthread_mutex_lock(&actor->mutex);
	actor->ready = true;
	actor->over = over;
	pthread_cond_signal(&actor->told);
	pthread_mutex_unlock(&actor->mutex);
}

void actor_ready(struct actor *actor)
{
	tell(actor, false);
}

static void *live(void *given)
{
	struct actor *actor = given;

	actor->err = actor->life(actor, actor->owner, &actor->fault);
	if (actor->err < 0 && !actor->fault.err)
		fault_set(&actor->fault, actor->err, "%s", err_text(actor->err));
	atomic_store(&actor->ended, true);
	tell(actor, true);
	return NULL;
}

/* Signals are for the thread that tells the story. */
static int begin_thread(struct actor *actor)
{
	sigset_t all, before;
	int failed;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&actor->thread, NULL, live, actor);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed ? ERR_MEMORY : 0;
}

static void undo(struct actor *actor)
{
	bell_free(actor->bell);
	loop_free(actor->loop);
	pthread_cond_destroy(&actor->told);
	pthread_mutex_destroy(&actor->mutex);
	actor->started = false;
}

int actor_start(struct actor *actor, actor_life *life, void *owner, struct fault *fault)
{
	bool over;
	int err;

	*actor = (struct actor){ .life = life, .owner = owner };
	err = loop_new(&clock_system, 1, &actor->loop);
	if (err < 0)
		return fault_set(fault, err, "out of memory");
	err = bell_new(actor->loop, told_to_end, actor, &actor->bell);
	if (err < 0) {
		loop_free(actor->loop);
		return fault_set(fault, err, "out of memory");
	}
	pthread_mutex_init(&actor->mutex, NULL);
	pthread_cond_init(&actor->told, NULL);
	err = begin_thread(actor);
	if (err < 0) {
		undo(actor);
		return fault_set(fault, err, "no thread could be started");
	}
	actor->started = true;
	pthread_mutex_lock(&actor->mutex);
	while (!actor->ready)
		pthread_cond_wait(&actor->told, &actor->mutex);
	over = actor->over;
	pthread_mutex_unlock(&actor->mutex);
	return over ? actor_end(actor, fault) : 0;
}

int actor_end(struct actor *actor, struct fault *fault)
{
	if (!actor->started)
		return 0;
	bell_ring(actor->bell);
	pthread_join(actor->thread, NULL);
	undo(actor);
	if (actor->err < 0 && fault && !fault->err)
		*fault = actor->fault;
	return actor->err;
}

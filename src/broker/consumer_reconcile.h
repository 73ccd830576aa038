/*
 * consumer_reconcile.h - how one member comes from what it owns to what it shall own, one heartbeat after the other.
 *
 *	STABLE ------> UNREVOKED ------> UNRELEASED ------> STABLE
 *	  a new         it gives back     waits for others    has all,
 *	  target        what is not its   to give back        in the target's epoch
 *
 * A place goes to its new owner only after the old one said that it has let go of it.  Looking alone: no clock, no log.
 */
#ifndef BROKER_CONSUMER_RECONCILE_H
#define BROKER_CONSUMER_RECONCILE_H

#include "broker/consumer_places.h"

/* Kafka's numbers, as the log keeps them. */
enum consumer_state { CONSUMER_STABLE = 0, CONSUMER_UNREVOKED = 1, CONSUMER_UNRELEASED = 2 };

struct consumer_current {
	int32_t epoch, previous_epoch;
	enum consumer_state state;
	struct places assigned, revoking;
};

void consumer_current_done(struct consumer_current *current);

/* Does another member hold it? */
typedef bool consumer_taken(void *context, const struct place *place);

/*
 * The member's next step towards `target` of `target_epoch`.  `owned` is what it says that it owns, NULL when it did not say.
 * 1: `next` is what it is from now on, 0: nothing changes, or ERR_MEMORY.
 */
int consumer_reconcile(const struct consumer_current *now, const struct places *target, int32_t target_epoch,
		       const struct places *owned, consumer_taken *taken, void *context,
		       struct consumer_current *next);

/*
 * May a member of this state go on with the epoch it sent?  It may come with the one before when it did not hear of the new one, and
 * with 0, owning nothing, when it was fenced and joins anew (KAFKA-19233).
 */
bool consumer_epoch_good(const struct consumer_current *now, int32_t epoch, const struct places *owned);

#endif

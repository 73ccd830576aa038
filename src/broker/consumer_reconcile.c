/* consumer_reconcile.c - the steps of a member. */
#include "base/err.h"
#include "broker/consumer_reconcile.h"

void consumer_current_done(struct consumer_current *current)
{
	places_done(&current->assigned);
	places_done(&current->revoking);
}

/* Of what is to be assigned, what is free joins `next->assigned`; 1 when something is not, 0, or ERR_MEMORY. */
static int take_free(struct consumer_current *next, const struct places *target, consumer_taken *taken,
		     void *context, int *added)
{
	struct places wanted;
	int waits = 0;

	if (!places_without(target, &next->assigned, &wanted))
		return ERR_MEMORY;
	for (int i = 0; i < wanted.count && waits >= 0; i++) {
		if (taken(context, &wanted.at[i]))
			waits = 1;
		else if (!places_add(&next->assigned, wanted.at[i].topic, wanted.at[i].partition,
				     next->epoch))
			waits = ERR_MEMORY;
		else
			++*added;
	}
	places_sort(&next->assigned);
	places_done(&wanted);
	return waits;
}

static int compute(const struct consumer_current *now, int32_t epoch, const struct places *target,
		   int32_t target_epoch, const struct places *owned, consumer_taken *taken, void *context,
		   struct consumer_current *next)
{
	int waits, added = 0;

	*next = (struct consumer_current){ .epoch = target_epoch, .previous_epoch = now->epoch };
	if (!places_both(&now->assigned, target, &next->assigned) ||
	    !places_without(&now->assigned, target, &next->revoking))
		return ERR_MEMORY;
	/* First it lets go, in the epoch it is in; who does not say what it owns may own all it was given. */
	if (next->revoking.count && (!owned || places_meet(owned, &next->revoking))) {
		next->epoch = epoch;
		next->state = CONSUMER_UNREVOKED;
		return 1;
	}
	places_done(&next->revoking);
	waits = take_free(next, target, taken, context, &added);
	if (waits < 0)
		return waits;
	next->state = waits ? CONSUMER_UNRELEASED : CONSUMER_STABLE;
	return 1;
}

int consumer_reconcile(const struct consumer_current *now, const struct places *target, int32_t target_epoch,
		       const struct places *owned, consumer_taken *taken, void *context,
		       struct consumer_current *next)
{
	int32_t epoch = now->epoch;
	int result;

	if (now->state == CONSUMER_STABLE && now->epoch == target_epoch)
		return 0;
	if (now->state == CONSUMER_UNREVOKED) {
		if (!owned || places_meet(owned, &now->revoking))
			return 0;
		epoch++;
	}
	result = compute(now, epoch, target, target_epoch, owned, taken, context, next);
	if (result == 1 && now->state == next->state && now->epoch == next->epoch &&
	    places_equal(&now->assigned, &next->assigned) && places_equal(&now->revoking, &next->revoking))
		result = 0;
	if (result != 1)
		consumer_current_done(next);
	return result;
}

bool consumer_epoch_good(const struct consumer_current *now, int32_t epoch, const struct places *owned)
{
	if (epoch == now->epoch || epoch == 0)
		return true;
	return epoch < now->epoch && epoch == now->previous_epoch && owned &&
	       places_within(owned, &now->assigned);
}

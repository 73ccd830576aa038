/*
 * lever_transaction.h - transactional ids taken over, so that whoever writes under them is fenced (client/admin_fence.h).
 *
 * Its value tells for each id who has it: [["billing-tx",60000],["orders-tx","fenced"],["new-tx","none"]]: the time-out
 * of the producer that has it; "fenced" once we do; "none" when nobody ever did, which is not to be changed.  We are known by
 * the transaction time-out of LEVER_TRANSACTION_MARK_MS, which a coordinator remembers with the id and a producer brings
 * with it: one that comes back and takes the id shows as its own time-out again, whatever its epoch.
 *
 *	aim	fence	every id that somebody has
 *
 * The older producer cannot go on: its transaction is aborted, and its next request for the id is refused for good.  Its
 * application may start again and take the id back, so this ends what is under way, and an ACL or a flag must keep it
 * from coming back.  Nothing brings the older producer back to life: to set back is to let go of the id, with the time-out
 * that it had, and only where it is still ours; then its application must start again.
 *
 * Kafka has no epochs of ours: `epoch` is not looked at.
 */
#ifndef EXIT_LEVER_TRANSACTION_H
#define EXIT_LEVER_TRANSACTION_H

#include "client/cluster.h"
#include "exit/lever.h"

#define LEVER_TRANSACTION_MARK_MS 7919 /* a prime that nobody would think of */
#define LEVER_TRANSACTION_IDS_MAX 1000

/* The names are copied; needs DESCRIBE and WRITE on each id.  The cluster outlives the lever. */
int lever_transaction_new(const char *name, struct cluster *cluster, const char *const *ids, int count,
			  struct lever **out, struct fault *fault);

#endif

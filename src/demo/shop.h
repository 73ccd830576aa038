/*
 * shop.h - an application that writes each of its orders to two clusters, and obeys a flag.
 *
 * Under `source` an order goes to the source and, once acknowledged there, to the target; under `target` the other way
 * round.  Under `hold` nothing is begun; `drained` under an epoch is true once nothing is under way on either side, and
 * nothing will be before the next word.  A word under an older epoch than one seen before is refused.
 *
 * Its ledger says what was acknowledged where: tally.c holds the clusters against it.
 */
#ifndef DEMO_SHOP_H
#define DEMO_SHOP_H

#include "demo/clusters.h"
#include "demo/order.h"

struct shop {
	struct actor actor;
	uint16_t ports[SIDES]; /* of the brokers */
	int rate;              /* orders a second */

	uint16_t lever_port;    /* of http://127.0.0.1:PORT/flag */
	_Atomic uint32_t begun; /* orders so far */

	/* Once it has ended: orders whose write was acknowledged, and on which side (BIT of it). */
	uint8_t *acknowledged; /* ORDERS_MAX */
	struct fault failed;   /* the first write that failed for good; err 0: none did */
};

/* `ports` and `rate` are set.  It finishes what is under way before it ends. */
int shop_start(struct shop *shop, struct fault *fault);
int shop_end(struct shop *shop, struct fault *fault);
void shop_done(struct shop *shop); /* gives the ledger back; a zeroed one is silent */

#endif

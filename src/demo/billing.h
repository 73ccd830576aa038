/*
 * billing.h - the application of a consumer group: reads every order, commits where it stands, and is started on one side,
 * started on the other, and stopped by its lever.
 *
 * A stop is answered once positions are committed and the member has left the group.  Only in its very first life may it
 * begin where nothing is committed; later that is a fault, for a position was lost.
 */
#ifndef DEMO_BILLING_H
#define DEMO_BILLING_H

#include "demo/clusters.h"
#include "demo/order.h"

#define BILLING_GROUP "orders.billing"

struct billing {
	struct actor actor;
	uint16_t ports[SIDES]; /* of the brokers */

	uint16_t lever_port;   /* of http://127.0.0.1:PORT/group */
	_Atomic uint32_t read; /* orders that it has seen at least once */
	_Atomic bool running;  /* it is a member of its group */

	uint8_t *seen;       /* once it has ended: ORDERS_MAX, how often each order was read, at most 255 */
	struct fault failed; /* the first fault; err 0: none */
};

/* `ports` are set.  Begins on the source. */
int billing_start(struct billing *billing, struct fault *fault);
int billing_end(struct billing *billing, struct fault *fault);
void billing_done(struct billing *billing); /* a zeroed one is silent */

#endif

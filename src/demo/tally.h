/*
 * tally.h - what the play may have done to the orders: both logs and what billing read, held against the shop's ledger.
 *
 * Lost, doubled and reordered are judged from the applications' own knowledge; nothing that Interlock says is used.
 */
#ifndef DEMO_TALLY_H
#define DEMO_TALLY_H

#include "demo/billing.h"
#include "demo/shop.h"

struct side_tally {
	uint32_t orders;             /* of the shop */
	uint32_t others;             /* records that are not the shop's */
	uint32_t missing;            /* acknowledged here, and not in the log */
	uint32_t doubled, reordered; /* reordered: behind a later order of the same customer */
};

struct tally {
	uint32_t begun, acknowledged; /* by both sides */
	uint32_t half;                /* by one side only */
	uint32_t unread;              /* acknowledged, and never read by billing */
	struct side_tally sides[SIDES];
};

/* Reads both topics to their ends, on the caller's loop.  The shop and billing have ended. */
int tally_take(struct loop *loop, const struct shop *shop, const struct billing *billing,
		 struct tally *out, struct fault *fault);

/* Nothing was lost, doubled or reordered, and each side has exactly `planted` records of somebody else. */
bool tally_holds(const struct tally *tally, uint32_t planted);

#endif

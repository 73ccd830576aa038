/* play.h - between the files of the play: who is on the stage, and how the plan of this exit reads. */
#ifndef DEMO_PLAY_H
#define DEMO_PLAY_H

#include "client/cluster.h"
#include "demo/billing.h"
#include "demo/demo.h"
#include "demo/place.h"
#include "demo/shop.h"
#include "demo/teller.h"

#define PLAY_OWNER  "lead@example.org"
#define PLAY_SECOND "ops@example.org"
#define PLAY_FAMILY "orders"

struct play {
	struct teller teller;
	char folder[PLACE_PATH_SIZE];
	struct embedded brokers[SIDES];
	struct shop shop;
	struct billing billing;
};

/* exit.yaml and what it names: a class, levers, a business counter, one temporary thing. */
int play_plan_write(const struct play *play, struct fault *fault);

/* What stands in the report that the plan's counter reads, in cents kept as text: "1204.50". */
int play_plan_revenue(const struct play *play, int side, const char *revenue, struct fault *fault);

#endif

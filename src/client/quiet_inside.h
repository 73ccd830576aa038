/* quiet_inside.h - what the files of a look share. */
#ifndef CLIENT_QUIET_INSIDE_H
#define CLIENT_QUIET_INSIDE_H

#include "client/admin_inside.h"
#include "client/quiet.h"

enum quiet_place { PLACE_STABLE, PLACE_HIGH_WATERMARK, PLACE_END, PLACE_PRODUCERS, PLACE_TRANSACTIONS };

struct quiet {
	struct cluster *cluster;
	struct arena arena; /* the names, and the partitions as last known */
	const char **topics;
	int topic_count;
	struct arena places; /* of `known`; renewed with it */
	struct quiet_partition *known;
	int known_count;
	int32_t *nodes; /* all brokers */
	int node_count;
	bool stale; /* who leads is to be looked up before the next round */
};

struct quiet_batch { /* the context of an ask */
	enum quiet_place place;
	struct quiet_partition *first; /* of one leader, side by side */
	int count;
	const struct ask *before; /* that must have been answered before; NULL for none */
};

struct quiet_harvest { /* what the rounds bring, but for the partitions themselves */
	struct active_producer *producers;
	int producer_count, producer_capacity;
	int producers_err, transactions_err;
	struct transaction *transactions;
	int transaction_count;
};

/* Asks each broker for what is under way: asks with PLACE_TRANSACTIONS. */
int quiet_transactions_ask(struct asks *asks, const int32_t *nodes, int count);

/* The second round: what was listed is described, and kept when it touches a partition of ours. */
int quiet_transactions_find(const struct quiet *quiet, const struct asks *listed, int64_t timeout_ms,
			    struct arena *arena, struct quiet_harvest *h);

#endif

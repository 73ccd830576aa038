/*
 * consumer_classic.h - members of the classic protocol in a consumer group, and a group that turns from one kind into the other
 * while there are members (KIP-848's migration).
 *
 *	classic group  --- somebody joins by ConsumerGroupHeartbeat ------------->  consumer group, the old members as they were
 *	classic group  <-- the last one of the newer protocol has left ------------ consumer group
 *
 * A classic member goes the same steps as the others: its JoinGroup says what it owns, its SyncGroup brings what is assigned, its
 * generation is its epoch, and its Heartbeat says when the next step is due.  It never leads: the broker assigns.
 * Which of the two ways is open, group.consumer.migration.policy says; joining a consumer group needs neither.
 */
#ifndef BROKER_CONSUMER_CLASSIC_H
#define BROKER_CONSUMER_CLASSIC_H

#include "broker/consumer_group.h"

/* What a member has that speaks the classic protocol. */
struct consumer_classic {
	int32_t session_timeout_ms;
	struct member_protocol *protocols;
	int protocol_count;
	int64_t act_deadline_ms; /* it is to join, or to sync, by then; INT64_MAX for nothing */
};

void consumer_classic_free(struct consumer_classic *classic); /* NULL is silent */

/* From `protocols`, which it copies; NULL when memory is out. */
struct consumer_classic *consumer_classic_new(int32_t session_timeout_ms,
					      const struct member_protocol *protocols, int count);

/* The four requests of the classic protocol, to a consumer group that has members. */
void consumer_classic_join(struct request *request, struct consumer_group *consumer);
void consumer_classic_sync(struct request *request, struct consumer_group *consumer);
int16_t consumer_classic_heartbeat(struct consumer_group *consumer, struct view member_id,
				   struct view instance_id, int32_t generation);
int16_t consumer_classic_leave(struct consumer_group *consumer, struct view member_id,
			       struct view instance_id);

/* The other kind, when there are no members: the records say so.  0 or ERR_MEMORY. */
int group_become_consumer(struct group *group);
void group_become_classic(struct group *group);

/*
 * Makes a consumer group of a classic one with members, for one more.  ERR_CONFIG: the policy, the protocol or the size is against
 * it, and nothing was done; nor with ERR_LIMIT: it has all the members that it may have, and `joining` is none of them; ERR_MEMORY.
 */
int group_upgrade(struct group *group, struct view joining);

/* When all members are of the classic protocol: true, the group is one, `consumer` is gone, and they rebalance. */
bool consumer_downgrade(struct consumer_group *consumer);

#endif

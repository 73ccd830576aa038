/*
 * lever_quota.h - how fast a family's users may write or read, limited for a while and set back.
 *
 * Never a fence: a quota delays answers and forbids nothing, and what a client has sent is taken.  It makes room for what
 * fills the other side and must catch up.  Kafka holds it at each broker for itself, and a quota of a user together with a
 * client id goes before it.
 *
 * Its value is each user's quota as every broker shows it: [["orders",null],["billing","1048576"]]; null where there is
 * none of exactly this user.  Setting null takes it away.
 *
 *	aim	limit	each user to the lever's own limit, or to his own where that is tighter
 *
 * Users are named without "User:".  Kafka has no epochs for quotas: `epoch` is not looked at.
 */
#ifndef EXIT_LEVER_QUOTA_H
#define EXIT_LEVER_QUOTA_H

#include "client/cluster.h"
#include "exit/lever.h"

#define LEVER_QUOTA_USERS_MAX 200

/* `key`: "producer_byte_rate", "consumer_byte_rate" (bytes a second), ...  All is copied but the cluster, which outlives the
 * lever.  Needs ALTER_CONFIGS and DESCRIBE_CONFIGS on the cluster. */
int lever_quota_new(const char *name, struct cluster *cluster, const char *const *users, int count,
		    const char *key, double limit, struct lever **out, struct fault *fault);

#endif

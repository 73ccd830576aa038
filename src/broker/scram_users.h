/*
 * scram_users.h - users with SCRAM credentials, as settings of the store: kind "SCRAM-SHA-256" or "SCRAM-SHA-512", the name
 * is the user's, and the value
 *
 *	version  1   of this layout: 1
 *	iterations 4, salt size 2, salt, stored key, server key     big-endian; the keys have the hash's size
 */
#ifndef BROKER_SCRAM_USERS_H
#define BROKER_SCRAM_USERS_H

#include "broker/broker_inside.h"

struct scram_credential;

bool scram_user_find(struct broker *broker, const char *mechanism, struct view user,
		     struct scram_credential *out);

/*
 * The first user, before anybody can log in, as Kafka's storage tool takes it:
 *
 *	SCRAM-SHA-256=[name=alice,password=secret,iterations=8192]
 *
 * Kept when it returns 0.  ERR_USAGE with a sentence that holds no password.
 */
int scram_user_add(struct broker *broker, const struct broker_options *options, struct view text,
		   struct fault *fault);

#endif

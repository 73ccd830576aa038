/*
 * canary.h - does a broker let us write?  Asked of each broker, of the leader of every partition, and nothing is written.
 *
 * The question is a Produce whose records are empty (size 0, not null: to null records brokers answer nothing at all).
 * A broker looks at the authorisation before it looks at the records, so it answers
 *
 *	TOPIC_AUTHORIZATION_FAILED (29)		denied
 *	INVALID_RECORD (87)			allowed: only the missing records were wrong
 *
 * and appends nothing in either case; so it is from Apache Kafka 3.9.1 to 4.3.1, whether or not the broker leads the
 * partition, for acks 1 and all, and with a transactional id in the request too, which it does not look at where there
 * are no records.  For a transactional id the question is an EndTxn of a producer id
 * that nobody has: TRANSACTIONAL_ID_AUTHORIZATION_FAILED (53) is denied; INVALID_PRODUCER_ID_MAPPING (49) and
 * NOT_COORDINATOR (16) come after the authorisation, so they are allowed.
 *
 * What an answer proves.  A canary speaks of the principal under which `cluster` logs in, and of that host and listener;
 * a broker cannot be asked what it would answer to somebody else.  To prove that "deny write to User:orders" is in force
 * everywhere, three things are put together:
 *
 *	1. the binding is readable at each broker (admin_acls.h: the broker answers from what it decides with);
 *	2. the last binding that was made is one more of the same kind, for the canary's own principal: the *witness*.
 *	   In a KRaft cluster changes of ACLs are one log that every broker applies in order, so a broker that denies the
 *	   canary has applied all that was made before the witness;
 *	3. the canary was allowed before and is denied now, at each broker: its authorizer is there, is asked on the
 *	   path of a write, and obeys denies.
 *
 * It does not prove that User:orders is no super user: no broker tells, and a super user is bound by no ACL.  What is
 * left of that doubt is for the ends to show (quiet.h): a writer that was not bound goes on writing.
 *
 * When the canary's own principal is a super user it is allowed whatever is denied, and shows nothing; then log in with
 * other credentials for the canary.  A witness that had been there before ours were made proves 3 without 2.  Lifting
 * works the same way round: take the witness away last; a broker that allows the canary has heard of all the rest.
 *
 * A broker that does not answer is unknown, not denied.  One that the cluster lists no longer leads nothing, and learns of
 * all changes before it leads again.
 */
#ifndef CLIENT_CANARY_H
#define CLIENT_CANARY_H

#include "client/cluster.h"

enum canary_answer {
	CANARY_UNKNOWN, /* no answer, or one that says neither */
	CANARY_DENIED,
	CANARY_ALLOWED,
};

const char *canary_word(enum canary_answer answer); /* "denied", "allowed", "unknown" */

struct canary {
	const char *topic; /* or the transactional id */
	int32_t partition; /* -1 for a transactional id */
	int32_t node;
	bool leader; /* of the partition, as the cluster had it when asked */
	enum canary_answer answer;
	int16_t error_code; /* the broker's word; 0 when there was none */
	int err;            /* why there was none: ERR_TIMEOUT, ERR_NETWORK ...; ERR_NOT_FOUND: a partition without a
			       leader (`node` is -1) */
	struct fault *fault; /* NULL unless `err` */
};

struct canary_list {
	struct canary *at; /* in order of topic, partition, node; transactional ids behind the topics */
	int count;
	int denied, allowed, unknown;
};

/*
 * Asks every broker that the cluster lists at this moment: each about all partitions that it leads, and about one of
 * each topic of which it leads none; and about each of `ids`.  All at once; each answer has until `timeout_ms`.  0 when
 * all could be asked, whatever they said; ERR_NOT_FOUND when a topic does not exist.  All of `out` is in `arena`.
 */
int canary_look(struct cluster *cluster, const char *const *topics, int topic_count, const char *const *ids,
		int id_count, int64_t timeout_ms, struct arena *arena, struct canary_list *out, struct fault *fault);

#endif

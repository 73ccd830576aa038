/*
 * lever_acl.h - a family's writers denied and let in again, by ACLs, on one cluster.
 *
 * What it may ever touch are its *candidates*: deny write, from any host, for each principal of the family on each of its
 * topics (literal names) and transactional ids; and for the witness (below) on each topic.  Its value is the sorted list
 * of the candidates that exist, as each broker shows them: [["User:orders","topic","orders"],...].  Setting a value makes
 * what is in it and takes away those candidates that are not, so setting back what was observed before removes only what
 * was not there, and no binding that is not a candidate is ever changed.
 *
 *	aim	deny	all candidates
 *		allow	none of them.  Whoever gives back what he took sets the value observed before instead
 *		canary	as it stands, and the witness: a rehearsal of the fence that stops no writer
 *
 * The *witness* is the principal of the canary (client/canary.h): whoever asks whether writes are denied.  Its bindings are
 * made after all the others, and taken away after all the others.  Brokers of a KRaft cluster apply such changes in the order
 * in which they were made; so a broker that denies the canary denies the family's writers, and one that allows it again
 * allows them again: the path of a write itself says so, at each leader.
 *
 * What no broker tells is who is a super user.  lever_acl_bounds() gathers before a crossing what can be known; the
 * rehearsal shows whether the canary itself is bound; what is left, the ends of the logs show.  Kafka has no epochs for
 * ACLs: `epoch` is not looked at, and a change whose answer was lost may still be made later: who abandons one goes on
 * observing.
 */
#ifndef EXIT_LEVER_ACL_H
#define EXIT_LEVER_ACL_H

#include "client/canary.h"
#include "exit/lever.h"

struct lever_acl_options {
	const char *name;              /* "acl:source" */
	struct cluster *cluster;       /* changes and reads ACLs: needs ALTER and DESCRIBE on the cluster */
	struct cluster *canary;        /* asks for leave to write; NULL: the same one */
	const char *const *principals; /* "User:orders" */
	int principal_count;
	const char *const *topics;
	int topic_count;
	const char *const *ids; /* transactional ids */
	int id_count;
	const char *
		witness; /* who `canary` is (client/principal.h guesses); NULL: not known, nothing can be felt */
};

/* Copies the options; the clusters outlive the lever.  ERR_USAGE for names that are no text, ERR_LIMIT. */
int lever_acl_new(const struct lever_acl_options *options, struct lever **out, struct fault *fault);

/*
 * Sends the canary.  0: every broker and every leader denies it (`denied`), or lets it through (not `denied`).  ERR_STALE:
 * one says the opposite; ERR_UNSUPPORTED: there is no witness, or no topic; anything else: not known.  `how` says which
 * brokers, also after 0.
 */
int lever_acl_felt(struct lever *lever, bool denied, int64_t timeout_ms, struct buffer *how,
		   struct fault *fault);

/* Why ACLs might not bind the family's writers on this cluster.  Those up to LEVER_ACL_BLOCKS_LAST say that they do not. */
enum lever_acl_bound {
	LEVER_ACL_NO_AUTHORIZER,  /* nothing is checked */
	LEVER_ACL_MAY_NOT_READ,   /* we may not DESCRIBE the cluster */
	LEVER_ACL_MAY_NOT_CHANGE, /* we may not ALTER it */
	LEVER_ACL_SUPER_USER,     /* a principal stands in super.users */
	LEVER_ACL_UNGUARDED,      /* a topic has no ACL at all: a deny would shut out all who live by that */
	LEVER_ACL_BLOCKS_LAST = LEVER_ACL_UNGUARDED,
	LEVER_ACL_NOT_ALLOWED,    /* no ACL lets a principal write: a super user, or not the writer's name */
	LEVER_ACL_SUPER_UNKNOWN,  /* no broker tells its super.users */
	LEVER_ACL_CHANGE_UNKNOWN, /* not told whether we may ALTER */
	LEVER_ACL_BROKER_SILENT,  /* a broker did not say what it sees */
	LEVER_ACL_NO_WITNESS,     /* a fence could be read at each broker, but not felt */
	LEVER_ACL_WITNESS_FREE, /* no ACL lets it write: a super user is not denied, and anybody else always is */
	LEVER_ACL_WITNESS_THERE, /* it is denied already, so that being denied proves less */
	LEVER_ACL_BOUND_COUNT,
};

const char *lever_acl_bound_code(enum lever_acl_bound bound); /* "ACL_NO_AUTHORIZER" */

struct lever_acl_bounds {
	struct lever_acl_reason {
		enum lever_acl_bound bound;
		const char *text;
	} * at;
	int count;
	bool blocked; /* one of them says that a deny would not hold, or would do harm */
};

/* Looks, changes nothing.  `out` lives in `arena`.  An error only when no broker could be asked at all. */
int lever_acl_bounds(struct lever *lever, int64_t timeout_ms, struct arena *arena,
		     struct lever_acl_bounds *out, struct fault *fault);

#endif

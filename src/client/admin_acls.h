/*
 * admin_acls.h - ACL bindings: made, removed, and as each broker sees them.
 *
 * A binding is exact: a resource by literal or prefixed name, one principal, one host, one operation, allow or deny.
 * Making one that is there and removing one that is not are no errors, so a change may be sent twice.
 *
 * Brokers learn of a change one after the other.  In a KRaft cluster the changes are one log, which every broker applies
 * in its order: a broker that shows (or obeys) the last change of ours has all those before it.  acls_create() and
 * acls_delete() keep the order given, so the caller decides which binding is the last; client/canary.h says what for.
 * DescribeAcls is answered by the broker that is asked, from what its authorizer decides with: acls_seen() asks each.
 *
 * An answer that was lost says nothing: the change may have been made, or may still be made.  Look before and after.
 */
#ifndef CLIENT_ADMIN_ACLS_H
#define CLIENT_ADMIN_ACLS_H

#include "client/admin_access.h"

/* By type, resource, pattern, principal, host, operation, permission: the one order in which bindings are written down. */
int acl_order(const struct acl *a, const struct acl *b);

/*
 * Waits until the controller has made all of them.  ERR_DENIED when it refused every one as not authorised (nothing has
 * changed), ERR_UNSUPPORTED when the cluster has no authorizer; else the first refusal, and those before it are made.
 */
int acls_create(struct cluster *cluster, const struct acl *bindings, int count, int64_t timeout_ms,
		struct fault *fault);

/* The same for removing exactly these.  `removed` (may be NULL): how many there were. */
int acls_delete(struct cluster *cluster, const struct acl *bindings, int count, int64_t timeout_ms, int *removed,
		struct fault *fault);

/* What one broker shows. */
struct acl_sight {
	int32_t node;
	int err; /* 0: it answered; ERR_DENIED, ERR_TIMEOUT, ... */
	struct fault fault;
	struct acl_list list; /* in acl_order(), each once */
};

/*
 * Asks every broker that the cluster lists at this moment for the bindings that fit one of `filters`: struct acl with
 * NULL and ACL_..._ANY for "any"; a name filter with ACL_PATTERN_LITERAL is exact.  `out` has one for each broker, in
 * order of id.  0 also when single brokers failed: their `err` says so.
 */
int acls_seen(struct cluster *cluster, const struct acl *filters, int filter_count, int64_t timeout_ms,
	      struct arena *arena, struct acl_sight **out, int *count, struct fault *fault);

#endif

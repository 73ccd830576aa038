/*
 * acl_rights.h - what a principal may do, from a cluster's ACLs, as Kafka's StandardAuthorizer decides it.
 *
 * Deny beats allow; a resource is matched by its name, by a prefix, or by `*`; a principal by its name or `User:*`;
 * READ, WRITE, DELETE and ALTER imply DESCRIBE, and ALTER_CONFIGS implies DESCRIBE_CONFIGS; ALL is every operation.
 * No matching ACL means no, unless allow.everyone.if.no.acl.found is set and the resource has no ACL at all.  Super
 * users are not in the ACLs: who they are must be told, or is not known.
 *
 * Pure: lists in, an answer out.  Source: org.apache.kafka.metadata.authorizer (KIP-801), KIP-290 for prefixes.
 */
#ifndef EXIT_ACL_RIGHTS_H
#define EXIT_ACL_RIGHTS_H

#include "client/admin_access.h"

enum rights_answer {
	RIGHTS_NO,     /* nothing allows it */
	RIGHTS_DENIED, /* a deny forbids it */
	RIGHTS_YES,
	RIGHTS_SUPER,     /* ACLs do not bind it */
	RIGHTS_EVERYBODY, /* no authorizer, or nothing guards the resource and that is allowed */
	RIGHTS_HOST,      /* depends on the host that it comes from */
};

struct rights_view {
	const struct acl_list *acls;
	const char *super_users; /* `User:a;User:b`; NULL: not known */
	bool everyone_if_none;   /* allow.everyone.if.no.acl.found */
};

enum rights_answer rights_of(const struct rights_view *view, const char *principal, int operation,
			     int resource_type, const char *resource);

/* True for the answers that let it through. */
bool rights_allow(enum rights_answer answer);

/* "no", "denied", "yes", "super user", "everybody", "depends on the host". */
const char *rights_text(enum rights_answer answer);

/* True when the ACL could ever touch this resource. */
bool acl_touches(const struct acl *acl, int resource_type, const char *resource);

#endif

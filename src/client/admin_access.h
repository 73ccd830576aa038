/*
 * admin_access.h - who may do what, and how fast: ACLs, client quotas, SCRAM user names.
 */
#ifndef CLIENT_ADMIN_ACCESS_H
#define CLIENT_ADMIN_ACCESS_H

#include "client/cluster.h"
#include "wire/acl.h"

struct acl {
	int resource_type, pattern_type, operation, permission;
	const char *resource, *principal, *host;
};

struct acl_list {
	struct acl *at;
	int count;
	bool no_authorizer; /* SECURITY_DISABLED: nothing is checked, everybody may everything */
};

const char *acl_resource_name(int type);       /* "topic", "group" ... */
const char *acl_operation_name(int operation); /* "read", "write" ... */

/* All ACLs.  ERR_DENIED, ERR_UNSUPPORTED. */
int acls_list(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, struct acl_list *out,
	      struct fault *fault);

struct quota_entity {
	const char *type; /* "user", "client-id", "ip" */
	const char *name; /* NULL is the default entity */
};

struct quota {
	struct quota_entity entities[3];
	int entity_count;
	const char *key; /* "producer_byte_rate" ... */
	double value;
};

struct quota_list {
	struct quota *at;
	int count;
};

int quotas_list(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, struct quota_list *out,
		struct fault *fault);

struct scram_user {
	const char *name;
	int mechanism; /* 1: SCRAM-SHA-256, 2: SCRAM-SHA-512 */
	int iterations;
};

struct scram_user_list {
	struct scram_user *at;
	int count;
};

/* Names only: a broker never tells the secrets. */
int scram_users_list(struct cluster *cluster, int64_t timeout_ms, struct arena *arena,
		     struct scram_user_list *out, struct fault *fault);

#endif

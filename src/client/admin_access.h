/*
 * admin_access.h - who may do what, and how fast: ACLs, client quotas, SCRAM user names.
 */
#ifndef CLIENT_ADMIN_ACCESS_H
#define CLIENT_ADMIN_ACCESS_H

#include "client/cluster.h"

/* Kafka's own numbers: org.apache.kafka.common.acl and .resource. */
enum {
	ACL_RESOURCE_ANY = 1,
	ACL_RESOURCE_TOPIC = 2,
	ACL_RESOURCE_GROUP = 3,
	ACL_RESOURCE_CLUSTER = 4,
	ACL_RESOURCE_TRANSACTIONAL_ID = 5,
	ACL_RESOURCE_DELEGATION_TOKEN = 6,
	ACL_RESOURCE_USER = 7,
	ACL_PATTERN_ANY = 1,
	ACL_PATTERN_MATCH = 2,
	ACL_PATTERN_LITERAL = 3,
	ACL_PATTERN_PREFIXED = 4,
	ACL_OPERATION_ANY = 1,
	ACL_OPERATION_ALL = 2,
	ACL_OPERATION_READ = 3,
	ACL_OPERATION_WRITE = 4,
	ACL_OPERATION_CREATE = 5,
	ACL_OPERATION_DELETE = 6,
	ACL_OPERATION_ALTER = 7,
	ACL_OPERATION_DESCRIBE = 8,
	ACL_OPERATION_CLUSTER_ACTION = 9,
	ACL_OPERATION_DESCRIBE_CONFIGS = 10,
	ACL_OPERATION_ALTER_CONFIGS = 11,
	ACL_OPERATION_IDEMPOTENT_WRITE = 12,
	ACL_PERMISSION_ANY = 1,
	ACL_PERMISSION_DENY = 2,
	ACL_PERMISSION_ALLOW = 3,
};

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

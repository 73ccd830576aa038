/* admin_access.c - DescribeAcls, DescribeClientQuotas, DescribeUserScramCredentials. */
#include "client/admin_access.h"

#include "client/admin_inside.h"

static const char *word(const char *const *words, int count, int index)
{
	return index >= 0 && index < count && words[index] ? words[index] : "unknown";
}

const char *acl_resource_name(int type)
{
	static const char *const words[] = { "unknown", "any", "topic", "group", "cluster", "transactional-id",
					     "delegation-token", "user" };

	return word(words, (int)(sizeof words / sizeof words[0]), type);
}

const char *acl_operation_name(int operation)
{
	static const char *const words[] = { "unknown", "any", "all", "read", "write", "create", "delete", "alter",
					     "describe", "cluster-action", "describe-configs", "alter-configs",
					     "idempotent-write", "create-tokens", "describe-tokens",
					     "two-phase-commit" };

	return word(words, (int)(sizeof words / sizeof words[0]), operation);
}

size_t acls_said_count(const struct describe_acls_response *said)
{
	size_t count = 0;

	for (int32_t r = 0; r < said->resources.count; r++)
		count += (size_t)said->resources.at[r].acls.count;
	return count;
}

int acls_said_take(const struct describe_acls_response *said, struct arena *arena, struct acl_list *list)
{
	for (int32_t r = 0; r < said->resources.count; r++) {
		const struct describe_acls_response_resource *resource = &said->resources.at[r];
		const char *name = admin_text(arena, resource->resource_name);

		for (int32_t a = 0; a < resource->acls.count; a++) {
			struct acl *acl = &list->at[list->count++];

			acl->resource_type = resource->resource_type;
			acl->pattern_type = resource->pattern_type;
			acl->operation = resource->acls.at[a].operation;
			acl->permission = resource->acls.at[a].permission_type;
			acl->resource = name;
			acl->principal = admin_text(arena, resource->acls.at[a].principal);
			acl->host = admin_text(arena, resource->acls.at[a].host);
			if (!acl->resource || !acl->principal || !acl->host)
				return ERR_MEMORY;
		}
	}
	return 0;
}

int acls_list(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, struct acl_list *out,
	      struct fault *fault)
{
	struct describe_acls_request request;
	struct describe_acls_response said;
	struct acl_list list = { 0 };
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	request_default(API_DESCRIBE_ACLS, &request);
	request.resource_type_filter = ACL_RESOURCE_ANY;
	request.pattern_type_filter = ACL_PATTERN_ANY;
	request.resource_name_filter = request.principal_filter = request.host_filter = VIEW_NULL;
	request.operation = ACL_OPERATION_ANY;
	request.permission_type = ACL_PERMISSION_ANY;
	err = cluster_ask(cluster, NODE_ANY, API_DESCRIBE_ACLS, &request, timeout_ms, arena, &said, fault);
	if (err < 0)
		return admin_unsupported(API_DESCRIBE_ACLS, err, fault);
	if (said.error_code == KAFKA_SECURITY_DISABLED) {
		*out = (struct acl_list){ .no_authorizer = true };
		return 0;
	}
	if (said.error_code)
		return admin_refused(cluster, API_DESCRIBE_ACLS, said.error_code, said.error_message, fault);
	list.at = arena_array(arena, acls_said_count(&said), sizeof *list.at);
	if (!list.at || acls_said_take(&said, arena, &list) < 0)
		return admin_no_memory(cluster, fault);
	*out = list;
	return 0;
}

int quotas_list(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, struct quota_list *out,
		struct fault *fault)
{
	struct describe_client_quotas_request request;
	struct describe_client_quotas_response said;
	struct quota_list list = { 0 };
	size_t most = 0;
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	request_default(API_DESCRIBE_CLIENT_QUOTAS, &request);
	err = cluster_ask(cluster, NODE_ANY, API_DESCRIBE_CLIENT_QUOTAS, &request, timeout_ms, arena, &said, fault);
	if (err < 0)
		return admin_unsupported(API_DESCRIBE_CLIENT_QUOTAS, err, fault);
	if (said.error_code)
		return admin_refused(cluster, API_DESCRIBE_CLIENT_QUOTAS, said.error_code, said.error_message, fault);
	for (int32_t e = 0; e < said.entries.count; e++)
		most += (size_t)said.entries.at[e].values.count;
	list.at = arena_array(arena, most, sizeof *list.at);
	if (!list.at)
		return admin_no_memory(cluster, fault);
	for (int32_t e = 0; e < said.entries.count; e++) {
		const struct describe_client_quotas_response_entry *entry = &said.entries.at[e];
		struct quota shape = { 0 };

		for (int32_t i = 0; i < entry->entity.count && shape.entity_count < 3; i++) {
			struct quota_entity *entity = &shape.entities[shape.entity_count++];

			entity->type = admin_text(arena, entry->entity.at[i].entity_type);
			entity->name = admin_text(arena, entry->entity.at[i].entity_name);
		}
		for (int32_t v = 0; v < entry->values.count; v++) {
			struct quota *quota = &list.at[list.count++];

			*quota = shape;
			quota->key = admin_text(arena, entry->values.at[v].key);
			quota->value = entry->values.at[v].value;
			if (!quota->key)
				return admin_no_memory(cluster, fault);
		}
	}
	*out = list;
	return 0;
}

int scram_users_list(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, struct scram_user_list *out,
		     struct fault *fault)
{
	struct describe_user_scram_credentials_request request;
	struct describe_user_scram_credentials_response said;
	struct scram_user_list list = { 0 };
	size_t most = 0;
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	request_default(API_DESCRIBE_USER_SCRAM_CREDENTIALS, &request);
	/*
	 * All users: an empty list, not null.  Both mean all, but where it is denied brokers up to 4.x stumble over the
	 * null while they make the refusal, and never answer.
	 */
	request.users.count = 0;
	err = cluster_ask(cluster, NODE_ANY, API_DESCRIBE_USER_SCRAM_CREDENTIALS, &request, timeout_ms, arena, &said,
			  fault);
	if (err < 0)
		return admin_unsupported(API_DESCRIBE_USER_SCRAM_CREDENTIALS, err, fault);
	if (said.error_code)
		return admin_refused(cluster, API_DESCRIBE_USER_SCRAM_CREDENTIALS, said.error_code,
				     said.error_message, fault);
	for (int32_t r = 0; r < said.results.count; r++)
		most += (size_t)said.results.at[r].credential_infos.count;
	list.at = arena_array(arena, most, sizeof *list.at);
	if (!list.at)
		return admin_no_memory(cluster, fault);
	for (int32_t r = 0; r < said.results.count; r++) {
		const char *name = admin_text(arena, said.results.at[r].user);

		for (int32_t c = 0; c < said.results.at[r].credential_infos.count; c++)
			list.at[list.count++] = (struct scram_user){
				name, said.results.at[r].credential_infos.at[c].mechanism,
				said.results.at[r].credential_infos.at[c].iterations
			};
	}
	*out = list;
	return 0;
}

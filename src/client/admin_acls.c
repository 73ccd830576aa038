/* admin_acls.c - CreateAcls, DeleteAcls, and DescribeAcls at each broker. */
#include "client/admin_acls.h"

#include "client/admin_inside.h"

#define BINDINGS_AT_ONCE 500 /* in one request: a controller refuses changes of more than some thousand records */

static int text_order(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int number_order(int a, int b)
{
	return (a > b) - (a < b);
}

int acl_order(const struct acl *a, const struct acl *b)
{
	int order = number_order(a->resource_type, b->resource_type);

	order = order ? order : text_order(a->resource, b->resource);
	order = order ? order : number_order(a->pattern_type, b->pattern_type);
	order = order ? order : text_order(a->principal, b->principal);
	order = order ? order : text_order(a->host, b->host);
	order = order ? order : number_order(a->operation, b->operation);
	return order ? order : number_order(a->permission, b->permission);
}

static int acl_sort(const void *a, const void *b)
{
	return acl_order(a, b);
}

/* ---- making ---- */

static int16_t create_code(const void *response)
{
	const struct create_acls_response *said = response;

	return said->results.count > 0 ? said->results.at[0].error_code : 0;
}

/* What came of one binding of many: the first refusal, with the binding in words. */
static int binding_refused(struct cluster *cluster, int16_t api_key, const struct acl *acl, int16_t code,
			   struct view words, bool all, struct fault *fault)
{
	int err = admin_refused(cluster, api_key, code, words, fault);

	if (err == ERR_DENIED && !all) { /* some were taken: not a plain refusal */
		err = ERR_BROKER;
		if (fault)
			fault->err = err;
	}
	fault_at(fault, "%s %s to %s %s %s", acl->permission == ACL_PERMISSION_DENY ? "deny" : "allow", acl->principal,
		 acl_operation_name(acl->operation), acl_resource_name(acl->resource_type), acl->resource);
	return err;
}

static int create_piece(struct cluster *cluster, const struct acl *bindings, int count, bool *any, int64_t timeout_ms,
			struct arena *arena, struct fault *fault)
{
	struct create_acls_request request;
	struct create_acls_response said;
	int refused = -1, err;

	request_default(API_CREATE_ACLS, &request);
	request.creations.at = arena_array(arena, (size_t)count, sizeof *request.creations.at);
	if (!request.creations.at)
		return admin_no_memory(cluster, fault);
	request.creations.count = count;
	for (int i = 0; i < count; i++) {
		struct create_acls_request_creation *at = &request.creations.at[i];

		at->resource_type = (int8_t)bindings[i].resource_type;
		at->resource_name = view_text(bindings[i].resource);
		at->resource_pattern_type = (int8_t)bindings[i].pattern_type;
		at->principal = view_text(bindings[i].principal);
		at->host = view_text(bindings[i].host);
		at->operation = (int8_t)bindings[i].operation;
		at->permission_type = (int8_t)bindings[i].permission;
	}
	err = admin_change(cluster, API_CREATE_ACLS, &request, timeout_ms, arena, &said, create_code, fault);
	if (err < 0)
		return err;
	if (said.results.count != count)
		return fault_set(fault, ERR_MALFORMED, "%s: CreateAcls: %d answers to %d bindings", cluster->name,
				 said.results.count, count);
	for (int i = 0; i < count; i++) {
		if (said.results.at[i].error_code == 0)
			*any = true;
		else if (refused < 0)
			refused = i;
	}
	if (refused < 0)
		return 0;
	return binding_refused(cluster, API_CREATE_ACLS, &bindings[refused], said.results.at[refused].error_code,
			       said.results.at[refused].error_message, !*any, fault);
}

/* ---- removing ---- */

static int16_t delete_code(const void *response)
{
	const struct delete_acls_response *said = response;

	return said->filter_results.count > 0 ? said->filter_results.at[0].error_code : 0;
}

static int delete_piece(struct cluster *cluster, const struct acl *bindings, int count, bool *any, int *removed,
			int64_t timeout_ms, struct arena *arena, struct fault *fault)
{
	struct delete_acls_request request;
	struct delete_acls_response said;
	const struct acl *refused = NULL;
	struct view words = VIEW_NULL;
	int16_t code = 0;
	int err;

	request_default(API_DELETE_ACLS, &request);
	request.filters.at = arena_array(arena, (size_t)count, sizeof *request.filters.at);
	if (!request.filters.at)
		return admin_no_memory(cluster, fault);
	request.filters.count = count;
	for (int i = 0; i < count; i++) {
		struct delete_acls_request_filter *at = &request.filters.at[i];

		at->resource_type_filter = (int8_t)bindings[i].resource_type;
		at->resource_name_filter = view_text(bindings[i].resource);
		at->pattern_type_filter = (int8_t)bindings[i].pattern_type;
		at->principal_filter = view_text(bindings[i].principal);
		at->host_filter = view_text(bindings[i].host);
		at->operation = (int8_t)bindings[i].operation;
		at->permission_type = (int8_t)bindings[i].permission;
	}
	err = admin_change(cluster, API_DELETE_ACLS, &request, timeout_ms, arena, &said, delete_code, fault);
	if (err < 0)
		return err;
	if (said.filter_results.count != count)
		return fault_set(fault, ERR_MALFORMED, "%s: DeleteAcls: %d answers to %d filters", cluster->name,
				 said.filter_results.count, count);
	for (int i = 0; i < count; i++) {
		const struct delete_acls_response_filter_result *at = &said.filter_results.at[i];

		*any |= at->error_code == 0;
		if (at->error_code && !refused) {
			refused = &bindings[i];
			code = at->error_code;
			words = at->error_message;
		}
		for (int32_t m = 0; m < at->matching_acls.count; m++) {
			*removed += at->matching_acls.at[m].error_code == 0;
			if (at->matching_acls.at[m].error_code && !refused) {
				refused = &bindings[i];
				code = at->matching_acls.at[m].error_code;
				words = at->matching_acls.at[m].error_message;
			}
		}
	}
	return refused ? binding_refused(cluster, API_DELETE_ACLS, refused, code, words, !*any, fault) : 0;
}

static int change(struct cluster *cluster, const struct acl *bindings, int count, bool create, int *removed,
		  int64_t timeout_ms, struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct arena arena;
	bool any = false;
	int err = 0;

	arena_init(&arena, REPLY_MEMORY_MAX);
	for (int i = 0; i < count && err == 0; i += BINDINGS_AT_ONCE) { /* one after the other: the order is kept */
		int piece = count - i < BINDINGS_AT_ONCE ? count - i : BINDINGS_AT_ONCE;
		int64_t left_ms = deadline_ms - cluster_now(cluster);

		err = create ? create_piece(cluster, &bindings[i], piece, &any, left_ms, &arena, fault)
			     : delete_piece(cluster, &bindings[i], piece, &any, removed, left_ms, &arena, fault);
		arena_reset(&arena);
	}
	arena_done(&arena);
	return err;
}

int acls_create(struct cluster *cluster, const struct acl *bindings, int count, int64_t timeout_ms,
		struct fault *fault)
{
	return change(cluster, bindings, count, true, NULL, timeout_ms, fault);
}

int acls_delete(struct cluster *cluster, const struct acl *bindings, int count, int64_t timeout_ms, int *removed,
		struct fault *fault)
{
	int gone = 0;
	int err = change(cluster, bindings, count, false, &gone, timeout_ms, fault);

	if (removed)
		*removed = gone;
	return err;
}

/* ---- seeing ---- */

static struct view view_or_null(const char *text)
{
	return text ? view_text(text) : VIEW_NULL;
}

/* All answers of one broker become one list. */
static int sight_take(struct cluster *cluster, struct ask *const *asks, int count, struct arena *arena,
		      struct acl_sight *out)
{
	size_t most = 0;
	int kept = 0;

	for (int i = 0; i < count && out->err == 0; i++) {
		const struct describe_acls_response *said = asks[i]->response;

		if (asks[i]->err < 0) {
			out->err = asks[i]->err;
			out->fault = asks[i]->fault;
		} else if (said->error_code == KAFKA_SECURITY_DISABLED) {
			out->list.no_authorizer = true;
		} else if (said->error_code) {
			out->err = admin_refused(cluster, API_DESCRIBE_ACLS, said->error_code, said->error_message,
						 &out->fault);
		} else {
			most += acls_said_count(said);
		}
	}
	if (out->err < 0 || out->list.no_authorizer)
		return 0;
	out->list.at = arena_array(arena, most, sizeof *out->list.at);
	if (!out->list.at)
		return ERR_MEMORY;
	for (int i = 0; i < count; i++)
		if (acls_said_take(asks[i]->response, arena, &out->list) < 0)
			return ERR_MEMORY;
	if (out->list.count > 1)
		qsort(out->list.at, (size_t)out->list.count, sizeof *out->list.at, acl_sort);
	for (int i = 0; i < out->list.count; i++) /* filters may overlap */
		if (kept == 0 || acl_order(&out->list.at[kept - 1], &out->list.at[i]) != 0)
			out->list.at[kept++] = out->list.at[i];
	out->list.count = kept;
	return 0;
}

int acls_seen(struct cluster *cluster, const struct acl *filters, int filter_count, int64_t timeout_ms,
	      struct arena *arena, struct acl_sight **out, int *count, struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct describe_acls_request *requests = arena_array(arena, (size_t)filter_count, sizeof *requests);
	struct acl_sight *sights = NULL;
	struct asks asks;
	int32_t *nodes;
	int node_count, err = admin_brokers_now(cluster, timeout_ms, arena, &nodes, &node_count, fault);

	if (err < 0)
		return err;
	sights = arena_array(arena, (size_t)node_count, sizeof *sights);
	if (!requests || !sights)
		return admin_no_memory(cluster, fault);
	for (int f = 0; f < filter_count; f++) {
		request_default(API_DESCRIBE_ACLS, &requests[f]);
		requests[f].resource_type_filter = (int8_t)filters[f].resource_type;
		requests[f].resource_name_filter = view_or_null(filters[f].resource);
		requests[f].pattern_type_filter = (int8_t)filters[f].pattern_type;
		requests[f].principal_filter = view_or_null(filters[f].principal);
		requests[f].host_filter = view_or_null(filters[f].host);
		requests[f].operation = (int8_t)filters[f].operation;
		requests[f].permission_type = (int8_t)filters[f].permission;
	}
	asks_init(&asks, cluster, deadline_ms - cluster_now(cluster), arena);
	for (int n = 0; n < node_count && err == 0; n++)
		for (int f = 0; f < filter_count && err == 0; f++)
			err = asks_add(&asks, nodes[n], API_DESCRIBE_ACLS, &requests[f], NULL);
	int stopped = asks_wait(&asks);
	for (int n = 0; n < node_count && err == 0; n++) {
		sights[n].node = nodes[n];
		err = sight_take(cluster, &asks.at[n * filter_count], filter_count, arena, &sights[n]);
	}
	if (err < 0)
		return admin_no_memory(cluster, fault);
	if (stopped < 0)
		return fault_set(fault, stopped, "%s: interrupted", cluster->name);
	*out = sights;
	*count = node_count;
	return 0;
}

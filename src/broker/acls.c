/*
 * acls.c - DescribeAcls, CreateAcls, DeleteAcls.
 *
 * The store decides what there is: once it has answered, each rule of the request is in memory exactly when it is in the store.  So
 * two requests about one rule may cross, and memory never says another thing than the next start will.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/text.h"
#include "broker/access.h"
#include "broker/acls.h"
#include "broker/api.h"
#include "broker/settings.h"

#define KIND                VIEW_LITERAL("acl")
#define KIND_TEXT           "acl"
#define VALUE_SIZE_MAX      65536
#define RULE_TEXTS_SIZE_MAX 8192
#define DIGEST_SEED         0     /* it names settings that are kept: never another */
#define CHANGES_MAX         10000 /* of one request, as in Kafka's controller */

#define OPERATION_LAST ACL_OPERATION_TWO_PHASE_COMMIT
#define RESOURCE_LAST  ACL_RESOURCE_USER

typedef struct create_acls_request_creation creation_t;
typedef struct delete_acls_request_filter filter_t;

/* ---- what is kept ------------------------------------------------------------------------------------------------------------ */

struct kept {
	char name[33];
	struct buffer value;
};

/* False when memory is out; to be ended with buffer_done() on its value either way. */
static bool keep(const struct access_rule *rule, struct kept *out)
{
	struct digest digest;
	struct view bytes;

	buffer_init(&out->value, VALUE_SIZE_MAX);
	access_rule_write(rule, &out->value);
	if (out->value.err)
		return false;
	bytes = buffer_bytes(&out->value);
	digest = hash128(bytes.at, bytes.size, DIGEST_SEED);
	snprintf(out->name, sizeof out->name, "%016llx%016llx", (unsigned long long)digest.high,
		 (unsigned long long)digest.low);
	return true;
}

struct loading {
	struct access_rules *rules;
	int err;
	int64_t unreadable;
};

static void load_one(void *context, struct view name, struct view value)
{
	struct loading *loading = context;
	struct access_rule rule;
	int err;

	if (!access_rule_read(value, &rule)) {
		loading->unreadable++;
		return;
	}
	err = access_rules_add(loading->rules, &rule);
	if (err < 0)
		loading->err = err;
}

int acls_load(struct broker *broker, struct access_rules *rules, struct fault *fault)
{
	struct loading loading = { .rules = rules };

	store_setting_each(broker->store, KIND, load_one, &loading);
	/* One that is not understood may be a deny: to start without it would open a door. */
	if (loading.unreadable)
		return fault_set(fault, ERR_MALFORMED,
				 "the store holds %lld access rules that this version does not understand; a "
				 "newer one "
				 "wrote them",
				 (long long)loading.unreadable);
	if (loading.err < 0)
		return fault_set(fault, loading.err, "the access rules cannot be loaded: %s",
				 err_text(loading.err));
	return 0;
}

/* Memory follows the store. */
static void follow(struct broker *broker, const struct access_rule *rule)
{
	struct access_rules *rules = access_rules_of(broker);
	struct kept kept;

	if (keep(rule, &kept)) {
		if (store_setting(broker->store, KIND, view_text(kept.name)).at)
			access_rules_add(rules, rule);
		else
			access_rules_remove(rules, rule);
	}
	buffer_done(&kept.value);
}

static bool put(struct settings *settings, const struct access_rule *rule, bool there)
{
	struct kept kept;
	bool ok = keep(rule, &kept);

	if (ok)
		settings_put(settings, KIND_TEXT, view_text(kept.name),
			     there ? buffer_bytes(&kept.value) : VIEW_NULL);
	buffer_done(&kept.value);
	return ok;
}

/* ---- filters ----------------------------------------------------------------------------------------------------------------- */

static bool text_fits(struct view filter, struct view text)
{
	return !filter.at || view_equal(filter, text);
}

static bool starts_with(struct view text, struct view prefix)
{
	return text.size >= prefix.size && (prefix.size == 0 || memcmp(text.at, prefix.at, prefix.size) == 0);
}

static bool pattern_fits(const filter_t *filter, const struct access_rule *rule)
{
	int8_t pattern = filter->pattern_type_filter;
	struct view name = filter->resource_name_filter;

	if (filter->resource_type_filter != ACL_RESOURCE_ANY && filter->resource_type_filter != rule->type)
		return false;
	if (pattern != ACL_PATTERN_ANY && pattern != ACL_PATTERN_MATCH && pattern != rule->pattern)
		return false;
	if (!name.at)
		return true;
	if (pattern != ACL_PATTERN_MATCH)
		return view_equal(name, rule->name);
	if (rule->pattern == ACL_PATTERN_LITERAL)
		return view_equal(name, rule->name) || view_is(rule->name, "*");
	return starts_with(name, rule->name);
}

static bool filter_fits(const filter_t *filter, const struct access_rule *rule)
{
	return pattern_fits(filter, rule) && text_fits(filter->principal_filter, rule->principal) &&
	       text_fits(filter->host_filter, rule->host) &&
	       (filter->operation == ACL_OPERATION_ANY || filter->operation == rule->operation) &&
	       (filter->permission_type == ACL_PERMISSION_ANY || filter->permission_type == rule->permission);
}

/* Kafka's own decoder throws at a zero, and closes the connection. */
static bool has_zero(const filter_t *filter)
{
	return !filter->resource_type_filter || !filter->pattern_type_filter || !filter->operation ||
	       !filter->permission_type;
}

struct picking {
	const filter_t *filter;
	const struct access_rule **at; /* NULL: only count */
	int32_t count;
};

static void pick(void *context, const struct access_rule *rule)
{
	struct picking *picking = context;

	if (!filter_fits(picking->filter, rule))
		return;
	if (picking->at)
		picking->at[picking->count] = rule;
	picking->count++;
}

static int by_resource(const void *a, const void *b)
{
	const struct access_rule *one = *(const struct access_rule *const *)a,
				 *two = *(const struct access_rule *const *)b;
	int order = one->type - two->type;

	order = order ? order : view_compare(one->name, two->name);
	order = order ? order : one->pattern - two->pattern;
	order = order ? order : view_compare(one->principal, two->principal);
	order = order ? order : view_compare(one->host, two->host);
	order = order ? order : one->operation - two->operation;
	return order ? order : one->permission - two->permission;
}

/* The rules that fit, in order of resource; false when memory is out. */
static bool pick_all(struct request *request, const filter_t *filter, struct picking *out)
{
	struct access_rules *rules = access_rules_of(request->broker);

	*out = (struct picking){ .filter = filter };
	access_rules_each(rules, pick, out);
	out->at = arena_array(&request->arena, (size_t)out->count, sizeof *out->at);
	if (!out->at)
		return false;
	out->count = 0;
	access_rules_each(rules, pick, out);
	if (out->count)
		qsort(out->at, (size_t)out->count, sizeof *out->at, by_resource);
	return true;
}

/* ---- DescribeAcls ------------------------------------------------------------------------------------------------------------ */

static bool same_resource(const struct access_rule *a, const struct access_rule *b)
{
	return a->type == b->type && a->pattern == b->pattern && view_equal(a->name, b->name);
}

static bool tell(struct request *request, const struct picking *picked,
		 struct describe_acls_response *response)
{
	response->resources.at = REQUEST_ARRAY(request, describe_acls_response_resource_shape, picked->count);
	if (!response->resources.at)
		return false;
	for (int32_t i = 0, end; i < picked->count; i = end) {
		struct describe_acls_response_resource *out =
			&response->resources.at[response->resources.count++];
		const struct access_rule *first = picked->at[i];

		for (end = i; end < picked->count && same_resource(first, picked->at[end]);)
			end++;
		out->resource_type = first->type;
		out->pattern_type = first->pattern;
		out->resource_name = first->name;
		out->acls.at = REQUEST_ARRAY(request, describe_acls_response_acl_shape, end - i);
		if (!out->acls.at)
			return false;
		out->acls.count = end - i;
		for (int32_t k = i; k < end; k++) {
			struct describe_acls_response_acl *acl = &out->acls.at[k - i];

			acl->principal = picked->at[k]->principal;
			acl->host = picked->at[k]->host;
			acl->operation = picked->at[k]->operation;
			acl->permission_type = picked->at[k]->permission;
		}
	}
	return true;
}

void handle_describe_acls(struct request *request)
{
	const struct describe_acls_request *in = request->message;
	struct describe_acls_response *response = request_response(request);
	const filter_t filter = { .resource_type_filter = in->resource_type_filter,
				  .resource_name_filter = in->resource_name_filter,
				  .pattern_type_filter = in->pattern_type_filter,
				  .principal_filter = in->principal_filter,
				  .host_filter = in->host_filter,
				  .operation = in->operation,
				  .permission_type = in->permission_type };
	struct picking picked;

	if (has_zero(&filter)) {
		request_fail(request, "DescribeAcls with an unknown element");
		return;
	}
	if (response && !access_is_on(request->broker)) {
		response->error_code = KAFKA_SECURITY_DISABLED;
		response->error_message = VIEW_LITERAL("No Authorizer is configured on the broker");
	} else if (response) {
		response->error_code = access_cluster(request, ACL_OPERATION_DESCRIBE);
		if (response->error_code)
			response->error_message = VIEW_LITERAL("Cluster authorization failed.");
		else if (!pick_all(request, &filter, &picked) || !tell(request, &picked, response))
			response = NULL;
	}
	request_answer(request, response);
}

/* ---- CreateAcls -------------------------------------------------------------------------------------------------------------- */

struct creating {
	struct create_acls_response *response;
	int32_t fresh; /* that may be more than there were */
};

static struct access_rule rule_of(const creation_t *in)
{
	return (struct access_rule){ .type = in->resource_type,
				     .pattern = in->resource_pattern_type,
				     .operation = in->operation,
				     .permission = in->permission_type,
				     .name = in->resource_name,
				     .principal = in->principal,
				     .host = in->host };
}

/*
 * NULL, or what Kafka has against it.  At an ANY where a rule must say which, Kafka's own decoder throws, and the whole request is
 * told UNKNOWN_SERVER_ERROR; here the one that is wrong is told what is.
 */
static const char *wrong_with(const creation_t *in)
{
	if (in->resource_type == ACL_RESOURCE_CLUSTER && !view_equal(in->resource_name, ACCESS_CLUSTER))
		return "The only valid name for the CLUSTER resource is kafka-cluster";
	if (in->resource_name.size == 0)
		return "Invalid empty resource name";
	if (in->resource_type <= ACL_RESOURCE_ANY || in->resource_type > RESOURCE_LAST)
		return "Invalid resourceType";
	if (in->resource_pattern_type != ACL_PATTERN_LITERAL &&
	    in->resource_pattern_type != ACL_PATTERN_PREFIXED)
		return "Invalid patternType";
	if (in->operation <= ACL_OPERATION_ANY || in->operation > OPERATION_LAST)
		return "Invalid operation";
	if (in->permission_type != ACL_PERMISSION_DENY && in->permission_type != ACL_PERMISSION_ALLOW)
		return "Invalid permissionType";
	if (!memchr(in->principal.at, ':', in->principal.size))
		return "The principal has no colon between its type and its name";
	if (in->resource_name.size + in->principal.size + in->host.size > RULE_TEXTS_SIZE_MAX)
		return "The names of this rule are too long together";
	return NULL;
}

static void created(struct settings *settings, int failed)
{
	struct request *request = settings->request;
	const struct create_acls_request *in = request->message;
	struct create_acls_response *response = settings->response;

	for (int32_t i = 0; i < in->creations.count; i++) {
		struct create_acls_response_result *result = &response->results.at[i];
		struct access_rule rule = rule_of(&in->creations.at[i]);

		if (result->error_code)
			continue;
		follow(request->broker, &rule);
		if (!access_rules_has(access_rules_of(request->broker), &rule)) {
			result->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
			result->error_message =
				VIEW_LITERAL("The rule could not be kept; the log of the broker says why.");
		}
	}
	request_answer(request, response);
}

/* The answer of each, before anything is changed. */
static void check_creations(struct request *request, struct create_acls_response *response)
{
	const struct create_acls_request *in = request->message;
	struct access_rules *rules = access_rules_of(request->broker);
	int16_t whole = rules ? access_cluster(request, ACL_OPERATION_ALTER) : KAFKA_SECURITY_DISABLED;
	int64_t count = rules ? access_rules_count(rules) : 0;

	if (!whole && in->creations.count > CHANGES_MAX)
		whole = KAFKA_POLICY_VIOLATION;
	for (int32_t i = 0; i < in->creations.count; i++) {
		struct create_acls_response_result *result = &response->results.at[response->results.count++];
		struct access_rule rule = rule_of(&in->creations.at[i]);
		const char *wrong = whole ? NULL : wrong_with(&in->creations.at[i]);

		if (whole || wrong) {
			result->error_code = whole ? whole : KAFKA_INVALID_REQUEST;
			result->error_message =
				view_text(wrong                              ? wrong
					  : whole == KAFKA_SECURITY_DISABLED ? "No Authorizer is configured."
					  : whole == KAFKA_POLICY_VIOLATION
						  ? "Unable to perform excessively large batch operation."
						  : "Cluster authorization failed.");
		} else if (!access_rules_has(rules, &rule) && ++count > ACCESS_RULES_MAX) {
			result->error_code = KAFKA_POLICY_VIOLATION;
			result->error_message =
				view_text(arena_printf(&request->arena,
						       "There are as many access rules as this broker keeps, "
						       "%d: remove some first.",
						       ACCESS_RULES_MAX));
		}
	}
}

void handle_create_acls(struct request *request)
{
	const struct create_acls_request *in = request->message;
	struct create_acls_response *response = request_response(request);
	struct settings *settings = response ? settings_begin(request, response, created) : NULL;

	for (int32_t i = 0; i < in->creations.count; i++) {
		const creation_t *one = &in->creations.at[i];

		if (!one->resource_type || !one->resource_pattern_type || !one->operation ||
		    !one->permission_type) {
			request_fail(request, "CreateAcls with an unknown element");
			return;
		}
	}
	if (!settings || !(response->results.at = REQUEST_ARRAY(request, create_acls_response_result_shape,
								in->creations.count))) {
		request_answer(request, NULL);
		return;
	}
	check_creations(request, response);
	for (int32_t i = 0; i < in->creations.count; i++) {
		struct access_rule rule = rule_of(&in->creations.at[i]);

		if (!response->results.at[i].error_code &&
		    !access_rules_has(access_rules_of(request->broker), &rule) && !put(settings, &rule, true))
			response->results.at[i].error_code = KAFKA_UNKNOWN_SERVER_ERROR;
	}
	settings_end(settings);
}

/* ---- DeleteAcls -------------------------------------------------------------------------------------------------------------- */

static struct access_rule rule_matched(const struct delete_acls_response_matching_acl *in)
{
	return (struct access_rule){ .type = in->resource_type,
				     .pattern = in->pattern_type,
				     .operation = in->operation,
				     .permission = in->permission_type,
				     .name = in->resource_name,
				     .principal = in->principal,
				     .host = in->host };
}

static void deleted(struct settings *settings, int failed)
{
	struct broker *broker = settings->request->broker;
	struct delete_acls_response *response = settings->response;

	for (int32_t i = 0; i < response->filter_results.count; i++) {
		struct delete_acls_response_filter_result *result = &response->filter_results.at[i];

		for (int32_t k = 0; k < result->matching_acls.count; k++) {
			struct access_rule rule = rule_matched(&result->matching_acls.at[k]);

			follow(broker, &rule);
			if (access_rules_has(access_rules_of(broker), &rule)) {
				result->matching_acls.at[k].error_code = KAFKA_UNKNOWN_SERVER_ERROR;
				result->matching_acls.at[k].error_message = VIEW_LITERAL(
					"The rule could not be removed; the log of the broker says why.");
			}
		}
	}
	request_answer(settings->request, response);
}

/* Copies: the rules go, and the answer stays until it has left. */
static bool match(struct request *request, const filter_t *filter,
		  struct delete_acls_response_filter_result *out)
{
	struct picking picked;

	if (!pick_all(request, filter, &picked))
		return false;
	if (picked.count > CHANGES_MAX) {
		out->error_code = KAFKA_POLICY_VIOLATION;
		out->error_message = VIEW_LITERAL("Unable to perform excessively large batch operation.");
		return true;
	}
	out->matching_acls.at = REQUEST_ARRAY(request, delete_acls_response_matching_acl_shape, picked.count);
	if (!out->matching_acls.at)
		return false;
	for (int32_t i = 0; i < picked.count; i++) {
		struct delete_acls_response_matching_acl *one =
			&out->matching_acls.at[out->matching_acls.count++];

		one->resource_type = picked.at[i]->type;
		one->pattern_type = picked.at[i]->pattern;
		one->operation = picked.at[i]->operation;
		one->permission_type = picked.at[i]->permission;
		one->resource_name = arena_copy(&request->arena, picked.at[i]->name);
		one->principal = arena_copy(&request->arena, picked.at[i]->principal);
		one->host = arena_copy(&request->arena, picked.at[i]->host);
		if (!one->resource_name.at || !one->principal.at || !one->host.at)
			return false;
	}
	return true;
}

static bool filter_known(const filter_t *filter)
{
	return filter->resource_type_filter > 0 && filter->resource_type_filter <= RESOURCE_LAST &&
	       filter->pattern_type_filter > 0 && filter->pattern_type_filter <= ACL_PATTERN_PREFIXED &&
	       filter->operation > 0 && filter->operation <= OPERATION_LAST && filter->permission_type > 0 &&
	       filter->permission_type <= ACL_PERMISSION_ALLOW;
}

static bool match_all(struct request *request, struct delete_acls_response *response)
{
	const struct delete_acls_request *in = request->message;
	int16_t whole = access_is_on(request->broker) ? access_cluster(request, ACL_OPERATION_ALTER)
						      : KAFKA_SECURITY_DISABLED;

	for (int32_t i = 0; i < in->filters.count; i++) {
		struct delete_acls_response_filter_result *out =
			&response->filter_results.at[response->filter_results.count++];

		if (whole) {
			out->error_code = whole;
			out->error_message =
				view_text(whole == KAFKA_SECURITY_DISABLED ? "No Authorizer is configured."
									   : "Cluster authorization failed.");
		} else if (!filter_known(&in->filters.at[i])) {
			out->error_code = KAFKA_INVALID_REQUEST;
			out->error_message = VIEW_LITERAL("Unknown filter.");
		} else if (!match(request, &in->filters.at[i], out)) {
			return false;
		}
	}
	return true;
}

void handle_delete_acls(struct request *request)
{
	const struct delete_acls_request *in = request->message;
	struct delete_acls_response *response = request_response(request);
	struct settings *settings = response ? settings_begin(request, response, deleted) : NULL;

	for (int32_t i = 0; i < in->filters.count; i++)
		if (has_zero(&in->filters.at[i])) {
			request_fail(request, "DeleteAcls with an unknown element");
			return;
		}
	if (!settings ||
	    !(response->filter_results.at =
		      REQUEST_ARRAY(request, delete_acls_response_filter_result_shape, in->filters.count)) ||
	    !match_all(request, response)) {
		request_answer(request, NULL);
		return;
	}
	for (int32_t i = 0; i < response->filter_results.count; i++)
		for (int32_t k = 0; k < response->filter_results.at[i].matching_acls.count; k++) {
			struct access_rule rule =
				rule_matched(&response->filter_results.at[i].matching_acls.at[k]);

			put(settings, &rule, false);
		}
	settings_end(settings);
}

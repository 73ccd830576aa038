/* access.c - the authorizer of a broker: who is never asked, what the rules say, and what goes to the log. */
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "broker/access.h"
#include "broker/acls.h"
#include "broker/login.h"
#include "broker/pipeline.h"
#include "client/admin_access.h"

#define SUPER_USERS_MAX   1000
#define LINES_EACH_SECOND 20
#define SECOND_MS         1000
#define LINE_SIZE_MAX     1000

struct access {
	struct broker *broker;
	struct access_rules *rules;
	struct view super_users[SUPER_USERS_MAX]; /* "User:alice"; in the properties' memory */
	int super_user_count;
	bool allow_unruled; /* allow.everyone.if.no.acl.found */
	bool tells_denied, tells_allowed;
	int64_t second_ms; /* when the present second began */
	int lines;         /* written in it */
	int64_t left_out;  /* since the last line that said how many */
	access_watch_fn *watch;
	void *watch_context;
};

/* ---- the beginning ----------------------------------------------------------------------------------------------------------- */

/* "User:alice;User:CN=bob,O=Shop" */
static int read_super_users(struct access *access, struct view text, struct fault *fault)
{
	while (text.size > 0) {
		const uint8_t *end = memchr(text.at, ';', text.size);
		struct view one = text_trim(view_of(text.at, end ? (size_t)(end - text.at) : text.size));

		text = end ? view_of(end + 1, text.size - (size_t)(end + 1 - text.at)) : VIEW_LITERAL("");
		if (one.size == 0)
			continue;
		if (!memchr(one.at, ':', one.size))
			return fault_set(fault, ERR_CONFIG,
					 "property 'super.users': each is a principal as User:NAME, with "
					 "semicolons between "
					 "them");
		if (access->super_user_count == SUPER_USERS_MAX)
			return fault_set(fault, ERR_CONFIG, "property 'super.users': more than %d",
					 SUPER_USERS_MAX);
		access->super_users[access->super_user_count++] = one;
	}
	return 0;
}

static void read_levels(struct access *access, struct view level)
{
	access->tells_allowed = view_is(level, "DEBUG") || view_is(level, "TRACE") || view_is(level, "ALL");
	access->tells_denied = access->tells_allowed || view_is(level, "INFO");
}

int access_open(struct broker *broker, struct fault *fault)
{
	const struct properties *properties = &broker->properties;
	struct access *access;
	bool given;
	int err;

	if (!properties->authorizer || !*properties->authorizer)
		return 0;
	access = calloc(1, sizeof *access);
	if (!access)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	broker->access = access; /* freed with it */
	access->broker = broker;
	access->allow_unruled = properties->allow_unruled;
	read_levels(access,
		    view_text(properties_value(properties, "log4j.logger.kafka.authorizer.logger", &given)));
	err = read_super_users(access, view_text(properties_value(properties, "super.users", &given)), fault);
	if (err == 0 && access_rules_new(ACCESS_RULES_MAX, &access->rules) < 0)
		err = fault_set(fault, ERR_MEMORY, "out of memory");
	return err < 0 ? err : acls_load(broker, access->rules, fault);
}

struct access_rules *access_rules_of(const struct broker *broker)
{
	return broker->access ? broker->access->rules : NULL;
}

void access_watch(struct broker *broker, access_watch_fn *watch, void *context)
{
	if (!broker->access)
		return;
	broker->access->watch = watch;
	broker->access->watch_context = context;
}

/* ---- the log ----------------------------------------------------------------------------------------------------------------- */

static void tell_left_out(struct access *access)
{
	if (access->left_out)
		log_line(LOG_INFO, "broker: access: %lld more answers were not written here",
			 (long long)access->left_out);
	access->left_out = 0;
}

void access_free(struct access *access)
{
	if (!access)
		return;
	tell_left_out(access);
	access_rules_free(access->rules);
	free(access);
}

/* A client that is refused tries again, and must not fill the disk. */
static bool may_tell(struct access *access)
{
	int64_t now_ms = loop_now_ms(access->broker->loop);

	if (now_ms - access->second_ms >= SECOND_MS) {
		tell_left_out(access);
		access->second_ms = now_ms;
		access->lines = 0;
	}
	if (access->lines < LINES_EACH_SECOND) {
		access->lines++;
		return true;
	}
	access->left_out++;
	return false;
}

void access_tick(struct broker *broker)
{
	struct access *access = broker->access;

	if (access && access->left_out && loop_now_ms(broker->loop) - access->second_ms >= SECOND_MS)
		tell_left_out(access);
}

static void cut_safe(struct buffer *line, struct view text)
{
	bool long_one = text.size > 200;

	text_safe(line, long_one ? view_of(text.at, 200) : text);
	if (long_one)
		buffer_text(line, "...");
}

static void tell(const struct request *request, const struct access_question *question, bool allowed)
{
	struct buffer line;

	if (!may_tell(request->broker->access))
		return;
	buffer_init(&line, 4 * LINE_SIZE_MAX);
	cut_safe(&line, question->principal);
	buffer_printf(&line, " is %s operation %s from host ", allowed ? "allowed" : "denied",
		      acl_operation_name(question->operation));
	cut_safe(&line, question->host);
	buffer_printf(&line, " on resource %s:", acl_resource_name(question->type));
	cut_safe(&line, question->name);
	buffer_printf(&line, " for request %s", request->api ? request->api->name : "?");
	log_line(LOG_INFO, "broker: access: %s", buffer_string(&line));
	buffer_done(&line);
}

/* ---- the question ------------------------------------------------------------------------------------------------------------ */

static bool is_super_user(const struct access *access, struct view principal)
{
	for (int i = 0; i < access->super_user_count; i++)
		if (view_equal(access->super_users[i], principal))
			return true;
	return false;
}

/* "/127.0.0.1", as Kafka shows clients, is the address with a slash before it. */
static struct view host_of(const char *client_host)
{
	const char *host = client_host ? client_host : "";

	return view_text(*host == '/' ? host + 1 : host);
}

static bool decide(struct access *access, const struct access_question *question)
{
	enum access_answer answer;

	if (is_super_user(access, question->principal))
		return true;
	answer = access_rules_ask(access->rules, question);
	return answer == ACCESS_ALLOWED || (answer == ACCESS_NO_RULE && access->allow_unruled);
}

static bool ask(const struct request *request, int operation, int type, struct view name, bool silently)
{
	struct access *access = request->broker->access;
	struct access_question question = { .type = (int8_t)type, .operation = (int8_t)operation };
	bool allowed;

	if (!access)
		return true;
	if (!request->pipeline)
		return false;
	question.name = name.at ? name : VIEW_LITERAL("");
	question.principal = login_principal(request->pipeline->login);
	question.host = host_of(request->pipeline->client_host);
	allowed = decide(access, &question);
	if (access->watch)
		access->watch(access->watch_context, request, operation, type, name, allowed);
	if (!silently && (allowed ? access->tells_allowed : access->tells_denied))
		tell(request, &question, allowed);
	return allowed;
}

bool access_allowed(const struct request *request, int operation, int type, struct view name)
{
	return ask(request, operation, type, name, false);
}

bool access_allowed_silently(const struct request *request, int operation, int type, struct view name)
{
	return ask(request, operation, type, name, true);
}

bool access_allowed_to(const struct broker *broker, struct view principal, const char *client_host,
		       int operation, int type, struct view name)
{
	struct access_question question = { (int8_t)type, (int8_t)operation, name, principal,
					    host_of(client_host) };

	return !broker->access || decide(broker->access, &question);
}

int16_t access_topic(const struct request *request, int operation, struct view topic)
{
	return access_allowed(request, operation, ACL_RESOURCE_TOPIC, topic)
		       ? KAFKA_NONE
		       : KAFKA_TOPIC_AUTHORIZATION_FAILED;
}

int16_t access_group(const struct request *request, int operation, struct view group)
{
	return access_allowed(request, operation, ACL_RESOURCE_GROUP, group)
		       ? KAFKA_NONE
		       : KAFKA_GROUP_AUTHORIZATION_FAILED;
}

int16_t access_transactional(const struct request *request, int operation, struct view id)
{
	return access_allowed(request, operation, ACL_RESOURCE_TRANSACTIONAL_ID, id)
		       ? KAFKA_NONE
		       : KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

int16_t access_cluster(const struct request *request, int operation)
{
	return access_allowed(request, operation, ACL_RESOURCE_CLUSTER, ACCESS_CLUSTER)
		       ? KAFKA_NONE
		       : KAFKA_CLUSTER_AUTHORIZATION_FAILED;
}

bool access_to_some(const struct request *request, int operation, int type)
{
	struct access *access = request->broker->access;
	struct access_question question = { .type = (int8_t)type, .operation = (int8_t)operation };

	/* Kafka asks for a name that nobody has first: so super users are in, and who may do it with all names. */
	if (access_allowed_silently(request, operation, type, VIEW_LITERAL("hardcode")))
		return true;
	if (!request->pipeline)
		return false;
	question.principal = login_principal(request->pipeline->login);
	question.host = host_of(request->pipeline->client_host);
	return access_rules_ask_any(access->rules, &question);
}

#define BIT(operation) (1 << ACL_OPERATION_##operation)

static int operations_of(int type)
{
	switch (type) {
	case ACL_RESOURCE_TOPIC:
		return BIT(READ) | BIT(WRITE) | BIT(CREATE) | BIT(DESCRIBE) | BIT(DELETE) | BIT(ALTER) |
		       BIT(DESCRIBE_CONFIGS) | BIT(ALTER_CONFIGS);
	case ACL_RESOURCE_GROUP:
		return BIT(READ) | BIT(DESCRIBE) | BIT(DELETE) | BIT(DESCRIBE_CONFIGS) | BIT(ALTER_CONFIGS);
	case ACL_RESOURCE_CLUSTER:
		return BIT(CREATE) | BIT(CLUSTER_ACTION) | BIT(DESCRIBE_CONFIGS) | BIT(ALTER_CONFIGS) |
		       BIT(IDEMPOTENT_WRITE) | BIT(ALTER) | BIT(DESCRIBE);
	default: return 0;
	}
}

int32_t access_operations(const struct request *request, int type, struct view name)
{
	int all = operations_of(type), allowed = 0;

	for (int operation = 0; operation < 31; operation++)
		if (all & 1 << operation && access_allowed_silently(request, operation, type, name))
			allowed |= 1 << operation;
	return allowed;
}

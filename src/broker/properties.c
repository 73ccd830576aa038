/* properties.c - the table of broker properties. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/props.h"
#include "base/text.h"
#include "broker/properties.h"

#define FILE_BYTES_MAX (1 << 20)
#define AT(field)      offsetof(struct properties, field)
#define MOST           INT64_MAX

/* clang-format off */
const struct property property_table[] = {
	{ "node.id",                                   CONFIG_INT,     "1",          AT(node_id), 0, INT32_MAX },
	{ "broker.id",                                 CONFIG_INT,     "1",          AT(node_id), 0, INT32_MAX },
	{ "num.partitions",                            CONFIG_INT,     "1",          AT(partitions), 1, 100000 },
	{ "default.replication.factor",                CONFIG_INT,     "1",          AT(replication_factor), 1, INT16_MAX },
	{ "auto.create.topics.enable",                 CONFIG_BOOLEAN, "true",       AT(auto_create), 0, 1 },
	{ "delete.topic.enable",                       CONFIG_BOOLEAN, "true",       AT(delete_topics), 0, 1 },
	{ "socket.request.max.bytes",                  CONFIG_INT,     "104857600",  AT(request_bytes_max), 1, INT32_MAX },
	{ "queued.max.request.bytes",                  CONFIG_LONG,    "-1",         AT(queued_bytes_max), -1, MOST },
	{ "fetch.max.bytes",                           CONFIG_INT,     "57671680",   AT(fetch_bytes_max), 1024, INT32_MAX },
	{ "max.incremental.fetch.session.cache.slots", CONFIG_INT,     "1000",       AT(sessions_max), 0, 1000000 },
	{ "max.connections",                           CONFIG_INT,     "2147483647", AT(connections_max), 0, INT32_MAX },
	{ "max.connections.per.ip",                    CONFIG_INT,     "2147483647", AT(connections_per_address_max), 0, INT32_MAX },
	{ "max.connections.per.ip.overrides",          CONFIG_STRING,  "",           AT(connections_overrides), 0, 0 },
	{ "max.connection.creation.rate",              CONFIG_INT,     "2147483647", AT(connection_rate_max), 0, INT32_MAX },
	{ "interlock.max.connections.per.principal",   CONFIG_INT,     "2147483647", AT(connections_per_principal_max), 1, INT32_MAX },
	{ "quota.window.num",                          CONFIG_INT,     "11",         AT(quota_windows), 1, 3600 },
	{ "quota.window.size.seconds",                 CONFIG_INT,     "1",          AT(quota_window_seconds), 1, 3600 },
	{ "connections.max.idle.ms",                   CONFIG_LONG,    "600000",     AT(idle_ms), -1, MOST },
	{ "group.min.session.timeout.ms",              CONFIG_INT,     "6000",       AT(session_timeout_least_ms), 1, INT32_MAX },
	{ "group.max.session.timeout.ms",              CONFIG_INT,     "1800000",    AT(session_timeout_most_ms), 1, INT32_MAX },
	{ "group.initial.rebalance.delay.ms",          CONFIG_INT,     "3000",       AT(initial_delay_ms), 0, INT32_MAX },
	{ "group.max.size",                            CONFIG_INT,     "2147483647", AT(group_size_max), 1, INT32_MAX },
	{ "group.consumer.session.timeout.ms",         CONFIG_INT,     "45000",      AT(consumer_session_ms), 1, INT32_MAX },
	{ "group.consumer.min.session.timeout.ms",     CONFIG_INT,     "45000",      AT(consumer_session_least_ms), 1, INT32_MAX },
	{ "group.consumer.max.session.timeout.ms",     CONFIG_INT,     "60000",      AT(consumer_session_most_ms), 1, INT32_MAX },
	{ "group.consumer.heartbeat.interval.ms",      CONFIG_INT,     "5000",       AT(consumer_heartbeat_ms), 1, INT32_MAX },
	{ "group.consumer.min.heartbeat.interval.ms",  CONFIG_INT,     "5000",       AT(consumer_heartbeat_least_ms), 1, INT32_MAX },
	{ "group.consumer.max.heartbeat.interval.ms",  CONFIG_INT,     "15000",      AT(consumer_heartbeat_most_ms), 1, INT32_MAX },
	{ "group.consumer.migration.policy",           CONFIG_STRING,  "bidirectional", AT(migration_policy), 0, 0 },
	{ "group.consumer.max.size",                   CONFIG_INT,     "2147483647", AT(consumer_size_max), 1, INT32_MAX },
	{ "offset.metadata.max.bytes",                 CONFIG_INT,     "4096",       AT(commit_metadata_max), 0, INT16_MAX },
	{ "offsets.topic.num.partitions",              CONFIG_INT,     "50",         AT(offsets_partitions), 1, 1000 },
	{ "offsets.retention.minutes",                 CONFIG_INT,     "10080",      AT(offsets_retention_minutes), 1, INT32_MAX },
	{ "offsets.retention.check.interval.ms",       CONFIG_LONG,    "600000",     AT(offsets_check_ms), 1, MOST },
	{ "transaction.state.log.num.partitions",      CONFIG_INT,     "50",         AT(transactions_partitions), 1, 1000 },
	{ "transaction.max.timeout.ms",                CONFIG_INT,     "900000",     AT(transaction_timeout_most_ms), 1, INT32_MAX },
	{ "transactional.id.expiration.ms",            CONFIG_INT,     "604800000",  AT(transactional_expiry_ms), 1, INT32_MAX },
	{ "transaction.remove.expired.transaction.cleanup.interval.ms", CONFIG_INT, "3600000", AT(transactional_check_ms), 1, INT32_MAX },
	{ "producer.id.expiration.ms",                 CONFIG_INT,     "86400000",   AT(producer_expiry_ms), 1, INT32_MAX },
	{ "log.retention.check.interval.ms",           CONFIG_LONG,    "300000",     AT(retention_check_ms), 1, MOST },
	{ "advertised.listeners",                      CONFIG_STRING,  NULL,         AT(advertised), 0, 0 },

	/* Who may come in, and how: entrance.c, which reads them by name; each also as listener.name.NAME.… */
	{ "listeners",                                 CONFIG_STRING,  NULL,         0, 0, 0 },
	{ "listener.security.protocol.map",            CONFIG_STRING,  "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL", 0, 0, 0 },
	{ "ssl.keystore.type",                         CONFIG_STRING,  "JKS",        0, 0, 0 },
	{ "ssl.keystore.location",                     CONFIG_STRING,  NULL,         0, 0, 0 },
	{ "ssl.keystore.password",                     CONFIG_PASSWORD, NULL,        0, 0, 0 },
	{ "ssl.keystore.key",                          CONFIG_PASSWORD, NULL,        0, 0, 0 },
	{ "ssl.keystore.certificate.chain",            CONFIG_PASSWORD, NULL,        0, 0, 0 },
	{ "ssl.key.password",                          CONFIG_PASSWORD, NULL,        0, 0, 0 },
	{ "ssl.truststore.type",                       CONFIG_STRING,  "JKS",        0, 0, 0 },
	{ "ssl.truststore.location",                   CONFIG_STRING,  NULL,         0, 0, 0 },
	{ "ssl.truststore.password",                   CONFIG_PASSWORD, NULL,        0, 0, 0 },
	{ "ssl.truststore.certificates",               CONFIG_PASSWORD, NULL,        0, 0, 0 },
	{ "ssl.client.auth",                           CONFIG_STRING,  "none",       0, 0, 0 },
	{ "ssl.principal.mapping.rules",               CONFIG_STRING,  "DEFAULT",    0, 0, 0 },
	{ "ssl.enabled.protocols",                     CONFIG_LIST,    "TLSv1.2,TLSv1.3", 0, 0, 0 },
	{ "ssl.cipher.suites",                         CONFIG_LIST,    "",           0, 0, 0 },
	{ "sasl.enabled.mechanisms",                   CONFIG_LIST,    "GSSAPI",     0, 0, 0 },
	{ "sasl.server.max.receive.size",              CONFIG_INT,     "524288",     AT(login_bytes_max), 1, INT32_MAX },
	{ "connections.max.reauth.ms",                 CONFIG_LONG,    "0",          AT(reauth_ms), 0, MOST },
	{ "interlock.login.timeout.ms",                CONFIG_LONG,    "30000",      AT(login_timeout_ms), 1, MOST },
	{ "sasl.oauthbearer.jwks.endpoint.url",        CONFIG_STRING,  NULL,         0, 0, 0 },
	{ "sasl.oauthbearer.jwks.endpoint.refresh.ms", CONFIG_LONG,    "3600000",    0, 1, MOST },
	{ "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", CONFIG_LONG, "100",     0, 1, INT32_MAX },
	{ "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", CONFIG_LONG, "10000", 0, 1, MOST },
	{ "sasl.oauthbearer.expected.audience",        CONFIG_LIST,    NULL,         0, 0, 0 },
	{ "sasl.oauthbearer.expected.issuer",          CONFIG_STRING,  NULL,         0, 0, 0 },
	{ "sasl.oauthbearer.clock.skew.seconds",       CONFIG_INT,     "30",         0, 0, INT32_MAX },
	{ "sasl.oauthbearer.scope.claim.name",         CONFIG_STRING,  "scope",      0, 0, 0 },
	{ "sasl.oauthbearer.sub.claim.name",           CONFIG_STRING,  "sub",        0, 0, 0 },

	/* Who may do what: access.c. */
	{ "authorizer.class.name",                     CONFIG_STRING,  "",           AT(authorizer), 0, 0 },
	{ "super.users",                               CONFIG_STRING,  "",           0, 0, 0 },
	{ "allow.everyone.if.no.acl.found",            CONFIG_BOOLEAN, "false",      AT(allow_unruled), 0, 1 },
	{ "log4j.logger.kafka.authorizer.logger",      CONFIG_STRING,  "INFO",       0, 0, 0 },

	/* Topics take their defaults from these: topic_config.c. */
	{ "compression.type",                          CONFIG_STRING,  "producer",   0, 0, 0 },
	{ "log.cleanup.policy",                        CONFIG_LIST,    "delete",     0, 0, 0 },
	{ "log.cleaner.delete.retention.ms",           CONFIG_LONG,    "86400000",   0, 0, MOST },
	{ "log.cleaner.max.compaction.lag.ms",         CONFIG_LONG,    "9223372036854775807", 0, 1, MOST },
	{ "log.cleaner.min.compaction.lag.ms",         CONFIG_LONG,    "0",          0, 0, MOST },
	{ "log.cleaner.min.cleanable.ratio",           CONFIG_DOUBLE,  "0.5",        0, 0, 1 },
	{ "log.flush.interval.messages",               CONFIG_LONG,    "9223372036854775807", 0, 1, MOST },
	{ "log.flush.interval.ms",                     CONFIG_LONG,    NULL,         0, 0, MOST },
	{ "log.index.interval.bytes",                  CONFIG_INT,     "4096",       0, 0, INT32_MAX },
	{ "log.index.size.max.bytes",                  CONFIG_INT,     "10485760",   0, 4, INT32_MAX },
	{ "log.message.timestamp.after.max.ms",        CONFIG_LONG,    "3600000",    0, 0, MOST },
	{ "log.message.timestamp.before.max.ms",       CONFIG_LONG,    "9223372036854775807", 0, 0, MOST },
	{ "log.message.timestamp.type",                CONFIG_STRING,  "CreateTime", 0, 0, 0 },
	{ "log.preallocate",                           CONFIG_BOOLEAN, "false",      0, 0, 1 },
	{ "log.retention.bytes",                       CONFIG_LONG,    "-1",         0, -1, MOST },
	{ "log.retention.ms",                          CONFIG_LONG,    NULL,         0, -1, MOST },
	{ "log.retention.minutes",                     CONFIG_INT,     NULL,         0, -1, INT32_MAX },
	{ "log.retention.hours",                       CONFIG_INT,     "168",        0, -1, INT32_MAX },
	{ "log.roll.ms",                               CONFIG_LONG,    NULL,         0, 1, MOST },
	{ "log.roll.hours",                            CONFIG_INT,     "168",        0, 1, INT32_MAX },
	{ "log.roll.jitter.ms",                        CONFIG_LONG,    NULL,         0, 0, MOST },
	{ "log.roll.jitter.hours",                     CONFIG_INT,     "0",          0, 0, INT32_MAX },
	{ "log.segment.bytes",                         CONFIG_INT,     "1073741824", 0, 1048576, INT32_MAX },
	{ "log.segment.delete.delay.ms",               CONFIG_LONG,    "60000",      0, 0, MOST },
	{ "message.max.bytes",                         CONFIG_INT,     "1048588",    0, 0, INT32_MAX },
	{ "min.insync.replicas",                       CONFIG_INT,     "1",          0, 1, INT32_MAX },
	{ "unclean.leader.election.enable",            CONFIG_BOOLEAN, "false",      0, 0, 1 },
	{ NULL },
};
/* clang-format on */
_Static_assert(sizeof property_table / sizeof *property_table <= PROPERTIES_MAX, "more room for properties");

/* What "-1" means for the bytes of all unanswered requests: Kafka has no limit, and we have this one. */
#define QUEUED_BYTES_DEFAULT ((int64_t)512 << 20)

static bool is_word(struct view value, const char *word)
{
	return value.size == strlen(word) && strncasecmp((const char *)value.at, word, value.size) == 0;
}

bool config_value_fits(enum config_type type, struct view value, int64_t least, int64_t most, int64_t *number)
{
	char text[32], *end;
	int64_t n;
	double d;

	if (type == CONFIG_BOOLEAN) {
		*number = is_word(value, "true");
		return *number || is_word(value, "false");
	}
	if (type != CONFIG_INT && type != CONFIG_LONG && type != CONFIG_SHORT && type != CONFIG_DOUBLE)
		return true;
	if (value.size == 0 || value.size >= sizeof text)
		return false;
	memcpy(text, value.at, value.size);
	text[value.size] = 0;
	errno = 0;
	if (type == CONFIG_DOUBLE) {
		d = strtod(text, &end);
		return *end == 0 && d >= (double)least && d <= (double)most;
	}
	n = strtoll(text, &end, 10);
	if (*end || errno || n < least || n > most ||
	    (type == CONFIG_INT && (n > INT32_MAX || n < INT32_MIN)))
		return false;
	*number = n;
	return true;
}

static void assign(struct properties *properties, const struct property *property, const char *value)
{
	int64_t number = 0;

	if (!property->at)
		return;
	if (property->type == CONFIG_STRING) {
		*(const char **)((char *)properties + property->at) = value;
		return;
	}
	config_value_fits(property->type, view_text(value), property->least, property->most, &number);
	*(int64_t *)((char *)properties + property->at) = number;
	if (properties->queued_bytes_max < 0)
		properties->queued_bytes_max = QUEUED_BYTES_DEFAULT;
}

void properties_init(struct properties *properties)
{
	memset(properties, 0, sizeof *properties);
	arena_init(&properties->arena, (size_t)8 << 20);
	for (const struct property *p = property_table; p->name; p++)
		assign(properties, p, p->fallback);
}

void properties_done(struct properties *properties)
{
	for (int i = 0; i < PROPERTIES_MAX; i++)
		for (int k = 0; k < 2; k++)
			free(properties->changed[k][i]);
	arena_done(&properties->arena);
}

int property_find(struct view name)
{
	for (int i = 0; property_table[i].name; i++)
		if (view_is(name, property_table[i].name))
			return i;
	return -1;
}

static int unknown(struct view name, struct fault *fault)
{
	const char *words[PROPERTIES_MAX + 1] = { NULL }, *nearest;
	struct buffer shown;

	for (int i = 0; property_table[i].name; i++)
		words[i] = property_table[i].name;
	nearest = text_nearest(name, words);
	buffer_init(&shown, 400);
	text_safe(&shown, name.size > 80 ? view_of(name.at, 80) : name);
	fault_set(fault, ERR_NOT_FOUND, "property '%s' has no effect in this version%s%s%s",
		  buffer_string(&shown), nearest ? "; the nearest one that has is '" : "",
		  nearest ? nearest : "", nearest ? "'" : "");
	buffer_done(&shown);
	return ERR_NOT_FOUND;
}

#define STANDARD_AUTHORIZER "org.apache.kafka.metadata.authorizer.StandardAuthorizer"

/*
 * Whoever sets one of these counts on being protected by it. A warning among others would leave him believing that he is, so
 * the broker does not start.
 */
static int unprotected(struct view name, struct view value, struct fault *fault)
{
	if (view_is(name, "authorizer.class.name") && value.size > 0 && !view_is(value, STANDARD_AUTHORIZER))
		return fault_set(
			fault, ERR_CONFIG,
			"property 'authorizer.class.name': the authorizer here is " STANDARD_AUTHORIZER "%s",
			view_is(value, "kafka.security.authorizer.AclAuthorizer") ||
					view_is(value, "kafka.security.auth.SimpleAclAuthorizer")
				? ", as it is in Apache Kafka since 4.0; the one that is named kept its "
				  "rules in ZooKeeper, "
				  "and they have to be made again"
				: "; no other class can be loaded");
	return 0;
}

/* Of these what comes behind the listener's name may be anything: the mechanism is part of it. */
static bool is_of_a_listener(struct view name)
{
	static const char front[] = "listener.name.";

	return name.size > sizeof front && memcmp(name.at, front, sizeof front - 1) == 0;
}

static int set_of_a_listener(struct properties *properties, struct view name, struct view value,
			     struct fault *fault)
{
	struct view name_copy = arena_copy(&properties->arena, name),
		    value_copy = arena_copy(&properties->arena, value.at ? value : VIEW_LITERAL(""));
	int at = 0;

	while (at < properties->of_listeners_count && !view_is(name, properties->of_listeners[at].name))
		at++;
	if (!name_copy.at || !value_copy.at || at == PROPERTIES_OF_LISTENERS)
		return fault_set(fault, ERR_LIMIT, "too many properties");
	properties->of_listeners[at].name = (const char *)name_copy.at;
	properties->of_listeners[at].value = (const char *)value_copy.at;
	properties->of_listeners_count += at == properties->of_listeners_count;
	return 0;
}

const char *properties_listener_value(const struct properties *properties, const char *listener,
				      const char *name)
{
	char full[256];
	bool given;

	snprintf(full, sizeof full, "listener.name.%s.%s", listener, name);
	for (int i = 0; i < properties->of_listeners_count; i++)
		if (strcmp(properties->of_listeners[i].name, full) == 0)
			return properties->of_listeners[i].value;
	return properties_value(properties, name, &given);
}

/* "a:1,b:2": addresses with how many connections each may have. */
static bool is_overrides(struct view value)
{
	while (value.size > 0) {
		const uint8_t *comma = memchr(value.at, ',', value.size);
		struct view item = view_of(value.at, comma ? (size_t)(comma - value.at) : value.size);
		const uint8_t *colon = memrchr(item.at, ':', item.size);
		int64_t number;

		if (!colon || colon == item.at ||
		    !config_value_fits(CONFIG_INT,
				       view_of(colon + 1, (size_t)(item.at + item.size - colon - 1)), 0,
				       INT32_MAX, &number))
			return false;
		value = comma ? view_of(comma + 1, value.size - item.size - 1) : VIEW_NULL;
	}
	return true;
}

/* In either case, as Kafka takes them. */
static bool is_migration_policy(struct view value)
{
	return is_word(value, "bidirectional") || is_word(value, "upgrade") || is_word(value, "downgrade") ||
	       is_word(value, "disabled");
}

int properties_set(struct properties *properties, struct view name, struct view value, struct fault *fault)
{
	int place = property_find(name);
	const struct property *property = &property_table[place < 0 ? 0 : place];
	struct view copy;
	int64_t number;

	value = text_trim(value);
	if (is_of_a_listener(name))
		return set_of_a_listener(properties, name, value, fault);
	if (unprotected(name, value, fault) < 0)
		return ERR_CONFIG;
	if (place < 0)
		return unknown(name, fault);
	if (!config_value_fits(property->type, value, property->least, property->most, &number) ||
	    (view_is(name, "max.connections.per.ip.overrides") && !is_overrides(value)) ||
	    (view_is(name, "group.consumer.migration.policy") && !is_migration_policy(value)))
		return fault_set(fault, ERR_CONFIG, "property '%s' cannot have this value", property->name);
	copy = arena_copy(&properties->arena, value.at ? value : VIEW_LITERAL(""));
	if (!copy.at)
		return fault_set(fault, ERR_LIMIT, "too many properties");
	properties->given[place] = (const char *)copy.at;
	assign(properties, property, (const char *)copy.at);
	return 0;
}

int properties_read(struct properties *properties, const char *path, properties_warn *warn, void *context,
		    struct fault *fault)
{
	struct buffer text;
	struct arena arena;
	struct props props;
	int err;

	buffer_init(&text, FILE_BYTES_MAX);
	arena_init(&arena, 4 * FILE_BYTES_MAX);
	err = file_read(path, &text, fault);
	if (err == 0)
		err = props_parse(buffer_bytes(&text), path, &arena, &props, fault);
	for (int i = 0; err == 0 && i < props.count; i++) {
		struct fault one = { 0 };
		int set = properties_set(properties, props.at[i].key, props.at[i].value, &one);

		if (set < 0)
			fault_at(&one, "%s:%d", path, props.at[i].line);
		if (set == ERR_NOT_FOUND) {
			warn(context, one.text);
		} else if (set < 0) {
			*fault = one;
			err = set;
		}
	}
	arena_done(&arena);
	buffer_done(&text);
	return err;
}

const char *properties_value(const struct properties *properties, const char *name, bool *given)
{
	int place = property_find(view_text(name));

	if (place < 0) {
		*given = false;
		return NULL;
	}
	for (enum config_source source = CONFIG_SOURCE_DYNAMIC_BROKER; source < CONFIG_SOURCE_DEFAULT;
	     source++) {
		const char *value = properties_value_of(properties, place, source);

		*given = value != NULL;
		if (value)
			return value;
	}
	return property_table[place].fallback;
}

const char *properties_value_of(const struct properties *properties, int place, enum config_source source)
{
	switch (source) {
	case CONFIG_SOURCE_DYNAMIC_BROKER: return properties->changed[0][place];
	case CONFIG_SOURCE_DYNAMIC_DEFAULT: return properties->changed[1][place];
	case CONFIG_SOURCE_BROKER: return properties->given[place];
	case CONFIG_SOURCE_DEFAULT: return property_table[place].fallback;
	default: return NULL;
	}
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool properties_change(struct properties *properties, int place, enum config_source source, const char *value)
{
	char **at = &properties->changed[source == CONFIG_SOURCE_DYNAMIC_DEFAULT][place], *copy = NULL,
	     *old = *at;
	const char *before, *after;
	bool given, differs;

	if (same_text(old, value))
		return false;
	if (value && !(copy = strdup(value)))
		return false; /* the next look at the settings tries again */
	before = properties_value(properties, property_table[place].name, &given);
	*at = copy;
	after = properties_value(properties, property_table[place].name, &given);
	differs = !same_text(before, after);
	assign(properties, &property_table[place], after);
	free(old);
	return differs;
}

const char *property_check(int place, struct view value, char *text, size_t size)
{
	const struct property *property = &property_table[place];
	bool of_numbers = property->type == CONFIG_INT || property->type == CONFIG_LONG ||
			  property->type == CONFIG_SHORT || property->type == CONFIG_DOUBLE;
	char front[200];
	int64_t number;

	snprintf(front, sizeof front,
		 "Invalid value %.*s for configuration %s: ", (int)(value.size > 100 ? 100 : value.size),
		 (const char *)value.at, property->name);
	if (view_is(view_text(property->name), "max.connections.per.ip.overrides") && !is_overrides(value))
		snprintf(text, size, "%sIt is ADDRESS:COUNT of each, with commas", front);
	else if (config_value_fits(property->type, value, property->least, property->most, &number))
		return NULL;
	else if (!of_numbers)
		snprintf(text, size, "%sExpected value to be either true or false", front);
	else if (property->type == CONFIG_DOUBLE &&
		 config_value_fits(property->type, value, INT64_MIN, INT64_MAX, &number))
		snprintf(text, size, "%sValue must be at least %lld and no more than %lld", front,
			 (long long)property->least, (long long)property->most);
	else if (config_value_fits(property->type, value, INT64_MIN, INT64_MAX, &number) &&
		 number < property->least)
		snprintf(text, size, "%sValue must be at least %lld", front, (long long)property->least);
	else if (config_value_fits(property->type, value, INT64_MIN, INT64_MAX, &number))
		snprintf(text, size, "%sValue must be no more than %lld", front, (long long)property->most);
	else
		snprintf(text, size, "%sNot a number of type %s", front,
			 property->type == CONFIG_DOUBLE ? "DOUBLE"
			 : property->type == CONFIG_INT  ? "INT"
							 : "LONG");
	return text;
}

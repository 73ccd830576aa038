/* property_help.c - the sentences, and the tables of the page. */
#include "broker/broker_config.h"
#include "broker/property_help.h"
#include "broker/topic_config.h"

struct sentence {
	const char *name, *text;
};

/* clang-format off */
static const struct sentence properties[] = {
	{ "node.id", "what clients know this broker by; with `--nodes` the first of its nodes" },
	{ "broker.id", "an older name for `node.id`" },
	{ "num.partitions", "of a topic that is made without saying how many" },
	{ "default.replication.factor", "the label of a topic that is made without one; there is one copy" },
	{ "auto.create.topics.enable", "asking for a topic that is not there makes it, where the client allows that" },
	{ "delete.topic.enable", "topics may be deleted" },
	{ "socket.request.max.bytes", "of one request; a larger one ends its connection" },
	{ "queued.max.request.bytes", "of all requests that are not answered; past it nobody is read. -1 is 512 MiB" },
	{ "fetch.max.bytes", "of one answer to a fetch, but for the first batch" },
	{ "max.incremental.fetch.session.cache.slots", "fetch sessions (KIP-227) at once" },
	{ "max.connections", "of all clients; who comes past it is sent away (Kafka lets them wait)" },
	{ "max.connections.per.ip", "of one address" },
	{ "max.connections.per.ip.overrides", "ADDRESS:COUNT of each, with commas: other limits than `max.connections.per.ip` for these" },
	{ "max.connection.creation.rate", "connections a second that are taken in; more wait" },
	{ "interlock.max.connections.per.principal", "of one user who logged in, or of one certificate; Kafka has no such property" },
	{ "quota.window.num", "quotas are measured over so many windows" },
	{ "quota.window.size.seconds", "of one window" },
	{ "connections.max.idle.ms", "a connection that was silent so long is closed; -1 never" },
	{ "group.min.session.timeout.ms", "the shortest that a member may ask for" },
	{ "group.max.session.timeout.ms", "the longest" },
	{ "group.initial.rebalance.delay.ms", "an empty group waits so long for more members; 0 in tests" },
	{ "group.max.size", "members of one group" },
	{ "group.consumer.session.timeout.ms", "newer protocol: a member that was silent so long is out" },
	{ "group.consumer.min.session.timeout.ms", "the least that a group may have as a config of its own" },
	{ "group.consumer.max.session.timeout.ms", "the most" },
	{ "group.consumer.heartbeat.interval.ms", "newer protocol: how often members are told to be heard" },
	{ "group.consumer.min.heartbeat.interval.ms", "the least that a group may have as a config of its own" },
	{ "group.consumer.max.heartbeat.interval.ms", "the most" },
	{ "group.consumer.migration.policy",
	  "may a group with members become one of the other protocol: bidirectional, upgrade, downgrade, disabled" },
	{ "group.consumer.max.size", "members of one group of the newer protocol" },
	{ "offset.metadata.max.bytes", "of the text beside a committed position" },
	{ "offsets.topic.num.partitions", "of `__consumer_offsets`, when it is made" },
	{ "offsets.retention.minutes", "positions of a group without members are forgotten after that" },
	{ "offsets.retention.check.interval.ms", "how often positions to be forgotten are looked for" },
	{ "transaction.state.log.num.partitions", "of `__transaction_state`, when it is made" },
	{ "transaction.max.timeout.ms", "the longest that a producer may ask for" },
	{ "transactional.id.expiration.ms", "a transactional id that was not used so long is forgotten" },
	{ "transaction.remove.expired.transaction.cleanup.interval.ms", "how often such ids are looked for" },
	{ "producer.id.expiration.ms", "an idempotent producer that was silent so long is forgotten" },
	{ "log.retention.check.interval.ms", "how often retention and compaction look for work" },
	{ "advertised.listeners", "what clients are told to connect to, as PLAINTEXT://host:port; of several listeners, for each its own" },
	{ "listeners", "NAME://host:port of each, with commas; in place of `--listen`" },
	{ "listener.security.protocol.map", "what each name is: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL" },
	{ "ssl.keystore.type", "PEM or PKCS12; JKS is refused. This and what follows also for one listener: `listener.name.NAME.…`" },
	{ "ssl.keystore.location", "a file with the key, the certificate and its chain" },
	{ "ssl.keystore.password", "of a PKCS12 store" },
	{ "ssl.keystore.key", "the key as text" },
	{ "ssl.keystore.certificate.chain", "the certificate and its chain as text" },
	{ "ssl.key.password", "of an encrypted key" },
	{ "ssl.truststore.type", "PEM or PKCS12; JKS is refused" },
	{ "ssl.truststore.location", "a file with the authorities whose clients come in" },
	{ "ssl.truststore.password", "of a PKCS12 store" },
	{ "ssl.truststore.certificates", "these as text" },
	{ "ssl.client.auth", "a client's certificate: none, requested or required" },
	{ "ssl.principal.mapping.rules", "a name for whoever shows a certificate: RULE:PATTERN/REPLACEMENT/[LU], with commas between them, DEFAULT for the whole subject" },
	{ "ssl.enabled.protocols", "TLSv1.2, TLSv1.3 or both" },
	{ "ssl.cipher.suites", "as Java or OpenSSL name them; empty: OpenSSL's own" },
	{ "sasl.enabled.mechanisms", "of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER; a listener with a login needs it" },
	{ "authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer: access rules hold; empty: everybody may do everything" },
	{ "super.users", "principals that may do everything, as User:NAME with semicolons between them" },
	{ "allow.everyone.if.no.acl.found", "what no rule speaks of is allowed to everybody" },
	{ "log4j.logger.kafka.authorizer.logger", "INFO: what was refused goes to the log, twenty lines a second; DEBUG: what was allowed too; OFF: neither" },
	{ "sasl.server.max.receive.size", "of one frame before the login" },
	{ "connections.max.reauth.ms", "a login ends after that, unless it is renewed (KIP-368); 0 never" },
	{ "interlock.login.timeout.ms", "not Kafka's: who has not ended the TLS handshake (10 s at most) and the login by then is sent away" },
	{ "sasl.oauthbearer.jwks.endpoint.url", "the public keys by which tokens are believed: https, http or file" },
	{ "sasl.oauthbearer.jwks.endpoint.refresh.ms", "how often they are read again" },
	{ "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", "the wait after a failed reading; each next one is twice as long" },
	{ "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", "the longest such wait" },
	{ "sasl.oauthbearer.expected.audience", "a token must be meant for one of these; unset: it is not asked" },
	{ "sasl.oauthbearer.expected.issuer", "a token must be of this issuer; unset: it is not asked" },
	{ "sasl.oauthbearer.clock.skew.seconds", "by so much may the issuer's clock differ" },
	{ "sasl.oauthbearer.scope.claim.name", "the claim with the scopes; they are read and give no right" },
	{ "sasl.oauthbearer.sub.claim.name", "the claim that says who it is" },
	{ NULL, NULL },
};

static const struct sentence configs[] = {
	{ "cleanup.policy", "delete by age and size, compact by key, or both" },
	{ "delete.retention.ms", "tombstones and markers stay so long after their first compaction" },
	{ "max.message.bytes", "of one batch; a larger one is refused" },
	{ "message.timestamp.after.max.ms", "a record whose time lies further ahead is refused" },
	{ "message.timestamp.before.max.ms", "a record whose time lies further back is refused" },
	{ "message.timestamp.type", "the producer's time, or that of the append" },
	{ "min.cleanable.dirty.ratio", "compact when so much of the log is new" },
	{ "min.compaction.lag.ms", "records younger than this are not compacted" },
	{ "retention.bytes", "of a partition; older objects go, whole" },
	{ "retention.ms", "records older than this go, object by object" },
	{ NULL, NULL },
};
/* clang-format on */

static const char *sentence_of(const struct sentence *all, const char *name)
{
	for (; all->name; all++)
		if (strcmp(all->name, name) == 0)
			return all->text;
	return NULL;
}

/* The topic config that takes its default from this property. */
static const char *topic_config_from(const char *property)
{
	for (const struct topic_config *config = topic_config_table; config->name; config++)
		for (int i = 0; i < TOPIC_CONFIG_SYNONYMS_MAX && config->synonyms[i]; i++)
			if (strcmp(config->synonyms[i], property) == 0)
				return config->name;
	return NULL;
}

static const char *type_of(enum config_type type)
{
	switch (type) {
	case CONFIG_BOOLEAN: return "boolean";
	case CONFIG_INT: return "int";
	case CONFIG_SHORT: return "short";
	case CONFIG_LONG: return "long";
	case CONFIG_DOUBLE: return "double";
	case CONFIG_LIST: return "list";
	case CONFIG_CLASS: return "class";
	case CONFIG_PASSWORD: return "password";
	case CONFIG_STRING: break;
	}
	return "string";
}

/* The largest of a type says nothing to a reader. */
static const char *default_of(const char *fallback)
{
	if (!fallback)
		return "-";
	if (strcmp(fallback, "9223372036854775807") == 0 || strcmp(fallback, "2147483647") == 0)
		return "no limit";
	return *fallback ? fallback : "empty";
}

static void row(struct buffer *out, const char *name, const char *mark, enum config_type type,
		const char *fallback, const char *sentence)
{
	buffer_printf(out, "| `%s`%s | %s | %s | %s |\n", name, mark, type_of(type), default_of(fallback),
		      sentence ? sentence : "");
}

/* A star for what changes while it runs. */
static const char *mark_of(const struct property *property)
{
	return broker_config_dynamic((int)(property - property_table)) ? " \\*" : "";
}

void properties_document(struct buffer *out)
{
	buffer_text(
		out,
		"# What the broker can be told\n\n"
		"Kafka's own names with Kafka's defaults, those of 4.3.1. This page is written from the "
		"tables that the\n"
		"broker reads (`interlock manual broker-properties.md`). How to run it stands in "
		"[broker.md](broker.md).\n\n"
		"## Properties\n\n"
		"In the file of `--config`, or with `--set`. They hold from the start on; those with a star "
		"also change while it runs\n"
		"(`kafka-configs --entity-type brokers`), are kept, and hold at once. A name that is not "
		"here is told at the start with the\n"
		"nearest one that is, and changes nothing.\n\n"
		"| property | type | default | what it says |\n| --- | --- | --- | --- |\n");
	for (const struct property *property = property_table; property->name; property++)
		if (!topic_config_from(property->name))
			row(out, property->name, mark_of(property), property->type, property->fallback,
			    sentence_of(properties, property->name));
	buffer_text(out, "\nThe others are defaults for topics that do not say otherwise:\n\n"
			 "| property | type | default | for topics without |\n| --- | --- | --- | --- |\n");
	for (const struct property *property = property_table; property->name; property++) {
		const char *config = topic_config_from(property->name);

		if (config)
			buffer_printf(out, "| `%s`%s | %s | %s | `%s` |\n", property->name, mark_of(property),
				      type_of(property->type), default_of(property->fallback), config);
	}
	buffer_text(out, "\n## Topic configs\n\n"
			 "Set when a topic is made, or later with `kafka-configs` or any admin client; they "
			 "hold at once.\n\n"
			 "| config | type | default | what it does |\n| --- | --- | --- | --- |\n");
	for (const struct topic_config *config = topic_config_table; config->name; config++)
		if (sentence_of(configs, config->name))
			row(out, config->name, "", config->type, config->fallback,
			    sentence_of(configs, config->name));
	buffer_text(out, "\nThese are kept and told as they were set, so that tools which compare topics "
			 "find them, and "
			 "do nothing here:\n\n");
	for (const struct topic_config *config = topic_config_table; config->name; config++)
		if (!sentence_of(configs, config->name))
			buffer_printf(out, "- `%s`\n", config->name);
}

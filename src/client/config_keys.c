/* config_keys.c - the keys that the Java clients and librdkafka share, and ours. */
#include <string.h>

#include "base/text.h"
#include "client/config_keys.h"

/* clang-format off */
const struct config_word config_words[] = {
	{ "bootstrap.servers", KEY_BOOTSTRAP },
	{ "metadata.broker.list", KEY_BOOTSTRAP },		/* librdkafka's other name */
	{ "security.protocol", KEY_SECURITY_PROTOCOL },
	{ "client.id", KEY_CLIENT_ID },
	{ "client.dns.lookup", KEY_DNS_LOOKUP },

	{ "sasl.mechanism", KEY_MECHANISM },
	{ "sasl.mechanisms", KEY_MECHANISM },			/* librdkafka's other name */
	{ "sasl.username", KEY_USERNAME },
	{ "sasl.password", KEY_PASSWORD, true },
	{ "sasl.jaas.config", KEY_JAAS, true },
	{ "sasl.kerberos.service.name", KEY_KERBEROS_SERVICE },
	{ "sasl.kerberos.principal", KEY_KERBEROS_PRINCIPAL },
	{ "sasl.kerberos.keytab", KEY_KERBEROS_KEYTAB },
	{ "sasl.oauthbearer.method", KEY_OAUTH_METHOD },
	{ "sasl.oauthbearer.token.endpoint.url", KEY_OAUTH_URL },
	{ "sasl.oauthbearer.client.id", KEY_OAUTH_CLIENT_ID },
	{ "sasl.oauthbearer.client.secret", KEY_OAUTH_CLIENT_SECRET, true },
	{ "sasl.oauthbearer.client.credentials.client.id", KEY_OAUTH_CLIENT_ID },		/* KIP-1139 */
	{ "sasl.oauthbearer.client.credentials.client.secret", KEY_OAUTH_CLIENT_SECRET, true },
	{ "sasl.oauthbearer.scope", KEY_OAUTH_SCOPE },
	{ "sasl.oauthbearer.extensions", KEY_OAUTH_EXTENSIONS },
	{ "sasl.login.callback.handler.class", KEY_LOGIN_HANDLER },
	{ "sasl.client.callback.handler.class", KEY_CLIENT_HANDLER },
	{ "interlock.sasl.oauthbearer.token.file", KEY_OAUTH_FILE },
	{ "interlock.sasl.oauthbearer.token.command", KEY_OAUTH_COMMAND, true },
	{ "sasl.oauthbearer.token.file", KEY_OAUTH_FILE },	/* no client has these two, but that is how one would call them */
	{ "sasl.oauthbearer.token.command", KEY_OAUTH_COMMAND, true },

	{ "ssl.ca.location", KEY_CA_FILE },
	{ "ssl.ca.pem", KEY_CA_PEM },
	{ "ssl.certificate.location", KEY_CERTIFICATE_FILE },
	{ "ssl.certificate.pem", KEY_CERTIFICATE_PEM },
	{ "ssl.key.location", KEY_KEY_FILE },
	{ "ssl.key.pem", KEY_KEY_PEM, true },
	{ "ssl.key.password", KEY_KEY_PASSWORD, true },
	{ "ssl.truststore.type", KEY_TRUSTSTORE_TYPE },
	{ "ssl.truststore.location", KEY_TRUSTSTORE_FILE },
	{ "ssl.truststore.password", KEY_TRUSTSTORE_PASSWORD, true },
	{ "ssl.truststore.certificates", KEY_TRUSTSTORE_PEM },
	{ "ssl.keystore.type", KEY_KEYSTORE_TYPE },
	{ "ssl.keystore.location", KEY_KEYSTORE_FILE },
	{ "ssl.keystore.password", KEY_KEYSTORE_PASSWORD, true },
	{ "ssl.keystore.key", KEY_KEYSTORE_KEY, true },
	{ "ssl.keystore.certificate.chain", KEY_KEYSTORE_CHAIN },
	{ "ssl.endpoint.identification.algorithm", KEY_ENDPOINT_IDENTIFICATION },
	{ "enable.ssl.certificate.verification", KEY_VERIFY },
	{ "ssl.cipher.suites", KEY_CIPHERS },
	{ "ssl.enabled.protocols", KEY_PROTOCOLS },
	{ "ssl.protocol", KEY_PROTOCOL },
	{ "ssl.engine.factory.class", KEY_ENGINE },
	{ "https.ca.location", KEY_HTTPS_CA },

	{ "request.timeout.ms", KEY_REQUEST_TIMEOUT },
	{ "socket.timeout.ms", KEY_REQUEST_TIMEOUT },		/* librdkafka's other name */
	{ "socket.connection.setup.timeout.ms", KEY_CONNECT_TIMEOUT },
	{ "socket.connection.setup.timeout.max.ms", KEY_CONNECT_TIMEOUT_MAX },
	{ "connections.max.idle.ms", KEY_IDLE },
	{ "reconnect.backoff.ms", KEY_RECONNECT },
	{ "reconnect.backoff.max.ms", KEY_RECONNECT_MAX },
	{ "retry.backoff.ms", KEY_RETRY },
	{ "retry.backoff.max.ms", KEY_RETRY_MAX },
	{ "metadata.max.age.ms", KEY_METADATA_AGE },
	{ "receive.buffer.bytes", KEY_RECEIVE_BUFFER },
	{ "socket.receive.buffer.bytes", KEY_RECEIVE_BUFFER },
	{ "send.buffer.bytes", KEY_SEND_BUFFER },
	{ "socket.send.buffer.bytes", KEY_SEND_BUFFER },
	{ "receive.message.max.bytes", KEY_FRAME_MAX },

	/* The schema registry of the cluster; Java writes some of these without the prefix. */
	{ "schema.registry.url", KEY_REGISTRY_URL },
	{ "basic.auth.credentials.source", KEY_REGISTRY_USER_SOURCE },
	{ "schema.registry.basic.auth.credentials.source", KEY_REGISTRY_USER_SOURCE },
	{ "basic.auth.user.info", KEY_REGISTRY_USER, true },
	{ "schema.registry.basic.auth.user.info", KEY_REGISTRY_USER, true },
	{ "bearer.auth.credentials.source", KEY_REGISTRY_TOKEN_SOURCE },
	{ "schema.registry.bearer.auth.credentials.source", KEY_REGISTRY_TOKEN_SOURCE },
	{ "bearer.auth.token", KEY_REGISTRY_TOKEN, true },
	{ "schema.registry.bearer.auth.token", KEY_REGISTRY_TOKEN, true },
	{ "schema.registry.ssl.ca.location", KEY_REGISTRY_CA_FILE },
	{ "schema.registry.ssl.truststore.location", KEY_REGISTRY_CA_FILE },
	{ "schema.registry.ssl.truststore.certificates", KEY_REGISTRY_CA_PEM },
	{ "schema.registry.ssl.certificate.location", KEY_REGISTRY_CERTIFICATE_FILE },
	{ "schema.registry.ssl.keystore.location", KEY_REGISTRY_CERTIFICATE_FILE },
	{ "schema.registry.ssl.keystore.certificate.chain", KEY_REGISTRY_CERTIFICATE_PEM },
	{ "schema.registry.ssl.key.location", KEY_REGISTRY_KEY_FILE },
	{ "schema.registry.ssl.keystore.key", KEY_REGISTRY_KEY_PEM, true },
	{ "schema.registry.ssl.key.password", KEY_REGISTRY_KEY_PASSWORD, true },
	{ "schema.registry.ssl.endpoint.identification.algorithm", KEY_REGISTRY_ENDPOINT_IDENTIFICATION },

	/* How somebody's consumer or producer behaves is of no concern to one who only wants to reach the cluster. */
#define IGNORED(name) { name, -1 }
	IGNORED("group.id"), IGNORED("group.instance.id"), IGNORED("group.protocol"), IGNORED("group.remote.assignor"),
	IGNORED("auto.offset.reset"), IGNORED("enable.auto.commit"), IGNORED("auto.commit.interval.ms"),
	IGNORED("key.deserializer"), IGNORED("value.deserializer"), IGNORED("key.serializer"), IGNORED("value.serializer"),
	IGNORED("fetch.min.bytes"), IGNORED("fetch.max.bytes"), IGNORED("fetch.max.wait.ms"), IGNORED("fetch.wait.max.ms"),
	IGNORED("fetch.message.max.bytes"), IGNORED("fetch.error.backoff.ms"), IGNORED("fetch.queue.backoff.ms"),
	IGNORED("max.partition.fetch.bytes"), IGNORED("max.poll.records"), IGNORED("max.poll.interval.ms"),
	IGNORED("session.timeout.ms"), IGNORED("heartbeat.interval.ms"), IGNORED("partition.assignment.strategy"),
	IGNORED("isolation.level"), IGNORED("check.crcs"), IGNORED("exclude.internal.topics"), IGNORED("client.rack"),
	IGNORED("allow.auto.create.topics"), IGNORED("default.api.timeout.ms"), IGNORED("interceptor.classes"),
	IGNORED("metric.reporters"), IGNORED("metrics.num.samples"), IGNORED("metrics.recording.level"),
	IGNORED("metrics.sample.window.ms"), IGNORED("auto.include.jmx.reporter"), IGNORED("enable.metrics.push"),
	IGNORED("acks"), IGNORED("request.required.acks"), IGNORED("batch.size"), IGNORED("linger.ms"), IGNORED("queue.buffering.max.ms"),
	IGNORED("queue.buffering.max.messages"), IGNORED("queue.buffering.max.kbytes"), IGNORED("batch.num.messages"),
	IGNORED("buffer.memory"), IGNORED("compression.type"), IGNORED("compression.codec"), IGNORED("compression.level"),
	IGNORED("compression.gzip.level"), IGNORED("compression.lz4.level"), IGNORED("compression.zstd.level"),
	IGNORED("delivery.timeout.ms"), IGNORED("message.timeout.ms"), IGNORED("enable.idempotence"), IGNORED("max.block.ms"),
	IGNORED("max.in.flight.requests.per.connection"), IGNORED("max.in.flight"), IGNORED("max.request.size"),
	IGNORED("message.max.bytes"), IGNORED("retries"), IGNORED("message.send.max.retries"), IGNORED("partitioner.class"),
	IGNORED("partitioner.ignore.keys"), IGNORED("partitioner.adaptive.partitioning.enable"), IGNORED("partitioner"),
	IGNORED("partitioner.availability.timeout.ms"), IGNORED("transactional.id"), IGNORED("transaction.timeout.ms"),
	IGNORED("transaction.two.phase.commit.enable"), IGNORED("metadata.max.idle.ms"), IGNORED("metadata.recovery.strategy"),
	IGNORED("metadata.recovery.rebootstrap.trigger.ms"), IGNORED("security.providers"), IGNORED("enable.gapless.guarantee"),
	IGNORED("sasl.login.class"), IGNORED("sasl.login.connect.timeout.ms"), IGNORED("sasl.login.read.timeout.ms"),
	IGNORED("sasl.login.refresh.buffer.seconds"), IGNORED("sasl.login.refresh.min.period.seconds"),
	IGNORED("sasl.login.refresh.window.factor"), IGNORED("sasl.login.refresh.window.jitter"),
	IGNORED("sasl.login.retry.backoff.ms"), IGNORED("sasl.login.retry.backoff.max.ms"), IGNORED("sasl.kerberos.kinit.cmd"),
	IGNORED("sasl.kerberos.min.time.before.relogin"), IGNORED("sasl.kerberos.ticket.renew.jitter"),
	IGNORED("sasl.kerberos.ticket.renew.window.factor"), IGNORED("ssl.keymanager.algorithm"), IGNORED("ssl.provider"),
	IGNORED("ssl.trustmanager.algorithm"), IGNORED("ssl.secure.random.implementation"), IGNORED("ssl.curves.list"),
	IGNORED("ssl.sigalgs.list"), IGNORED("broker.address.family"), IGNORED("broker.address.ttl"), IGNORED("broker.version.fallback"),
	IGNORED("api.version.request"), IGNORED("api.version.request.timeout.ms"), IGNORED("api.version.fallback.ms"),
	IGNORED("debug"), IGNORED("log_level"), IGNORED("log.queue"), IGNORED("log.connection.close"), IGNORED("log.thread.name"),
	IGNORED("statistics.interval.ms"), IGNORED("socket.keepalive.enable"), IGNORED("socket.nagle.disable"),
	IGNORED("socket.max.fails"), IGNORED("topic.metadata.refresh.interval.ms"), IGNORED("topic.metadata.refresh.sparse"),
	IGNORED("topic.metadata.propagation.max.ms"), IGNORED("topic.metadata.refresh.fast.interval.ms"), IGNORED("topic.blacklist"),
	IGNORED("queued.min.messages"), IGNORED("queued.max.messages.kbytes"), IGNORED("enable.auto.offset.store"),
	IGNORED("enable.partition.eof"), IGNORED("offset.store.method"), IGNORED("consume.callback.max.messages"),
	IGNORED("enable.random.seed"), IGNORED("share.acknowledgement.mode"), IGNORED("socket.blocking.max.ms"),
	IGNORED("specific.avro.reader"), IGNORED("auto.register.schemas"), IGNORED("use.latest.version"),
	IGNORED("key.subject.name.strategy"), IGNORED("value.subject.name.strategy"), IGNORED("plugin.library.paths"),
	/* Below: known by their beginning. */
	IGNORED("schema.registry."), IGNORED("basic.auth."), IGNORED("bearer.auth."), IGNORED("config.providers"),
	IGNORED("confluent."), IGNORED("sasl.oauthbearer.jwks."), IGNORED("sasl.oauthbearer.header."),
	IGNORED("sasl.oauthbearer.expected."), IGNORED("sasl.oauthbearer.clock."), IGNORED("sasl.oauthbearer.sub."),
	{ NULL, 0 },
};
/* clang-format on */

static bool matches(const struct config_word *word, struct view key)
{
	size_t size = strlen(word->name);

	if (view_is(key, word->name))
		return true;
	return (word->name[size - 1] == '.' || strcmp(word->name, "config.providers") == 0) && key.size > size &&
	       memcmp(key.at, word->name, size) == 0;
}

const struct config_word *config_word_find(struct view key)
{
	for (const struct config_word *word = config_words; word->name; word++)
		if (matches(word, key))
			return word;
	return NULL;
}

const char *config_word_nearest(struct view key)
{
	const char *names[sizeof config_words / sizeof *config_words];
	size_t count = 0;

	/* What means something goes first: of two keys equally near, it is the likelier one. */
	for (const struct config_word *word = config_words; word->name; word++)
		names[count++] = word->name;
	names[count] = NULL;
	return text_nearest(key, names);
}

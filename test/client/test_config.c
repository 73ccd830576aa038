/* test_config.c - property files: what is read from them, what is refused and in which words, and what is never said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/config.h"
#include "client/jaas.h"

#define SERVERS "bootstrap.servers=a:1\n"
#define SECRET  "hush-hush"

static const struct cluster_config *parse(const char *text)
{
	const struct cluster_config *config = NULL;
	struct fault fault = { 0 };

	if (config_parse(view_text(text), "c.properties", &config, &fault) < 0)
		fail_msg("refused: %s", fault.text);
	return config;
}

static void reads_addresses(void **state)
{
	const struct cluster_config *config =
		parse("bootstrap.servers = a:1, [::1]:92 ,SASL_SSL://b.c:65535,\n");
	struct fault fault;

	assert_int_equal(config->bootstrap_count, 3);
	assert_string_equal(config->bootstrap[0].host, "a");
	assert_int_equal(config->bootstrap[0].port, 1);
	assert_string_equal(config->bootstrap[1].host, "::1");
	assert_int_equal(config->bootstrap[1].port, 92);
	assert_string_equal(config->bootstrap[2].host, "b.c");
	assert_int_equal(config->bootstrap[2].port, 65535);
	config_release(config);

	assert_int_equal(config_load("h1:9092,h2:9093", &config, &fault), 0);
	assert_int_equal(config->bootstrap_count, 2);
	assert_false(config->use_tls);
	assert_null(config->ignored[0]);
	config_release(config);
}

static void refuses_wrong_addresses(void **state)
{
	static const char *const wrong[][2] = {
		{ "host", "neither host:port nor the path" },
		{ "a:1,b", "'b' has no port" },
		{ "a:0", "not a port" },
		{ "a:65536", "not a port" },
		{ "a:9x", "not a port" },
		{ ":9092", "has no host" },
		{ "::1:9092", "needs brackets" },
		{ "[::1:9092", "needs brackets" },
		{ ",:", "has no host" },
		{ "a:999999999999", "not a port" },
		{ "/no/such.properties", "/no/such.properties" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		const struct cluster_config *config;
		struct fault fault = { 0 };

		assert_true(config_load(wrong[i][0], &config, &fault) < 0);
		if (!strstr(fault.text, wrong[i][1]))
			fail_msg("%s: '%s' does not say '%s'", wrong[i][0], fault.text, wrong[i][1]);
	}
}

static void reads_what_a_java_client_has(void **state)
{
	const struct cluster_config *config =
		parse(SERVERS
		      "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n"
		      "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n"
		      "   username=\"ann\" password=\"a \\\\\"b;=\";\n"
		      "ssl.truststore.type=PEM\nssl.truststore.location=/etc/ca.pem\nssl.keystore.type=PEM\n"
		      "ssl.keystore.location=/etc/"
		      "me.pem\nssl.key.password=pw\nssl.endpoint.identification.algorithm=\n"
		      "request.timeout.ms=1234\nconnections.max.idle.ms=-1\nreceive.buffer.bytes=65536\n"
		      "group.id=g\nkey.deserializer=X\nconfig.providers=file\nconfig.providers.file.class="
		      "Y\nclient.id=me\n");

	assert_true(config->use_tls);
	assert_string_equal(config->mechanism, "SCRAM-SHA-512");
	assert_string_equal(config->username, "ann");
	assert_string_equal(config->password, "a \"b;=");
	assert_string_equal(config->tls.ca_file, "/etc/ca.pem");
	assert_string_equal(config->tls.certificate_file, "/etc/me.pem");
	assert_string_equal(config->tls.key_password, "pw");
	assert_true(config->tls.verify);
	assert_false(config->tls.verify_host);
	assert_int_equal(config->request_timeout_ms, 1234);
	assert_int_equal(config->idle_ms, 0);
	assert_int_equal(config->receive_buffer_size, 65536);
	assert_string_equal(config->client_id, "me");
	assert_string_equal(config->ignored[0], "group.id");
	assert_string_equal(config->ignored[3], "config.providers.file.class");
	assert_null(config->ignored[4]);
	config_release(config);
}

static void reads_what_librdkafka_has(void **state)
{
	const struct cluster_config *config =
		parse("metadata.broker.list=a:1\nsecurity.protocol=sasl_ssl\nsasl.mechanisms=PLAIN\nsasl."
		      "username=u\nsasl.password=p\n"
		      "ssl.ca.location=ca\nssl.certificate.location=c\nssl.key.location=k\nenable.ssl."
		      "certificate.verification=false\n"
		      "ssl.cipher.suites=X:Y\ndebug=all\n");

	assert_string_equal(config->username, "u");
	assert_string_equal(config->tls.ca_file, "ca");
	assert_string_equal(config->tls.certificate_file, "c");
	assert_string_equal(config->tls.key_file, "k");
	assert_string_equal(config->tls.cipher_suites, "X:Y");
	assert_false(config->tls.verify);
	config_release(config);
}

static void reads_token_sources(void **state)
{
	static const struct {
		const char *lines;
		enum token_source source;
	} sources[] = {
		{ "interlock.sasl.oauthbearer.token.file=/t", TOKEN_FILE },
		{ "interlock.sasl.oauthbearer.token.command=get 'a token'", TOKEN_COMMAND },
		{ "sasl.oauthbearer.token.endpoint.url=file:///t", TOKEN_FILE },
		{ "sasl.oauthbearer.token.endpoint.url=https://i/t\nsasl.oauthbearer.client.id=c\n"
		  "sasl.oauthbearer.client.secret=s\nsasl.oauthbearer.method=oidc",
		  TOKEN_OIDC },
		{ "sasl.oauthbearer.token.endpoint.url=https://i/"
		  "t\nsasl.jaas.config=o.a.OAuthBearerLoginModule required "
		  "clientId=c clientSecret='s' scope=x extension_a=b extension_c=d;\n"
		  "sasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer."
		  "OAuthBearerLoginCallbackHandler",
		  TOKEN_OIDC },
	};
	const struct cluster_config *config;
	char text[2000];

	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		snprintf(text, sizeof text,
			 SERVERS "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\n%s\n",
			 sources[i].lines);
		config = parse(text);
		assert_int_equal(config->token_source, sources[i].source);
		if (i == 2)
			assert_string_equal(config->token_file, "/t");
		if (i == 4)
			assert_string_equal(config->token_extensions, "a=b,c=d");
		config_release(config);
	}
}

/* Every refusal: the file, the words that must be in it, and nowhere the secret. */
static void refuses_in_clear_words(void **state)
{
	static const char *const wrong[][2] = {
		{ "client.id=x", "bootstrap.servers is missing" },
		{ SERVERS "bootstrap.server=b:1",
		  "c.properties:2: 'bootstrap.server' is not a key known here; is 'bootstrap.servers'" },
		{ SERVERS "sasl.pasword=" SECRET, "is 'sasl.password' meant?" },
		{ SERVERS "nonsense.without.neighbours=" SECRET,
		  "c.properties:2: 'nonsense.without.neighbours' is not a key" },
		{ SERVERS "metadata.broker.list=b:1",
		  "c.properties:2: metadata.broker.list says the same as bootstrap.servers" },
		{ "bootstrap.servers=a", "c.properties:1: bootstrap.servers: 'a' has no port" },
		{ SERVERS "security.protocol=TLS", "c.properties:2: security.protocol: 'TLS' is not one of" },
		{ SERVERS "sasl.password=" SECRET, "nobody logs in with security.protocol=PLAINTEXT" },
		{ SERVERS "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.password=" SECRET,
		  "needs sasl.username" },
		{ SERVERS "security.protocol=SASL_SSL\nsasl.mechanism=NTLM",
		  "c.properties:3: sasl.mechanism: 'NTLM' is not one of" },
		{ SERVERS "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config=a."
			  "ScramLoginModule required "
			  "username=u password=" SECRET ";",
		  "ScramLoginModule does not go with sasl.mechanism=PLAIN" },
		{ SERVERS "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config=a."
			  "PlainLoginModule required "
			  "username=u password=\"" SECRET,
		  "its quote is not closed" },
		{ SERVERS "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config=a."
			  "PlainLoginModule required "
			  "username=u password=" SECRET,
		  "ends with a semicolon" },
		{ SERVERS "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config=" SECRET,
		  "begins with a login module" },
		{ SERVERS "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config=a."
			  "ScramLoginModule required "
			  "username=u password=" SECRET " tokenauth=true;",
		  "delegation token" },
		{ SERVERS "security.protocol=SSL\nssl.truststore.location=/x/"
			  "trust.jks\nssl.truststore.password=" SECRET,
		  "ssl.truststore.location: this is a JKS store, as ssl.truststore.type is not set; convert "
		  "it: keytool" },
		{ SERVERS "security.protocol=SSL\nssl.keystore.type=JKS\nssl.keystore.location=/x/k.jks",
		  "-deststoretype PKCS12" },
		{ SERVERS "security.protocol=SSL\nssl.keystore.type=PKCS12\nssl.keystore.location=/nowhere/"
			  "k.p12\nssl.keystore.password=" SECRET,
		  "/nowhere/k.p12" },
		{ SERVERS "security.protocol=SSL\nssl.ca.location=a\nssl.ca.pem=b", "as a file and as text" },
		{ SERVERS "security.protocol=SSL\nssl.key.pem=" SECRET, "needs its certificate" },
		{ SERVERS "security.protocol=SSL\nssl.endpoint.identification.algorithm=ldap",
		  "write https, or nothing" },
		{ SERVERS "request.timeout.ms=30s", "'30s' is not a whole number" },
		{ SERVERS "request.timeout.ms=1", "1 is not between 10 and" },
		{ SERVERS "sasl.mechanism", "c.properties:2: sasl.mechanism: there is no value" },
		{ SERVERS "client.dns.lookup=x", "use_all_dns_ips" },
		{ SERVERS "client.id=${env:INTERLOCK_TEST_UNSET}", "INTERLOCK_TEST_UNSET is not set" },
		{ SERVERS "client.id=${vault:x:y}", "${vault:...} is not known here" },
		{ SERVERS "client.id=${file:/no/such/file}", "/no/such/file" },
		{ SERVERS "security.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER",
		  "OAUTHBEARER needs one of" },
		{ SERVERS "security.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER\nsasl.login.callback."
			  "handler.class=com.x.Y",
		  "a class of your own cannot run here" },
		{ SERVERS
		  "security.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER\n"
		  "sasl.oauthbearer.token.endpoint.url=https://h/t\nsasl.oauthbearer.client.secret=" SECRET,
		  "needs sasl.oauthbearer.client.id" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		const struct cluster_config *config = NULL;
		struct fault fault = { 0 };

		assert_int_equal(config_parse(view_text(wrong[i][0]), "c.properties", &config, &fault),
				 ERR_CONFIG);
		assert_null(config);
		assert_int_equal(fault.err, ERR_CONFIG);
		if (!strstr(fault.text, wrong[i][1]))
			fail_msg("%s\n: '%s' does not say '%s'", wrong[i][0], fault.text, wrong[i][1]);
		assert_null(strstr(fault.text, SECRET));
	}
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

static void fetches_values_from_elsewhere(void **state)
{
	char folder[] = "/tmp/interlock-config-XXXXXX", path[100], text[1000];
	const struct cluster_config *config;
	struct buffer shown;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/secret", folder);
	write_file(path, SECRET "\n");
	setenv("INTERLOCK_TEST_USER", "u\"s;r", 1);
	snprintf(text, sizeof text,
		 SERVERS
		 "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"
		 "sasl.jaas.config=x.PlainLoginModule required username=\"${env:INTERLOCK_TEST_USER}\" "
		 "password=\"${file:%s}\";\nclient.id=a${dir:%s:secret}b$\n",
		 path, folder);
	config = parse(text);
	assert_string_equal(config->username, "u\"s;r");
	assert_string_equal(config->password, SECRET);
	assert_string_equal(config->client_id, "a" SECRET "b$");

	/* Shown to people: the keys, and nothing that came from elsewhere or is secret. */
	buffer_init(&shown, 10000);
	config_describe(config, &shown);
	assert_null(strstr(buffer_string(&shown), SECRET));
	assert_non_null(strstr(buffer_string(&shown), "sasl.jaas.config=***\nclient.id=***\n"));
	assert_non_null(strstr(buffer_string(&shown), "bootstrap.servers=a:1\n"));
	buffer_done(&shown);
	config_release(config);

	write_file(path, "user=u\npass=" SECRET "\n");
	snprintf(text, sizeof text,
		 SERVERS "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"
			 "sasl.username=${file:%s:user}\nsasl.password=${file:%s:pass}\n",
		 path, path);
	config = parse(text);
	assert_string_equal(config->username, "u");
	assert_string_equal(config->password, SECRET);
	config_release(config);
	unlink(path);
	rmdir(folder);
}

static void every_prefix_of_a_jaas_line_is_survived(void **state)
{
	static const char line[] = "a.b.PlainLoginModule required username=\"u\\\\\" password='p' x=y ;";
	struct jaas jaas;

	for (size_t size = 0; size < sizeof line; size++) {
		struct arena arena;
		char *copy = malloc(size + 1);
		int err;

		arena_init(&arena, 1 << 20);
		memcpy(copy, line, size);
		err = jaas_parse(view_of(copy, size), &arena, &jaas, NULL);
		assert_int_equal(err, size == sizeof line - 1 ? 0
				      : size == sizeof line   ? ERR_CONFIG
							      : ERR_CONFIG);
		if (err == 0) {
			assert_string_equal(jaas.module, "PlainLoginModule");
			assert_string_equal(jaas_get(&jaas, "username"), "u\\");
			assert_string_equal(jaas_get(&jaas, "x"), "y");
			assert_null(jaas_get(&jaas, "z"));
		}
		free(copy);
		arena_done(&arena);
	}
}

static void reads_where_the_registry_is(void **state)
{
	const struct cluster_config *config = parse(SERVERS "schema.registry.url=https://a:8081/x/, http://b\n"
							    "basic.auth.credentials.source=USER_INFO\n"
							    "basic.auth.user.info=me:" SECRET ":more\n"
							    "schema.registry.ssl.truststore.location=ca.pem\n");
	struct buffer shown;

	assert_string_equal(config->registry.urls[0], "https://a:8081/x");
	assert_string_equal(config->registry.urls[1], "http://b");
	assert_null(config->registry.urls[2]);
	assert_string_equal(config->registry.username, "me");
	assert_string_equal(config->registry.password, SECRET ":more");
	assert_string_equal(config->registry.tls->ca_file, "ca.pem");
	assert_true(config->registry.tls->verify && config->registry.tls->verify_host);
	assert_null(config->registry.refused);
	config_release(config);

	config = parse(SERVERS "schema.registry.url=http://u%40x:" SECRET "@a\n");
	assert_string_equal(config->registry.urls[0], "http://a");
	assert_string_equal(config->registry.username, "u@x");
	assert_string_equal(config->registry.password, SECRET);
	assert_null(config->registry.tls);
	buffer_init(&shown, 10000);
	config_describe(config, &shown);
	assert_null(strstr(buffer_string(&shown), SECRET));
	buffer_done(&shown);
	config_release(config);

	config = parse(SERVERS "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.username=u\nsasl.password=p\n"
			       "ssl.ca.location=c.pem\nschema.registry.url=https://a\n"
			       "basic.auth.credentials.source=SASL_INHERIT\n");
	assert_string_equal(config->registry.username, "u");
	assert_string_equal(config->registry.tls->ca_file, "c.pem");
	config_release(config);

	config = parse(SERVERS "schema.registry.url=none\n");
	assert_true(config->registry.none);
	assert_null(config->registry.urls);
	config_release(config);

	/* What cannot be had from the registry does not stand in the way of the cluster. */
	config = parse(SERVERS "schema.registry.url=http://a\nbearer.auth.credentials.source=OAUTHBEARER\n"
			       "bearer.auth.issuer.endpoint.url=http://b\n");
	assert_non_null(strstr(config->registry.refused, "bearer.auth.token"));
	config_release(config);
}

static void refuses_wrong_registries(void **state)
{
	static const char *const wrong[][2] = {
		{ "schema.registry.url=a:8081\n", "c.properties:2: schema.registry.url: write http://" },
		{ "schema.registry.url=http://a\nbasic.auth.user.info=" SECRET "\n", "write user:password" },
		{ "schema.registry.url=http://a\nbasic.auth.credentials.source=HERE\n", "SASL_INHERIT" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		const struct cluster_config *config;
		struct fault fault = { 0 };
		char text[500];

		snprintf(text, sizeof text, SERVERS "%s", wrong[i][0]);
		assert_int_equal(config_parse(view_text(text), "c.properties", &config, &fault), ERR_CONFIG);
		assert_null(strstr(fault.text, SECRET));
		if (!strstr(fault.text, wrong[i][1]))
			fail_msg("'%s' does not say '%s'", fault.text, wrong[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_addresses),
		cmocka_unit_test(refuses_wrong_addresses),
		cmocka_unit_test(reads_what_a_java_client_has),
		cmocka_unit_test(reads_what_librdkafka_has),
		cmocka_unit_test(reads_token_sources),
		cmocka_unit_test(refuses_in_clear_words),
		cmocka_unit_test(fetches_values_from_elsewhere),
		cmocka_unit_test(every_prefix_of_a_jaas_line_is_survived),
		cmocka_unit_test(reads_where_the_registry_is),
		cmocka_unit_test(refuses_wrong_registries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

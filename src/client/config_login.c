/* config_login.c - SASL settings: librdkafka's keys, or the JAAS line of the Java clients. */
#include <string.h>
#include <strings.h>

#include "client/config_inside.h"
#include "client/config_value.h"
#include "client/jaas.h"
#include "loop/sasl.h"

/* Which login module goes with which mechanism. */
static const struct {
	const char *mechanism, *module;
} pairs[] = {
	{ "PLAIN", "PlainLoginModule" },         { "SCRAM-SHA-256", "ScramLoginModule" },
	{ "SCRAM-SHA-512", "ScramLoginModule" }, { "OAUTHBEARER", "OAuthBearerLoginModule" },
	{ "GSSAPI", "Krb5LoginModule" },
};

static const char *first(const char *a, const char *b)
{
	return a ? a : b;
}

static int check_mechanism(struct config_draft *draft, struct fault *fault)
{
	const char *mechanism = draft->values[KEY_MECHANISM];

	if (!mechanism)
		mechanism = "GSSAPI"; /* the default of the Java clients and of librdkafka */
	else if (!sasl_knows(mechanism))
		return draft_fault(draft, KEY_MECHANISM, fault,
				   "'%s' is not one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, "
				   "GSSAPI",
				   mechanism);
	draft->config->mechanism = mechanism;
	return 0;
}

/* The name=value pairs of `extension_NAME` options, joined. */
static const char *join_extensions(const struct jaas *jaas, struct arena *arena)
{
	const char *all = NULL;

	for (int i = 0; i < jaas->count; i++)
		if (strncmp(jaas->options[i].name, "extension_", 10) == 0)
			all = arena_printf(arena, "%s%s%s=%s", all ? all : "", all ? "," : "",
					   jaas->options[i].name + 10, jaas->options[i].value);
	return all;
}

static int use_jaas(struct config_draft *draft, const struct jaas *jaas, struct fault *fault)
{
	struct cluster_config *config = draft->config;
	const char *value;

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (strcmp(pairs[i].mechanism, config->mechanism) == 0 &&
		    strcmp(pairs[i].module, jaas->module) != 0)
			return draft_fault(draft, KEY_JAAS, fault,
					   "%s does not go with sasl.mechanism=%s, which wants %s",
					   jaas->module, config->mechanism, pairs[i].module);
	value = jaas_get(jaas, "tokenauth");
	if (value && strcasecmp(value, "true") == 0)
		return draft_fault(draft, KEY_JAAS, fault,
				   "logging in with a delegation token (tokenauth) is not supported");
	config->username = first(config->username, jaas_get(jaas, "username"));
	config->password = first(config->password, jaas_get(jaas, "password"));
	config->token_client_id = first(config->token_client_id, jaas_get(jaas, "clientId"));
	config->token_client_secret = first(config->token_client_secret, jaas_get(jaas, "clientSecret"));
	config->token_scope = first(config->token_scope, jaas_get(jaas, "scope"));
	config->token_extensions = first(config->token_extensions, join_extensions(jaas, draft->arena));
	config->kerberos_service = first(config->kerberos_service, jaas_get(jaas, "serviceName"));
	config->kerberos_principal = first(config->kerberos_principal, jaas_get(jaas, "principal"));
	config->kerberos_keytab = first(config->kerberos_keytab, jaas_get(jaas, "keyTab"));
	return 0;
}

/* A line that is one ${...} is replaced whole; else each value is replaced by itself, so that quotes in it harm nobody. */
static int read_jaas(struct config_draft *draft, struct fault *fault)
{
	struct view line = view_text(draft->values[KEY_JAAS]);
	const char *text;
	struct jaas jaas;
	bool expanded = false;
	int err;

	if (line.size > 2 && line.at[0] == '$' && line.at[1] == '{') {
		err = config_expand(line, draft->arena, &text, &expanded, fault);
		if (err < 0)
			return fault_at(fault, "%s:%d: sasl.jaas.config", draft->name,
					draft->lines[KEY_JAAS]);
		line = view_text(text);
	}
	err = jaas_parse(line, draft->arena, &jaas, fault);
	for (int i = 0; err == 0 && i < jaas.count; i++)
		err = config_expand(view_text(jaas.options[i].value), draft->arena, &jaas.options[i].value,
				    &expanded, fault);
	if (err < 0)
		return fault_at(fault, "%s:%d: sasl.jaas.config", draft->name, draft->lines[KEY_JAAS]);
	return use_jaas(draft, &jaas, fault);
}

static int make_token_source(struct config_draft *draft, struct fault *fault)
{
	struct cluster_config *config = draft->config;
	const char *method = draft->values[KEY_OAUTH_METHOD];

	config->token_file = draft->values[KEY_OAUTH_FILE];
	config->token_command = draft->values[KEY_OAUTH_COMMAND];
	config->token_url = draft->values[KEY_OAUTH_URL];
	config->https_ca_file = draft->values[KEY_HTTPS_CA];
	if (config->token_url && strncmp(config->token_url, "file:", 5) == 0) {
		/* KIP-768: a token that somebody else keeps fresh in a file. */
		config->token_file =
			config->token_url + 5 + (strncmp(config->token_url + 5, "//", 2) == 0 ? 2 : 0);
		config->token_url = NULL;
	}
	if (method && strcasecmp(method, "oidc") != 0 && strcasecmp(method, "default") != 0)
		return draft_fault(draft, KEY_OAUTH_METHOD, fault, "write oidc");
	if (!!config->token_file + !!config->token_command + !!config->token_url != 1)
		return fault_set(
			fault, ERR_CONFIG,
			"%s: OAUTHBEARER needs one of sasl.oauthbearer.token.endpoint.url, "
			"interlock.sasl.oauthbearer.token.file and interlock.sasl.oauthbearer.token.command",
			draft->name);
	config->token_source = config->token_file      ? TOKEN_FILE
			       : config->token_command ? TOKEN_COMMAND
						       : TOKEN_OIDC;
	if (config->token_source == TOKEN_OIDC && (!config->token_client_id || !config->token_client_secret))
		return draft_fault(
			draft, KEY_OAUTH_URL, fault,
			"a token endpoint needs sasl.oauthbearer.client.id and "
			"sasl.oauthbearer.client.secret (or clientId and clientSecret in sasl.jaas.config)");
	return 0;
}

static int check_handlers(struct config_draft *draft, struct fault *fault)
{
	const char *handler = draft->values[KEY_LOGIN_HANDLER];

	if (handler && !strstr(handler, "org.apache.kafka.common.security."))
		return draft_fault(draft, KEY_LOGIN_HANDLER, fault,
				   "a class of your own cannot run here; give the token by "
				   "interlock.sasl.oauthbearer.token.command");
	handler = draft->values[KEY_CLIENT_HANDLER];
	if (handler && !strstr(handler, "org.apache.kafka.common.security."))
		return draft_fault(draft, KEY_CLIENT_HANDLER, fault, "a class of your own cannot run here");
	return 0;
}

int config_make_login(struct config_draft *draft, struct fault *fault)
{
	const char *const *v = draft->values;
	struct cluster_config *config = draft->config;
	int err = check_mechanism(draft, fault);

	if (err == 0)
		err = check_handlers(draft, fault);
	if (err < 0)
		return err;
	config->username = v[KEY_USERNAME];
	config->password = v[KEY_PASSWORD];
	config->token_client_id = v[KEY_OAUTH_CLIENT_ID];
	config->token_client_secret = v[KEY_OAUTH_CLIENT_SECRET];
	config->token_scope = v[KEY_OAUTH_SCOPE];
	config->token_extensions = v[KEY_OAUTH_EXTENSIONS];
	config->kerberos_service = v[KEY_KERBEROS_SERVICE];
	config->kerberos_principal = v[KEY_KERBEROS_PRINCIPAL];
	config->kerberos_keytab = v[KEY_KERBEROS_KEYTAB];
	if (v[KEY_JAAS])
		err = read_jaas(draft, fault);
	if (err < 0)
		return err;
	config->kerberos_service = first(config->kerberos_service, "kafka");
	if (strcmp(config->mechanism, "OAUTHBEARER") == 0)
		return make_token_source(draft, fault);
	if (strcmp(config->mechanism, "GSSAPI") == 0 && config->kerberos_keytab &&
	    sasl_use_keytab(config->kerberos_keytab, fault) < 0)
		return fault_at(fault, "%s: sasl.kerberos.keytab", draft->name);
	if (strcmp(config->mechanism, "GSSAPI") != 0 && (!config->username || !config->password))
		return fault_set(
			fault, ERR_CONFIG,
			"%s: %s needs sasl.username and sasl.password, or sasl.jaas.config with both",
			draft->name, config->mechanism);
	return 0;
}

/* bearer.c - OAUTHBEARER at one listener: from properties to rules, and tokens held against them. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "base/text.h"
#include "broker/bearer.h"
#include "broker/bearer_keys.h"
#include "client/jaas.h"
#include "loop/jwt.h"

#define AUDIENCES_MAX 16

struct bearer {
	const struct entrance *entrance;
	struct bearer_keys *keys; /* NULL: nobody has to sign */
	struct jwt_rules rules;
	struct view audiences[AUDIENCES_MAX];
};

/* As Kafka looks: for the listener's mechanism, for the listener, for all. */
static const char *value_of(const struct entrance *entrance, const char *name)
{
	const struct properties *properties = &entrance->broker->properties;
	char of_mechanism[200];
	const char *value;

	snprintf(of_mechanism, sizeof of_mechanism, "oauthbearer.%s", name);
	value = properties_listener_value(properties, entrance->lower_name, of_mechanism);
	if (!value)
		value = properties_listener_value(properties, entrance->lower_name, name);
	return value && *value ? value : NULL;
}

/* Numbers with the listener's name in front are not checked by the table, so they are here. */
static int number_of(const struct entrance *entrance, const char *name, int64_t *out, struct fault *fault)
{
	const struct property *property = &property_table[property_find(view_text(name))];
	const char *value = value_of(entrance, name);

	if (config_value_fits(property->type, view_text(value ? value : property->fallback), property->least,
			      property->most, out))
		return 0;
	return fault_set(fault, ERR_CONFIG, "listener %s: %s cannot have this value", entrance->name, name);
}

/* Is a class named, and which of the two is it? */
static int read_handler(const struct entrance *entrance, bool *unsecured, struct fault *fault)
{
	const char *class = value_of(entrance, "sasl.server.callback.handler.class");
	const char *last = class ? strrchr(class, '.') : NULL;

	last = last ? last + 1 : class;
	*unsecured = last && strcmp(last, "OAuthBearerUnsecuredValidatorCallbackHandler") == 0;
	if (!last || *unsecured || strcmp(last, "OAuthBearerValidatorCallbackHandler") == 0)
		return 0;
	return fault_set(fault, ERR_CONFIG,
			 "listener %s: oauthbearer.sasl.server.callback.handler.class=%s: classes are not "
			 "loaded here; "
			 "OAuthBearerValidatorCallbackHandler and "
			 "OAuthBearerUnsecuredValidatorCallbackHandler of Kafka "
			 "are built in",
			 entrance->name, class);
}

/* The login module's line may be missing; what stands in it is either heard or refused. */
static int read_jaas(const struct entrance *entrance, struct bearer *bearer, bool unsecured,
		     struct bearer_keys_options *keys, struct fault *fault)
{
	const char *text = value_of(entrance, "sasl.jaas.config");
	struct jaas jaas;
	int64_t number;
	int err;

	if (!text)
		return 0;
	err = jaas_parse(view_text(text), &entrance->broker->properties.arena, &jaas, fault);
	if (err < 0)
		return fault_at(fault, "listener %s: oauthbearer.sasl.jaas.config", entrance->name);
	if (strcmp(jaas.module, "OAuthBearerLoginModule") != 0)
		return fault_set(fault, ERR_CONFIG,
				 "listener %s: oauthbearer.sasl.jaas.config: the module of OAUTHBEARER is "
				 "OAuthBearerLoginModule",
				 entrance->name);
	for (int i = 0; i < jaas.count; i++) {
		const char *name = jaas.options[i].name, *value = jaas.options[i].value;

		if (!unsecured && strcmp(name, "ssl.truststore.location") == 0)
			keys->ca_file = value;
		else if (!unsecured && strcmp(name, "ssl.truststore.type") == 0 &&
			 strcasecmp(value, "PEM") == 0)
			continue;
		else if (unsecured && strcmp(name, "unsecuredValidatorPrincipalClaimName") == 0)
			bearer->rules.subject_claim = value;
		else if (unsecured && strcmp(name, "unsecuredValidatorScopeClaimName") == 0)
			bearer->rules.scope_claim = value;
		else if (unsecured && strcmp(name, "unsecuredValidatorAllowableClockSkewMs") == 0 &&
			 config_value_fits(CONFIG_INT, view_text(value), 0, INT32_MAX, &number))
			bearer->rules.skew_ms = number;
		else
			return fault_set(fault, ERR_CONFIG,
					 "listener %s: oauthbearer.sasl.jaas.config: '%s' is not heard here, "
					 "or cannot "
					 "have this value",
					 entrance->name, name);
	}
	return 0;
}

static int read_audiences(const struct entrance *entrance, struct bearer *bearer, struct fault *fault)
{
	struct view rest = view_text(value_of(entrance, "sasl.oauthbearer.expected.audience")), part;

	while (entrance_next_part(&rest, &part)) {
		if (bearer->rules.audience_count == AUDIENCES_MAX)
			return fault_set(fault, ERR_CONFIG,
					 "listener %s: sasl.oauthbearer.expected.audience: no more than %d",
					 entrance->name, AUDIENCES_MAX);
		bearer->audiences[bearer->rules.audience_count++] = part;
	}
	return 0;
}

static int read_all(const struct entrance *entrance, struct bearer *bearer, struct fault *fault)
{
	struct bearer_keys_options keys = { .url = value_of(entrance, "sasl.oauthbearer.jwks.endpoint.url"),
					    .early_ms = BEARER_KEYS_EARLY_MS };
	bool unsecured;
	int64_t skew_s = 0;
	int err = read_handler(entrance, &unsecured, fault);

	if (err == 0 && !unsecured && !keys.url)
		return fault_set(fault, ERR_CONFIG,
				 "listener %s: OAUTHBEARER needs sasl.oauthbearer.jwks.endpoint.url: by "
				 "whose keys are tokens "
				 "believed? (Only for trying out, tokens that nobody signed are believed "
				 "with listener.name.%s."
				 "oauthbearer.sasl.server.callback.handler.class=org.apache.kafka.common."
				 "security.oauthbearer."
				 "internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler)",
				 entrance->name, entrance->lower_name);
	bearer->rules = (struct jwt_rules){ .audiences = bearer->audiences,
					    .subject_claim = "sub",
					    .scope_claim = "scope",
					    .issued_at_required = !unsecured };
	if (err == 0)
		err = read_jaas(entrance, bearer, unsecured, &keys, fault);
	if (err < 0)
		return err;
	if (unsecured) {
		log_line(LOG_WARNING,
			 "broker: listener %s believes tokens that nobody has signed: whoever reaches it is "
			 "whoever "
			 "he says",
			 entrance->name);
		return 0;
	}
	bearer->rules.issuer = value_of(entrance, "sasl.oauthbearer.expected.issuer");
	bearer->rules.subject_claim = value_of(entrance, "sasl.oauthbearer.sub.claim.name");
	bearer->rules.scope_claim = value_of(entrance, "sasl.oauthbearer.scope.claim.name");
	if (!bearer->rules.subject_claim || !bearer->rules.scope_claim)
		return fault_set(fault, ERR_CONFIG, "listener %s: the names of claims cannot be empty",
				 entrance->name);
	err = read_audiences(entrance, bearer, fault);
	if (err == 0)
		err = number_of(entrance, "sasl.oauthbearer.clock.skew.seconds", &skew_s, fault);
	bearer->rules.skew_ms = skew_s * 1000;
	if (err == 0)
		err = number_of(entrance, "sasl.oauthbearer.jwks.endpoint.refresh.ms", &keys.refresh_ms,
				fault);
	if (err == 0)
		err = number_of(entrance, "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", &keys.retry_ms,
				fault);
	if (err == 0)
		err = number_of(entrance, "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
				&keys.retry_most_ms, fault);
	if (err == 0 && bearer_keys_new(entrance->broker->loop, &keys, &bearer->keys, fault) < 0)
		err = fault_at(fault, "listener %s", entrance->name);
	return err;
}

int bearer_new(const struct entrance *entrance, struct bearer **out, struct fault *fault)
{
	struct bearer *bearer = calloc(1, sizeof *bearer);
	int err;

	if (!bearer)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	bearer->entrance = entrance;
	err = read_all(entrance, bearer, fault);
	if (err < 0) {
		bearer_free(bearer);
		return err;
	}
	*out = bearer;
	return 0;
}

void bearer_free(struct bearer *bearer)
{
	if (!bearer)
		return;
	bearer_keys_free(bearer->keys);
	free(bearer);
}

static int verify(struct bearer *bearer, const struct jwt *jwt, struct fault *fault)
{
	int err;

	if (!bearer->keys)
		return jwt_is_unsecured(jwt)
			       ? 0
			       : fault_set(fault, ERR_LOGIN,
					   "only tokens that nobody signed are believed here (alg: none)");
	err = jwt_verify(jwt, bearer_keys_now(bearer->keys), fault);
	if (err == ERR_NOT_FOUND)
		bearer_keys_missing(bearer->keys);
	return err;
}

int bearer_judge(struct bearer *bearer, struct view token, struct buffer *user, int64_t *expires_ms,
		 struct fault *fault)
{
	struct jwt jwt;
	struct jwt_facts facts;
	int err = jwt_read(token, &jwt, fault);

	if (err < 0)
		return err;
	err = verify(bearer, &jwt, fault);
	if (err == 0)
		err = jwt_judge(&jwt, &bearer->rules,
				clock_wall_ms(loop_clock(bearer->entrance->broker->loop)), &facts, fault);
	if (err == 0) {
		buffer_view(user, facts.subject);
		*expires_ms = facts.expires_ms;
	}
	jwt_done(&jwt);
	return err;
}

/* entrance.c - listeners, from properties to open ports. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/text.h"
#include "broker/bearer.h"
#include "broker/door.h"
#include "broker/entrance.h"
#include "broker/principal_rules.h"
#include "broker/login.h"
#include "broker/pipeline.h"
#include "client/jaas.h"
#include "loop/pkcs12.h"
#include "loop/sasl_server.h"
#include "loop/tls.h"

#define USERS_MAX JAAS_OPTIONS_MAX

struct place {
	struct view name, host;
	int32_t port;
};

static const char *value_of(const struct entrance *entrance, const char *name)
{
	const char *value =
		properties_listener_value(&entrance->broker->properties, entrance->lower_name, name);

	return value && *value ? value : NULL;
}

bool entrance_next_part(struct view *rest, struct view *part)
{
	while (rest->size > 0) {
		const uint8_t *comma = memchr(rest->at, ',', rest->size);
		size_t size = comma ? (size_t)(comma - rest->at) : rest->size;

		*part = text_trim(view_of(rest->at, size));
		*rest = view_of(rest->at + size + (comma ? 1 : 0), rest->size - size - (comma ? 1 : 0));
		if (part->size > 0)
			return true;
	}
	return false;
}

/* NAME://host:port; the host may be empty, and in brackets. */
static int read_place(const char *property, struct view text, bool any_port, struct place *out,
		      struct fault *fault)
{
	const uint8_t *slashes = memmem(text.at, text.size, "://", 3), *colon;
	char digits[8] = "", *end;
	struct view host;

	if (!slashes || slashes == text.at)
		return fault_set(fault, ERR_CONFIG, "%s: '%.*s' is not NAME://HOST:PORT", property,
				 VIEW_ARGS(text));
	out->name = view_of(text.at, (size_t)(slashes - text.at));
	host = view_of(slashes + 3, text.size - out->name.size - 3);
	colon = host.size ? memrchr(host.at, ':', host.size) : NULL;
	if (colon && (size_t)(host.at + host.size - colon - 1) < sizeof digits)
		memcpy(digits, colon + 1, (size_t)(host.at + host.size - colon - 1));
	out->port = (int32_t)strtol(digits, &end, 10);
	if (!colon || !*digits || *end || out->port < (any_port ? 0 : 1) || out->port > 65535)
		return fault_set(fault, ERR_CONFIG, "%s: '%.*s' has no usable port", property,
				 VIEW_ARGS(text));
	host.size = (size_t)(colon - host.at);
	if (host.size > 1 && host.at[0] == '[' && host.at[host.size - 1] == ']')
		host = view_of(host.at + 1, host.size - 2);
	out->host = host;
	return 0;
}

static struct entrance *find(struct entrances *entrances, struct view name)
{
	for (int i = 0; i < entrances->count; i++)
		if (name.size == strlen(entrances->at[i].name) &&
		    strncasecmp((const char *)name.at, entrances->at[i].name, name.size) == 0)
			return &entrances->at[i];
	return NULL;
}

/* What listener.security.protocol.map says of the name. */
static int read_protocol(struct entrance *entrance, struct fault *fault)
{
	bool given;
	struct view rest = view_text(properties_value(&entrance->broker->properties,
						      "listener.security.protocol.map", &given)),
		    part;

	while (entrance_next_part(&rest, &part)) {
		const uint8_t *colon = memchr(part.at, ':', part.size);
		size_t size = colon ? (size_t)(colon - part.at) : 0;
		struct view protocol;

		if (size != strlen(entrance->name) ||
		    strncasecmp((const char *)part.at, entrance->name, size) != 0)
			continue;
		protocol = text_trim(view_of(colon + 1, part.size - size - 1));
		entrance->uses_tls = view_is(protocol, "SSL") || view_is(protocol, "SASL_SSL");
		entrance->uses_login = view_is(protocol, "SASL_PLAINTEXT") || view_is(protocol, "SASL_SSL");
		if (entrance->uses_tls || entrance->uses_login || view_is(protocol, "PLAINTEXT"))
			return 0;
		return fault_set(fault, ERR_CONFIG,
				 "listener.security.protocol.map: '%.*s' is none of PLAINTEXT, SSL, "
				 "SASL_PLAINTEXT, SASL_SSL",
				 VIEW_ARGS(protocol));
	}
	return fault_set(fault, ERR_CONFIG,
			 "listener.security.protocol.map says nothing of the listener '%s'", entrance->name);
}

/* A store of PKCS#12 becomes the texts of PEM; what is neither is refused with the way to convert it. */
static int read_store(struct entrance *entrance, const char *which, struct tls_options *options,
		      struct fault *fault)
{
	struct arena *arena = &entrance->broker->properties.arena;
	bool is_key = strcmp(which, "keystore") == 0;
	const char **file = is_key ? &options->certificate_file : &options->ca_file;
	const char *type, *password;
	struct buffer key, certificates;
	char name[64];
	int err;

	snprintf(name, sizeof name, "ssl.%s.type", which);
	type = value_of(entrance, name);
	if (strcasecmp(type ? type : "", "PEM") == 0)
		return 0;
	if (strcasecmp(type ? type : "", "PKCS12") != 0)
		return fault_set(
			fault, ERR_CONFIG,
			"%s=%s: PEM and PKCS12 are read here; convert the store (keytool -importkeystore "
			"-srckeystore STORE -destkeystore store.p12 -deststoretype PKCS12) and say %s=PKCS12",
			name, type ? type : "", name);
	snprintf(name, sizeof name, "ssl.%s.password", which);
	password = value_of(entrance, name);
	if (!*file)
		return fault_set(fault, ERR_CONFIG, "ssl.%s.type=PKCS12 needs ssl.%s.location", which, which);
	buffer_init(&key, PKCS12_SIZE_MAX);
	buffer_init(&certificates, PKCS12_SIZE_MAX);
	err = is_key ? pkcs12_read_key(*file, password, &key, &certificates, fault)
		     : pkcs12_read_trust(*file, password, &certificates, fault);
	if (err == 0) {
		const char *text = arena_text(arena, buffer_string(&certificates));

		*file = NULL;
		*(is_key ? &options->certificate_pem : &options->ca_pem) = text;
		if (is_key)
			options->key_pem = arena_text(arena, buffer_string(&key));
		if (!text || (is_key && !options->key_pem))
			err = fault_set(fault, ERR_MEMORY, "out of memory");
	} else {
		fault_at(fault, "ssl.%s.location", which);
	}
	if (key.at)
		memset(key.at, 0, key.capacity);
	buffer_done(&key);
	buffer_done(&certificates);
	return err;
}

static int open_tls(struct entrance *entrance, struct fault *fault)
{
	const char *client = value_of(entrance, "ssl.client.auth");
	const char *names = value_of(entrance, "ssl.principal.mapping.rules");
	struct tls_options options = {
		.server = true,
		.certificate_file = value_of(entrance, "ssl.keystore.location"),
		.certificate_pem = value_of(entrance, "ssl.keystore.certificate.chain"),
		.key_pem = value_of(entrance, "ssl.keystore.key"),
		.key_password = value_of(entrance, "ssl.key.password"),
		.ca_file = value_of(entrance, "ssl.truststore.location"),
		.ca_pem = value_of(entrance, "ssl.truststore.certificates"),
		.protocols = value_of(entrance, "ssl.enabled.protocols"),
		.cipher_suites = value_of(entrance, "ssl.cipher.suites"),
	};
	int err = read_store(entrance, "keystore", &options, fault);

	/* With SASL Kafka does not ask for a certificate but where the listener itself says so. */
	if (entrance->uses_login) {
		bool own = false;
		char name[200];

		snprintf(name, sizeof name, "listener.name.%s.ssl.client.auth", entrance->lower_name);
		for (int i = 0; i < entrance->broker->properties.of_listeners_count; i++)
			own = own || strcmp(entrance->broker->properties.of_listeners[i].name, name) == 0;
		client = own ? client : "none";
	}
	if (err == 0 && !options.certificate_file && !options.certificate_pem)
		err = fault_set(
			fault, ERR_CONFIG,
			"listener %s: TLS needs ssl.keystore.location, or ssl.keystore.certificate.chain "
			"and ssl.keystore.key",
			entrance->name);
	if (err == 0 && client && strcasecmp(client, "none") != 0) {
		options.verify = true;
		options.verify_optional = strcasecmp(client, "requested") == 0;
		if (!options.verify_optional && strcasecmp(client, "required") != 0)
			err = fault_set(fault, ERR_CONFIG,
					"ssl.client.auth: one of none, requested, required");
		else if (!options.ca_file && !options.ca_pem)
			err = fault_set(fault, ERR_CONFIG,
					"listener %s: ssl.client.auth needs ssl.truststore.location: whose "
					"certificates are taken?",
					entrance->name);
		if (err == 0)
			err = read_store(entrance, "truststore", &options, fault);
	}
	if (err == 0)
		err = tls_new(&options, &entrance->tls, fault);
	if (err == 0 && names && *names && strcmp(names, "DEFAULT") != 0)
		err = principal_rules_new(view_text(names), &entrance->names, fault);
	return err < 0 ? fault_at(fault, "listener %s", entrance->name) : 0;
}

static int read_users(struct entrance *entrance, struct fault *fault)
{
	const char *text = value_of(entrance, "plain.sasl.jaas.config");
	struct arena *arena = &entrance->broker->properties.arena;
	struct jaas jaas;
	int err;

	if (!text)
		return fault_set(
			fault, ERR_CONFIG,
			"listener %s: PLAIN needs its users: listener.name.%s.plain.sasl.jaas.config="
			"org.apache.kafka.common.security.plain.PlainLoginModule required "
			"user_NAME=\"PASSWORD\";",
			entrance->name, entrance->lower_name);
	err = jaas_parse(view_text(text), arena, &jaas, fault);
	if (err < 0)
		return fault_at(fault, "listener.name.%s.plain.sasl.jaas.config", entrance->lower_name);
	if (strcmp(jaas.module, "PlainLoginModule") != 0)
		return fault_set(fault, ERR_CONFIG,
				 "listener.name.%s.plain.sasl.jaas.config: the module of PLAIN is "
				 "PlainLoginModule",
				 entrance->lower_name);
	entrance->users = arena_array(arena, USERS_MAX, sizeof *entrance->users);
	if (!entrance->users)
		return ERR_MEMORY;
	for (int i = 0; i < jaas.count; i++) {
		if (strncmp(jaas.options[i].name, "user_", 5) != 0)
			continue;
		entrance->users[entrance->user_count++] =
			(struct plain_user){ jaas.options[i].name + 5, jaas.options[i].value };
	}
	return 0;
}

static int read_mechanisms(struct entrance *entrance, struct fault *fault)
{
	struct view rest = view_text(value_of(entrance, "sasl.enabled.mechanisms")), part;

	while (entrance_next_part(&rest, &part)) {
		struct view copy = arena_copy(&entrance->broker->properties.arena, part);

		if (!copy.at)
			return ERR_MEMORY;
		if (!sasl_server_knows((const char *)copy.at) || entrance->mechanism_count == MECHANISMS_MAX)
			return fault_set(
				fault, ERR_CONFIG,
				"listener %s: sasl.enabled.mechanisms: '%s' is not taken here; PLAIN, "
				"SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER are",
				entrance->name, (const char *)copy.at);
		entrance->mechanisms[entrance->mechanism_count++] = (const char *)copy.at;
	}
	if (entrance->mechanism_count == 0)
		return fault_set(fault, ERR_CONFIG, "listener %s: sasl.enabled.mechanisms is empty",
				 entrance->name);
	if (entrance_takes(entrance, VIEW_LITERAL("PLAIN")) && read_users(entrance, fault) < 0)
		return ERR_CONFIG;
	return entrance_takes(entrance, VIEW_LITERAL("OAUTHBEARER"))
		       ? bearer_new(entrance, &entrance->bearer, fault)
		       : 0;
}

bool entrance_takes(const struct entrance *entrance, struct view mechanism)
{
	for (int i = 0; i < entrance->mechanism_count; i++)
		if (view_is(mechanism, entrance->mechanisms[i]))
			return true;
	return false;
}

static void accepted(void *owner, int fd)
{
	struct entrance *entrance = owner;

	door_open(&entrance->broker->nodes[0], entrance, fd);
}

/* Clients are told the address that it listens on; where that is all of them, the machine's name. */
static const char *own_host(struct entrance *entrance, struct view host)
{
	char name[256];

	if (host.size > 0 && !view_is(host, "0.0.0.0") && !view_is(host, "::"))
		return (const char *)arena_copy(&entrance->broker->properties.arena, host).at;
	if (gethostname(name, sizeof name) < 0)
		snprintf(name, sizeof name, "localhost");
	name[sizeof name - 1] = 0;
	return arena_text(&entrance->broker->properties.arena, name);
}

static int open_one(struct entrance *entrance, const struct place *place, struct fault *fault)
{
	struct arena *arena = &entrance->broker->properties.arena;
	struct view host = arena_copy(arena, place->host);
	struct listener_options options = { .host = (const char *)host.at, .port = (uint16_t)place->port };
	char *lower;
	int err;

	entrance->name = (const char *)arena_copy(arena, place->name).at;
	lower = (char *)(uintptr_t)arena_copy(arena, place->name).at;
	if (!entrance->name || !lower)
		return ERR_MEMORY;
	for (char *at = lower; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	entrance->lower_name = lower;
	err = read_protocol(entrance, fault);
	if (err == 0 && entrance->uses_tls)
		err = open_tls(entrance, fault);
	if (err == 0 && entrance->uses_login)
		err = read_mechanisms(entrance, fault);
	if (err == 0)
		err = listener_new(entrance->broker->loop, &options, accepted, entrance, &entrance->listener,
				   fault);
	if (err < 0)
		return err;
	entrance->port = listener_port(entrance->listener);
	entrance->host = own_host(entrance, place->host);
	return entrance->host ? 0 : ERR_MEMORY;
}

/* advertised.listeners: of each name that is there, where its clients are to go. */
static int advertise(struct entrances *entrances, struct broker *broker, struct fault *fault)
{
	struct view rest = view_text(broker->properties.advertised), part;

	while (entrance_next_part(&rest, &part)) {
		struct place place;
		struct entrance *entrance;
		int err = read_place("advertised.listeners", part, false, &place, fault);

		if (err < 0)
			return err;
		entrance = find(entrances, place.name);
		if (!entrance || place.host.size == 0)
			return fault_set(
				fault, ERR_CONFIG,
				"advertised.listeners: '%.*s' is not the name of one of the listeners with "
				"a host that clients can find",
				VIEW_ARGS(part));
		entrance->host = (const char *)arena_copy(&broker->properties.arena, place.host).at;
		entrance->port = place.port;
		if (!entrance->host)
			return ERR_MEMORY;
	}
	return 0;
}

int entrances_open(struct broker *broker, struct fault *fault)
{
	bool given;
	struct view rest = view_text(properties_value(&broker->properties, "listeners", &given)), part;
	struct entrances *entrances;
	int err = 0;

	if (!given)
		return 0;
	entrances = broker->entrances = calloc(1, sizeof *entrances);
	if (!entrances)
		return ERR_MEMORY;
	while (err == 0 && entrance_next_part(&rest, &part)) {
		struct place place;

		err = read_place("listeners", part, true, &place, fault);
		if (err == 0 && (find(entrances, place.name) || entrances->count == ENTRANCES_MAX))
			err = fault_set(
				fault, ERR_CONFIG,
				"listeners: each has a name of its own, and there are no more than %d",
				ENTRANCES_MAX);
		if (err == 0) {
			struct entrance *entrance = &entrances->at[entrances->count++];

			entrance->broker = broker;
			entrance->name = "";
			err = open_one(entrance, &place, fault);
		}
	}
	if (err == 0 && entrances->count == 0)
		err = fault_set(fault, ERR_CONFIG, "listeners: there must be one");
	return err == 0 ? advertise(entrances, broker, fault) : err;
}

void entrances_close(struct broker *broker)
{
	for (int i = 0; broker->entrances && i < broker->entrances->count; i++) {
		listener_free(broker->entrances->at[i].listener);
		broker->entrances->at[i].listener = NULL;
	}
	if (!broker->entrances || !list_empty(&broker->doors))
		return;
	for (int i = 0; i < broker->entrances->count; i++) {
		tls_free(broker->entrances->at[i].tls);
		principal_rules_free(broker->entrances->at[i].names);
		bearer_free(broker->entrances->at[i].bearer);
	}
	free(broker->entrances);
	broker->entrances = NULL;
}

static const struct entrance *of(const struct request *request)
{
	return request->pipeline && request->pipeline->login ? request->pipeline->login->entrance : NULL;
}

struct view entrance_host(const struct request *request)
{
	return view_text(of(request) ? of(request)->host : request->broker->host);
}

int32_t entrance_port(const struct request *request, const struct node *node)
{
	return of(request) ? of(request)->port : node->port;
}

/*
 * config_registry.c - the schema registry that a property file names beside its cluster.
 *
 * The keys are those of the serializers.  What they ask of us and cannot be had (a token by OAuth, a Java store) is
 * remembered as a sentence for whoever wants to ask the registry, for the cluster itself can be reached without it.
 */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "client/config_inside.h"

#define URLS_MAX 16

/* `%41` is A.  In place; what is no escape stays as it is. */
static void unescape(char *text)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	char *out = text;

	for (; *text; text++) {
		const char *high = text[0] == '%' && text[1] ? strchr(digits, text[1]) : NULL;
		const char *low = high && text[2] ? strchr(digits, text[2]) : NULL;

		if (low && (high - digits) % 16 + (low - digits) % 16 > 0) {
			*out++ = (char)((high - digits) % 16 * 16 + (low - digits) % 16);
			text += 2;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

static int split_user(struct config_draft *draft, struct view info)
{
	struct registry_config *registry = &draft->config->registry;
	char *user = (char *)arena_copy(draft->arena, info).at;
	char *colon = user ? strchr(user, ':') : NULL;

	if (!user)
		return ERR_MEMORY;
	if (colon)
		*colon++ = '\0';
	registry->username = user;
	registry->password = colon ? colon : "";
	return 0;
}

/* One address: what stands before an @ in it is taken out, so that it can be shown. */
static int take_url(struct config_draft *draft, struct view one, const char **out, struct fault *fault)
{
	struct registry_config *registry = &draft->config->registry;
	char *url = (char *)arena_copy(draft->arena, one).at;
	char *rest, *at;
	size_t size;

	if (!url)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
		return draft_fault(
			draft, KEY_REGISTRY_URL, fault,
			"write http://host:port or https://host:port (several with commas between), or none");
	rest = strstr(url, "://") + 3;
	at = memchr(rest, '@', strcspn(rest, "/?#"));
	if (at) {
		if (!registry->username && split_user(draft, view_of(rest, (size_t)(at - rest))) < 0)
			return fault_set(fault, ERR_MEMORY, "out of memory");
		unescape((char *)registry->username);
		unescape((char *)registry->password);
		memmove(rest, at + 1, strlen(at + 1) + 1);
	}
	size = strlen(url);
	while (size && url[size - 1] == '/')
		url[--size] = '\0';
	*out = url;
	return 0;
}

static int take_urls(struct config_draft *draft, struct fault *fault)
{
	struct view list = view_text(draft->values[KEY_REGISTRY_URL]);
	const char **urls = arena_array(draft->arena, URLS_MAX + 1, sizeof *urls);
	int count = 0;

	if (!urls)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	if (view_is(text_trim(list), "none")) {
		draft->config->registry.none = true;
		return 0;
	}
	while (list.size) {
		const uint8_t *comma = memchr(list.at, ',', list.size);
		size_t size = comma ? (size_t)(comma - list.at) : list.size;
		struct view one = text_trim(view_of(list.at, size));
		int err;

		list = comma ? view_of(comma + 1, list.size - size - 1) : view_of(list.at, 0);
		if (!one.size)
			continue;
		if (count == URLS_MAX)
			return draft_fault(draft, KEY_REGISTRY_URL, fault, "more than %d addresses",
					   URLS_MAX);
		err = take_url(draft, one, &urls[count], fault);
		if (err < 0)
			return err;
		count++;
	}
	draft->config->registry.urls = count ? urls : NULL;
	return 0;
}

/* Java's sources: URL (what stood in the address), USER_INFO, SASL_INHERIT (as at the cluster). */
static int make_user(struct config_draft *draft, struct fault *fault)
{
	struct cluster_config *config = draft->config;
	const char *source = draft->values[KEY_REGISTRY_USER_SOURCE],
		   *user = draft->values[KEY_REGISTRY_USER];

	if (source && strcasecmp(source, "SASL_INHERIT") == 0) {
		config->registry.username = config->username;
		config->registry.password = config->password;
		if (!config->username)
			config->registry.refused =
				"basic.auth.credentials.source=SASL_INHERIT, but the cluster is "
				"reached without a user name and password";
		return 0;
	}
	if (source && strcasecmp(source, "URL") != 0 && strcasecmp(source, "USER_INFO") != 0)
		return draft_fault(draft, KEY_REGISTRY_USER_SOURCE, fault,
				   "write URL, USER_INFO or SASL_INHERIT");
	if (user && !strchr(user, ':'))
		return draft_fault(draft, KEY_REGISTRY_USER, fault, "write user:password");
	/* librdkafka needs no source beside user.info; Java would then look at the address alone. */
	if (user && split_user(draft, view_text(user)) < 0)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	return 0;
}

static void make_token(struct config_draft *draft)
{
	struct registry_config *registry = &draft->config->registry;
	const char *source = draft->values[KEY_REGISTRY_TOKEN_SOURCE];

	registry->token = draft->values[KEY_REGISTRY_TOKEN];
	if (source && strcasecmp(source, "STATIC_TOKEN") != 0)
		registry->refused =
			"bearer.auth.credentials.source names another source than STATIC_TOKEN, which is "
			"the only one that can be used here: give the token by bearer.auth.token";
}

/* What the registry has of its own, else what the cluster has, for the same authority often signs both. */
static int make_trust(struct config_draft *draft, struct fault *fault)
{
	const char *const *v = draft->values;
	struct cluster_config *config = draft->config;
	const char *identification = v[KEY_REGISTRY_ENDPOINT_IDENTIFICATION];
	bool own = identification;
	struct tls_options *tls;

	for (int key = KEY_REGISTRY_CA_FILE; key <= KEY_REGISTRY_KEY_PASSWORD; key++)
		own |= v[key] != NULL;
	if (!own) {
		config->registry.tls = config->use_tls ? &config->tls : NULL;
		return 0;
	}
	tls = arena_take(draft->arena, sizeof *tls);
	if (!tls)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	*tls = (struct tls_options){
		.ca_file = v[KEY_REGISTRY_CA_FILE],
		.ca_pem = v[KEY_REGISTRY_CA_PEM],
		.certificate_file = v[KEY_REGISTRY_CERTIFICATE_FILE],
		.certificate_pem = v[KEY_REGISTRY_CERTIFICATE_PEM],
		.key_file = v[KEY_REGISTRY_KEY_FILE],
		.key_pem = v[KEY_REGISTRY_KEY_PEM],
		.key_password = v[KEY_REGISTRY_KEY_PASSWORD],
		.verify = true,
		.verify_host =
			!identification || (*identification && strcasecmp(identification, "none") != 0),
	};
	for (int i = 0; i < 2; i++) {
		const char *file = i ? tls->certificate_file : tls->ca_file;
		size_t size = file ? strlen(file) : 0;

		if (size > 4 &&
		    (strcasecmp(file + size - 4, ".jks") == 0 || strcasecmp(file + size - 4, ".p12") == 0))
			config->registry.refused =
				"a schema.registry.ssl store is not PEM; convert it, and name the PEM file";
	}
	config->registry.tls = tls;
	return 0;
}

int config_make_registry(struct config_draft *draft, struct fault *fault)
{
	/* Credentials are read even when no address is named here, for a plan may name one. */
	int err = draft->values[KEY_REGISTRY_URL] ? take_urls(draft, fault) : 0;

	if (err == 0)
		err = make_user(draft, fault);
	if (err == 0)
		make_token(draft);
	return err == 0 ? make_trust(draft, fault) : err;
}

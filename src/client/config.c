/*
 * config.c - one cluster's property file.
 *
 * All keys are read first, then each part of the config is made from them, so that the order of lines means nothing
 * and every refusal can name its line.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/list.h"
#include "base/props.h"
#include "base/text.h"
#include "client/config_inside.h"
#include "client/config_value.h"

#define CONFIG_FILE_SIZE_MAX  (1u << 20)
#define CONFIG_ARENA_SIZE_MAX (64u << 20)
#define BOOTSTRAP_MAX         1000

struct holder {
	struct cluster_config config;
	struct arena arena;
	struct buffer shown;   /* what config_describe() prints */
	atomic_int references; /* clusters of several threads may share one */
};

static struct holder *holder_of(const struct cluster_config *config)
{
	return container_of((struct cluster_config *)config, struct holder, config);
}

const struct cluster_config *config_hold(const struct cluster_config *config)
{
	atomic_fetch_add(&holder_of(config)->references, 1);
	return config;
}

void config_release(const struct cluster_config *config)
{
	struct holder *holder = config ? holder_of(config) : NULL;

	if (!holder || atomic_fetch_sub(&holder->references, 1) > 1)
		return;
	arena_done(&holder->arena);
	buffer_done(&holder->shown);
	free(holder);
}

void config_describe(const struct cluster_config *config, struct buffer *out)
{
	buffer_view(out, buffer_bytes(&holder_of(config)->shown));
}

static struct holder *holder_new(const char *name)
{
	struct holder *holder = calloc(1, sizeof *holder);

	if (!holder)
		return NULL;
	holder->references = 1;
	arena_init(&holder->arena, CONFIG_ARENA_SIZE_MAX);
	buffer_init(&holder->shown, CONFIG_FILE_SIZE_MAX * 4);
	holder->config = (struct cluster_config){
		.name = arena_text(&holder->arena, name),
		.client_id = "interlock",
		.request_timeout_ms = 30000,
		.connect_timeout_ms = 10000,
		.idle_ms = 540000,
		.reconnect_backoff_ms = 50,
		.reconnect_backoff_ms_max = 1000,
		.retry_backoff_ms = 100,
		.retry_backoff_ms_max = 1000,
		.metadata_age_ms_max = 300000,
		.frame_size_max = 100000000,
	};
	return holder;
}

int draft_fault(const struct config_draft *draft, enum config_key key, struct fault *fault,
		const char *format, ...)
{
	char text[600];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return fault_set(fault, ERR_CONFIG, "%s:%d: %s: %s", draft->name, draft->lines[key],
			 draft->words[key], text);
}

/* One line of what is shown: secrets as ***, and so whatever came from elsewhere; texts of many lines by their size. */
static void show(struct buffer *shown, const struct config_word *word, const struct prop *prop, bool expanded)
{
	buffer_printf(shown, "%.*s=", VIEW_ARGS(prop->key));
	/* A registry's address may have a password in it. */
	if (word->secret || expanded ||
	    (word->key == KEY_REGISTRY_URL && memchr(prop->value.at, '@', prop->value.size)))
		buffer_text(shown, "***");
	else if (memchr(prop->value.at, '\n', prop->value.size) || prop->value.size > 500)
		buffer_printf(shown, "(%zu bytes)", prop->value.size);
	else
		text_safe(shown, prop->value);
	buffer_text(shown, "\n");
}

static int refuse_unknown(const char *name, const struct prop *prop, struct fault *fault)
{
	const char *nearest = config_word_nearest(prop->key);
	struct buffer key;

	buffer_init(&key, 200);
	text_safe(&key, prop->key.size > 150 ? view_of(prop->key.at, 150) : prop->key);
	if (nearest)
		fault_set(fault, ERR_CONFIG, "%s:%d: '%s' is not a key known here; is '%s' meant?", name,
			  prop->line, buffer_string(&key), nearest);
	else
		fault_set(fault, ERR_CONFIG,
			  "%s:%d: '%s' is not a key known here; remove the line, or write # before it", name,
			  prop->line, buffer_string(&key));
	buffer_done(&key);
	return ERR_CONFIG;
}

/* Keys whose empty value says something, or is what a template leaves behind without harm. */
static bool may_be_empty(int key)
{
	return key == KEY_ENDPOINT_IDENTIFICATION || key == KEY_CLIENT_ID || key == KEY_CIPHERS ||
	       key == KEY_PROTOCOLS || key == KEY_OAUTH_SCOPE || key == KEY_OAUTH_EXTENSIONS ||
	       key == KEY_TRUSTSTORE_PASSWORD || key == KEY_KEYSTORE_PASSWORD;
}

static int take_value(struct holder *holder, struct config_draft *draft, const struct config_word *word,
		      const struct prop *prop, struct fault *fault)
{
	bool expanded = false;
	int err;

	if (draft->values[word->key])
		return fault_set(fault, ERR_CONFIG,
				 "%s:%d: %s says the same as %s on line %d; keep one of the two", draft->name,
				 prop->line, word->name, draft->words[word->key], draft->lines[word->key]);
	draft->words[word->key] = word->name;
	draft->lines[word->key] = prop->line;
	if (word->key == KEY_JAAS) {
		draft->values[word->key] = (const char *)arena_copy(draft->arena, prop->value).at;
		err = draft->values[word->key] ? 0 : ERR_MEMORY;
	} else {
		err = config_expand(prop->value, draft->arena, &draft->values[word->key], &expanded, fault);
	}
	if (err < 0)
		return fault_at(fault, "%s:%d: %s", draft->name, prop->line, word->name);
	if (!*draft->values[word->key] && !may_be_empty(word->key))
		return draft_fault(draft, word->key, fault,
				   "there is no value; give one, or remove the line");
	show(&holder->shown, word, prop, expanded);
	return 0;
}

static int read_props(struct holder *holder, struct config_draft *draft, const struct props *props,
		      struct fault *fault)
{
	const char **ignored = arena_array(draft->arena, (size_t)props->count + 1, sizeof *ignored);
	int ignored_count = 0;

	if (!ignored)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	for (int i = 0; i < props->count; i++) {
		const struct config_word *word = config_word_find(props->at[i].key);
		int err;

		if (!word)
			return refuse_unknown(draft->name, &props->at[i], fault);
		if (word->key < 0) {
			ignored[ignored_count++] =
				(const char *)arena_copy(draft->arena, props->at[i].key).at;
			continue;
		}
		err = take_value(holder, draft, word, &props->at[i], fault);
		if (err < 0)
			return err;
	}
	draft->config->ignored = ignored;
	return 0;
}

/* The addresses of a list.  Empty ones (a comma at the end) are passed over. */
static int parse_addresses(struct view list, struct arena *arena, struct cluster_config *config,
			   struct fault *fault)
{
	struct address *addresses = arena_array(arena, BOOTSTRAP_MAX, sizeof *addresses);
	int count = 0;

	if (!addresses)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	while (list.size > 0) {
		const uint8_t *comma = memchr(list.at, ',', list.size);
		size_t size = comma ? (size_t)(comma - list.at) : list.size;
		struct view one = text_trim(view_of(list.at, size));
		int err;

		list = comma ? view_of(comma + 1, list.size - size - 1) : view_of(list.at, 0);
		if (one.size == 0)
			continue;
		if (count == BOOTSTRAP_MAX)
			return fault_set(fault, ERR_LIMIT, "more than %d addresses", BOOTSTRAP_MAX);
		err = address_parse(one, arena, &addresses[count], fault);
		if (err < 0)
			return err;
		count++;
	}
	if (count == 0)
		return fault_set(fault, ERR_CONFIG,
				 "no address; write host:port, or several with commas between");
	config->bootstrap = addresses;
	config->bootstrap_count = count;
	return 0;
}

static int number(const struct config_draft *draft, enum config_key key, int64_t least, int64_t most,
		  int64_t *out, struct fault *fault)
{
	const char *text = draft->values[key];
	char *end;
	long long value;

	if (!text)
		return 0;
	value = strtoll(text, &end, 10);
	if (end == text || *end)
		return draft_fault(draft, key, fault, "'%s' is not a whole number", text);
	if (value < least || value > most)
		return draft_fault(draft, key, fault, "%lld is not between %lld and %lld", value,
				   (long long)least, (long long)most);
	*out = value;
	return 0;
}

static int make_numbers(struct config_draft *draft, struct fault *fault)
{
	struct cluster_config *c = draft->config;
	int64_t day_ms = 86400000, receive = -1, send = -1, frame = (int64_t)c->frame_size_max, most = 0;
	const struct {
		enum config_key key;
		int64_t least, most, *out;
	} numbers[] = {
		{ KEY_REQUEST_TIMEOUT, 10, day_ms, &c->request_timeout_ms },
		{ KEY_CONNECT_TIMEOUT, 10, day_ms, &c->connect_timeout_ms },
		{ KEY_CONNECT_TIMEOUT_MAX, 10, day_ms, &most },
		{ KEY_IDLE, -1, 365 * day_ms, &c->idle_ms },
		{ KEY_RECONNECT, 0, day_ms, &c->reconnect_backoff_ms },
		{ KEY_RECONNECT_MAX, 0, day_ms, &c->reconnect_backoff_ms_max },
		{ KEY_RETRY, 0, day_ms, &c->retry_backoff_ms },
		{ KEY_RETRY_MAX, 0, day_ms, &c->retry_backoff_ms_max },
		{ KEY_METADATA_AGE, 0, 365 * day_ms, &c->metadata_age_ms_max },
		{ KEY_RECEIVE_BUFFER, -1, INT32_MAX, &receive },
		{ KEY_SEND_BUFFER, -1, INT32_MAX, &send },
		{ KEY_FRAME_MAX, 1000, INT32_MAX - 1000, &frame },
	};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		int err = number(draft, numbers[i].key, numbers[i].least, numbers[i].most, numbers[i].out,
				 fault);

		if (err < 0)
			return err;
	}
	if (c->idle_ms < 0)
		c->idle_ms = 0; /* Java writes "never" as -1 */
	if (c->reconnect_backoff_ms_max < c->reconnect_backoff_ms)
		c->reconnect_backoff_ms_max = c->reconnect_backoff_ms;
	if (c->retry_backoff_ms_max < c->retry_backoff_ms)
		c->retry_backoff_ms_max = c->retry_backoff_ms;
	c->receive_buffer_size = receive > 0 ? (int)receive : 0;
	c->send_buffer_size = send > 0 ? (int)send : 0;
	c->frame_size_max = (size_t)frame;
	return 0;
}

/* PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. */
static int make_security(struct config_draft *draft, struct fault *fault)
{
	static const char *const words[] = { "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL", NULL };
	static const enum config_key credentials[] = { KEY_USERNAME, KEY_PASSWORD, KEY_JAAS };
	const char *protocol =
		draft->values[KEY_SECURITY_PROTOCOL] ? draft->values[KEY_SECURITY_PROTOCOL] : "PLAINTEXT";
	int which = 0, err = 0;

	while (words[which] && strcasecmp(words[which], protocol) != 0)
		which++;
	if (!words[which])
		return draft_fault(draft, KEY_SECURITY_PROTOCOL, fault,
				   "'%s' is not one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL", protocol);
	draft->config->use_tls = which & 1;
	if (draft->config->use_tls)
		err = config_make_tls(draft, fault);
	if (err == 0 && which >= 2)
		return config_make_login(draft, fault);
	for (size_t i = 0; err == 0 && which < 2 && i < sizeof credentials / sizeof *credentials; i++)
		if (draft->values[credentials[i]])
			return draft_fault(draft, credentials[i], fault,
					   "nobody logs in with security.protocol=%s; set SASL_SSL or "
					   "SASL_PLAINTEXT, or remove the line",
					   words[which]);
	return err;
}

static int make_lookup(struct config_draft *draft, struct fault *fault)
{
	const char *lookup = draft->values[KEY_DNS_LOOKUP];

	if (lookup && strcmp(lookup, "resolve_canonical_bootstrap_servers_only") == 0)
		draft->config->canonical_names = true;
	else if (lookup && strcmp(lookup, "use_all_dns_ips") != 0 && strcmp(lookup, "default") != 0)
		return draft_fault(draft, KEY_DNS_LOOKUP, fault,
				   "write use_all_dns_ips or resolve_canonical_bootstrap_servers_only");
	return 0;
}

static int make(struct holder *holder, const struct props *props, struct fault *fault)
{
	struct config_draft draft = { .config = &holder->config,
				      .arena = &holder->arena,
				      .name = holder->config.name };
	int err = read_props(holder, &draft, props, fault);

	if (err < 0)
		return err;
	if (!draft.values[KEY_BOOTSTRAP])
		return fault_set(fault, ERR_CONFIG, "%s: bootstrap.servers is missing", draft.name);
	err = parse_addresses(view_text(draft.values[KEY_BOOTSTRAP]), &holder->arena, &holder->config, fault);
	if (err < 0)
		return fault_at(fault, "%s:%d: %s", draft.name, draft.lines[KEY_BOOTSTRAP],
				draft.words[KEY_BOOTSTRAP]);
	if (draft.values[KEY_CLIENT_ID])
		holder->config.client_id = draft.values[KEY_CLIENT_ID];
	err = make_lookup(&draft, fault);
	if (err == 0)
		err = make_numbers(&draft, fault);
	if (err == 0)
		err = make_security(&draft, fault);
	return err == 0 ? config_make_registry(&draft, fault) : err;
}

int config_parse(struct view text, const char *name, const struct cluster_config **out, struct fault *fault)
{
	struct holder *holder = holder_new(name);
	struct props props;
	int err;

	if (!holder)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	err = props_parse(text, name, &holder->arena, &props, fault);
	if (err == 0)
		err = make(holder, &props, fault);
	if (err < 0) {
		config_release(&holder->config);
		return err;
	}
	*out = &holder->config;
	return 0;
}

static int load_file(const char *path, const struct cluster_config **out, struct fault *fault)
{
	struct buffer text;
	int err;

	buffer_init(&text, CONFIG_FILE_SIZE_MAX);
	err = file_read(path, &text, fault);
	if (err == 0)
		err = config_parse(text.at ? buffer_bytes(&text) : VIEW_LITERAL(""), path, out, fault);
	if (text.at)
		memset(text.at, 0, text.size); /* it held secrets */
	buffer_done(&text);
	return err;
}

static int load_addresses(const char *list, const struct cluster_config **out, struct fault *fault)
{
	static const char *const nothing[] = { NULL };
	struct holder *holder = holder_new(list);
	int err;

	if (!holder)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	err = parse_addresses(view_text(list), &holder->arena, &holder->config, fault);
	if (err < 0) {
		config_release(&holder->config);
		return err;
	}
	holder->config.ignored = nothing;
	buffer_text(&holder->shown, "bootstrap.servers=");
	text_safe(&holder->shown, view_text(list));
	buffer_text(&holder->shown, "\n");
	*out = &holder->config;
	return 0;
}

int config_load(const char *argument, const struct cluster_config **out, struct fault *fault)
{
	size_t size = strlen(argument);
	bool path = strchr(argument, '/') || (size > 11 && strcmp(argument + size - 11, ".properties") == 0);

	/* "PLAINTEXT://host:9092" has slashes and is no path. */
	if (strstr(argument, "://"))
		path = false;
	if (path || access(argument, F_OK) == 0)
		return load_file(argument, out, fault);
	if (!strchr(argument, ':'))
		return fault_set(
			fault, ERR_CONFIG,
			"'%.200s' is neither host:port nor the path of a .properties file that is there",
			argument);
	return load_addresses(argument, out, fault);
}

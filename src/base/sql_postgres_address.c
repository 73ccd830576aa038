/* sql_postgres_address.c - hosts one at a time, and secrets kept. */
#include <assert.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/sql_postgres.h"
#include "base/text.h"

/* Lists in an address are split by commas; libpq would try them by itself, but with one deadline for all. */
struct list {
	char *items[POSTGRES_HOSTS_MAX];
	int count;
};

struct postgres_address {
	PQconninfoOption *options;
	struct list hosts, host_addresses, ports;
};

bool sql_postgres_is(const char *address)
{
	return strncmp(address, "postgres://", 11) == 0 || strncmp(address, "postgresql://", 13) == 0;
}

static const char *value_of(const struct postgres_address *address, const char *keyword)
{
	for (const PQconninfoOption *o = address->options; o->keyword; o++)
		if (strcmp(o->keyword, keyword) == 0)
			return o->val;
	return NULL;
}

static int list_read(struct list *list, const char *text)
{
	while (text) {
		const char *comma = strchrnul(text, ',');

		if (list->count == POSTGRES_HOSTS_MAX)
			return ERR_LIMIT;
		list->items[list->count] = strndup(text, (size_t)(comma - text));
		if (!list->items[list->count])
			return ERR_MEMORY;
		list->count++;
		text = *comma ? comma + 1 : NULL;
	}
	return 0;
}

static void list_free(struct list *list)
{
	for (int i = 0; i < list->count; i++)
		free(list->items[i]);
}

/* One port may stand for all hosts. */
static const char *item(const struct list *list, int index)
{
	if (list->count == 0)
		return NULL;
	return list->items[list->count == 1 ? 0 : index];
}

void postgres_address_free(struct postgres_address *address)
{
	if (!address)
		return;
	list_free(&address->hosts);
	list_free(&address->host_addresses);
	list_free(&address->ports);
	PQconninfoFree(address->options);
	free(address);
}

int postgres_address_hosts(const struct postgres_address *address)
{
	int count = address->hosts.count > address->host_addresses.count ? address->hosts.count
									 : address->host_addresses.count;

	return count ? count : 1;
}

static bool holds(const char *text, char letter)
{
	return text && strchr(text, letter);
}

/* A password that holds a bare `@` or `/` makes its own rest a host, a port or a database. */
static bool is_misread(const struct postgres_address *address)
{
	const char *ports = value_of(address, "port");

	return holds(value_of(address, "host"), '@') || holds(value_of(address, "dbname"), '@') ||
	       (ports && ports[strspn(ports, "0123456789,")] != 0);
}

static char *name_of(const struct postgres_address *address)
{
	const char *hosts = value_of(address, "host"), *ports = value_of(address, "port");
	const char *database = value_of(address, "dbname");
	struct buffer name;
	char *copy;

	buffer_init(&name, 4096);
	buffer_text(&name, "postgres://");
	for (int i = 0; i < address->hosts.count && hosts[0] != '/'; i++)
		buffer_printf(&name, "%s%s%s%s", i ? "," : "", address->hosts.items[i], ports ? ":" : "",
			      ports ? item(&address->ports, i) : "");
	buffer_printf(&name, "/%s", database ? database : "");
	if (hosts && hosts[0] == '/')
		buffer_printf(&name, " at %s", hosts);
	copy = name.err ? NULL : view_string(buffer_bytes(&name));
	buffer_done(&name);
	return copy;
}

static int check(const struct postgres_address *address, struct fault *fault)
{
	int hosts = postgres_address_hosts(address);
	const struct list *lists[] = { &address->hosts, &address->host_addresses, &address->ports };

	for (int i = 0; i < 3; i++)
		if (lists[i]->count > 1 && lists[i]->count != hosts)
			return fault_set(fault, ERR_CONFIG,
					 "the postgres:// address: as many ports as hosts, or one for all");
	return 0;
}

int postgres_address_read(const char *text, struct postgres_address **out, char **name, struct fault *fault)
{
	struct postgres_address *address = calloc(1, sizeof *address);
	int err;

	if (!address)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	address->options = PQconninfoParse(text, NULL);
	if (!address->options || is_misread(address)) {
		err = fault_set(
			fault, ERR_CONFIG,
			"the postgres:// address cannot be read: it looks like "
			"postgres://user@host:5432/database; "
			"in a name or password write %%40 for @, %%2F for /, %%3A for :, %%25 for %%");
		goto free_address;
	}
	err = list_read(&address->hosts, value_of(address, "host"));
	if (err == 0)
		err = list_read(&address->host_addresses, value_of(address, "hostaddr"));
	if (err == 0)
		err = list_read(&address->ports, value_of(address, "port"));
	if (err < 0) {
		fault_set(fault, err, "the postgres:// address: %s: %d hosts at most", err_text(err),
			  POSTGRES_HOSTS_MAX);
		goto free_address;
	}
	err = check(address, fault);
	if (err < 0)
		goto free_address;
	*name = name_of(address);
	if (!*name) {
		err = fault_set(fault, ERR_MEMORY, "out of memory");
		goto free_address;
	}
	*out = address;
	return 0;

free_address:
	postgres_address_free(address);
	return err;
}

static void put(struct postgres_options *out, const char *keyword, const char *value)
{
	if (!value || !*value)
		return;
	assert(out->count < POSTGRES_OPTIONS_MAX);
	out->keywords[out->count] = keyword;
	out->values[out->count++] = value;
}

void postgres_address_options(const struct postgres_address *address, int index, struct postgres_options *out)
{
	*out = (struct postgres_options){ .count = 0 };
	put(out, "host", item(&address->hosts, index));
	put(out, "hostaddr", item(&address->host_addresses, index));
	put(out, "port", item(&address->ports, index));
	put(out, "fallback_application_name", "interlock");
	put(out, "client_encoding", "UTF8");
	for (const PQconninfoOption *o = address->options; o->keyword; o++)
		if (strcmp(o->keyword, "host") != 0 && strcmp(o->keyword, "hostaddr") != 0 &&
		    strcmp(o->keyword, "port") != 0 && strcmp(o->keyword, "client_encoding") != 0)
			put(out, o->keyword, o->val);
}

static bool holds_secret(const struct postgres_address *address, const char *message)
{
	static const char *const secrets[] = { "password", "sslpassword" };

	for (int i = 0; i < 2; i++) {
		const char *secret = value_of(address, secrets[i]);

		if (secret && *secret && strstr(message, secret))
			return true;
	}
	return false;
}

void postgres_address_tidy(const struct postgres_address *address, const char *message, struct buffer *out)
{
	bool first = true;

	if (holds_secret(address, message)) {
		buffer_text(out, "what the database said holds the password");
		return;
	}
	while (*message) {
		const char *end = strchrnul(message, '\n');
		struct view line = text_trim(view_of(message, (size_t)(end - message)));

		if (line.size && strncmp((const char *)line.at, "LOCATION:", 9) != 0) {
			buffer_text(out, first ? "" : "; ");
			text_safe(out, line);
			first = false;
		}
		message = *end ? end + 1 : end;
	}
}

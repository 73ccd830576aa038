/*
 * config.h - how to reach one cluster: addresses, TLS, SASL, time limits.
 *
 * Read from `host:port[,host:port...]` or from a .properties file with the keys that the Java clients and
 * librdkafka share, under the names of either.  A config never changes once it is made; who keeps it holds a
 * reference.
 */
#ifndef CLIENT_CONFIG_H
#define CLIENT_CONFIG_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/err.h"
#include "base/view.h"
#include "loop/tls.h"

struct address {
	const char *host; /* no brackets around IPv6 */
	uint16_t port;
};

/* Where an OAUTHBEARER token comes from. */
enum token_source {
	TOKEN_NONE,
	TOKEN_FILE,    /* read again at each login */
	TOKEN_COMMAND, /* its standard output, or the `access_token` of a JSON object there */
	TOKEN_OIDC,    /* client credentials, RFC 6749 section 4.4 */
};

/*
 * The schema registry that goes with the cluster, as the serializers of Java and librdkafka are told of it.  What its
 * keys ask of us and we cannot do is no reason to refuse the cluster: `refused` then says it.
 */
struct registry_config {
	const char *const *urls;	     /* without user and password; ends with NULL; NULL: none is named */
	bool none;			     /* schema.registry.url=none: there is none, and that is meant */
	const char *username, *password;     /* basic authentication; NULL: none */
	const char *token;		     /* bearer; NULL: none */
	const struct tls_options *tls;	     /* NULL: the system's store */
	const char *refused;
};

struct cluster_config {
	const char *name; /* the file, or the address list as given */
	struct address *bootstrap;
	int bootstrap_count;
	bool canonical_names; /* client.dns.lookup=resolve_canonical_bootstrap_servers_only */
	const char *client_id;

	bool use_tls;
	struct tls_options tls;

	const char *mechanism; /* NULL: no SASL; else "PLAIN", "SCRAM-SHA-256", ... */
	const char *username, *password;
	const char *kerberos_service; /* "kafka" */
	const char *kerberos_principal, *kerberos_keytab;
	enum token_source token_source;
	const char *token_file, *token_command;
	const char *token_url, *token_client_id, *token_client_secret, *token_scope;
	const char *token_extensions; /* "name=value,name=value" */
	const char *https_ca_file;    /* whom to trust at the token endpoint; NULL: the system store */

	int64_t request_timeout_ms; /* 30,000 */
	int64_t connect_timeout_ms; /* 10,000: resolving, connecting, TLS; and again for versions and login */
	int64_t idle_ms;            /* 540,000; 0: never */
	int64_t reconnect_backoff_ms, reconnect_backoff_ms_max; /* 50, 1,000 */
	int64_t retry_backoff_ms, retry_backoff_ms_max;         /* 100, 1,000 */
	int64_t metadata_age_ms_max;                            /* 300,000 */
	int receive_buffer_size, send_buffer_size;              /* 0: left to the kernel */
	size_t frame_size_max;                                  /* of a response: 100,000,000 */
	struct registry_config registry;

	const char *const *ignored; /* keys that were there and say nothing to us (group.id, acks, ...); ends
				       with NULL */
};

/* `argument` is an address list or the path of a file.  ERR_CONFIG, ERR_NOT_FOUND, ERR_IO with file, line and
 * word. */
int config_load(const char *argument, const struct cluster_config **out, struct fault *fault);

/* The same from the text of a file; `name` stands in the faults, and ${file:...} is relative to this process.
 */
int config_parse(struct view text, const char *name, const struct cluster_config **out, struct fault *fault);

/* References; any thread may take and drop them. */
const struct cluster_config *config_hold(const struct cluster_config *config);
void config_release(const struct cluster_config *config); /* NULL is silent */

/* For logs and for people: one `key=value` a line, what is secret as ***. */
void config_describe(const struct cluster_config *config, struct buffer *out);

/* `host:port` or `[v6]:port`; a missing port is refused.  `out->host` is in the arena. */
int address_parse(struct view text, struct arena *arena, struct address *out, struct fault *fault);

#endif

/*
 * registry_client.h - one schema registry, asked by the REST interface that Confluent's, Karapace, Apicurio (ccompat) and
 * Redpanda share (https://docs.confluent.io/platform/current/schema-registry/develop/api.html).
 *
 *	registry_client_new() - registry_client_want()* - registry_client_wait() - registry_client_get()* - ..._free()
 *
 * Every schema is asked for once, with all that it refers to.  A few requests are under way at once; what fails for
 * a while is asked again, at the next address when there are several.  A registry that cannot be reached is not asked
 * for the rest.
 */
#ifndef EXIT_REGISTRY_CLIENT_H
#define EXIT_REGISTRY_CLIENT_H

#include "client/config.h"
#include "exit/schema_compare.h"
#include "exit/schema_id.h"
#include "loop/loop.h"

struct registry_client;

struct registry_client_options {
	struct schema_rules rules;
	int64_t timeout_ms;     /* one request */
	int at_once;            /* requests */
	size_t schema_size_max; /* one answer, bytes */
};

/* The config must outlive it.  ERR_MEMORY. */
int registry_client_new(struct loop *loop, const struct registry_config *config,
			const struct registry_client_options *options, struct registry_client **out);
void registry_client_free(struct registry_client *client); /* NULL is silent */

/* Starts to ask for it, unless that was done before.  ERR_MEMORY. */
int registry_client_want(struct registry_client *client, const struct schema_id *id);

/*
 * Waits until everything is answered (never from a callback): 0, ERR_CANCELLED; what has no answer when the deadline
 * (monotonic) passes has failed.
 */
int registry_client_wait(struct registry_client *client, int64_t deadline_ms);

enum registry_answer {
	REGISTRY_FAILED, /* nobody can say: `why` */
	REGISTRY_FOUND,
	REGISTRY_MISSING, /* the registry says that there is no such schema */
};

struct registry_schema {
	enum registry_answer answer;
	enum schema_type type;
	struct sha256 print; /* with all that it refers to */
	bool as_it_stands; /* could not be brought into its canonical form: equal prints say something, others not */
	bool unreachable; /* FAILED because the registry itself could not be asked */
	const char *why;  /* NULL unless FAILED; holds as long as the client */
};

/* FAILED for what was never wanted. */
void registry_client_get(struct registry_client *client, const struct schema_id *id,
			 struct registry_schema *out);

int registry_client_requests(const struct registry_client *client); /* sent so far */

#endif

/* sql_postgres.h - a postgres:// address taken apart; for sql_postgres.c alone. */
#ifndef BASE_SQL_POSTGRES_H
#define BASE_SQL_POSTGRES_H

#include "base/sql_inside.h"

#define POSTGRES_HOSTS_MAX   16
#define POSTGRES_OPTIONS_MAX 64

/* What libpq is handed for one attempt: pairs, ended by NULL.  The texts belong to the address. */
struct postgres_options {
	const char *keywords[POSTGRES_OPTIONS_MAX + 1];
	const char *values[POSTGRES_OPTIONS_MAX + 1];
	int count;
};

struct postgres_address;

/*
 * Reads the address.  ERR_CONFIG when it is wrong; the sentence then repeats nothing of it, since a password with a bare
 * `@` or `/` can land in any part.  `name`, which the caller frees, is what may be shown.
 */
int postgres_address_read(const char *text, struct postgres_address **out, char **name, struct fault *fault);
void postgres_address_free(struct postgres_address *address);

/* The hosts that are tried in turn; at least 1. */
int postgres_address_hosts(const struct postgres_address *address);

/* Everything for host number `index`. */
void postgres_address_options(const struct postgres_address *address, int index,
			      struct postgres_options *out);

/* What libpq said, on one line, and nothing at all of it if a password could be in it. */
void postgres_address_tidy(const struct postgres_address *address, const char *message, struct buffer *out);

#endif

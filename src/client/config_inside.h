/* config_inside.h - a config while it is being made.  For config*.c. */
#ifndef CLIENT_CONFIG_INSIDE_H
#define CLIENT_CONFIG_INSIDE_H

#include "client/config.h"
#include "client/config_keys.h"

struct config_draft {
	struct cluster_config *config;
	struct arena *arena;
	const char *name; /* of the file */
	const char *values
		[CONFIG_KEYS]; /* NULL: not given; ${...} is replaced but in KEY_JAAS, whose values have their own */
	const char *words[CONFIG_KEYS]; /* the name under which it was given */
	int lines[CONFIG_KEYS];
};

/* "file:line: key: sentence".  Never put a value of a secret key into the sentence. */
int draft_fault(const struct config_draft *draft, enum config_key key, struct fault *fault,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Each fills its part of draft->config. */
int config_make_tls(struct config_draft *draft, struct fault *fault);
int config_make_login(struct config_draft *draft, struct fault *fault);
int config_make_registry(struct config_draft *draft, struct fault *fault); /* after the other two */

#endif

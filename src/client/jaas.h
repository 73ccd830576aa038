/*
 * jaas.h - the line of sasl.jaas.config: `class.of.LoginModule required name="value" name=value;`
 */
#ifndef CLIENT_JAAS_H
#define CLIENT_JAAS_H

#include "base/arena.h"
#include "base/err.h"

#define JAAS_OPTIONS_MAX 64

struct jaas_option {
	const char *name, *value;
};

struct jaas {
	const char *module; /* the last part of the class's name: "ScramLoginModule" */
	struct jaas_option options[JAAS_OPTIONS_MAX];
	int count;
};

/* ERR_CONFIG with what is missing; the fault never holds a value. */
int jaas_parse(struct view text, struct arena *arena, struct jaas *out, struct fault *fault);

/* NULL when it is not there. */
const char *jaas_get(const struct jaas *jaas, const char *name);

#endif

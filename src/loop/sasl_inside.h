/* sasl_inside.h - one mechanism as a struct of functions.  For sasl.c and the mechanisms only. */
#ifndef LOOP_SASL_INSIDE_H
#define LOOP_SASL_INSIDE_H

#include "loop/sasl.h"

struct sasl_mechanism {
	const char *name;
	int (*start)(const struct sasl_options *options, struct sasl **out, struct fault *fault);
	int (*step)(struct sasl *sasl, struct view in, struct buffer *out, struct fault *fault);
	void (*free)(struct sasl *sasl);
};

/* Every mechanism's state begins with this. */
struct sasl {
	const struct sasl_mechanism *mechanism;
};

extern const struct sasl_mechanism scram_sha_256, scram_sha_512, oauth_bearer, gsasl_plain, gsasl_gssapi;

/* Wipes and frees a text. */
void secret_free(char *text);

#endif

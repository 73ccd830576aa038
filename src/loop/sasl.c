/* sasl.c - picks the mechanism. */
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "loop/sasl_inside.h"

static const struct sasl_mechanism *const mechanisms[] = {
	&gsasl_plain, &scram_sha_256, &scram_sha_512, &oauth_bearer, &gsasl_gssapi,
};

static const struct sasl_mechanism *find(const char *name)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
		if (strcmp(mechanisms[i]->name, name) == 0)
			return mechanisms[i];
	return NULL;
}

bool sasl_knows(const char *mechanism)
{
	return find(mechanism) != NULL;
}

int sasl_client_new(const struct sasl_options *options, struct sasl **out, struct fault *fault)
{
	const struct sasl_mechanism *mechanism = find(options->mechanism);
	struct sasl *sasl;
	int err;

	if (!mechanism)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "SASL mechanism '%s' is not one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, "
				 "OAUTHBEARER, GSSAPI",
				 options->mechanism);
	err = mechanism->start(options, &sasl, fault);
	if (err < 0)
		return err;
	sasl->mechanism = mechanism;
	*out = sasl;
	return 0;
}

int sasl_step(struct sasl *sasl, struct view in, struct buffer *out, struct fault *fault)
{
	return sasl->mechanism->step(sasl, in, out, fault);
}

void sasl_free(struct sasl *sasl)
{
	if (sasl)
		sasl->mechanism->free(sasl);
}

void secret_free(char *text)
{
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

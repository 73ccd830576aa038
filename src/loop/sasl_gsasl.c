/*
 * sasl_gsasl.c - PLAIN and GSSAPI by GNU SASL.
 *
 * For GSSAPI the credentials are the system's: a ticket cache (KRB5CCNAME) or a client keytab (KRB5_CLIENT_KTNAME).
 * The library asks the KDC by itself and waits for it: a KDC that is silent holds up the loop.
 */
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "loop/sasl_inside.h"

struct gnu {
	struct sasl sasl;
	Gsasl *library;
	Gsasl_session *session;
};

static void gnu_free(struct sasl *sasl)
{
	struct gnu *gnu = (struct gnu *)sasl;

	if (gnu->session)
		gsasl_finish(gnu->session);
	if (gnu->library)
		gsasl_done(gnu->library);
	free(gnu);
}

static int gnu_start(const struct sasl_options *options, struct sasl **out, struct fault *fault)
{
	struct gnu *gnu = calloc(1, sizeof *gnu);
	int result;

	if (!gnu)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	result = gsasl_init(&gnu->library);
	if (result == GSASL_OK)
		result = gsasl_client_start(gnu->library, options->mechanism, &gnu->session);
	if (result != GSASL_OK) {
		gnu_free(&gnu->sasl);
		return fault_set(fault, ERR_UNSUPPORTED, "SASL mechanism %s: %s", options->mechanism,
				 gsasl_strerror(result));
	}
	*out = &gnu->sasl;
	return 0;
}

static int plain_start(const struct sasl_options *options, struct sasl **out, struct fault *fault)
{
	int err;

	if (!options->username || !options->password)
		return fault_set(fault, ERR_LOGIN, "PLAIN needs sasl.username and sasl.password");
	err = gnu_start(options, out, fault);
	if (err < 0)
		return err;

	Gsasl_session *session = ((struct gnu *)*out)->session;

	gsasl_property_set(session, GSASL_AUTHID, options->username);
	gsasl_property_set(session, GSASL_PASSWORD, options->password);
	if (options->authorization_id)
		gsasl_property_set(session, GSASL_AUTHZID, options->authorization_id);
	return 0;
}

static int gssapi_start(const struct sasl_options *options, struct sasl **out, struct fault *fault)
{
	int err;

	if (!options->host)
		return fault_set(fault, ERR_LOGIN, "GSSAPI needs the broker's host name");
	err = gnu_start(options, out, fault);
	if (err < 0)
		return err;

	Gsasl_session *session = ((struct gnu *)*out)->session;

	gsasl_property_set(session, GSASL_SERVICE, options->service ? options->service : "kafka");
	gsasl_property_set(session, GSASL_HOSTNAME, options->host);
	gsasl_property_set(session, GSASL_QOP, "qop-auth"); /* Kafka has TLS for the rest */
	gsasl_property_set(session, GSASL_AUTHZID,
			   options->authorization_id ? options->authorization_id : "");
	return 0;
}

static int gnu_step(struct sasl *sasl, struct view in, struct buffer *out, struct fault *fault)
{
	struct gnu *gnu = (struct gnu *)sasl;
	char *bytes = NULL;
	size_t size = 0;
	int result = gsasl_step(gnu->session, (const char *)in.at, in.size, &bytes, &size);

	if (result != GSASL_OK && result != GSASL_NEEDS_MORE) {
		gsasl_free(bytes);
		if (sasl->mechanism == &gsasl_gssapi)
			return fault_set(fault, ERR_LOGIN,
					 "%s; is there a ticket for this host (klist), or a keytab?",
					 gsasl_strerror(result));
		return fault_set(fault, ERR_LOGIN, "%s", gsasl_strerror(result));
	}
	buffer_put(out, bytes, size);
	gsasl_free(bytes);
	return result == GSASL_OK ? 1 : 0;
}

int sasl_use_keytab(const char *keytab, struct fault *fault)
{
	static char *used;

	if (used && strcmp(used, keytab) == 0)
		return 0;
	if (used)
		return fault_set(fault, ERR_CONFIG,
				 "%s: this process has the Kerberos credentials of %s already; keep both in "
				 "one keytab, "
				 "or use a ticket cache",
				 keytab, used);
	used = strdup(keytab);
	if (!used || setenv("KRB5_CLIENT_KTNAME", keytab, 1) < 0 ||
	    setenv("KRB5CCNAME", "MEMORY:interlock", 1) < 0)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	return 0;
}

const struct sasl_mechanism gsasl_plain = { "PLAIN", plain_start, gnu_step, gnu_free };
const struct sasl_mechanism gsasl_gssapi = { "GSSAPI", gssapi_start, gnu_step, gnu_free };

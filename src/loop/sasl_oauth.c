/*
 * sasl_oauth.c - OAUTHBEARER (RFC 7628), with Kafka's extensions (KIP-342).
 *
 *	client	n,,^Aauth=Bearer TOKEN^Aname=value^A^A
 *	server	nothing, or a JSON object that says what was wrong
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "loop/sasl_inside.h"

#define MESSAGE_SIZE_MAX 65536

struct oauth {
	struct sasl sasl;
	char *message;
	bool sent;
};

static int oauth_start(const struct sasl_options *options, struct sasl **out, struct fault *fault)
{
	struct oauth *oauth;
	struct buffer text;

	if (!options->token || !*options->token)
		return fault_set(fault, ERR_LOGIN, "OAUTHBEARER has no token");
	if (strpbrk(options->token, "\001\r\n "))
		return fault_set(fault, ERR_LOGIN,
				 "the OAUTHBEARER token has characters that no token has; is it a whole "
				 "document?");
	oauth = calloc(1, sizeof *oauth);
	if (!oauth)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	buffer_init(&text, MESSAGE_SIZE_MAX);
	buffer_text(&text, "n,");
	if (options->authorization_id)
		buffer_printf(&text, "a=%s", options->authorization_id);
	buffer_printf(&text, ",\001auth=Bearer %s\001", options->token);
	if (options->extensions && *options->extensions) {
		for (const char *at = options->extensions; *at; at++)
			buffer_put(&text, *at == ',' ? "\001" : at, 1);
		buffer_text(&text, "\001");
	}
	buffer_text(&text, "\001");
	if (text.err < 0) {
		buffer_done(&text);
		free(oauth);
		return fault_set(fault, ERR_LIMIT, "the OAUTHBEARER token is larger than %d bytes",
				 MESSAGE_SIZE_MAX);
	}
	oauth->message = strdup(buffer_string(&text));
	memset(text.at, 0, text.size);
	buffer_done(&text);
	*out = &oauth->sasl;
	return 0;
}

static int oauth_step(struct sasl *sasl, struct view in, struct buffer *out, struct fault *fault)
{
	struct oauth *oauth = (struct oauth *)sasl;
	struct buffer words;

	if (!oauth->sent) {
		oauth->sent = true;
		buffer_text(out, oauth->message);
		return 0;
	}
	if (in.size == 0)
		return 1;
	buffer_init(&words, 400);
	text_safe(&words, in.size > 300 ? view_of(in.at, 300) : in);
	fault_set(fault, ERR_LOGIN, "the broker refuses the token: %s", buffer_string(&words));
	buffer_done(&words);
	return ERR_LOGIN;
}

static void oauth_free(struct sasl *sasl)
{
	struct oauth *oauth = (struct oauth *)sasl;

	secret_free(oauth->message);
	free(oauth);
}

const struct sasl_mechanism oauth_bearer = { "OAUTHBEARER", oauth_start, oauth_step, oauth_free };

/*
 * login.c - SASL over a connection: SaslHandshake picks the mechanism, SaslAuthenticate carries its messages (KIP-152).
 *
 * A broker may limit the life of a session (KIP-368).  Then the same exchange runs again on the same connection before
 * the time is up, with nothing else under way.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/connection_inside.h"

#define SASL_HANDSHAKE             17
#define SASL_AUTHENTICATE          36
#define UNSUPPORTED_SASL_MECHANISM 33
#define ILLEGAL_SASL_STATE         34
#define SASL_AUTHENTICATION_FAILED 58
#define LOGIN_MESSAGE_SIZE_MAX     (1u << 20)

static void step(struct connection *c, struct view in, bool answered);

static int64_t login_deadline_ms(const struct connection *c)
{
	return loop_now_ms(c->loop) + c->connector->config->connect_timeout_ms;
}

static void done(struct connection *c, int64_t lifetime_ms)
{
	sasl_free(c->sasl);
	c->sasl = NULL;
	connection_logged_in(c, lifetime_ms);
}

static void authenticated(void *context, const struct answer *answer)
{
	struct connection *c = context;
	struct sasl_authenticate_response response;
	struct fault fault = { 0 };
	struct buffer words;

	if (answer->err < 0)
		return;
	if (message_read(answer->api->response, answer->version, answer->body, &c->scratch, &response,
			 &fault) < 0) {
		connection_fault(c, fault.err, "the answer to SaslAuthenticate cannot be read: %s",
				 fault.text);
		return;
	}
	if (response.error_code != 0) {
		/* The broker's words may hold the user's name, never the password; a terminal must survive them. */
		buffer_init(&words, 600);
		text_safe(&words, response.error_message);
		connection_fault(c, ERR_LOGIN, "the broker refuses the login with %s%s%s%s: %s",
				 c->connector->config->mechanism,
				 c->connector->config->username ? " of user '" : "",
				 c->connector->config->username ? c->connector->config->username : "",
				 c->connector->config->username ? "'" : "",
				 words.size > 0                                      ? buffer_string(&words)
				 : response.error_code == SASL_AUTHENTICATION_FAILED ? "authentication failed"
										     : "it gives no reason");
		buffer_done(&words);
		return;
	}
	if (!c->sasl_complete) {
		c->session_lifetime_ms = response.session_lifetime_ms;
		step(c, response.auth_bytes, true);
		return;
	}
	done(c, response.session_lifetime_ms);
}

static void send_message(struct connection *c, struct view bytes)
{
	const struct api *api = api_find(SASL_AUTHENTICATE);
	struct sasl_authenticate_request request;
	struct fault fault = { 0 };

	message_default(api->request, &request);
	request.auth_bytes = bytes;
	if (connection_put(c, api, c->ranges[SASL_AUTHENTICATE].until, &request, login_deadline_ms(c),
			   authenticated, c, NULL, &fault) < 0)
		connection_fail(c, &fault);
}

/*
 * Hands the broker's message to the mechanism and sends what it says.  When the mechanism is done and has nothing more
 * to say (SCRAM after the server's proof), so are we.
 */
static void step(struct connection *c, struct view in, bool answered)
{
	struct fault fault = { 0 };
	struct buffer out;
	int result;

	buffer_init(&out, LOGIN_MESSAGE_SIZE_MAX);
	result = sasl_step(c->sasl, in, &out, &fault);
	if (result < 0 || out.err < 0) {
		connection_fault(c, result < 0 ? result : ERR_LIMIT, "login with %s: %s",
				 c->connector->config->mechanism,
				 result < 0 ? fault.text : "a message is too large");
	} else {
		c->sasl_complete = result == 1;
		if (result == 1 && out.size == 0 && answered)
			done(c, c->session_lifetime_ms);
		else
			send_message(c, view_of(out.at ? out.at : (const uint8_t *)"", out.size));
	}
	buffer_done(&out);
}

static void list_mechanisms(const struct sasl_handshake_response *response, struct buffer *out)
{
	for (int32_t i = 0; i < response->mechanisms.count; i++) {
		if (i > 0)
			buffer_text(out, ", ");
		text_safe(out, response->mechanisms.at[i]);
	}
	if (response->mechanisms.count <= 0)
		buffer_text(out, "none");
}

static void shaken(void *context, const struct answer *answer)
{
	struct connection *c = context;
	struct sasl_handshake_response response;
	struct fault fault = { 0 };
	struct buffer names;

	if (answer->err < 0)
		return;
	if (message_read(answer->api->response, answer->version, answer->body, &c->scratch, &response,
			 &fault) < 0) {
		connection_fault(c, fault.err, "the answer to SaslHandshake cannot be read: %s", fault.text);
		return;
	}
	if (response.error_code == 0) {
		step(c, VIEW_LITERAL(""), false);
		return;
	}
	buffer_init(&names, 500);
	list_mechanisms(&response, &names);
	if (response.error_code == ILLEGAL_SASL_STATE)
		connection_fault(
			c, ERR_LOGIN,
			"this listener takes no login; set security.protocol to %s, or use the port of a "
			"SASL listener",
			c->connector->config->use_tls ? "SSL" : "PLAINTEXT");
	else if (response.error_code == UNSUPPORTED_SASL_MECHANISM)
		connection_fault(c, ERR_LOGIN,
				 "the broker does not offer the SASL mechanism %s; it offers %s",
				 c->connector->config->mechanism, buffer_string(&names));
	else
		connection_fault(c, ERR_LOGIN, "the broker answers SaslHandshake with error %d",
				 response.error_code);
	buffer_done(&names);
}

/* Everything is at hand: begins the exchange. */
static void begin(struct connection *c, const char *token)
{
	const struct cluster_config *config = c->connector->config;
	const struct api *api = api_find(SASL_HANDSHAKE);
	struct sasl_options options = {
		.mechanism = config->mechanism,
		.username = config->username,
		.password = config->password,
		.token = token,
		.extensions = config->token_extensions,
		.service = config->kerberos_service,
		.host = c->host,
	};
	struct sasl_handshake_request request;
	struct fault fault = { 0 };

	sasl_free(c->sasl);
	c->sasl = NULL;
	c->sasl_complete = false;
	if (sasl_client_new(&options, &c->sasl, &fault) < 0) {
		connection_fail(c, &fault);
		return;
	}
	message_default(api->request, &request);
	request.mechanism = view_text(config->mechanism);
	if (connection_put(c, api, 1, &request, login_deadline_ms(c), shaken, c, NULL, &fault) < 0)
		connection_fail(c, &fault);
}

static void token_came(void *owner, const char *token, const struct fault *fault)
{
	struct connection *c = owner;

	c->token_wait = NULL;
	if (token)
		begin(c, token);
	else
		connection_fail(c, fault);
}

void login_start(struct connection *c)
{
	const struct cluster_config *config = c->connector->config;

	if (!config->mechanism) {
		connection_logged_in(c, 0);
		return;
	}
	if (c->state != CONNECTION_RELOGIN)
		c->state = CONNECTION_LOGIN;
	if (c->ranges[SASL_HANDSHAKE].until < 1 || c->ranges[SASL_AUTHENTICATE].until < 0) {
		connection_fault(c, ERR_UNSUPPORTED,
				 "the broker does not speak SaslHandshake version 1 with SaslAuthenticate "
				 "(Kafka 1.0 and later do)");
		return;
	}
	if (!c->connector->tokens)
		begin(c, NULL);
	else if (token_ask(c->connector->tokens, token_came, c, &c->token_wait) < 0)
		connection_fault(c, ERR_MEMORY, "out of memory");
}

void login_stop(struct connection *c)
{
	token_forget(c->token_wait);
	c->token_wait = NULL;
	sasl_free(c->sasl);
	c->sasl = NULL;
}

/* login.c - SaslHandshake and SaslAuthenticate, and what may be asked before them. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "broker/api.h"
#include "broker/bearer.h"
#include "broker/connections.h"
#include "broker/login.h"
#include "broker/principal_rules.h"
#include "broker/pipeline.h"
#include "broker/scram_users.h"
#include "loop/sasl_server.h"

#define PRINCIPAL_SIZE_MAX 4096
#define TOKEN_SIZE_MAX     65536

void login_init(struct login *login, const struct entrance *entrance, void (*failed)(void *owner),
		void *owner)
{
	*login = (struct login){ .entrance = entrance, .failed = failed, .owner = owner };
	login->state = entrance && entrance->uses_login ? LOGIN_FIRST : LOGIN_OPEN;
	buffer_init(&login->principal, PRINCIPAL_SIZE_MAX);
}

void login_done(struct login *login)
{
	sasl_server_free(login->sasl);
	login->sasl = NULL;
	buffer_done(&login->principal);
}

void login_certificate(struct login *login, struct view subject)
{
	/* Where a login is asked for, that says who it is. */
	if (login->state != LOGIN_OPEN)
		return;
	buffer_reset(&login->principal);
	buffer_text(&login->principal, "User:");
	if (login->entrance && login->entrance->names)
		login->nameless = !principal_rules_name(login->entrance->names, subject, &login->principal);
	else
		buffer_view(&login->principal, subject);
	/* A name that cannot be kept is not that of ANONYMOUS. */
	login->nameless = login->nameless || login->principal.err < 0;
	if (login->nameless)
		buffer_reset(&login->principal);
}

struct view login_principal(const struct login *login)
{
	return login && login->principal.size ? buffer_bytes(&login->principal)
					      : VIEW_LITERAL("User:ANONYMOUS");
}

static bool is_in(const struct login *login)
{
	return login->state == LOGIN_OPEN || login->state == LOGIN_DONE ||
	       (login->state == LOGIN_EXCHANGE && login->again);
}

int64_t login_frame_size_max(const struct login *login, const struct broker *broker)
{
	return !login || is_in(login) ? broker->properties.request_bytes_max
				      : broker->properties.login_bytes_max;
}

const char *login_refuses(const struct login *login, int16_t api_key, int64_t now_ms)
{
	if (login && login->nameless)
		return "nothing names its certificate in 4,096 bytes (ssl.principal.mapping.rules)";
	if (!login || api_key == API_API_VERSIONS || api_key == API_SASL_HANDSHAKE ||
	    api_key == API_SASL_AUTHENTICATE)
		return login && login->state == LOGIN_FAILED ? "a request behind a failed login" : NULL;
	if (login->state == LOGIN_OPEN)
		return NULL;
	if (login->state != LOGIN_DONE)
		return "a request before the login";
	return login->expires_ms && now_ms > login->expires_ms
		       ? "the login has run out (connections.max.reauth.ms)"
		       : NULL;
}

/* ---- the users ---------------------------------------------------------------------------------------------------------- */

static bool same_secret(struct view given, const char *known)
{
	size_t size = strlen(known);
	unsigned char differ = given.size != size;

	for (size_t i = 0; i < given.size; i++)
		differ |= given.at[i] ^ (unsigned char)known[size ? i % size : 0];
	return differ == 0;
}

static bool is_plain_user(void *context, struct view user, struct view password)
{
	const struct login *login = context;
	const struct entrance *entrance = login->entrance;
	bool ok = false;

	for (int i = 0; i < entrance->user_count; i++)
		if (view_is(user, entrance->users[i].name))
			ok = same_secret(password, entrance->users[i].password);
	return ok;
}

static bool find_scram_user(void *context, struct view user, struct scram_credential *out)
{
	const struct login *login = context;

	return scram_user_find(login->entrance->broker, login->mechanism, user, out);
}

/* Here and not at the end of the exchange: a client whose token is refused often leaves without a word. */
static bool is_bearers_token(void *context, struct view token, struct buffer *user)
{
	struct login *login = context;
	struct fault fault = { 0 };
	int64_t expires_ms = 0, now_ms = clock_wall_ms(loop_clock(login->entrance->broker->loop));

	if (bearer_judge(login->entrance->bearer, token, user, &expires_ms, &fault) < 0) {
		log_line(LOG_INFO, "broker: listener %s: a token was refused: %s", login->entrance->name,
			 fault.text);
		return false;
	}
	login->lifetime_ms = expires_ms > now_ms ? expires_ms - now_ms : 0;
	return true;
}

/* ---- the exchange --------------------------------------------------------------------------------------------------------- */

static void fail(struct login *login, struct request *request, const char *why)
{
	log_line(LOG_INFO, "broker: a login by %s from %s failed: %s",
		 login->mechanism ? login->mechanism : "?", request->pipeline->client_host, why);
	login->state = LOGIN_FAILED;
	login->failed(login->owner);
}

/* A principal stays what it was: a connection cannot become somebody else's. */
static bool name_user(struct login *login)
{
	struct buffer name;
	bool ok;

	buffer_init(&name, PRINCIPAL_SIZE_MAX);
	buffer_text(&name, "User:");
	buffer_view(&name, sasl_server_user(login->sasl));
	ok = name.err == 0 &&
	     (!login->again || view_equal(buffer_bytes(&name), buffer_bytes(&login->principal)));
	if (ok) {
		buffer_reset(&login->principal);
		buffer_view(&login->principal, buffer_bytes(&name));
		ok = login->principal.err == 0;
	}
	buffer_done(&name);
	return ok;
}

/* How long this login holds: connections.max.reauth.ms or the token, whichever ends first; negative: for ever. */
static int64_t session_ms_of(const struct login *login, const struct properties *properties)
{
	char of_mechanism[80];
	const char *own;
	int64_t reauth_ms = properties->reauth_ms;

	snprintf(of_mechanism, sizeof of_mechanism, "%s.connections.max.reauth.ms", login->mechanism);
	for (char *at = of_mechanism; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	own = properties_listener_value(properties, login->entrance->lower_name, of_mechanism);
	if (!own)
		own = properties_listener_value(properties, login->entrance->lower_name,
						"connections.max.reauth.ms");
	if (own)
		reauth_ms = strtoll(own, NULL, 10);
	if (reauth_ms <= 0 || (login->lifetime_ms >= 0 && login->lifetime_ms < reauth_ms))
		return login->lifetime_ms;
	return reauth_ms;
}

/* One step.  0 or 1 as sasl_server_step(), negative when the login has failed. */
static int step(struct login *login, struct request *request, struct view in, struct buffer *out,
		struct fault *fault)
{
	struct broker *broker = request->broker;
	int err = sasl_server_step(login->sasl, in, out, fault);

	if (err == 1 && !name_user(login))
		err = fault_set(fault, ERR_LOGIN, "a connection cannot change its user");
	if (err == 1 && !login->again && !connection_principal_welcome(broker, login_principal(login)))
		err = fault_set(
			fault, ERR_LOGIN,
			"too many connections of this user (interlock.max.connections.per.principal)");
	if (err == 1) {
		int64_t session_ms = session_ms_of(login, &broker->properties);

		login->expires_ms = session_ms >= 0 ? loop_now_ms(broker->loop) + session_ms : 0;
		sasl_server_free(login->sasl);
		login->sasl = NULL;
		login->state = LOGIN_DONE;
		login->again = true;
	}
	return err;
}

bool login_takes_frame(struct request *request)
{
	struct login *login = request->pipeline ? request->pipeline->login : NULL;
	struct fault fault = { 0 };
	struct buffer token;
	int err;

	if (!login || login->state != LOGIN_RAW)
		return false;
	buffer_init(&token, TOKEN_SIZE_MAX);
	err = step(login, request, view_of(request->frame, request->size), &token, &fault);
	if (err < 0) {
		fail(login, request, fault.text);
	} else {
		buffer_i32(&request->out, (int32_t)token.size);
		buffer_view(&request->out, buffer_bytes(&token));
	}
	buffer_done(&token);
	request_answer_nothing(request);
	return true;
}

static int16_t begin(struct login *login, struct request *request, struct view mechanism)
{
	struct sasl_server_options options = {
		.plain = is_plain_user, .scram = find_scram_user, .bearer = is_bearers_token, .context = login
	};

	/* Who is in logs in again only where logins run out, and by the same mechanism. */
	if (login->state == LOGIN_OPEN || login->state == LOGIN_EXCHANGE || login->state == LOGIN_FAILED ||
	    (login->state == LOGIN_DONE && login->expires_ms == 0))
		return KAFKA_ILLEGAL_SASL_STATE;
	if (!entrance_takes(login->entrance, mechanism) ||
	    (login->again && !view_is(mechanism, login->mechanism)))
		return KAFKA_UNSUPPORTED_SASL_MECHANISM;
	for (int i = 0; i < login->entrance->mechanism_count; i++)
		if (view_is(mechanism, login->entrance->mechanisms[i]))
			login->mechanism = options.mechanism = login->entrance->mechanisms[i];
	sasl_server_free(login->sasl);
	login->sasl = NULL;
	login->lifetime_ms = -1;
	if (sasl_server_new(&options, &login->sasl) < 0)
		return KAFKA_UNSUPPORTED_SASL_MECHANISM;
	login->state = request_version(request) == 0 ? LOGIN_RAW : LOGIN_EXCHANGE;
	return KAFKA_NONE;
}

void handle_sasl_handshake(struct request *request)
{
	const struct sasl_handshake_request *in = request->message;
	struct sasl_handshake_response *response = request_response(request);
	struct login *login = request->pipeline ? request->pipeline->login : NULL;
	const struct entrance *entrance = login ? login->entrance : NULL;
	int count = entrance ? entrance->mechanism_count : 0;

	if (response) {
		response->error_code =
			login ? begin(login, request, in->mechanism) : KAFKA_ILLEGAL_SASL_STATE;
		response->mechanisms.at =
			arena_array(&request->arena, (size_t)count + 1, sizeof *response->mechanisms.at);
		for (int i = 0; response->mechanisms.at && i < count; i++)
			response->mechanisms.at[response->mechanisms.count++] =
				view_text(entrance->mechanisms[i]);
		if (response->error_code && login && login->state != LOGIN_OPEN &&
		    login->state != LOGIN_DONE && login->state != LOGIN_FAILED)
			fail(login, request, "the mechanism is not taken here");
	}
	request_answer(request, response && response->mechanisms.at ? response : NULL);
}

/* What Kafka says to the peer; the log says more. */
static struct view sorry(struct request *request, const struct login *login, const struct fault *fault)
{
	struct buffer text;
	struct view copy;

	buffer_init(&text, 300);
	if (login->mechanism && strcmp(login->mechanism, "PLAIN") == 0)
		buffer_text(&text, "Authentication failed: Invalid username or password");
	else if (login->mechanism && strcmp(login->mechanism, "OAUTHBEARER") == 0 && fault->err == ERR_LOGIN)
		buffer_text(&text, fault->text);
	else
		buffer_printf(
			&text,
			"Authentication failed during authentication due to invalid credentials with SASL "
			"mechanism %s",
			login->mechanism ? login->mechanism : "");
	copy = arena_copy(&request->arena, buffer_bytes(&text));
	buffer_done(&text);
	return copy;
}

void handle_sasl_authenticate(struct request *request)
{
	const struct sasl_authenticate_request *in = request->message;
	struct sasl_authenticate_response *response = request_response(request);
	struct login *login = request->pipeline ? request->pipeline->login : NULL;
	struct fault fault = { 0 };
	struct buffer token;
	int err;

	if (!response) {
		request_answer(request, NULL);
		return;
	}
	response->auth_bytes = VIEW_LITERAL("");
	if (!login || login->state != LOGIN_EXCHANGE || !login->sasl) {
		response->error_code = KAFKA_ILLEGAL_SASL_STATE;
		response->error_message =
			VIEW_LITERAL("SaslAuthenticate request received after successful authentication");
		if (login && login->state == LOGIN_FIRST)
			fail(login, request, "a SaslAuthenticate without a SaslHandshake");
		request_answer(request, response);
		return;
	}
	buffer_init(&token, TOKEN_SIZE_MAX);
	err = step(login, request, in->auth_bytes, &token, &fault);
	if (err < 0) {
		response->error_code = KAFKA_SASL_AUTHENTICATION_FAILED;
		response->error_message = sorry(request, login, &fault);
		fail(login, request, fault.err ? fault.text : err_text(err));
	} else if (token.size > 0) {
		response->auth_bytes = arena_copy(&request->arena, buffer_bytes(&token));
	}
	if (err == 1 && login->expires_ms)
		response->session_lifetime_ms = login->expires_ms - loop_now_ms(request->broker->loop);
	buffer_done(&token);
	request_answer(request, response);
}

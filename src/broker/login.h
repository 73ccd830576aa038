/*
 * login.h - who is at the other end of a connection, from its first byte to its last.
 *
 *	OPEN                                        no login is asked for
 *	FIRST --handshake--> EXCHANGE --> DONE      SaslHandshake 1, SaslAuthenticate
 *	FIRST --handshake--> RAW -------> DONE      SaslHandshake 0: frames are bare tokens
 *	DONE --handshake--> EXCHANGE --> DONE       again, before connections.max.reauth.ms has passed (KIP-368)
 *	any --> FAILED                              answered, and closed a little later
 *
 * Until DONE only ApiVersions, SaslHandshake and SaslAuthenticate are served, and frames are small
 * (sasl.server.max.receive.size).
 */
#ifndef BROKER_LOGIN_H
#define BROKER_LOGIN_H

#include "broker/entrance.h"

enum login_state { LOGIN_OPEN, LOGIN_FIRST, LOGIN_EXCHANGE, LOGIN_RAW, LOGIN_DONE, LOGIN_FAILED };

struct sasl_server;

struct login {
	const struct entrance *entrance; /* NULL: the port that is open to everybody */
	enum login_state state;
	bool again;    /* it was DONE before */
	bool nameless; /* no rule names the certificate, or the name is too long: nothing is served */
	struct sasl_server *sasl;
	const char *mechanism;
	struct buffer principal; /* "User:alice" */
	int64_t expires_ms;      /* of the loop's clock; 0: never */
	int64_t lifetime_ms;     /* of the token that was shown; negative: there was none */
	void (*failed)(void *owner);
	void *owner;
};

/* `failed` is told once when the connection should end soon. */
void login_init(struct login *login, const struct entrance *entrance, void (*failed)(void *owner),
		void *owner);
void login_done(struct login *login);

/* The peer showed a certificate with this subject. */
void login_certificate(struct login *login, struct view subject);

/* Frames may be this large now. */
int64_t login_frame_size_max(const struct login *login, const struct broker *broker);

/* True when the frame was a bare token, and was served. */
bool login_takes_frame(struct request *request);

/* May a request of this API be served now?  If not, why. */
const char *login_refuses(const struct login *login, int16_t api_key, int64_t now_ms);

/* "User:ANONYMOUS" when nobody logged in. */
struct view login_principal(const struct login *login);

#endif

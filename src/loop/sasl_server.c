/* sasl_server.c - PLAIN, SCRAM and OAUTHBEARER from the side that lets people in. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/random.h"
#include "base/text.h"
#include "loop/sasl_server.h"

#define NONCE_SIZE        24
#define USER_SIZE_MAX     1024
#define PASSWORD_SIZE_MAX 4096
#define MESSAGE_SIZE_MAX  65536
#define BEARER_SIZE_MAX   (2 * MESSAGE_SIZE_MAX) /* a token, and what may stand beside it */

#define OAUTH_REFUSAL "{\"status\":\"invalid_token\"}"

enum stage { STAGE_FIRST, STAGE_PROOF, STAGE_REFUSED, STAGE_DONE };

struct sasl_server {
	struct sasl_server_options options;
	const EVP_MD *hash; /* of SCRAM; NULL for the others */
	bool is_bearer;
	enum stage stage;
	struct buffer user;
	struct buffer
		message; /* SCRAM's AuthMessage as far as it has come: client-first-bare,server-first, */
	struct buffer nonce, header;
	struct scram_credential credential;
};

static const EVP_MD *hash_of(const char *mechanism)
{
	if (strcmp(mechanism, "SCRAM-SHA-256") == 0)
		return EVP_sha256();
	return strcmp(mechanism, "SCRAM-SHA-512") == 0 ? EVP_sha512() : NULL;
}

bool sasl_server_knows(const char *mechanism)
{
	return strcmp(mechanism, "PLAIN") == 0 || strcmp(mechanism, "OAUTHBEARER") == 0 ||
	       hash_of(mechanism) != NULL;
}

int sasl_server_new(const struct sasl_server_options *options, struct sasl_server **out)
{
	struct sasl_server *server;

	if (!sasl_server_knows(options->mechanism))
		return ERR_UNSUPPORTED;
	server = calloc(1, sizeof *server);
	if (!server)
		return ERR_MEMORY;
	server->options = *options;
	server->hash = hash_of(options->mechanism);
	server->is_bearer = strcmp(options->mechanism, "OAUTHBEARER") == 0;
	buffer_init(&server->user, USER_SIZE_MAX);
	buffer_init(&server->message, MESSAGE_SIZE_MAX);
	buffer_init(&server->nonce, MESSAGE_SIZE_MAX);
	buffer_init(&server->header, MESSAGE_SIZE_MAX);
	*out = server;
	return 0;
}

void sasl_server_free(struct sasl_server *server)
{
	if (!server)
		return;
	buffer_done(&server->user);
	buffer_done(&server->message);
	buffer_done(&server->nonce);
	buffer_done(&server->header);
	OPENSSL_cleanse(&server->credential, sizeof server->credential);
	free(server);
}

struct view sasl_server_user(const struct sasl_server *server)
{
	return buffer_bytes(&server->user);
}

static int refused(struct fault *fault)
{
	return fault_set(fault, ERR_LOGIN, "the user is not known, or the password is wrong");
}

static int malformed(struct fault *fault, const char *what)
{
	return fault_set(fault, ERR_MALFORMED, "%s", what);
}

static bool user_take(struct sasl_server *server, struct view user)
{
	buffer_reset(&server->user);
	if (user.size == 0 || user.size > USER_SIZE_MAX || !text_is_utf8(user) ||
	    memchr(user.at, 0, user.size))
		return false;
	buffer_view(&server->user, user);
	return server->user.err == 0;
}

/* ---- PLAIN: authorization id, NUL, user, NUL, password ------------------------------------------------------------------ */

static struct view until_nul(struct view *rest)
{
	const uint8_t *nul = rest->size ? memchr(rest->at, 0, rest->size) : NULL;
	struct view part = *rest;

	if (!nul)
		return VIEW_NULL;
	part.size = (size_t)(nul - rest->at);
	*rest = view_of(nul + 1, rest->size - part.size - 1);
	return part;
}

static int step_plain(struct sasl_server *server, struct view in, struct fault *fault)
{
	struct view acting = until_nul(&in), user = VIEW_NULL;

	if (acting.at)
		user = until_nul(&in);
	if (!user.at || in.size == 0 || in.size > PASSWORD_SIZE_MAX || memchr(in.at, 0, in.size) ||
	    !user_take(server, user))
		return malformed(fault,
				 "a PLAIN login is three texts: an authorization id, a user, a password");
	if (!server->options.plain(server->options.context, user, in))
		return refused(fault);
	if (acting.size > 0 && !view_equal(acting, user))
		return fault_set(fault, ERR_LOGIN,
				 "the client requested an authorization id that is different from its user");
	return 1;
}

/* ---- SCRAM -------------------------------------------------------------------------------------------------------------- */

static void base64_put(struct buffer *out, const uint8_t *at, size_t size)
{
	uint8_t *room = buffer_room(out, (size + 2) / 3 * 4 + 1);

	if (room)
		buffer_grow(out, (size_t)EVP_EncodeBlock(room, at, (int)size));
}

/* Exactly `size` bytes of base64. */
static bool base64_take(struct view in, uint8_t *out, size_t size)
{
	uint8_t block[SCRAM_KEY_SIZE_MAX + 8];
	size_t padding;

	if (in.size == 0 || in.size != (size + 2) / 3 * 4 || in.size / 4 * 3 > sizeof block)
		return false;
	padding = (3 - size % 3) % 3;
	if (EVP_DecodeBlock(block, in.at, (int)in.size) != (int)(size + padding))
		return false;
	memcpy(out, block, size);
	return true;
}

/* Up to the next comma, and past it. */
static struct view take_part(struct view *rest)
{
	const uint8_t *comma = rest->size ? memchr(rest->at, ',', rest->size) : NULL;
	struct view part = *rest;

	if (comma)
		part.size = (size_t)(comma - rest->at);
	*rest = comma ? view_of(comma + 1, rest->size - part.size - 1) : view_of(rest->at + rest->size, 0);
	return part;
}

static struct view attribute(struct view part, char name)
{
	return part.size >= 2 && part.at[0] == (uint8_t)name && part.at[1] == '='
		       ? view_of(part.at + 2, part.size - 2)
		       : VIEW_NULL;
}

/* A name in which ',' and '=' are written =2C and =3D. */
static bool name_take(struct view in, struct buffer *out)
{
	buffer_reset(out);
	for (size_t i = 0; i < in.size; i++) {
		struct view escape = view_of(in.at + i, in.size - i < 3 ? in.size - i : 3);

		if (in.at[i] != '=') {
			buffer_put(out, in.at + i, 1);
			continue;
		}
		if (!view_is(escape, "=2C") && !view_is(escape, "=3D"))
			return false;
		buffer_text(out, view_is(escape, "=2C") ? "," : "=");
		i += 2;
	}
	return out->err == 0 && out->size > 0 && text_is_utf8(buffer_bytes(out));
}

static void hmac(const EVP_MD *hash, const uint8_t *key, struct view text, uint8_t *out)
{
	unsigned size;

	HMAC(hash, key, EVP_MD_get_size(hash), text.at, text.size, out, &size);
}

/* n,[a=id],n=user,r=nonce[,...] */
static int step_first(struct sasl_server *server, struct view in, struct buffer *out, struct fault *fault)
{
	struct view rest = in, binding = take_part(&rest), acting = take_part(&rest), bare = rest;
	struct view name = attribute(take_part(&rest), 'n'), nonce = attribute(take_part(&rest), 'r');
	uint8_t chance[NONCE_SIZE];
	struct buffer first;
	struct buffer acting_name;
	int err = 0;

	if (in.size > MESSAGE_SIZE_MAX / 4 || !(view_is(binding, "n") || view_is(binding, "y")) || !name.at ||
	    !nonce.at || nonce.size == 0 || !name_take(name, &server->user))
		return malformed(fault, "the client's first SCRAM message cannot be read");
	buffer_init(&acting_name, USER_SIZE_MAX);
	if (acting.size > 0 &&
	    (!attribute(acting, 'a').at || !name_take(attribute(acting, 'a'), &acting_name) ||
	     !view_equal(buffer_bytes(&acting_name), buffer_bytes(&server->user))))
		err = fault_set(fault, ERR_LOGIN,
				"the client requested an authorization id that is different from its user");
	buffer_done(&acting_name);
	if (err == 0 &&
	    !server->options.scram(server->options.context, buffer_bytes(&server->user), &server->credential))
		err = refused(fault);
	if (err == 0 && server->credential.key_size != (size_t)EVP_MD_get_size(server->hash))
		err = refused(fault);
	if (err < 0)
		return err;
	random_secret(chance, sizeof chance);
	buffer_view(&server->header, view_of(in.at, (size_t)(bare.at - in.at)));
	buffer_view(&server->nonce, nonce);
	base64_put(&server->nonce, chance, sizeof chance);
	buffer_init(&first, MESSAGE_SIZE_MAX);
	buffer_text(&first, "r=");
	buffer_view(&first, buffer_bytes(&server->nonce));
	buffer_text(&first, ",s=");
	base64_put(&first, server->credential.salt, server->credential.salt_size);
	buffer_printf(&first, ",i=%d", server->credential.iterations);
	buffer_view(out, buffer_bytes(&first));
	buffer_view(&server->message, bare);
	buffer_text(&server->message, ",");
	buffer_view(&server->message, buffer_bytes(&first));
	buffer_text(&server->message, ",");
	err = first.err ? first.err : server->message.err ? server->message.err : 0;
	buffer_done(&first);
	server->stage = STAGE_PROOF;
	return err;
}

/* c=header,r=nonce[,...],p=proof */
static int step_proof(struct sasl_server *server, struct view in, struct buffer *out, struct fault *fault)
{
	uint8_t proof[SCRAM_KEY_SIZE_MAX], signature[EVP_MAX_MD_SIZE], key[EVP_MAX_MD_SIZE];
	size_t size = server->credential.key_size, unsigned_size = 0;
	struct view rest = in, channel = attribute(take_part(&rest), 'c'),
		    nonce = attribute(take_part(&rest), 'r');
	struct buffer header;
	bool same;

	for (size_t i = in.size; i > 3 && unsigned_size == 0; i--)
		if (memcmp(in.at + i - 3, ",p=", 3) == 0)
			unsigned_size = i - 3;
	if (in.size > MESSAGE_SIZE_MAX / 4 || !channel.at || !nonce.at || unsigned_size == 0 ||
	    !base64_take(view_of(in.at + unsigned_size + 3, in.size - unsigned_size - 3), proof, size))
		return malformed(fault, "the client's last SCRAM message cannot be read");
	buffer_init(&header, MESSAGE_SIZE_MAX);
	base64_put(&header, server->header.at, server->header.size);
	same = view_equal(buffer_bytes(&header), channel) && view_equal(buffer_bytes(&server->nonce), nonce);
	buffer_done(&header);
	if (!same)
		return malformed(fault, "the client's last SCRAM message does not continue its first");
	buffer_view(&server->message, view_of(in.at, unsigned_size));
	if (server->message.err < 0)
		return malformed(fault, "the client's SCRAM messages are too long");
	hmac(server->hash, server->credential.stored_key, buffer_bytes(&server->message), signature);
	for (size_t i = 0; i < size; i++)
		signature[i] ^= proof[i]; /* the client's key, if it has one */
	EVP_Digest(signature, size, key, NULL, server->hash, NULL);
	OPENSSL_cleanse(signature, sizeof signature);
	if (CRYPTO_memcmp(key, server->credential.stored_key, size) != 0)
		return refused(fault);
	hmac(server->hash, server->credential.server_key, buffer_bytes(&server->message), signature);
	buffer_text(out, "v=");
	base64_put(out, signature, size);
	server->stage = STAGE_DONE;
	return 1;
}

/* ---- OAUTHBEARER: n,[a=id],^Aauth=Bearer TOKEN^A[name=value^A...]^A ---------------------------------------------------- */

/* Up to the next ^A, and past it; null when there is none. */
static struct view take_pair(struct view *rest)
{
	const uint8_t *end = rest->size ? memchr(rest->at, 1, rest->size) : NULL;
	struct view part;

	if (!end)
		return VIEW_NULL;
	part = view_of(rest->at, (size_t)(end - rest->at));
	*rest = view_of(end + 1, rest->size - part.size - 1);
	return part;
}

/* `name=value`, the name of letters, the value of what can be printed or blanks. */
static bool is_pair(struct view pair, size_t *name_size)
{
	size_t at = 0;

	while (at < pair.size && ((pair.at[at] | 32) >= 'a' && (pair.at[at] | 32) <= 'z'))
		at++;
	*name_size = at;
	if (at == 0 || at + 1 >= pair.size || pair.at[at] != '=')
		return false;
	for (at++; at < pair.size; at++)
		if ((pair.at[at] < ' ' && pair.at[at] != '\t' && pair.at[at] != '\r' &&
		     pair.at[at] != '\n') ||
		    pair.at[at] > '~')
			return false;
	return true;
}

/* The token in `Bearer TOKEN`; null when it is no such thing. */
static struct view bearer_of(struct view value)
{
	static const char scheme[] = "bearer ";
	size_t at = 0;

	for (; at < sizeof scheme - 1; at++)
		if (at >= value.size ||
		    (at < sizeof scheme - 2 ? value.at[at] | 32 : value.at[at]) != scheme[at])
			return VIEW_NULL;
	while (at < value.size && value.at[at] == ' ')
		at++;
	return at < value.size ? view_of(value.at + at, value.size - at) : VIEW_NULL;
}

/* The extensions (KIP-342) are read and passed over: nobody here asks for one. */
static bool read_bearer(struct view in, struct buffer *acting, struct view *token)
{
	struct view rest = in, front = take_pair(&rest), name = VIEW_NULL, pair;
	size_t name_size;

	*token = VIEW_NULL;
	if (in.size > BEARER_SIZE_MAX || front.size < 3 || front.at[front.size - 1] != ',' ||
	    !view_is(take_part(&front), "n"))
		return false;
	name = take_part(&front);
	if (front.size > 0 ||
	    (name.size > 0 && (!attribute(name, 'a').at || !name_take(attribute(name, 'a'), acting))))
		return false;
	while ((pair = take_pair(&rest)).at && pair.size > 0) {
		if (!is_pair(pair, &name_size))
			return false;
		if (!view_is(view_of(pair.at, name_size), "auth"))
			continue;
		if (token->at)
			return false;
		*token = bearer_of(view_of(pair.at + name_size + 1, pair.size - name_size - 1));
		if (!token->at)
			return false;
	}
	return pair.at && rest.size == 0 && token->at;
}

static int step_bearer(struct sasl_server *server, struct view in, struct buffer *out, struct fault *fault)
{
	struct buffer acting;
	struct view token;
	int err = 1;

	buffer_init(&acting, USER_SIZE_MAX);
	if (!read_bearer(in, &acting, &token)) {
		err = malformed(fault, "the client's OAUTHBEARER message cannot be read");
	} else if (!server->options.bearer(server->options.context, token, &server->user) ||
		   server->user.err < 0 || server->user.size == 0) {
		buffer_reset(&server->user);
		buffer_text(out, OAUTH_REFUSAL);
		server->stage = STAGE_REFUSED;
		err = 0;
	} else if (acting.size > 0 && !view_equal(buffer_bytes(&acting), buffer_bytes(&server->user))) {
		err = fault_set(fault, ERR_LOGIN,
				"the client requested an authorization id that is different from its user");
	}
	buffer_done(&acting);
	return err;
}

int sasl_server_step(struct sasl_server *server, struct view in, struct buffer *out, struct fault *fault)
{
	switch (server->stage) {
	case STAGE_FIRST:
		if (server->hash)
			return step_first(server, in, out, fault);
		server->stage = STAGE_DONE;
		return server->is_bearer ? step_bearer(server, in, out, fault)
					 : step_plain(server, in, fault);
	case STAGE_PROOF: return step_proof(server, in, out, fault);
	case STAGE_REFUSED:
		server->stage = STAGE_DONE;
		return view_is(in, "\001") ? fault_set(fault, ERR_LOGIN, "%s", OAUTH_REFUSAL)
					   : malformed(fault, "a refused token is answered by one byte");
	case STAGE_DONE: break;
	}
	return malformed(fault, "the login is over already");
}

bool scram_credential_of_salted(const char *mechanism, struct view salted, struct view salt, int iterations,
				struct scram_credential *out)
{
	const EVP_MD *hash = hash_of(mechanism);
	uint8_t client_key[EVP_MAX_MD_SIZE];

	if (!hash || salted.size != (size_t)EVP_MD_get_size(hash) || salt.size == 0 ||
	    salt.size > sizeof out->salt)
		return false;
	*out = (struct scram_credential){ .salt_size = salt.size,
					  .iterations = iterations,
					  .key_size = salted.size };
	memcpy(out->salt, salt.at, salt.size);
	hmac(hash, salted.at, VIEW_LITERAL("Client Key"), client_key);
	EVP_Digest(client_key, salted.size, out->stored_key, NULL, hash, NULL);
	hmac(hash, salted.at, VIEW_LITERAL("Server Key"), out->server_key);
	OPENSSL_cleanse(client_key, sizeof client_key);
	return true;
}

bool scram_credential_of_password(const char *mechanism, struct view password, struct view salt,
				  int iterations, struct scram_credential *out)
{
	const EVP_MD *hash = hash_of(mechanism);
	uint8_t salted[EVP_MAX_MD_SIZE];
	bool ok;

	if (!hash || password.size > INT_MAX || salt.size > sizeof out->salt ||
	    PKCS5_PBKDF2_HMAC((const char *)password.at, (int)password.size, salt.at, (int)salt.size,
			      iterations, hash, EVP_MD_get_size(hash), salted) != 1)
		return false;
	ok = scram_credential_of_salted(mechanism, view_of(salted, (size_t)EVP_MD_get_size(hash)), salt,
					iterations, out);
	OPENSSL_cleanse(salted, sizeof salted);
	return ok;
}

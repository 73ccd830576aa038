/* token.c - fetches OAUTHBEARER tokens. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "base/file.h"
#include "base/list.h"
#include "base/text.h"
#include "client/token.h"
#include "loop/exec.h"
#include "loop/http.h"

#define TOKEN_SIZE_MAX  65536
#define TOKEN_MARGIN_MS 30000 /* a token that ends sooner than this is not used for a new login */

struct tokens {
	struct loop *loop;
	const struct cluster_config *config; /* the connector holds it */
	struct timer *soon;
	struct exec *exec;
	struct http *http;
	struct http_call *call;
	char *token;
	int64_t good_until_ms; /* monotonic; 0: fetch it again for each login */
	struct fault fault;
	struct list waits;
	bool fetching;
};

struct token_wait {
	struct list link;
	token_fn *done;
	void *owner;
};

static void forget_token(struct tokens *tokens)
{
	if (tokens->token)
		OPENSSL_cleanse(tokens->token, strlen(tokens->token));
	free(tokens->token);
	tokens->token = NULL;
}

/* Tells all who wait now; who asks from within a callback waits for the next. */
static void tell(struct tokens *tokens)
{
	struct list now;

	list_init(&now);
	while (!list_empty(&tokens->waits)) {
		struct list *link = tokens->waits.next;

		list_remove(link);
		list_append(&now, link);
	}
	while (!list_empty(&now)) {
		struct token_wait *wait = container_of(now.next, struct token_wait, link);

		list_remove(&wait->link);
		wait->done(wait->owner, tokens->token, tokens->token ? NULL : &tokens->fault);
		free(wait);
	}
}

static void settle(struct tokens *tokens)
{
	tokens->fetching = false;
	tell(tokens);
	if (tokens->good_until_ms == 0)
		forget_token(tokens);
}

/* Keeps `text`: the token itself, or a JSON object with `access_token` and perhaps `expires_in`. */
static void keep_token(struct tokens *tokens, struct view text)
{
	json_t *object = NULL;
	const char *token;

	forget_token(tokens);
	tokens->good_until_ms = 0;
	text = text_trim(text);
	while (text.size > 0 && (text.at[text.size - 1] == '\n' || text.at[text.size - 1] == '\r'))
		text = text_trim(view_of(text.at, text.size - 1));
	if (text.size > 0 && text.at[0] == '{')
		object = json_loadb((const char *)text.at, text.size, 0, NULL);
	if (object) {
		json_int_t lifetime_s = json_integer_value(json_object_get(object, "expires_in"));

		token = json_string_value(json_object_get(object, "access_token"));
		tokens->token = token ? strdup(token) : NULL;
		if (lifetime_s > 0 && lifetime_s < INT32_MAX)
			tokens->good_until_ms =
				loop_now_ms(tokens->loop) + lifetime_s * 1000 - TOKEN_MARGIN_MS;
		json_decref(object);
	} else if (text.size > 0 && text.at[0] != '{') {
		tokens->token = view_string(text);
	}
	if (!tokens->token)
		fault_set(&tokens->fault, ERR_LOGIN, "the OAUTHBEARER token source gave no token%s",
			  text.size > 0 ? " (no access_token in its answer)" : "; its answer is empty");
}

static void fetch_file(struct tokens *tokens)
{
	struct buffer text;

	buffer_init(&text, TOKEN_SIZE_MAX);
	if (file_read(tokens->config->token_file, &text, &tokens->fault) < 0) {
		forget_token(tokens);
		tokens->fault.err = ERR_LOGIN; /* a file that is not there is not a topic that is not there */
		fault_at(&tokens->fault, "the OAUTHBEARER token");
	} else {
		keep_token(tokens, text.at ? buffer_bytes(&text) : VIEW_LITERAL(""));
	}
	buffer_done(&text);
}

static void command_ended(void *owner, const struct exec_result *result)
{
	struct tokens *tokens = owner;
	struct buffer words;

	forget_token(tokens);
	if (result->err < 0) {
		tokens->fault = *result->fault;
		if (result->err == ERR_NOT_FOUND || result->err == ERR_IO || result->err == ERR_LIMIT)
			tokens->fault.err = ERR_LOGIN; /* as sure as a refusal: trying again helps nobody */
		fault_at(&tokens->fault, "the OAUTHBEARER token command");
	} else if (result->status != 0) {
		buffer_init(&words, 400);
		text_safe(&words, result->errors.size > 300 ? view_of(result->errors.at, 300)
							    : text_trim(result->errors));
		fault_set(&tokens->fault, ERR_LOGIN, "the OAUTHBEARER token command ended with status %d: %s",
			  result->status, buffer_string(&words));
		buffer_done(&words);
	} else {
		keep_token(tokens, result->output.at ? result->output : VIEW_LITERAL(""));
	}
	settle(tokens);
}

static int fetch_command(struct tokens *tokens)
{
	struct exec_options options = {
		.timeout_ms = tokens->config->request_timeout_ms,
		.output_size_max = TOKEN_SIZE_MAX,
	};
	char **arguments;
	int err = exec_split(tokens->config->token_command, &arguments, &tokens->fault);

	if (err < 0)
		return err;
	options.arguments = (const char *const *)arguments;
	exec_free(tokens->exec);
	tokens->exec = NULL;
	err = exec_start(tokens->loop, &options, command_ended, tokens, &tokens->exec);
	free(arguments);
	return err < 0 ? fault_set(&tokens->fault, err, "out of memory") : 0;
}

static void endpoint_answered(void *owner, const struct http_reply *reply)
{
	struct tokens *tokens = owner;
	json_t *object;

	tokens->call = NULL;
	forget_token(tokens);
	if (reply->err < 0) {
		tokens->fault = *reply->fault;
		if (reply->err == ERR_LIMIT)
			tokens->fault.err = ERR_LOGIN;
		fault_at(&tokens->fault, "the OAUTHBEARER token endpoint");
	} else if (reply->status != 200) {
		object = json_loadb((const char *)reply->body.at, reply->body.size, 0, NULL);

		const char *code = json_string_value(json_object_get(object, "error"));

		fault_set(&tokens->fault, ERR_LOGIN, "the OAUTHBEARER token endpoint answers %d%s%.200s",
			  reply->status, code ? ": " : "", code ? code : "");
		json_decref(object);
	} else {
		keep_token(tokens, reply->body);
	}
	settle(tokens);
}

/* RFC 6749, section 2.3.1: what goes into a form, and into the user name, is encoded first. */
static void put_encoded(struct buffer *out, const char *text)
{
	for (; *text; text++)
		if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
		    (*text >= '0' && *text <= '9') || strchr("-._~", *text))
			buffer_put(out, text, 1);
		else
			buffer_printf(out, "%%%02X", (uint8_t)*text);
}

static int fetch_endpoint(struct tokens *tokens)
{
	static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded",
					       "Accept: application/json", NULL };
	const struct cluster_config *config = tokens->config;
	struct http_request request = {
		.method = "POST",
		.url = config->token_url,
		.headers = headers,
		.username = config->token_client_id,
		.password = config->token_client_secret,
		.timeout_ms = config->request_timeout_ms,
		.body_size_max = TOKEN_SIZE_MAX,
	};
	struct tls_options tls = { .ca_file = config->https_ca_file, .verify = true, .verify_host = true };
	struct buffer body;
	int err = tokens->http ? 0 : http_new(tokens->loop, &tokens->http);

	request.tls = &tls;
	buffer_init(&body, 4096);
	buffer_text(&body, "grant_type=client_credentials");
	if (config->token_scope && *config->token_scope) {
		buffer_text(&body, "&scope=");
		put_encoded(&body, config->token_scope);
	}
	request.body = buffer_bytes(&body);
	if (err == 0)
		err = http_send(tokens->http, &request, endpoint_answered, tokens, &tokens->call);
	buffer_done(&body);
	return err < 0 ? fault_set(&tokens->fault, err, "out of memory") : 0;
}

/* Runs a turn of the loop after token_ask(), so that nobody is told from within a call of his own. */
static void begin(void *owner)
{
	struct tokens *tokens = owner;
	int err = 0;

	if (tokens->token && tokens->good_until_ms > loop_now_ms(tokens->loop)) {
		settle(tokens);
		return;
	}
	if (tokens->config->token_source == TOKEN_FILE) {
		fetch_file(tokens);
		settle(tokens);
		return;
	}
	if (tokens->config->token_source == TOKEN_COMMAND)
		err = fetch_command(tokens);
	else
		err = fetch_endpoint(tokens);
	if (err < 0) {
		forget_token(tokens);
		settle(tokens);
	}
}

int tokens_new(struct loop *loop, const struct cluster_config *config, struct tokens **out)
{
	struct tokens *tokens = calloc(1, sizeof *tokens);

	if (!tokens)
		return ERR_MEMORY;
	tokens->loop = loop;
	tokens->config = config;
	list_init(&tokens->waits);
	if (timer_new(loop, begin, tokens, &tokens->soon) < 0) {
		free(tokens);
		return ERR_MEMORY;
	}
	*out = tokens;
	return 0;
}

void tokens_free(struct tokens *tokens)
{
	if (!tokens)
		return;
	timer_free(tokens->soon);
	exec_free(tokens->exec);
	http_free(tokens->http);
	forget_token(tokens);
	free(tokens);
}

int token_ask(struct tokens *tokens, token_fn *done, void *owner, struct token_wait **out)
{
	struct token_wait *wait = calloc(1, sizeof *wait);

	if (!wait)
		return ERR_MEMORY;
	wait->done = done;
	wait->owner = owner;
	list_append(&tokens->waits, &wait->link);
	if (!tokens->fetching) {
		tokens->fetching = true;
		timer_start(tokens->soon, 0);
	}
	*out = wait;
	return 0;
}

void token_forget(struct token_wait *wait)
{
	if (!wait)
		return;
	list_remove(&wait->link);
	free(wait);
}

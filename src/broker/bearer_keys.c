/* bearer_keys.c - published keys, read and read again. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "broker/bearer_keys.h"
#include "loop/http.h"
#include "loop/jwks.h"

#define KEYS_SIZE_MAX ((size_t)1 << 20)
#define ANSWER_MS     10000

struct bearer_keys {
	struct loop *loop;
	struct bearer_keys_options options;
	struct tls_options tls;
	const char *path; /* of a file; NULL: it is fetched */
	struct http *http;
	struct http_call *call;
	struct timer *again;
	struct jwks *now;
	int64_t failed_in_a_row, early_ms; /* the last time that somebody could not wait */
	struct fault fault;
	bool answered;
};

static void read_again(void *owner);

static void take(struct bearer_keys *keys, struct view text, struct fault *fault)
{
	struct jwks *newer;

	if (jwks_read(text, &newer, fault) < 0)
		return;
	jwks_free(keys->now);
	keys->now = newer;
}

/* What came is judged; and when it is read again depends on it. */
static void ended(struct bearer_keys *keys, const struct fault *fault)
{
	int64_t wait_ms = keys->options.refresh_ms;

	keys->answered = true;
	if (fault->err == 0) {
		keys->failed_in_a_row = 0;
	} else {
		keys->fault = *fault;
		fault_at(&keys->fault, "the keys of tokens, %s", keys->options.url);
		/* Each wait twice the last: 30 doublings are past any limit. */
		wait_ms = keys->options.retry_ms << (keys->failed_in_a_row < 30 ? keys->failed_in_a_row : 30);
		if (wait_ms > keys->options.retry_most_ms)
			wait_ms = keys->options.retry_most_ms;
		keys->failed_in_a_row++;
		if (keys->now)
			log_line(LOG_WARNING, "broker: %s; those that were there before hold", keys->fault.text);
	}
	timer_start(keys->again, wait_ms);
}

static void answered(void *owner, const struct http_reply *reply)
{
	struct bearer_keys *keys = owner;
	struct fault fault = { 0 };

	keys->call = NULL;
	if (reply->err < 0)
		fault = *reply->fault;
	else if (reply->status != 200)
		fault_set(&fault, ERR_NETWORK, "it answers %d", reply->status);
	else
		take(keys, reply->body, &fault);
	ended(keys, &fault);
}

static void read_file(struct bearer_keys *keys)
{
	struct fault fault = { 0 };
	struct buffer text;

	buffer_init(&text, KEYS_SIZE_MAX);
	if (file_read(keys->path, &text, &fault) == 0)
		take(keys, buffer_bytes(&text), &fault);
	buffer_done(&text);
	ended(keys, &fault);
}

static void read_again(void *owner)
{
	static const char *const headers[] = { "Accept: application/json", NULL };
	struct bearer_keys *keys = owner;
	struct http_request request = {
		.method = "GET",
		.url = keys->options.url,
		.headers = headers,
		.timeout_ms = ANSWER_MS,
		.body_size_max = KEYS_SIZE_MAX,
		.tls = keys->options.ca_file ? &keys->tls : NULL,
	};
	struct fault fault = { 0 };
	int err;

	if (keys->call)
		return;
	if (keys->path) {
		read_file(keys);
		return;
	}
	err = http_send(keys->http, &request, answered, keys, &keys->call);
	if (err < 0) {
		fault_set(&fault, err, "%s", err_text(err));
		ended(keys, &fault);
	}
}

int bearer_keys_new(struct loop *loop, const struct bearer_keys_options *options, struct bearer_keys **out,
		    struct fault *fault)
{
	bool is_file = strncmp(options->url, "file://", 7) == 0;
	struct bearer_keys *keys;
	int err;

	if (!is_file && strncmp(options->url, "http://", 7) != 0 && strncmp(options->url, "https://", 8) != 0)
		return fault_set(
			fault, ERR_CONFIG,
			"the keys of tokens: the address begins with none of https://, http://, file://");
	keys = calloc(1, sizeof *keys);
	if (!keys)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	keys->loop = loop;
	keys->options = *options;
	keys->path = is_file ? options->url + 7 : NULL;
	keys->early_ms = INT64_MIN / 2;
	keys->tls = (struct tls_options){ .verify = true, .verify_host = true, .ca_file = options->ca_file };
	err = timer_new(loop, read_again, keys, &keys->again);
	if (err == 0 && !is_file)
		err = http_new(loop, &keys->http);
	if (err < 0)
		fault_set(fault, err, "%s", err_text(err));
	if (err == 0) {
		read_again(keys);
		err = loop_until(loop, &keys->answered, loop_now_ms(loop) + 2 * ANSWER_MS);
		if (err < 0)
			fault_set(fault, err, "the keys of tokens, %s: no answer came", options->url);
		else if (!keys->now)
			err = fault_set(fault, keys->fault.err, "%s", keys->fault.text);
	}
	if (err < 0) {
		bearer_keys_free(keys);
		return err;
	}
	*out = keys;
	return 0;
}

void bearer_keys_free(struct bearer_keys *keys)
{
	if (!keys)
		return;
	http_free(keys->http);
	timer_free(keys->again);
	jwks_free(keys->now);
	free(keys);
}

const struct jwks *bearer_keys_now(const struct bearer_keys *keys)
{
	return keys->now;
}

void bearer_keys_missing(struct bearer_keys *keys)
{
	int64_t now_ms = loop_now_ms(keys->loop);

	if (now_ms - keys->early_ms < keys->options.early_ms)
		return;
	keys->early_ms = now_ms;
	timer_start(keys->again, 0);
}

/*
 * http.c - libcurl's multi interface on the loop.
 *
 * curl says which sockets to watch and when to be woken; we tell it what happened, and collect what has ended.
 */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/list.h"
#include "base/text.h"
#include "loop/http.h"

struct http {
	struct loop *loop;
	CURLM *multi;
	struct timer *timer;
	struct list calls;
};

struct http_call {
	struct list link;
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	struct buffer body, answer;
	http_done *done;
	void *owner;
	bool too_large;
	char error[CURL_ERROR_SIZE];
	char place[300]; /* scheme, host and path: no user, no query, for those may be secret */
};

/* A socket of curl's. */
struct watch {
	uv_poll_t poll;
	struct http *http;
	curl_socket_t socket;
};

static void call_free(struct http_call *call)
{
	list_remove(&call->link);
	curl_multi_remove_handle(call->http->multi, call->easy);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	buffer_done(&call->body);
	buffer_done(&call->answer);
	free(call);
}

void http_cancel(struct http_call *call)
{
	if (call)
		call_free(call);
}

static int fault_from(const struct http_call *call, CURLcode code, struct fault *fault)
{
	const char *why = call->error[0] ? call->error : curl_easy_strerror(code);
	long redirects = 0;

	if (call->too_large)
		return fault_set(fault, ERR_LIMIT, "%s: the answer is larger than %zu bytes", call->place,
				 call->answer.limit);
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return fault_set(fault, ERR_TIMEOUT, "%s: no answer in time (%s)", call->place, why);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CACERT_BADFILE: return fault_set(fault, ERR_TLS, "%s: %s", call->place, why);
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		/* Also curl's word for an answer that is no HTTP. */
		curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_COUNT, &redirects);
		if (strncmp(call->place, "http", 4) == 0 && redirects == 0)
			return fault_set(fault, ERR_NETWORK, "%s: %s", call->place, why);
		return fault_set(fault, ERR_CONFIG, "%s: not an http or https address", call->place);
	default: return fault_set(fault, ERR_NETWORK, "%s: %s", call->place, why);
	}
}

static void end_call(struct http_call *call, CURLcode code)
{
	struct http_reply reply = { .body = buffer_bytes(&call->answer) };
	struct fault fault = { 0 };
	long status = 0;

	/* `done` may free the whole http, and this call with it: so it is taken out of everything first. */
	list_remove(&call->link);
	curl_multi_remove_handle(call->http->multi, call->easy);
	if (code == CURLE_OK)
		curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	else
		reply.err = fault_from(call, code, &fault);
	reply.status = (int)status;
	reply.fault = reply.err < 0 ? &fault : NULL;
	curl_easy_cleanup(call->easy);
	call->done(call->owner, &reply);
	curl_slist_free_all(call->headers);
	buffer_done(&call->body);
	buffer_done(&call->answer);
	free(call);
}

/* Collects one call that has ended, and comes back for the next: `done` may have freed everything. */
static void collect(struct http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		struct http_call *call = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		if (left > 0)
			timer_start(http->timer, 0);
		end_call(call, code);
		return;
	}
}

static void time_passed(void *owner)
{
	struct http *http = owner;
	int running;

	curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(http);
}

static int timer_wanted(CURLM *multi, long timeout_ms, void *owner)
{
	struct http *http = owner;

	(void)multi;
	if (timeout_ms < 0)
		timer_stop(http->timer);
	else
		timer_start(http->timer, timeout_ms);
	return 0;
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	struct http *http = watch->http;
	int flags =
		(events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
	int running;

	curl_multi_socket_action(http->multi, watch->socket, status < 0 ? CURL_CSELECT_ERR : flags, &running);
	collect(http);
}

static void watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static int socket_wanted(CURL *easy, curl_socket_t socket, int what, void *owner, void *context)
{
	struct http *http = owner;
	struct watch *watch = context;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (!watch)
			return 0;
		curl_multi_assign(http->multi, socket, NULL);
		uv_poll_stop(&watch->poll);
		uv_close((uv_handle_t *)&watch->poll, watch_closed);
		return 0;
	}
	if (!watch) {
		watch = calloc(1, sizeof *watch);
		if (!watch)
			return -1;
		if (uv_poll_init_socket(loop_uv(http->loop), &watch->poll, socket) < 0) {
			free(watch);
			return -1;
		}
		watch->poll.data = watch;
		watch->http = http;
		watch->socket = socket;
		curl_multi_assign(http->multi, socket, watch);
	}
	uv_poll_start(&watch->poll,
		      (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
		      socket_ready);
	return 0;
}

int http_new(struct loop *loop, struct http **out)
{
	static bool ready;
	struct http *http;

	if (!ready && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return ERR_MEMORY;
	ready = true;
	http = calloc(1, sizeof *http);
	if (!http)
		return ERR_MEMORY;
	list_init(&http->calls);
	http->loop = loop;
	http->multi = curl_multi_init();
	if (!http->multi || timer_new(loop, time_passed, http, &http->timer) < 0) {
		curl_multi_cleanup(http->multi);
		free(http);
		return ERR_MEMORY;
	}
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	*out = http;
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	LIST_EACH_SAFE(&http->calls, link)
	call_free(container_of(link, struct http_call, link));
	curl_multi_cleanup(http->multi); /* gives its cached sockets back through socket_wanted() */
	timer_free(http->timer);
	free(http);
}

static size_t answer_came(char *at, size_t size, size_t count, void *owner)
{
	struct http_call *call = owner;

	buffer_put(&call->answer, at, size * count);
	call->too_large = call->answer.err < 0;
	return call->too_large ? 0 : size * count;
}

static struct curl_blob blob(const char *text)
{
	return (struct curl_blob){ (void *)text, strlen(text), CURL_BLOB_COPY };
}

static void set_tls(CURL *easy, const struct tls_options *tls)
{
	struct curl_blob bytes;

	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (!tls)
		return;
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls->verify ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls->verify && tls->verify_host ? 2L : 0L);
	if (tls->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca_file);
	} else if (tls->ca_pem) {
		bytes = blob(tls->ca_pem);
		curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &bytes);
	}
	if (tls->certificate_file) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->certificate_file);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key_file ? tls->key_file : tls->certificate_file);
	} else if (tls->certificate_pem) {
		bytes = blob(tls->certificate_pem);
		curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &bytes);
		bytes = blob(tls->key_pem ? tls->key_pem : tls->certificate_pem);
		curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &bytes);
	}
	if (tls->key_password)
		curl_easy_setopt(easy, CURLOPT_KEYPASSWD, tls->key_password);
}

/* The address without user, password and query. */
static void set_place(struct http_call *call, const char *url)
{
	struct buffer safe;
	const char *scheme = strstr(url, "://");
	size_t scheme_size = scheme ? (size_t)(scheme + 3 - url) : 0;
	const char *rest = url + scheme_size;
	const char *at = memchr(rest, '@', strcspn(rest, "/?#"));
	struct view tail = view_of(at ? at + 1 : rest, strcspn(at ? at + 1 : rest, "?#"));

	buffer_init(&safe, sizeof call->place - 1);
	buffer_put(&safe, url, scheme_size);
	text_safe(&safe, tail);
	snprintf(call->place, sizeof call->place, "%s", buffer_string(&safe));
	buffer_done(&safe);
}

static int set_all(struct http_call *call, const struct http_request *request)
{
	CURL *easy = call->easy;

	for (const char *const *header = request->headers; header && *header; header++) {
		struct curl_slist *longer = curl_slist_append(call->headers, *header);

		if (!longer)
			return ERR_MEMORY;
		call->headers = longer;
	}
	if (curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK)
		return ERR_MEMORY;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR,
			 strncmp(request->url, "https", 5) == 0 ? "https" : "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request->stay ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 5L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "interlock/" INTERLOCK_VERSION);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, answer_came);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
	if (request->username) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERNAME, request->username);
		curl_easy_setopt(easy, CURLOPT_PASSWORD, request->password ? request->password : "");
	}
	if (strcmp(request->method, "GET") != 0) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.size);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
				 call->body.size ? (const char *)call->body.at : "");
		if (strcmp(request->method, "POST") != 0)
			curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	}
	set_tls(easy, request->tls);
	return 0;
}

int http_send(struct http *http, const struct http_request *request, http_done *done, void *owner,
	      struct http_call **out)
{
	struct http_call *call = calloc(1, sizeof *call);

	if (!call)
		return ERR_MEMORY;
	list_init(&call->link);
	call->http = http;
	call->done = done;
	call->owner = owner;
	buffer_init(&call->body, request->body.size + 1);
	buffer_view(&call->body, request->body);
	buffer_init(&call->answer, request->body_size_max);
	set_place(call, request->url);
	call->easy = curl_easy_init();
	if (!call->easy || call->body.err < 0 || set_all(call, request) < 0 ||
	    curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
		call_free(call);
		return ERR_MEMORY;
	}
	list_append(&http->calls, &call->link);
	if (out)
		*out = call;
	return 0;
}

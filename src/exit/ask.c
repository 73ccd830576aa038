/*
 * ask.c - a question, a command or a call, and which kind of answer came of it.
 *
 * The table at the heart: of a command 0 is an answer, 75 waits, 76 is older; of an address 200 is an answer, 409 is
 * older, and "drained" says which of the two.  All else is unknown.  A sentence about a failure quotes the first line of
 * what the command said on its standard error, for that is where it says why.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/text.h"
#include "client/config_value.h"
#include "exit/ask.h"
#include "loop/exec.h"
#include "loop/http.h"

#define STATUS_WAITS 75 /* EX_TEMPFAIL of sysexits.h */
#define STATUS_OLDER 76 /* EX_PROTOCOL */

#define HTTP_LATER 202
#define HTTP_WAITS 503
#define HTTP_OLDER 409

#define PAGE_SIZE_MAX (16u << 20) /* a page for people may be large; none of it is looked at */

#define SECRET_SIZE_MIN 4 /* shorter ones would blot out half of every sentence */
#define SECRETS_MAX     1000
#define QUOTE_SIZE_MAX  200

/* PATH, HOME, LANG, INTERLOCK_EXIT, INTERLOCK_FAMILY, INTERLOCK_EPOCH. */
#define ENVIRONMENT_OURS 6

struct asking {
	struct loop *loop;
	struct http *http; /* made by the first question to an address; keeps its connection for the next */
	struct arena arena;
	const char *folder;       /* NULL: ours */
	const char **environment; /* ends with NULL */
	int environment_count, epoch_index;
	char epoch[48];
	struct view *secrets;
	int secret_count;
	struct buffer output, errors; /* of the question under way, or the last one */
};

/* ---- environment ---- */

/* The later one of a name counts. */
static int put_variable(struct asking *asking, const char *name, const char *value)
{
	size_t size = strlen(name);
	const char *text = arena_printf(&asking->arena, "%s=%s", name, value);

	if (!text)
		return ERR_MEMORY;
	for (int i = 0; i < asking->environment_count; i++) {
		if (strncmp(asking->environment[i], text, size + 1) == 0) {
			asking->environment[i] = text;
			return 0;
		}
	}
	asking->environment[asking->environment_count++] = text;
	return 0;
}

static int put_own(struct asking *asking, const char *name, struct view value)
{
	const char *text = arena_printf(&asking->arena, "%.*s", VIEW_ARGS(value));

	return text ? put_variable(asking, name, text) : ERR_MEMORY;
}

/* A path in ${file:PATH} and ${dir:PATH:...} is relative to the plan, as all paths in it. */
static struct view with_folder(struct asking *asking, const struct plan *plan, struct view text)
{
	static const char *const providers[] = { "${file:", "${dir:" };
	struct buffer out;
	struct view copy;

	if (!plan->folder[0])
		return text;
	buffer_init(&out, 4 * PLAN_SIZE_MAX);
	for (size_t i = 0; i < text.size; i++) {
		buffer_put(&out, text.at + i, 1);
		for (size_t p = 0; p < sizeof providers / sizeof *providers; p++) {
			size_t size = strlen(providers[p]);

			if (out.size >= size && memcmp(out.at + out.size - size, providers[p], size) == 0 &&
			    i + 1 < text.size && text.at[i + 1] != '/')
				buffer_text(&out, plan->folder);
		}
	}
	copy = arena_copy(&asking->arena, buffer_bytes(&out));
	if (out.err)
		copy = VIEW_NULL;
	buffer_done(&out);
	return copy;
}

/* Line by line, for a sentence has but one. */
static void keep_secret(struct asking *asking, struct view value)
{
	while (value.size) {
		const uint8_t *end = memchr(value.at, '\n', value.size);
		size_t size = end ? (size_t)(end - value.at) : value.size;
		struct view line = text_trim(view_of(value.at, size));

		if (line.size >= SECRET_SIZE_MIN && asking->secret_count < SECRETS_MAX)
			asking->secrets[asking->secret_count++] = line;
		value = end ? view_of(end + 1, value.size - size - 1) : view_of(value.at, 0);
	}
}

static int put_pair(struct asking *asking, const struct plan *plan, const struct plan_pair *pair,
		    struct fault *fault)
{
	const char *name = arena_printf(&asking->arena, "%.*s", VIEW_ARGS(pair->name.text)), *value = NULL;
	struct view given = with_folder(asking, plan, pair->value.text);
	bool secret = false;
	int err;

	if (!name || !given.at)
		return fault_set(fault, ERR_MEMORY, "no memory for the environment of commands");
	err = config_expand(given, &asking->arena, &value, &secret, fault);
	if (err < 0) {
		fault_at(fault, "line %d: env: %s", pair->value.at.line, name);
		return err;
	}
	if (secret)
		keep_secret(asking, view_text(value));
	return put_variable(asking, name, value);
}

static int make_environment(struct asking *asking, const struct plan *plan, const struct plan_family *family,
			    struct fault *fault)
{
	static const char *const kept[] = { "PATH", "HOME", "LANG" };
	int err = 0;

	asking->environment =
		arena_array(&asking->arena, (size_t)plan->env.count + ENVIRONMENT_OURS + 1, sizeof(char *));
	asking->secrets = arena_array(&asking->arena, SECRETS_MAX, sizeof *asking->secrets);
	if (!asking->environment || !asking->secrets)
		return fault_set(fault, ERR_MEMORY, "no memory for the environment of commands");
	for (size_t i = 0; i < sizeof kept / sizeof *kept && !err; i++)
		if (getenv(kept[i]))
			err = put_variable(asking, kept[i], getenv(kept[i]));
	for (int i = 0; i < plan->env.count && !err; i++)
		err = put_pair(asking, plan, &plan->env.at[i], fault);
	err = err ? err : put_own(asking, "INTERLOCK_EXIT", plan->exit.text);
	if (family)
		err = err ? err : put_own(asking, "INTERLOCK_FAMILY", family->name.text);
	if (err)
		return fault && fault->err == err
			       ? err
			       : fault_set(fault, err, "no memory for the environment of commands");
	asking->epoch_index = asking->environment_count++;
	asking->environment[asking->epoch_index] = asking->epoch;
	return 0;
}

int asking_new(struct loop *loop, const struct plan *plan, const struct plan_family *family,
	       struct asking **out, struct fault *fault)
{
	struct asking *asking = calloc(1, sizeof *asking);
	int err;

	if (!asking)
		return fault_set(fault, ERR_MEMORY, "no memory to ask anybody");
	asking->loop = loop;
	arena_init(&asking->arena, (size_t)64 << 20);
	buffer_init(&asking->output, ASK_OUTPUT_SIZE_MAX);
	buffer_init(&asking->errors, ASK_OUTPUT_SIZE_MAX);
	if (plan->folder[0])
		asking->folder = arena_text(&asking->arena, plan->folder);
	err = make_environment(asking, plan, family, fault);
	if (err < 0) {
		asking_free(asking);
		return err;
	}
	*out = asking;
	return 0;
}

void asking_free(struct asking *asking)
{
	if (!asking)
		return;
	http_free(asking->http);
	buffer_done(&asking->output);
	buffer_done(&asking->errors);
	arena_done(&asking->arena);
	free(asking);
}

int64_t asking_now_ms(const struct asking *asking)
{
	return loop_now_ms(asking->loop);
}

int asking_wait(struct asking *asking, int64_t wait_ms)
{
	const bool never = false;
	int err = loop_until(asking->loop, &never, asking_now_ms(asking) + wait_ms);

	return err == ERR_TIMEOUT ? 0 : err;
}

/* ---- what may be shown ---- */

static const struct view *secret_at(const struct asking *asking, struct view text)
{
	const struct view *longest = NULL;

	for (int i = 0; i < asking->secret_count; i++) {
		const struct view *secret = &asking->secrets[i];

		if (secret->size <= text.size && memcmp(secret->at, text.at, secret->size) == 0 &&
		    (!longest || secret->size > longest->size))
			longest = secret;
	}
	return longest;
}

void asking_show(const struct asking *asking, struct view text, struct buffer *out)
{
	size_t from = 0;

	for (size_t i = 0; i < text.size;) {
		const struct view *secret = secret_at(asking, view_of(text.at + i, text.size - i));

		if (!secret) {
			i++;
			continue;
		}
		text_safe(out, view_of(text.at + from, i - from));
		buffer_text(out, "[hidden]");
		from = i += secret->size;
	}
	text_safe(out, view_of(text.at + from, text.size - from));
}

/* ": TEXT", of the first line that says anything, cut; nothing when none does. */
static void quote(const struct asking *asking, struct view text, struct buffer *out)
{
	struct buffer shown;
	struct view line = text_trim(text);
	const uint8_t *end = line.size ? memchr(line.at, '\n', line.size) : NULL;

	if (end)
		line.size = (size_t)(end - line.at);
	if (!line.size)
		return;
	buffer_init(&shown, 8 * ASK_OUTPUT_SIZE_MAX);
	asking_show(asking, text_trim(line), &shown);
	buffer_text(out, ": ");
	buffer_put(out, shown.at, shown.size < QUOTE_SIZE_MAX ? shown.size : QUOTE_SIZE_MAX);
	if (shown.size > QUOTE_SIZE_MAX)
		buffer_text(out, "...");
	buffer_done(&shown);
}

/* A word as a shell would need it. */
static void put_word(struct buffer *out, struct view word)
{
	bool plain = word.size > 0;

	for (size_t i = 0; i < word.size; i++)
		plain &= word.at[i] > 0x20 && word.at[i] != 0x7f &&
			 !strchr("'\"\\$`!*?[]{}()<>|&;~#", word.at[i]);
	if (plain) {
		text_safe(out, word);
		return;
	}
	buffer_text(out, "'");
	for (size_t i = 0; i < word.size; i++) {
		if (word.at[i] == '\'')
			buffer_text(out, "'\\''");
		else
			text_safe(out, view_of(word.at + i, 1));
	}
	buffer_text(out, "'");
}

/* Without user, password and query. */
static void put_address(struct buffer *out, struct view url)
{
	const uint8_t *scheme = memmem(url.at, url.size, "://", 3);
	size_t scheme_size = scheme ? (size_t)(scheme - url.at) + 3 : 0, size = scheme_size;
	struct view rest;
	const uint8_t *at;

	while (size < url.size && !strchr("/?#", url.at[size]))
		size++;
	at = memrchr(url.at + scheme_size, '@', size - scheme_size);
	rest = at ? view_of(at + 1, url.size - (size_t)(at + 1 - url.at))
		  : view_of(url.at + scheme_size, url.size - scheme_size);
	for (size = 0; size < rest.size && !strchr("?#", rest.at[size]); size++)
		;
	text_safe(out, view_of(url.at, scheme_size));
	text_safe(out, view_of(rest.at, size));
}

static void put_joined(struct buffer *out, const struct question *question)
{
	for (int i = 0; question->words[i]; i++)
		buffer_printf(out, "%s%s", i ? " " : "", question->words[i]);
}

static bool words_go_behind(const struct question *question)
{
	return question->kind == ASK_GET || question->kind == ASK_SET;
}

static const char *method_of(const struct question *question)
{
	return question->kind == ASK_SET || question->kind == ASK_DO ? "PUT" : "GET";
}

void ask_describe(const struct plan_exec *exec, const struct question *question, struct buffer *out)
{
	if (exec->url.at) {
		buffer_printf(out, "%s ", method_of(question));
		put_address(out, exec->url);
		if (question->kind == ASK_SET || question->kind == ASK_DO) {
			buffer_text(out, " {\"value\": \"");
			put_joined(out, question);
			buffer_text(out, "\"}");
		}
		return;
	}
	for (int i = 0; i < exec->word_count; i++) {
		if (i)
			buffer_text(out, " ");
		put_word(out, exec->words[i]);
	}
	for (int i = 0; words_go_behind(question) && question->words[i]; i++) {
		buffer_text(out, " ");
		put_word(out, view_text(question->words[i]));
	}
}

/* ---- commands ---- */

/* What became of it; one of the two kinds. */
struct outcome {
	struct asking *asking;
	bool done;
	int err, status, signal;
	struct fault fault;
};

static void keep(struct buffer *out, struct view bytes)
{
	buffer_reset(out);
	buffer_view(out, bytes);
}

static void command_ended(void *owner, const struct exec_result *result)
{
	struct outcome *outcome = owner;

	outcome->done = true;
	outcome->err = result->err;
	outcome->status = result->status;
	outcome->signal = result->signal;
	if (result->fault)
		outcome->fault = *result->fault;
	keep(&outcome->asking->output, result->output);
	keep(&outcome->asking->errors, result->errors);
}

static int run_command(struct asking *asking, const struct plan_exec *exec, const struct question *question,
		       struct outcome *outcome)
{
	const char **arguments = calloc((size_t)exec->word_count + QUESTION_WORDS_MAX + 1, sizeof *arguments);
	struct exec_options options = {
		.arguments = arguments,
		.environment = asking->environment,
		.environment_whole = true,
		.leader_only = true,
		.folder = asking->folder,
		.timeout_ms = question->timeout_ms,
		.output_size_max = ASK_OUTPUT_SIZE_MAX,
	};
	struct exec *running = NULL;
	int count = 0, err = 0;

	if (!arguments)
		return ERR_MEMORY;
	snprintf(asking->epoch, sizeof asking->epoch, "INTERLOCK_EPOCH=%llu",
		 (unsigned long long)question->epoch);
	for (int i = 0; i < exec->word_count && !err; i++) {
		arguments[count] = view_string(exec->words[i]);
		err = arguments[count++] ? 0 : ERR_MEMORY;
	}
	for (int i = 0; words_go_behind(question) && question->words[i]; i++)
		arguments[count + i] = question->words[i];
	err = err ? err : exec_start(asking->loop, &options, command_ended, outcome, &running);
	/* exec keeps the time; it ends in any case. */
	err = err ? err : loop_until(asking->loop, &outcome->done, INT64_MAX);
	exec_free(running);
	for (int i = 0; i < exec->word_count && i < count; i++)
		free((char *)arguments[i]);
	free(arguments);
	return err;
}

/* The sentence for a command that gave no answer: what it did, then what it said. */
static int unanswered(const struct asking *asking, int err, const char *what, struct fault *fault)
{
	struct buffer text;

	buffer_init(&text, 2000);
	buffer_text(&text, what);
	quote(asking, buffer_bytes(&asking->errors), &text);
	fault_set(fault, err, "%s", buffer_string(&text));
	buffer_done(&text);
	return err;
}

static int judge_command(const struct asking *asking, const struct question *question,
			 const struct outcome *outcome, struct answer *out, struct fault *fault)
{
	char what[100];
	int err;

	if (outcome->err < 0)
		return fault_set(fault, outcome->err, "%s", outcome->fault.text);
	if (outcome->signal) {
		snprintf(what, sizeof what, "it was ended by signal %d", outcome->signal);
		return unanswered(asking, ERR_BROKER, what, fault);
	}
	out->status = outcome->status;
	if (outcome->status == STATUS_WAITS && question->kind == ASK_DRAINED) {
		out->kind = ANSWER_WAITS;
		return 0;
	}
	if (outcome->status == STATUS_OLDER && (question->kind == ASK_SET || question->kind == ASK_DRAINED)) {
		out->kind = ANSWER_OLDER;
		return 0;
	}
	/* Not yet, and not never: to be asked for again. */
	if (outcome->status == STATUS_WAITS && question->kind == ASK_SET)
		return unanswered(asking, ERR_STALE, "it has not come about yet (status 75)", fault);
	if (outcome->status != 0) {
		snprintf(what, sizeof what, "it exited with status %d", outcome->status);
		return unanswered(asking, ERR_BROKER, what, fault);
	}
	/* Of what was done only the status speaks; what it prints beside is for people. */
	err = question->kind == ASK_GET ? answer_read_output(buffer_bytes(&asking->output), out, fault) : 0;
	if (err == 0 && question->kind == ASK_GET && !out->text[0] && !out->json.at)
		return unanswered(asking, ERR_MALFORMED, "its first line is empty", fault);
	if (err == 0)
		out->kind = ANSWER_GIVEN;
	return err;
}

/* ---- addresses ---- */

static void reply_came(void *owner, const struct http_reply *reply)
{
	struct outcome *outcome = owner;

	outcome->done = true;
	outcome->err = reply->err;
	outcome->status = reply->status;
	if (reply->fault)
		outcome->fault = *reply->fault;
	keep(&outcome->asking->output, reply->body); /* of a page only the beginning */
	buffer_reset(&outcome->asking->errors);
}

static void put_escaped(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		uint8_t c = (uint8_t)*text;

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    strchr("-._~", c))
			buffer_put(out, &c, 1);
		else
			buffer_printf(out, "%%%02X", c);
	}
}

static void put_url(struct buffer *out, const struct plan_exec *exec, const struct question *question)
{
	const char *sign = memchr(exec->url.at, '?', exec->url.size) ? "&" : "?";

	buffer_view(out, exec->url);
	if (question->kind == ASK_DRAINED)
		buffer_printf(out, "%sepoch=%llu", sign, (unsigned long long)question->epoch);
	if (question->kind == ASK_GET && question->words[0]) {
		buffer_printf(out, "%scontrol=", sign);
		put_escaped(out, question->words[0]);
	}
}

/* {"value": "hold", "epoch": 3}; 0 or ERR_MEMORY. */
static int put_body(struct buffer *out, const struct question *question)
{
	struct buffer word;
	json_t *body;
	char *text;

	buffer_init(&word, ANSWER_TEXT_SIZE_MAX);
	put_joined(&word, question);
	body = json_pack("{s:s, s:I}", "value", buffer_string(&word), "epoch", (json_int_t)question->epoch);
	text = body && !word.err ? json_dumps(body, 0) : NULL;
	buffer_done(&word);
	json_decref(body);
	if (!text)
		return ERR_MEMORY;
	buffer_text(out, text);
	free(text);
	return out->err;
}

static int call_address(struct asking *asking, const struct plan_exec *exec, const struct question *question,
			struct outcome *outcome)
{
	static const char *const headers[] = { "Accept: application/json", "Content-Type: application/json",
					       NULL };
	bool puts = question->kind == ASK_SET || question->kind == ASK_DO;
	struct http_call *call = NULL;
	struct buffer url, body;
	int err = asking->http ? 0 : http_new(asking->loop, &asking->http);

	buffer_init(&url, PLAN_SIZE_MAX + 2000);
	buffer_init(&body, 8000);
	put_url(&url, exec, question);
	if (!err && puts)
		err = put_body(&body, question);
	if (!err) {
		struct http_request request = {
			.method = method_of(question),
			.url = buffer_string(&url),
			.headers = question->kind == ASK_PAGE ? NULL : headers,
			.body = buffer_bytes(&body),
			.timeout_ms = question->timeout_ms,
			.body_size_max = question->kind == ASK_PAGE ? PAGE_SIZE_MAX : ASK_OUTPUT_SIZE_MAX,
			.stay = true,
		};

		err = http_send(asking->http, &request, reply_came, outcome, &call);
	}
	err = err ? err : loop_until(asking->loop, &outcome->done, INT64_MAX);
	if (err < 0 && call && !outcome->done)
		http_cancel(call);
	buffer_done(&url);
	buffer_done(&body);
	return err;
}

static bool status_is_good(const struct question *question, int status)
{
	switch (question->kind) {
	case ASK_SET:
	case ASK_DO: return status == 200 || status == 201 || status == 204;
	case ASK_PAGE: return status >= 200 && status < 300;
	default: return status == 200;
	}
}

static int judge_reply(const struct asking *asking, const struct question *question,
		       const struct outcome *outcome, struct answer *out, struct fault *fault)
{
	int err = 0;

	if (outcome->err < 0)
		return fault_set(fault, outcome->err, "%s", outcome->fault.text);
	out->status = outcome->status;
	if (outcome->status == HTTP_OLDER && (question->kind == ASK_SET || question->kind == ASK_DRAINED)) {
		out->kind = ANSWER_OLDER;
		return 0;
	}
	if ((outcome->status == HTTP_WAITS || outcome->status == HTTP_LATER) && question->kind == ASK_SET)
		return fault_set(fault, ERR_STALE, "it has not come about yet (HTTP status %d)",
				 outcome->status);
	if (!status_is_good(question, outcome->status))
		return fault_set(fault, ERR_BROKER, "it answered with HTTP status %d%s", outcome->status,
				 outcome->status / 100 == 3 ? ", a redirect, which is not followed" : "");
	if (question->kind == ASK_GET || question->kind == ASK_DRAINED)
		err = answer_read_body(buffer_bytes(&asking->output), out, fault);
	if (err < 0)
		return err;
	if (question->kind == ASK_DRAINED && !out->says_drained)
		return fault_set(fault, ERR_MALFORMED, "the answer has no \"drained\"");
	if (question->kind == ASK_GET && !out->text[0])
		return fault_set(fault, ERR_MALFORMED, "the answer has no \"value\"");
	out->kind = question->kind == ASK_DRAINED && !out->drained ? ANSWER_WAITS : ANSWER_GIVEN;
	return 0;
}

/* ---- asking ---- */

static int put_and_judge(struct asking *asking, const struct plan_exec *exec, const struct question *question,
			 struct answer *out, struct fault *fault)
{
	struct outcome outcome = { .asking = asking, .status = -1 };
	int err;

	if (!exec->given)
		return fault_set(fault, ERR_UNSUPPORTED, "the plan gives no way to ask");
	if (question->timeout_ms <= 0)
		return fault_set(fault, ERR_TIMEOUT, "no time is left to ask");
	err = exec->url.at ? call_address(asking, exec, question, &outcome)
			   : run_command(asking, exec, question, &outcome);
	if (err < 0)
		return fault_set(fault, err, "it could not be asked: %s", err_text(err));
	return exec->url.at ? judge_reply(asking, question, &outcome, out, fault)
			    : judge_command(asking, question, &outcome, out, fault);
}

int ask(struct asking *asking, const struct plan_exec *exec, const struct question *question,
	struct answer *out, struct fault *fault)
{
	const struct clock *clock = loop_clock(asking->loop);
	int64_t began_ns = clock->monotonic_ns(clock);
	struct buffer text;
	int err;

	*out = (struct answer){ .status = -1 };
	err = put_and_judge(asking, exec, question, out, fault);
	out->took_us = (clock->monotonic_ns(clock) - began_ns) / 1000;
	if (err == 0 || !fault)
		return err;
	buffer_init(&text, 600);
	ask_describe(exec, question, &text);
	fault_at(fault, "%s", buffer_string(&text));
	buffer_done(&text);
	return err;
}

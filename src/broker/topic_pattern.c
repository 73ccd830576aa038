/* topic_pattern.c - RE2's syntax by PCRE2: first what RE2 would not take, then PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/text.h"
#include "broker/topic_pattern.h"

#define TEXT_MAX  4096
#define STEPS_MAX 100000

struct topic_pattern {
	pcre2_code *code;
	pcre2_match_data *found;
	pcre2_match_context *limits;
};

static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What stands behind "(?": a group that is none, one with a name, or flags. */
static bool group_known(const uint8_t *at, const uint8_t *end)
{
	if (end - at >= 2 && at[0] == 'P' && at[1] == '<')
		return true;
	if (end - at >= 2 && at[0] == '<' && (is_letter(at[1]) || at[1] == '_'))
		return true;
	while (at < end && memchr("imsU-", *at, 5))
		at++;
	return at < end && (*at == ':' || *at == ')');
}

/* The end of "[...]", which begins at `at`. */
static const uint8_t *class_end(const uint8_t *at, const uint8_t *end)
{
	at++;
	at += at < end && *at == '^';
	at += at < end && *at == ']';
	while (at < end && *at != ']') {
		if (*at == '\\') {
			at++;
		} else if (*at == '[' && at + 1 < end && at[1] == ':') {
			for (at += 2; at + 1 < end && !(at[0] == ':' && at[1] == ']');)
				at++;
			at++;
		}
		at++;
	}
	return at < end ? at : end;
}

/* NULL, or what RE2 has against it. */
static const char *beyond(struct view text)
{
	const uint8_t *at = text.at, *end = at + text.size;

	for (; at < end; at++) {
		uint8_t next = at + 1 < end ? at[1] : 0;

		if (*at == '\\') {
			if ((next >= '1' && next <= '9') || next == 'k' || next == 'g')
				return "back references are not supported";
			if (next && memchr("GKRXNhHVZ", next, 9))
				return "invalid escape sequence";
			at++;
		} else if (*at == '[') {
			at = class_end(at, end);
		} else if (*at == '(' && next == '*') {
			return "missing argument to repetition operator";
		} else if (*at == '(' && next == '?' && !group_known(at + 2, end)) {
			return "invalid or unsupported Perl syntax";
		} else if (memchr("*+?}", *at, 4) && next == '+' && at > text.at) {
			/* "}" may stand for itself, and "}+" then is good; there it must be written as "\}+". */
			return "invalid nested repetition operator";
		}
	}
	return NULL;
}

static int compile(struct topic_pattern *pattern, struct view text, struct fault *fault)
{
	uint8_t said[160];
	PCRE2_SIZE where;
	int error;

	pattern->code = pcre2_compile(text.at, text.size,
				      PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED |
					      PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE,
				      &error, &where, NULL);
	if (!pattern->code) {
		pcre2_get_error_message(error, said, sizeof said);
		return fault_set(fault, ERR_CONFIG, "%s, at position %zu", (const char *)said, (size_t)where);
	}
	pattern->found = pcre2_match_data_create_from_pattern(pattern->code, NULL);
	pattern->limits = pcre2_match_context_create(NULL);
	if (!pattern->found || !pattern->limits)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	pcre2_set_match_limit(pattern->limits, STEPS_MAX);
	pcre2_set_heap_limit(pattern->limits, 1024); /* KiB */
	return 0;
}

int topic_pattern_new(struct view text, struct topic_pattern **out, struct fault *fault)
{
	struct topic_pattern *pattern;
	const char *why;
	int err;

	if (text.size > TEXT_MAX || !text_is_utf8(text))
		return fault_set(fault, ERR_CONFIG, "more than %d bytes, or not UTF-8", TEXT_MAX);
	why = beyond(text);
	if (why)
		return fault_set(fault, ERR_CONFIG, "%s", why);
	pattern = calloc(1, sizeof *pattern);
	if (!pattern)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	err = compile(pattern, text, fault);
	if (err < 0) {
		topic_pattern_free(pattern);
		return err;
	}
	*out = pattern;
	return 0;
}

void topic_pattern_free(struct topic_pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_match_context_free(pattern->limits);
	pcre2_match_data_free(pattern->found);
	pcre2_code_free(pattern->code);
	free(pattern);
}

bool topic_pattern_matches(struct topic_pattern *pattern, struct view name)
{
	return pcre2_match(pattern->code, name.at, name.size, 0, PCRE2_NO_UTF_CHECK, pattern->found,
			   pattern->limits) >= 0;
}

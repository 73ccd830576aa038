/*
 * principal_rules.c - rules are Java's patterns, matched by PCRE2 within a fixed number of steps.
 *
 * Where the two differ (possessive classes, \p names of Java's own) the pattern is refused at the start, or means the same.  As in
 * Java a replacement's "$1" is a group, "\" takes the next letter as it is, and "$4" where there is no such group stands for itself.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <stdlib.h>

#include "base/text.h"
#include "broker/principal_rules.h"

#define RULES_MAX     64
#define TEXT_SIZE_MAX 16384
#define NAME_SIZE_MAX 4096
#define STEPS_MAX     100000
#define HEAP_MAX_KIB  1024

struct principal_rule {
	pcre2_code *whole, *part; /* NULL: DEFAULT */
	pcre2_match_data *found;
	struct view replacement;
	char letter; /* 'L', 'U' or 0 */
};

struct principal_rules {
	struct principal_rule at[RULES_MAX];
	int count;
	pcre2_match_context *limits;
	char *text; /* that the views are of */
};

void principal_rules_free(struct principal_rules *rules)
{
	if (!rules)
		return;
	for (int i = 0; i < rules->count; i++) {
		pcre2_match_data_free(rules->at[i].found);
		pcre2_code_free(rules->at[i].whole);
		pcre2_code_free(rules->at[i].part);
	}
	pcre2_match_context_free(rules->limits);
	free(rules->text);
	free(rules);
}

/* ---- reading ----------------------------------------------------------------------------------------------------------------- */

/* Up to the next slash that has no backslash before it; -1 when there is none. */
static ptrdiff_t part_end(struct view rest)
{
	for (size_t i = 0; i < rest.size; i++) {
		if (rest.at[i] == '\\')
			i++;
		else if (rest.at[i] == '/')
			return (ptrdiff_t)i;
	}
	return -1;
}

static struct view behind(struct view text, size_t size)
{
	return view_of(text.at + size, text.size - size);
}

static pcre2_code *compile(struct view pattern, uint32_t options, struct fault *fault)
{
	uint8_t said[160];
	PCRE2_SIZE where;
	int error;
	pcre2_code *code = pcre2_compile(pattern.at, pattern.size, PCRE2_UTF | options, &error, &where, NULL);

	if (code)
		return code;
	pcre2_get_error_message(error, said, sizeof said);
	fault_set(fault, ERR_CONFIG, "ssl.principal.mapping.rules: '%.*s': %s, at position %zu",
		  VIEW_ARGS(pattern), (const char *)said, (size_t)where);
	return NULL;
}

static int bad(struct view rule, const char *why, struct fault *fault)
{
	return fault_set(fault, ERR_CONFIG, "ssl.principal.mapping.rules: '%.*s': %s",
			 rule.size > 80 ? 80 : (int)rule.size, (const char *)rule.at, why);
}

/* "RULE:pattern/replacement/L" from `*rest`, which is moved behind it. */
static int read_rule(struct principal_rule *rule, struct view *rest, struct fault *fault)
{
	struct view whole = *rest, pattern, left = behind(*rest, 5);
	ptrdiff_t end = part_end(left);

	if (end < 0)
		return bad(whole, "a rule is RULE:PATTERN/REPLACEMENT/, with L or U behind it", fault);
	pattern = view_of(left.at, (size_t)end);
	left = behind(left, (size_t)end + 1);
	end = part_end(left);
	if (end < 0)
		return bad(whole, "a rule is RULE:PATTERN/REPLACEMENT/, with L or U behind it", fault);
	rule->replacement = view_of(left.at, (size_t)end);
	left = behind(left, (size_t)end + 1);
	if (left.size && (*left.at == 'L' || *left.at == 'U')) {
		rule->letter = (char)*left.at;
		left = behind(left, 1);
	}
	rule->whole = compile(pattern, PCRE2_ANCHORED | PCRE2_ENDANCHORED, fault);
	rule->part = rule->whole ? compile(pattern, 0, fault) : NULL;
	rule->found = rule->part ? pcre2_match_data_create_from_pattern(rule->part, NULL) : NULL;
	if (!rule->found)
		return rule->part ? fault_set(fault, ERR_MEMORY, "out of memory") : ERR_CONFIG;
	*rest = left;
	return 0;
}

static bool begins(struct view text, const char *word)
{
	size_t size = strlen(word);

	return text.size >= size && memcmp(text.at, word, size) == 0;
}

static int read_all(struct principal_rules *rules, struct view rest, struct fault *fault)
{
	int err = 0;

	for (rest = text_trim(rest); err == 0 && rest.size > 0;) {
		struct principal_rule *rule = &rules->at[rules->count];

		if (*rest.at == ',') { /* an empty rule is none */
			rest = text_trim(behind(rest, 1));
			continue;
		}
		if (rules->count == RULES_MAX)
			return bad(rest, "more than 64 rules", fault);
		rules->count++;
		if (begins(rest, "RULE:"))
			err = read_rule(rule, &rest, fault);
		else if (begins(rest, "DEFAULT"))
			rest = behind(rest, 7);
		else
			return bad(rest, "neither RULE: nor DEFAULT", fault);
		rest = text_trim(rest);
		if (err == 0 && rest.size > 0 && *rest.at != ',')
			return bad(rest, "it stands behind a rule, without a comma", fault);
	}
	return err;
}

int principal_rules_new(struct view text, struct principal_rules **out, struct fault *fault)
{
	struct principal_rules *rules;
	int err;

	if (text.size > TEXT_SIZE_MAX || !text_is_utf8(text))
		return fault_set(fault, ERR_CONFIG,
				 "ssl.principal.mapping.rules: more than %d bytes, or not UTF-8",
				 TEXT_SIZE_MAX);
	rules = calloc(1, sizeof *rules);
	if (rules) {
		rules->text = view_string(text.at ? text : VIEW_LITERAL(""));
		rules->limits = pcre2_match_context_create(NULL);
	}
	if (!rules || !rules->text || !rules->limits) {
		principal_rules_free(rules);
		return fault_set(fault, ERR_MEMORY, "out of memory");
	}
	pcre2_set_match_limit(rules->limits, STEPS_MAX);
	pcre2_set_heap_limit(rules->limits, HEAP_MAX_KIB);
	err = read_all(rules, view_text(rules->text), fault);
	if (err < 0) {
		principal_rules_free(rules);
		return err;
	}
	*out = rules;
	return 0;
}

/* ---- naming ------------------------------------------------------------------------------------------------------------------ */

static void put_group(const struct principal_rule *rule, struct view subject, uint32_t group,
		      struct buffer *out)
{
	PCRE2_SIZE *ovector = pcre2_get_ovector_pointer(rule->found);

	if (group < pcre2_get_ovector_count(rule->found) && ovector[2 * group] != PCRE2_UNSET)
		buffer_put(out, subject.at + ovector[2 * group], ovector[2 * group + 1] - ovector[2 * group]);
}

/* The number of a group behind a "$", as long as there are so many; its size, or 0 when it is none. */
static size_t group_number(struct view rest, uint32_t groups, uint32_t *out)
{
	size_t size = 0;
	uint32_t number = 0;

	while (size < rest.size && isdigit(rest.at[size])) {
		uint32_t next = number * 10 + (uint32_t)(rest.at[size] - '0');

		if (size > 0 && next > groups)
			break;
		number = next;
		size++;
	}
	*out = number;
	return size > 0 && number <= groups ? size : 0;
}

static void put_replacement(const struct principal_rule *rule, struct view subject, struct buffer *out)
{
	uint32_t groups = pcre2_get_ovector_count(rule->found) - 1, number;
	struct view in = rule->replacement;

	for (size_t i = 0, size; i < in.size;) {
		if (in.at[i] == '\\' && i + 1 < in.size) {
			buffer_put(out, in.at + i + 1, 1);
			i += 2;
		} else if (in.at[i] == '$' && (size = group_number(behind(in, i + 1), groups, &number))) {
			put_group(rule, subject, number, out);
			i += 1 + size;
		} else {
			buffer_put(out, in.at + i, 1);
			i++;
		}
	}
}

/* Each place where the pattern is found is replaced, as Java's replaceAll() does: "(.*)" is found at the end once more. */
static bool replace_all(const struct principal_rules *rules, const struct principal_rule *rule,
			struct view subject, struct buffer *out)
{
	size_t at = 0, copied = 0;
	int found = 0;

	while (at <= subject.size && (found = pcre2_match(rule->part, subject.at, subject.size, at, 0,
							  rule->found, rules->limits)) >= 0) {
		PCRE2_SIZE *ovector = pcre2_get_ovector_pointer(rule->found);
		size_t from = ovector[0], to = ovector[1];

		if (from < copied || to < from)
			return false; /* \K, which Java does not have */
		buffer_put(out, subject.at + copied, from - copied);
		put_replacement(rule, subject, out);
		copied = to;
		at = to;
		if (from == to) {
			/* Past one letter: an empty find may not come twice at one place. */
			do
				at++;
			while (at < subject.size && (subject.at[at] & 0xc0) == 0x80);
		}
		if (out->size > NAME_SIZE_MAX)
			return false;
	}
	if (found != PCRE2_ERROR_NOMATCH && found < 0)
		return false;
	if (copied < subject.size)
		buffer_put(out, subject.at + copied, subject.size - copied);
	return true;
}

static void set_case(struct buffer *name, size_t from, char letter)
{
	for (size_t i = from; i < name->size; i++)
		name->at[i] = (uint8_t)(letter == 'L' ? tolower(name->at[i]) : toupper(name->at[i]));
}

bool principal_rules_name(struct principal_rules *rules, struct view subject, struct buffer *out)
{
	for (int i = 0; i < rules->count; i++) {
		const struct principal_rule *rule = &rules->at[i];
		size_t from = out->size;
		int found;

		if (!rule->whole) {
			buffer_view(out, subject);
			return out->err == 0;
		}
		found = pcre2_match(rule->whole, subject.at, subject.size, 0, 0, rule->found, rules->limits);
		if (found == PCRE2_ERROR_NOMATCH)
			continue;
		if (found < 0 || !replace_all(rules, rule, subject, out))
			return false;
		if (rule->letter)
			set_case(out, from, rule->letter);
		return out->err == 0;
	}
	return false;
}

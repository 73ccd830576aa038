/* plan_value.c - checking one value at a time. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/units.h"
#include "exit/plan_value.h"

const char *const plan_pattern_words[] = { "dual-write", "bridge", "proxy", "stop-and-switch", NULL };
const char *const plan_claim_words[] = { "counts",  "content", "key-order", "partition-order",
					 "offsets", "latest",  NULL };
const char *const plan_action_words[] = { "hold", "freeze", "revert", NULL };
const char *const plan_order_words[] = { "consumers", "producers", NULL };

static const char *const yes_words[] = { "no", "yes", "false", "true", NULL };
static const char *const required_words[] = { "required", NULL };

#define WRONG(fault, ...) fault_set(fault, ERR_CONFIG, __VA_ARGS__)

/* strchr() that does not take a NUL for the end of the set. */
static bool among(const char *set, uint8_t c)
{
	return c && strchr(set, c);
}

static int not_a(enum plan_type type, struct view text, struct fault *fault)
{
	return WRONG(fault, "'%.*s' will not do; write %s", VIEW_ARGS(text), plan_type_text(type));
}

/* The place of `text` among `words`. */
static int word_parse(enum plan_type type, const char *const words[], struct view text, int64_t *out,
		      struct fault *fault)
{
	const char *near;

	for (int i = 0; words[i]; i++) {
		if (view_is(text, words[i])) {
			*out = i;
			return 0;
		}
	}
	near = text_nearest(text, words);
	if (near)
		return WRONG(fault, "'%.*s' is not known; did you mean '%s'?", VIEW_ARGS(text), near);
	return not_a(type, text, fault);
}

/* Digits with at most six behind the point, times a million. */
static int decimal_parse(struct view text, int64_t *out)
{
	int64_t value = 0;
	int behind = -1;

	if (!text.size || text.size > 18)
		return ERR_CONFIG;
	for (size_t i = 0; i < text.size; i++) {
		if (text.at[i] == '.' && behind < 0 && i > 0 && i + 1 < text.size) {
			behind = 0;
			continue;
		}
		if (!isdigit(text.at[i]) || behind == 6 || value > INT64_MAX / 10000000000)
			return ERR_CONFIG;
		value = value * 10 + (text.at[i] - '0');
		behind += behind >= 0;
	}
	for (int i = behind < 0 ? 0 : behind; i < 6; i++)
		value *= 10;
	*out = value;
	return 0;
}

static int money_parse(struct view text, struct plan_number *out, struct fault *fault)
{
	size_t digits = 0;
	struct view unit;

	while (digits < text.size && (isdigit(text.at[digits]) || text.at[digits] == '.'))
		digits++;
	unit = text_trim(view_of(text.at + digits, text.size - digits));
	if (decimal_parse(view_of(text.at, digits), &out->value) < 0)
		return not_a(PLAN_MONEY, text, fault);
	if (!unit.size)
		return WRONG(fault, "'%.*s' has no currency; write it like 120 EUR", VIEW_ARGS(text));
	for (size_t i = 0; i < unit.size; i++)
		if (unit.size != 3 || !isupper(unit.at[i]))
			return WRONG(fault, "'%.*s' is not a currency; write its three letters, like 120 EUR",
				     VIEW_ARGS(unit));
	out->unit = unit;
	return 0;
}

static int pace_parse(struct view text, int64_t *out, struct fault *fault)
{
	uint64_t value;

	if (text.size < 3 || memcmp(text.at + text.size - 2, "/s", 2) != 0 ||
	    count_parse(view_of(text.at, text.size - 2), &value, NULL) < 0)
		return not_a(PLAN_PACE, text, fault);
	*out = (int64_t)value;
	return 0;
}

static int unit_parse(enum plan_type type, struct view text, int64_t *out, struct fault *fault)
{
	double percent;
	uint64_t value = 0;
	int err;

	switch (type) {
	case PLAN_DURATION: return duration_parse(text, out, fault) < 0 ? ERR_CONFIG : 0;
	case PLAN_SIZE: err = size_parse(text, &value, fault); break;
	case PLAN_RATE: err = rate_parse(text, &value, fault); break;
	case PLAN_COUNT: err = count_parse(text, &value, fault); break;
	default:
		err = percent_parse(text, &percent, fault);
		if (err == 0 && percent > 100)
			return WRONG(fault, "'%.*s' is more than all of it", VIEW_ARGS(text));
		value = err == 0 ? (uint64_t)lround(percent * 10) : 0;
		break;
	}
	if (err < 0)
		return ERR_CONFIG;
	*out = (int64_t)value;
	return 0;
}

int plan_number_parse(enum plan_type type, struct view text, struct plan_number *out, struct fault *fault)
{
	int err;

	switch (type) {
	case PLAN_YES_NO:
		err = word_parse(type, yes_words, text, &out->value, fault);
		out->value &= 1;
		return err;
	case PLAN_REQUIRED:
		err = word_parse(type, required_words, text, &out->value, fault);
		out->value = 1;
		return err;
	case PLAN_CLAIM: return word_parse(type, plan_claim_words, text, &out->value, fault);
	case PLAN_PATTERN: return word_parse(type, plan_pattern_words, text, &out->value, fault);
	case PLAN_ACTION: return word_parse(type, plan_action_words, text, &out->value, fault);
	case PLAN_ORDER: return word_parse(type, plan_order_words, text, &out->value, fault);
	case PLAN_MONEY: return money_parse(text, out, fault);
	case PLAN_PACE: return pace_parse(text, &out->value, fault);
	case PLAN_DECIMAL: return decimal_parse(text, &out->value) < 0 ? not_a(type, text, fault) : 0;
	default: return unit_parse(type, text, &out->value, fault);
	}
}

/* ---- texts ---- */

static bool name_is(struct view text, size_t size_max)
{
	if (!text.size || text.size > size_max || view_is(text, ".") || view_is(text, ".."))
		return false;
	for (size_t i = 0; i < text.size; i++)
		if (!isalnum(text.at[i]) && !among("._-", text.at[i]))
			return false;
	return true;
}

static bool starts(struct view text, const char *with)
{
	return text.size >= strlen(with) && memcmp(text.at, with, strlen(with)) == 0;
}

static bool address_is(struct view text)
{
	return (starts(text, "http://") && text.size > 7) || (starts(text, "https://") && text.size > 8);
}

bool plan_is_properties(struct view cluster)
{
	static const char end[] = ".properties";
	size_t size = sizeof end - 1;

	return (cluster.size > size && memcmp(cluster.at + cluster.size - size, end, size) == 0) ||
	       (cluster.size && memchr(cluster.at, '/', cluster.size));
}

/* host:port or [v6]:port */
static bool host_port_is(struct view text)
{
	const uint8_t *colon = text.size ? memrchr(text.at, ':', text.size) : NULL;
	long port = 0;

	if (!colon || colon == text.at || colon + 1 == text.at + text.size || text.at + text.size - colon > 6)
		return false;
	for (const uint8_t *at = colon + 1; at < text.at + text.size; at++) {
		if (!isdigit(*at))
			return false;
		port = port * 10 + (*at - '0');
	}
	for (const uint8_t *at = text.at; at < colon; at++)
		if (!isalnum(*at) && !among(".-_:[]", *at))
			return false;
	return port > 0 && port < 65536;
}

static bool cluster_is(struct view text)
{
	if (plan_is_properties(text))
		return true;
	while (text.size) {
		const uint8_t *comma = memchr(text.at, ',', text.size);
		size_t size = comma ? (size_t)(comma - text.at) : text.size;

		if (!host_port_is(text_trim(view_of(text.at, size))))
			return false;
		if (!comma)
			return true;
		text = view_of(comma + 1, text.size - size - 1);
	}
	return false;
}

static bool identity_is(struct view text)
{
	if (view_is(text, "content"))
		return true;
	return (starts(text, "header:") && text.size > 7) || (starts(text, "key+header:") && text.size > 11);
}

int plan_text_check(enum plan_type type, struct view text, struct fault *fault)
{
	bool fits = text.size > 0;

	switch (type) {
	case PLAN_NAME: fits = name_is(text, 249); break;
	case PLAN_CLUSTER: fits = cluster_is(text); break;
	case PLAN_URL: fits = address_is(text); break;
	case PLAN_OWNER:
		fits = address_is(text) || (text.size > 2 && memchr(text.at + 1, '@', text.size - 2));
		break;
	case PLAN_IDENTITY: fits = identity_is(text); break;
	case PLAN_STATE:
		if (memmem(text.at, text.size, "://", 3) && !starts(text, "postgres://") &&
		    !starts(text, "postgresql://"))
			fits = false;
		break;
	default: break;
	}
	return fits ? 0 : not_a(type, text, fault);
}

/* ---- what stands in lists ---- */

int plan_topic_parse(struct view text, struct plan_topic *out, struct fault *fault)
{
	const uint8_t *equals = text.size ? memchr(text.at, '=', text.size) : NULL;

	out->source = equals ? view_of(text.at, (size_t)(equals - text.at)) : text;
	out->target = equals ? view_of(equals + 1, text.size - out->source.size - 1) : text;
	out->glob = glob_is(out->source);
	if (out->glob && equals)
		return WRONG(fault, "'%.*s': a pattern cannot rename; name the topics one by one",
			     VIEW_ARGS(text));
	if (out->glob && glob_match(out->source, VIEW_LITERAL("__consumer_offsets")))
		return WRONG(fault, "'%.*s' takes in Kafka's own topics; write a narrower pattern",
			     VIEW_ARGS(text));
	if (!out->glob && (!name_is(out->source, 249) || !name_is(out->target, 249)))
		return WRONG(fault,
			     "'%.*s' is not a topic; a name has letters, digits, '.', '_' and '-', and '=' "
			     "renames",
			     VIEW_ARGS(text));
	return 0;
}

int plan_principal_check(struct view text, struct fault *fault)
{
	const uint8_t *colon = text.size ? memchr(text.at, ':', text.size) : NULL;

	if (!colon || colon == text.at || colon + 1 == text.at + text.size)
		return WRONG(fault, "'%.*s' is not a principal; write it like User:%.*s", VIEW_ARGS(text),
			     VIEW_ARGS(text));
	return 0;
}

/* ---- commands ---- */

#define EXEC_WORDS_MAX 100

/* One word of a command, moved over; false when a quote never closes. */
static bool word_cut(struct view *left, struct buffer *word)
{
	char quote = 0;
	size_t i = 0;

	for (; i < left->size; i++) {
		char c = (char)left->at[i];

		if (quote && c == quote)
			quote = 0;
		else if (!quote && (c == '\'' || c == '"'))
			quote = c;
		else if (!quote && isspace((unsigned char)c))
			break;
		else
			buffer_put(word, &c, 1);
	}
	*left = view_of(left->at + i, left->size - i);
	return !quote;
}

static int words_split(struct view text, struct arena *arena, struct plan_exec *out, struct fault *fault)
{
	struct view left = text_trim(text);
	struct buffer word;
	int err = 0;

	buffer_init(&word, 64 * 1024);
	out->words = arena_array(arena, EXEC_WORDS_MAX, sizeof *out->words);
	while (left.size && !err) {
		buffer_reset(&word);
		if (!word_cut(&left, &word))
			err = WRONG(fault, "a quote in '%.*s' never closes", VIEW_ARGS(text));
		else if (word.err || !out->words || out->word_count == EXEC_WORDS_MAX)
			err = WRONG(fault, "the command is too long: at most %d words", EXEC_WORDS_MAX);
		else
			out->words[out->word_count++] = arena_copy(
				arena, view_of(word.size ? word.at : (const uint8_t *)"", word.size));
		left = text_trim(left);
	}
	buffer_done(&word);
	return err;
}

int plan_exec_parse(struct view text, struct arena *arena, struct plan_exec *out, struct fault *fault)
{
	int err;

	if (address_is(text)) {
		out->url = text;
		return 0;
	}
	if (!starts(text, "exec ") && !view_is(text, "exec"))
		return WRONG(
			fault,
			"'%.*s' is neither a command nor an address; write it like exec %.*s, or http://...",
			VIEW_ARGS(text), VIEW_ARGS(text));
	err = words_split(view_of(text.at + 4, text.size - 4), arena, out, fault);
	if (err == 0 && out->word_count == 0)
		return WRONG(fault, "'exec' names no command");
	return err;
}

/* ---- change freezes ---- */

static const char *const day_words[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };

/* Next word of `left`, cut at blanks. */
static struct view next_word(struct view *left)
{
	size_t size = 0;
	struct view word;

	*left = text_trim(*left);
	while (size < left->size && !isspace(left->at[size]))
		size++;
	word = view_of(left->at, size);
	*left = view_of(left->at + size, left->size - size);
	return word;
}

static int day_of(struct view word)
{
	for (int day = 0; day_words[day]; day++)
		if (view_is(word, day_words[day]))
			return day;
	return -1;
}

/* hh:mm to minutes, or -1. */
static int minutes_of(struct view word)
{
	int hour, minute;

	if (word.size != 5 || word.at[2] != ':' || !isdigit(word.at[0]) || !isdigit(word.at[1]) ||
	    !isdigit(word.at[3]) || !isdigit(word.at[4]))
		return -1;
	hour = (word.at[0] - '0') * 10 + (word.at[1] - '0');
	minute = (word.at[3] - '0') * 10 + (word.at[4] - '0');
	return hour < 24 && minute < 60 ? hour * 60 + minute : -1;
}

static bool date_is(struct view word)
{
	char text[32];
	int64_t ms;

	if (word.size != 10)
		return false;
	snprintf(text, sizeof text, "%.*sT00:00:00Z", VIEW_ARGS(word));
	return time_parse(view_text(text), 0, &ms, NULL) == 0;
}

static bool zone_is(struct view zone)
{
	for (size_t i = 0; i < zone.size; i++)
		if (!isalnum(zone.at[i]) && !among("/_+-", zone.at[i]))
			return false;
	return view_is(zone, "UTC") ||
	       (zone.size > 2 && memchr(zone.at, '/', zone.size) && zone.at[0] != '/');
}

int plan_freeze_parse(struct view text, struct plan_freeze *out, struct fault *fault)
{
	struct view left = text, words[6] = { 0 };
	int count = 0, days[2], minutes[2];

	while (text_trim(left).size && count < 6)
		words[count++] = next_word(&left);
	if (text_trim(left).size || (count != 4 && count != 6) || !view_is(words[count / 2 - 1], ".."))
		return not_a(PLAN_FREEZES, text, fault);
	out->zone = words[count - 1];
	if (!zone_is(out->zone))
		return WRONG(fault, "'%.*s' is not a time zone; write UTC or a name like Europe/Berlin",
			     VIEW_ARGS(out->zone));
	out->weekly = count == 6;
	if (!out->weekly) {
		out->from_date = words[0];
		out->to_date = words[2];
		if (!date_is(words[0]) || !date_is(words[2]) || view_compare(words[0], words[2]) > 0)
			return not_a(PLAN_FREEZES, text, fault);
		return 0;
	}
	days[0] = day_of(words[0]);
	days[1] = day_of(words[3]);
	minutes[0] = minutes_of(words[1]);
	minutes[1] = minutes_of(words[4]);
	if (days[0] < 0 || days[1] < 0 || minutes[0] < 0 || minutes[1] < 0)
		return not_a(PLAN_FREEZES, text, fault);
	out->from_minute = days[0] * 1440 + minutes[0];
	out->to_minute = days[1] * 1440 + minutes[1];
	return 0;
}

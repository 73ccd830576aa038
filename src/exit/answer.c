/* answer.c - bytes of the operator's making, to a word, a number, a yes or a no. */
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "exit/answer.h"

#define MILLION 1000000

/* Control characters could steer a terminal, and two answers that look the same must be the same. */
static bool is_plain(struct view text)
{
	if (!text_is_utf8(text))
		return false;
	for (size_t i = 0; i < text.size; i++)
		if (text.at[i] < 0x20 || text.at[i] == 0x7f ||
		    (text.at[i] == 0xc2 && i + 1 < text.size && text.at[i + 1] < 0xa0))
			return false;
	return true;
}

static int take_text(struct view text, const char *what, size_t size_max, char *out, struct fault *fault)
{
	text = text_trim(text);
	if (text.size > size_max)
		return fault_set(fault, ERR_MALFORMED, "the %s has %zu bytes, and at most %zu are read", what,
				 text.size, size_max);
	if (!is_plain(text))
		return fault_set(fault, ERR_MALFORMED, "the %s is not plain text in UTF-8", what);
	if (text.size)
		memcpy(out, text.at, text.size);
	out[text.size] = 0;
	return 0;
}

/* ---- JSON ---- */

/*
 * A fraction of JSON has been through a double.  With at most fifteen digits, below 10^15, it is what was written; with
 * more, two different sums could come out equal.
 */
static int take_real(double real, char *out, struct fault *fault)
{
	char text[64];

	snprintf(text, sizeof text, "%.15g", real);
	if (!isfinite(real) || fabs(real) >= 1e15 || strtod(text, NULL) != real)
		return fault_set(
			fault, ERR_MALFORMED,
			"the value is a number of more than 15 digits; give it as a text, in quotes");
	snprintf(out, ANSWER_TEXT_SIZE_MAX, strchr(text, 'e') ? "%.9f" : "%.15g", real);
	return 0;
}

static int take_value(const json_t *value, struct answer *out, struct fault *fault)
{
	switch (value ? json_typeof(value) : JSON_OBJECT) {
	case JSON_STRING:
		return take_text(view_of(json_string_value(value), json_string_length(value)), "value",
				 ANSWER_TEXT_SIZE_MAX, out->text, fault);
	case JSON_INTEGER:
		snprintf(out->text, sizeof out->text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return 0;
	case JSON_REAL: return take_real(json_real_value(value), out->text, fault);
	case JSON_TRUE: strcpy(out->text, "true"); return 0;
	case JSON_FALSE: strcpy(out->text, "false"); return 0;
	default:
		return fault_set(fault, ERR_MALFORMED,
				 "the JSON has no \"value\" that is a text, a number, true or false");
	}
}

static int take_object(const json_t *object, struct answer *out, struct fault *fault)
{
	const json_t *value = json_object_get(object, "value"), *unit = json_object_get(object, "unit"),
		     *drained = json_object_get(object, "drained");
	int err = 0;

	if (drained && !json_is_boolean(drained))
		return fault_set(fault, ERR_MALFORMED, "\"drained\" is neither true nor false");
	if (unit && !json_is_null(unit) && !json_is_string(unit))
		return fault_set(fault, ERR_MALFORMED, "\"unit\" is not a text");
	out->says_drained = drained != NULL;
	out->drained = json_is_true(drained);
	if (value || !drained)
		err = take_value(value, out, fault);
	if (err == 0 && json_is_string(unit))
		err = take_text(view_of(json_string_value(unit), json_string_length(unit)), "unit",
				ANSWER_UNIT_SIZE_MAX, out->unit, fault);
	return err;
}

static void move_in(const struct answer *read, struct answer *out)
{
	memcpy(out->text, read->text, sizeof out->text);
	memcpy(out->unit, read->unit, sizeof out->unit);
	out->json = read->json;
	out->says_drained = read->says_drained;
	out->drained = read->drained;
}

int answer_read_body(struct view body, struct answer *out, struct fault *fault)
{
	struct answer read = { .json = body };
	json_t *root = json_loadb((const char *)body.at, body.size, JSON_REJECT_DUPLICATES, NULL);
	int err;

	if (!json_is_object(root))
		err = fault_set(fault, ERR_MALFORMED, "the answer is not an object of JSON");
	else
		err = take_object(root, &read, fault);
	json_decref(root);
	if (err == 0)
		move_in(&read, out);
	return err;
}

int answer_member(struct view json, const char *name, char out[ANSWER_TEXT_SIZE_MAX + 1], struct fault *fault)
{
	json_t *root =
		json.at ? json_loadb((const char *)json.at, json.size, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const json_t *value = json_object_get(root, name);
	struct answer read = { 0 };
	int err = 0;

	if (json_is_boolean(value))
		err = fault_set(fault, ERR_MALFORMED, "\"%s\" is neither a text nor a number", name);
	else if (value && !json_is_null(value))
		err = take_value(value, &read, fault);
	json_decref(root);
	if (err == 0)
		memcpy(out, read.text, sizeof read.text);
	return err;
}

int answer_read_output(struct view output, struct answer *out, struct fault *fault)
{
	const uint8_t *end = output.size ? memchr(output.at, '\n', output.size) : NULL;
	struct view line = text_trim(view_of(output.at, end ? (size_t)(end - output.at) : output.size));
	struct answer read = { 0 };
	int err;

	if (line.size && line.at[0] == '{')
		return answer_read_body(line, out, fault);
	err = take_text(line, "answer", ANSWER_TEXT_SIZE_MAX, read.text, fault);
	if (err == 0)
		move_in(&read, out);
	return err;
}

/* ---- numbers ---- */

/* Digits and a point, to millionths.  Returns where they end, or NULL when there are none. */
static const char *digits_read(const char *at, int64_t *out, bool *fits)
{
	int64_t whole = 0, part = 0, weight = MILLION / 10;
	const char *start = at;
	bool point = false;

	*fits = true;
	for (; isdigit((unsigned char)*at); at++) {
		whole = 10 * whole + (*at - '0');
		if (whole >= INT64_MAX / MILLION) {
			*fits = false;
			whole = 0;
		}
	}
	if (at > start && *at == '.' && isdigit((unsigned char)at[1])) {
		point = true;
		for (at++; isdigit((unsigned char)*at) && weight > 0; at++, weight /= 10)
			part += weight * (*at - '0');
		part += isdigit((unsigned char)*at) && *at >= '5'; /* the seventh decimal */
		while (isdigit((unsigned char)*at))
			at++;
	}
	*out = whole * MILLION + part;
	return at > start && (point || *at != '.') ? at : NULL;
}

/* A unit is a word that cannot be taken for more of the number: not `e6`, `x10`, `,000`, `.5`. */
static bool is_unit(const char *at)
{
	if (*at && strchr(".,+-_'", *at))
		return false;
	for (const char *c = at; *c; c++)
		if (isdigit((unsigned char)*c))
			return false;
	/* `1e+`: cut short somewhere on its way. */
	return !((*at == 'e' || *at == 'E') && at[1] && strchr("+-", at[1]));
}

int answer_quantity(const struct answer *answer, struct quantity *out, struct fault *fault)
{
	const char *at = answer->text;
	bool minus = *at == '-', fits = true;
	struct quantity read = { 0 };
	struct view unit;

	if (*at == '-' || *at == '+')
		at++;
	at = digits_read(at, &read.millionths, &fits);
	if (!at || !is_unit(at))
		return fault_set(fault, ERR_MALFORMED,
				 "the answer is not a number; write it like 12, 12.5 or 12.5 ms");
	unit = text_trim(view_text(at));
	/* "12 -3": what a blank parts from the number must not look like one either. */
	if ((unit.size && !is_unit((const char *)unit.at)) || (unit.size && answer->unit[0]))
		return fault_set(fault, ERR_MALFORMED, "the answer is not one number with one unit");
	if (!fits)
		return fault_set(fault, ERR_LIMIT,
				 "the number is past nine million million; count in a larger unit");
	if (unit.size > ANSWER_UNIT_SIZE_MAX)
		return fault_set(fault, ERR_MALFORMED, "the unit is longer than %d bytes",
				 ANSWER_UNIT_SIZE_MAX);
	if (unit.size)
		memcpy(read.unit, unit.at, unit.size);
	else
		memcpy(read.unit, answer->unit, sizeof read.unit);
	if (minus)
		read.millionths = -read.millionths;
	*out = read;
	return 0;
}

int answer_yes(const struct answer *answer, bool *out, struct fault *fault)
{
	static const char *const yes[] = { "yes", "true" }, *const no[] = { "no", "false" };
	struct quantity number;

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		if (strcmp(answer->text, yes[i]) == 0 || strcmp(answer->text, no[i]) == 0) {
			*out = strcmp(answer->text, yes[i]) == 0;
			return 0;
		}
	}
	if (answer_quantity(answer, &number, NULL) < 0 || number.millionths < 0)
		return fault_set(
			fault, ERR_MALFORMED,
			"the answer is neither yes, true or a number above zero, nor no, false or 0");
	*out = number.millionths > 0;
	return 0;
}

char *quantity_text(const struct quantity *quantity, char out[QUANTITY_TEXT_SIZE])
{
	uint64_t size =
		quantity->millionths < 0 ? -(uint64_t)quantity->millionths : (uint64_t)quantity->millionths;
	char part[8] = "";
	int used;

	if (size % MILLION) {
		snprintf(part, sizeof part, "%06u", (unsigned)(size % MILLION));
		for (int i = 5; i > 0 && part[i] == '0'; i--)
			part[i] = 0;
	}
	used = snprintf(out, QUANTITY_TEXT_SIZE, "%s%llu%s%s", quantity->millionths < 0 ? "-" : "",
			(unsigned long long)(size / MILLION), part[0] ? "." : "", part);
	if (quantity->unit[0])
		snprintf(out + used, (size_t)(QUANTITY_TEXT_SIZE - used), "%s%s",
			 quantity->unit[0] == '%' ? "" : " ", quantity->unit);
	return out;
}

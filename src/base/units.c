/* units.c - reading and writing values with units. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/units.h"

struct unit {
	const char *word;
	double factor;
};

static const struct unit duration_units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL },
};
static const struct unit size_units[] = {
	{ "", 1 }, { "B", 1 }, { "kB", 1e3 }, { "KB", 1e3 }, { "MB", 1e6 }, { "GB", 1e9 }, { "TB", 1e12 },
	{ "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 }, { "TiB", 1099511627776 }, { NULL },
};
static const struct unit percent_units[] = { { "%", 1 }, { NULL } };
static const struct unit count_units[] = { { "", 1 }, { NULL } };

/* A decimal number followed by one of `units`; nothing else, no sign. */
static int parse(struct view text, const struct unit *units, double most, const char *example, double *out,
		 struct fault *fault)
{
	char number[40];
	size_t i = 0, points = 0;

	while (i < text.size && i < sizeof number - 1 && ((text.at[i] >= '0' && text.at[i] <= '9') || text.at[i] == '.')) {
		points += text.at[i] == '.';
		number[i] = (char)text.at[i];
		i++;
	}
	number[i] = 0;
	if (i == 0 || points > 1 || number[0] == '.' || number[i - 1] == '.')
		return fault_set(fault, ERR_USAGE, "'%.*s' is not a number with a unit; write it like %s", VIEW_ARGS(text), example);
	for (; units->word; units++) {
		if (!view_is(view_of(text.at + i, text.size - i), units->word))
			continue;
		*out = strtod(number, NULL) * units->factor;
		if (*out > most)
			return fault_set(fault, ERR_USAGE, "'%.*s' is too large", VIEW_ARGS(text));
		return 0;
	}
	if (i == text.size)
		return fault_set(fault, ERR_USAGE, "'%.*s' has no unit; write it like %s", VIEW_ARGS(text), example);
	return fault_set(fault, ERR_USAGE, "'%.*s' has an unknown unit; write it like %s", VIEW_ARGS(text), example);
}

int duration_parse(struct view text, int64_t *out_ms, struct fault *fault)
{
	double value;
	int err = parse(text, duration_units, 3.2e12, "500ms, 5s, 10m, 2h or 7d", &value, fault);

	if (err == 0)
		*out_ms = (int64_t)value;
	return err;
}

int size_parse(struct view text, uint64_t *out_bytes, struct fault *fault)
{
	double value;
	int err = parse(text, size_units, 1e18, "64KiB, 256MiB or 1GB", &value, fault);

	if (err == 0)
		*out_bytes = (uint64_t)value;
	return err;
}

int rate_parse(struct view text, uint64_t *out_bytes_per_s, struct fault *fault)
{
	if (text.size < 2 || memcmp(text.at + text.size - 2, "/s", 2) != 0)
		return fault_set(fault, ERR_USAGE, "'%.*s' is not a rate; write it like 100MB/s", VIEW_ARGS(text));
	text.size -= 2;
	return size_parse(text, out_bytes_per_s, fault);
}

int percent_parse(struct view text, double *out_percent, struct fault *fault)
{
	return parse(text, percent_units, 1e6, "30%", out_percent, fault);
}

int count_parse(struct view text, uint64_t *out, struct fault *fault)
{
	double value;
	int err = parse(text, count_units, 9e15, "1000", &value, fault);

	if (err < 0)
		return err;
	if (value != floor(value))
		return fault_set(fault, ERR_USAGE, "'%.*s' is not a whole number", VIEW_ARGS(text));
	*out = (uint64_t)value;
	return 0;
}

/* Two or more digits at `*at`, exactly `count` of them, moved over. */
static int digits(struct view text, size_t *at, int count)
{
	int value = 0;

	for (; count > 0; count--, ++*at) {
		if (*at >= text.size || text.at[*at] < '0' || text.at[*at] > '9')
			return -1;
		value = value * 10 + (text.at[*at] - '0');
	}
	return value;
}

static bool expect(struct view text, size_t *at, const char *any)
{
	if (*at >= text.size || !strchr(any, text.at[*at]))
		return false;
	++*at;
	return true;
}

/* RFC 3339: 2026-11-22T12:00:00[.123](Z|+01:00) */
static bool parse_rfc3339(struct view text, int64_t *out_ms)
{
	static const int days_of[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day, hour, minute, second, milli = 0, offset = 0;
	size_t at = 0;
	struct tm tm;

	if ((year = digits(text, &at, 4)) < 1970 || !expect(text, &at, "-") || (month = digits(text, &at, 2)) < 1 || month > 12 ||
	    !expect(text, &at, "-") || (day = digits(text, &at, 2)) < 1 || !expect(text, &at, "Tt ") ||
	    (hour = digits(text, &at, 2)) < 0 || hour > 23 || !expect(text, &at, ":") || (minute = digits(text, &at, 2)) < 0 ||
	    minute > 59 || !expect(text, &at, ":") || (second = digits(text, &at, 2)) < 0 || second > 60)
		return false;
	if (day > days_of[month - 1] + (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)))
		return false;
	if (expect(text, &at, ".")) {
		int scale = 100;
		size_t first = at;

		for (; at < text.size && text.at[at] >= '0' && text.at[at] <= '9'; at++, scale /= 10)
			milli += (text.at[at] - '0') * scale;
		if (at == first)
			return false;
	}
	if (!expect(text, &at, "Zz")) {
		int sign, hours, minutes;

		if (at >= text.size)
			return false;
		sign = text.at[at] == '-' ? -1 : 1;
		if (!expect(text, &at, "+-") || (hours = digits(text, &at, 2)) < 0 || hours > 23 || !expect(text, &at, ":") ||
		    (minutes = digits(text, &at, 2)) < 0 || minutes > 59)
			return false;
		offset = sign * (hours * 60 + minutes);
	}
	if (at != text.size)
		return false;
	tm = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second };
	*out_ms = ((int64_t)timegm(&tm) - (int64_t)offset * 60) * 1000 + milli;
	return true;
}

int time_parse(struct view text, int64_t now_ms, int64_t *out_ms, struct fault *fault)
{
	int64_t back = 0;

	if (text.size && text.at[0] == '-') {
		int err = duration_parse(view_of(text.at + 1, text.size - 1), &back, fault);

		if (err < 0)
			return err;
		*out_ms = now_ms - back;
		return 0;
	}
	if (parse_rfc3339(text, out_ms))
		return 0;
	return fault_set(fault, ERR_USAGE, "'%.*s' is not a time; write it like 2026-11-22T12:00:00Z, or -2h for two hours ago", VIEW_ARGS(text));
}

char *duration_text(int64_t ms, char out[UNIT_TEXT_SIZE])
{
	if (ms < 1000)
		snprintf(out, UNIT_TEXT_SIZE, "%lld ms", (long long)ms);
	else if (ms < 60000)
		snprintf(out, UNIT_TEXT_SIZE, "%lld.%lld s", (long long)ms / 1000, (long long)ms / 100 % 10);
	else if (ms < 3600000)
		snprintf(out, UNIT_TEXT_SIZE, "%lld min %lld s", (long long)ms / 60000, (long long)ms / 1000 % 60);
	else if (ms < 86400000)
		snprintf(out, UNIT_TEXT_SIZE, "%lld h %lld min", (long long)ms / 3600000, (long long)ms / 60000 % 60);
	else
		snprintf(out, UNIT_TEXT_SIZE, "%lld d %lld h", (long long)ms / 86400000, (long long)ms / 3600000 % 24);
	return out;
}

char *size_text(uint64_t bytes, char out[UNIT_TEXT_SIZE])
{
	static const char *const words[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	int i = 0;

	while (value >= 1024 && i < 6) {
		value /= 1024;
		i++;
	}
	snprintf(out, UNIT_TEXT_SIZE, i ? "%.1f %s" : "%.0f %s", value, words[i]);
	return out;
}

char *count_text(uint64_t count, char out[UNIT_TEXT_SIZE])
{
	char plain[24];
	int size = snprintf(plain, sizeof plain, "%llu", (unsigned long long)count), at = 0;

	for (int i = 0; i < size; i++) {
		if (i && (size - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = plain[i];
	}
	out[at] = 0;
	return out;
}

char *time_text(int64_t wall_ms, char out[UNIT_TEXT_SIZE])
{
	int64_t second = wall_ms / 1000 - (wall_ms % 1000 < 0);
	time_t seconds = (time_t)second;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm)) {
		snprintf(out, UNIT_TEXT_SIZE, "%lld ms", (long long)wall_ms);
		return out;
	}
	snprintf(out, UNIT_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		 tm.tm_hour, tm.tm_min, tm.tm_sec, (int)((wall_ms % 1000 + 1000) % 1000));
	return out;
}

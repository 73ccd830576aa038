/* window.c - time, traffic (records, bytes, keys), regimes. */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "exit/window.h"

static void say(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list list;

	va_start(list, format);
	vsnprintf(text + used, size - used, format, list);
	va_end(list);
}

static bool time_is_over(const struct standing *family, int64_t wanted_ms, int64_t now_ms, char *text,
			 size_t size)
{
	char held[UNIT_TEXT_SIZE], wanted[UNIT_TEXT_SIZE];

	/* A clock that was set back has not watched anything. */
	int64_t held_ms = now_ms > family->crossed_ms ? now_ms - family->crossed_ms : 0;

	say(text, size, "%s of %s", duration_text(held_ms, held), duration_text(wanted_ms, wanted));
	return held_ms >= wanted_ms;
}

static bool traffic_is_enough(const json_t *watched, int64_t wanted, char *text, size_t size)
{
	const json_t *records = json_object_get(watched, "records");
	char seen[UNIT_TEXT_SIZE], least[UNIT_TEXT_SIZE];

	if (!wanted)
		return true;
	count_text((uint64_t)wanted, least);
	if (!json_is_integer(records)) {
		say(text, size, ", records written in it are not known, and %s are wanted", least);
		return false;
	}
	say(text, size, ", %s of %s records", count_text((uint64_t)json_integer_value(records), seen), least);
	return json_integer_value(records) >= wanted;
}

static bool size_is_enough(const json_t *watched, int64_t wanted, char *text, size_t size)
{
	const json_t *bytes = json_object_get(watched, "bytes");
	char seen[UNIT_TEXT_SIZE], least[UNIT_TEXT_SIZE];

	if (!wanted)
		return true;
	size_text((uint64_t)wanted, least);
	if (!json_is_integer(bytes)) {
		say(text, size, ", bytes written in it are not known, and %s are wanted", least);
		return false;
	}
	say(text, size, ", %s of %s", size_text((uint64_t)json_integer_value(bytes), seen), least);
	return json_integer_value(bytes) >= wanted;
}

static bool keys_are_enough(const json_t *watched, int64_t wanted, char *text, size_t size)
{
	int64_t keys = body_number(watched, "keys");
	char seen[UNIT_TEXT_SIZE], least[UNIT_TEXT_SIZE];

	if (!wanted)
		return true;
	say(text, size, ", %s of %s different keys", count_text((uint64_t)(keys > 0 ? keys : 0), seen),
	    count_text((uint64_t)wanted, least));
	return keys >= wanted;
}

static bool was_seen(const json_t *seen, struct view name)
{
	const char *key;
	json_t *wall;

	json_object_foreach((json_t *)seen, key, wall) if (view_is(name, key)) return true;
	return false;
}

static bool regimes_were_seen(const json_t *watched, const struct plan_probes *regimes, char *text,
			      size_t size)
{
	const json_t *seen = json_object_get(watched, "regimes");
	int missing = 0;

	for (int i = 0; i < regimes->count; i++) {
		struct view name = regimes->at[i].name.text;

		if (was_seen(seen, name))
			continue;
		say(text, size, "%s%.*s", missing++ ? ", " : ", not seen yet: ", VIEW_ARGS(name));
	}
	if (regimes->count && !missing)
		say(text, size, ", %d of %d regimes seen", regimes->count, regimes->count);
	return !missing;
}

bool window_is_over(const struct standing *family, const struct plan_family *plan, int64_t now_ms, char *text,
		    size_t size)
{
	const json_t *watched = json_object_get(family->json, "watched");
	const struct plan_number *limits = plan->class->limits;
	bool over;

	text[0] = 0;
	if (family->stage == STAGE_SEALED || family->stage == STAGE_RETIRED)
		return true;
	over = time_is_over(family, limits[LIMIT_OBSERVE].value, now_ms, text, size);
	over &= traffic_is_enough(watched, limits[LIMIT_OBSERVE_RECORDS].value, text, size);
	over &= size_is_enough(watched, limits[LIMIT_OBSERVE_BYTES].value, text, size);
	over &= keys_are_enough(watched, limits[LIMIT_OBSERVE_KEYS].value, text, size);
	over &= regimes_were_seen(watched, &plan->regimes, text, size);
	return over && family->stage == STAGE_TARGET;
}

void window_asks(const struct plan_family *plan, char *text, size_t size)
{
	const struct plan_number *limits = plan->class->limits;
	char number[UNIT_TEXT_SIZE];

	text[0] = 0;
	say(text, size, "%s on the target", duration_text(limits[LIMIT_OBSERVE].value, number));
	if (limits[LIMIT_OBSERVE_RECORDS].value)
		say(text, size, ", %s record%s",
		    count_text((uint64_t)limits[LIMIT_OBSERVE_RECORDS].value, number),
		    limits[LIMIT_OBSERVE_RECORDS].value == 1 ? "" : "s");
	if (limits[LIMIT_OBSERVE_BYTES].value)
		say(text, size, ", %s", size_text((uint64_t)limits[LIMIT_OBSERVE_BYTES].value, number));
	if (limits[LIMIT_OBSERVE_KEYS].value)
		say(text, size, ", %s different keys",
		    count_text((uint64_t)limits[LIMIT_OBSERVE_KEYS].value, number));
	for (int i = 0; i < plan->regimes.count; i++)
		say(text, size, "%s%.*s",
		    i ? ", " : ", and each of: ", VIEW_ARGS(plan->regimes.at[i].name.text));
}

json_t *window_told(const struct plan_family *plan, const struct standing *family, int64_t now_ms)
{
	char asks[WINDOW_TEXT_SIZE], text[WINDOW_TEXT_SIZE];
	bool there = family->json && family->stage >= STAGE_TARGET, over;

	window_asks(plan, asks, sizeof asks);
	over = there && window_is_over(family, plan, now_ms, text, sizeof text);
	return json_pack("{s:s, s:b, s:s?}", "asks", asks, "over", over, "text",
			 there && text[0] ? text : NULL);
}

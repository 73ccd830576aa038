/* history_read.c - from the state of the journal to what gates ask for. */
#include <stdlib.h>

#include "exit/boundary.h"
#include "exit/history_read.h"
#include "exit/state.h"

static struct view view_or_null(const char *text)
{
	return text ? view_text(text) : VIEW_NULL;
}

static void read_drill(const json_t *family, struct history_held *out)
{
	const json_t *drill = json_object_get(family, "drill"), *levers = json_object_get(drill, "levers");
	struct history *history = &out->history;
	size_t count = json_array_size(levers);

	if (!drill)
		return;
	history->drill.ended_ms = body_number(drill, "wall");
	history->drill.forward_pause_ms = body_number(drill, "forward_ms");
	history->drill.return_pause_ms = body_number(drill, "return_ms");
	history->drill.total_ms = body_number(drill, "total_ms");
	history->drill.ok = json_is_true(json_object_get(drill, "ok"));
	body_hash(drill, "plan", &history->drill.plan);
	out->tests = calloc(count + 1, sizeof *out->tests);
	for (size_t i = 0; out->tests && i < count; i++) {
		const json_t *lever = json_array_get(levers, i);

		out->tests[history->lever_count++] =
			(struct history_test){ view_or_null(body_text(lever, "name")),
					       history->drill.ended_ms,
					       json_is_true(json_object_get(lever, "ok")) };
	}
	history->levers = out->tests;
}

/* Where the logs of both sides ended at the crossing. */
static void read_crossing(const json_t *family, struct history_held *out)
{
	static const char *const keys[SIDE_COUNT] = { "ends", "ends_to" };
	const char *authority = body_text(family, "authority");
	struct history *history = &out->history;
	size_t total = 0;

	if (!authority || strcmp(authority, "target") != 0)
		return;
	history->crossed_ms = body_number(family, "crossed");
	history->keys_seen = body_number(json_object_get(family, "watched"), "keys");
	for (int side = 0; side < SIDE_COUNT; side++)
		total += json_array_size(json_object_get(family, keys[side]));
	out->crossed = calloc(total + 1, sizeof *out->crossed);
	for (int side = 0; out->crossed && side < SIDE_COUNT; side++) {
		const json_t *ends = json_object_get(family, keys[side]);

		for (size_t i = 0; i < json_array_size(ends); i++) {
			const json_t *end = json_array_get(ends, i);

			out->crossed[history->crossed_count++] = (struct position){
				.side = (uint8_t)side,
				.topic = view_or_null(json_string_value(json_array_get(end, 0))),
				.partition = (int32_t)json_integer_value(json_array_get(end, 1)),
				.leader_epoch = (int32_t)json_integer_value(json_array_get(end, 3)),
				.end = json_integer_value(json_array_get(end, 2)),
				.stable = -1,
				.high_watermark = -1
			};
		}
	}
	history->crossed = out->crossed;
}

void history_read(const json_t *family, struct history_held *out)
{
	const json_t *runbook = json_object_get(family, "acknowledged"),
		     *call = json_object_get(family, "confirmed");

	*out = (struct history_held){ 0 };
	read_drill(family, out);
	read_crossing(family, out);
	if (runbook) {
		out->history.runbook.at_ms = body_number(runbook, "wall");
		out->history.runbook.by = view_or_null(body_text(runbook, "by"));
		body_hash(json_object_get(runbook, "arguments"), "plan", &out->history.runbook.plan);
	}
	if (call) {
		out->history.on_call.at_ms = body_number(call, "wall");
		out->history.on_call.until_ms = body_number(json_object_get(call, "arguments"), "until");
		out->history.on_call.by = view_or_null(body_text(call, "by"));
	}
	out->history.dual_since_ms = body_number(family, "observed");
	/* What an owner has seen and resumed from is no longer news. */
	out->history.leak =
		json_object_get(family, "leak") &&
		body_number(family, "window") <= body_number(json_object_get(family, "leak"), "sequence");
}

void history_done(struct history_held *held)
{
	free(held->tests);
	free(held->crossed);
	*held = (struct history_held){ 0 };
}

static json_t *number_or_null(const struct evidence *item, const char *name)
{
	const struct evidence_value *value = evidence_value(item, view_text(name));

	return value && value->number != BOUNDARY_NOT_KNOWN ? json_integer(value->number) : json_null();
}

/* What is behind is on the target alone as well, for now. */
static json_t *target_only(const struct evidence *item)
{
	const struct evidence_value *lost = evidence_value(item, VIEW_LITERAL("target-only"));
	const struct evidence_value *behind = evidence_value(item, VIEW_LITERAL("behind"));

	return lost ? json_integer(lost->number + (behind ? behind->number : 0)) : json_null();
}

json_t *boundary_of(const struct evidence_log *log)
{
	for (int i = log->count - 1; i >= 0; i--) {
		const struct evidence *item = log->items[i];

		if (view_is(item->claim, "rollback.boundary"))
			return json_pack("{s:o, s:o, s:o, s:o}", "target_only_records",
					 target_only(item), "target_only_bytes",
					 number_or_null(item, "target-only-bytes"), "clean_until",
					 number_or_null(item, "clean-until"), "groups_past",
					 number_or_null(item, "past"));
	}
	return NULL;
}

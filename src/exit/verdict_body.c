/* verdict_body.c - a judgement as the body of a frame. */
#include "exit/history_read.h"
#include "exit/state.h"
#include "exit/verdict_body.h"

static struct view view_or_null(const char *text)
{
	return text ? view_text(text) : VIEW_NULL;
}

int verdict_waivers(const json_t *family, struct waiver out[VERDICT_WAIVERS_MAX])
{
	json_t *list = json_object_get(family, "waivers"), *each;
	size_t index;
	int count = 0;

	json_array_foreach(list, index, each)
	{
		struct waiver waiver = { .rule = view_or_null(body_text(each, "rule")),
					 .subject = view_or_null(body_text(each, "subject")),
					 .value_max = body_number(each, "value_max"),
					 .reason = view_or_null(body_text(each, "reason")),
					 .owner = view_or_null(body_text(each, "owner")),
					 .second = view_or_null(body_text(each, "second")),
					 .stage = view_or_null(body_text(each, "stage")),
					 .authority = (uint64_t)body_number(each, "authority"),
					 .granted_ms = body_number(each, "granted"),
					 .expires_ms = body_number(each, "expires") };

		body_hash(each, "evidence", &waiver.evidence);
		if (count < VERDICT_WAIVERS_MAX)
			out[count++] = waiver;
	}
	return count;
}

#define REASONS_MAX 40

static void add_reasons(json_t *out, const struct gate_result *gate)
{
	for (int i = 0; i < gate->result_count && json_array_size(out) < REASONS_MAX; i++) {
		const struct rule_result *result = &gate->results[i];
		struct buffer text;
		json_t *reason;

		if (result->verdict == VERDICT_OPEN || result->rule->advisory)
			continue;
		buffer_init(&text, 4000);
		rule_result_text(result, true, &text);
		reason = json_pack("{s:s, s:s, s:s, s:s}", "gate", gate_word(gate->gate), "code",
				   rule_result_code(result), "rule", result->rule->name, "who",
				   result->rule->who ? result->rule->who : "owner");
		if (reason && result->subject.at)
			json_object_set_new(
				reason, "subject",
				json_stringn((const char *)result->subject.at, result->subject.size));
		if (reason)
			json_object_set_new(reason, "text", json_string(buffer_string(&text)));
		json_array_append_new(out, reason);
		buffer_done(&text);
	}
}

/* Until when all of it stays fresh by age: the earliest end of any evidence that a rule was opened by. */
static int64_t valid_until(const struct judgement *judged, int64_t now_ms)
{
	int64_t until_ms = INT64_MAX;

	for (int gate = 0; gate < GATE_COUNT; gate++) {
		for (int i = 0; i < judged->gates[gate].result_count; i++) {
			const struct rule_result *result = &judged->gates[gate].results[i];
			int64_t ends_ms;

			if (!result->evidence || result->rule->advisory)
				continue;
			ends_ms = result->evidence->ended.wall_ms + result->rule->fresh.age_ms_max;
			until_ms = ends_ms < until_ms ? ends_ms : until_ms;
		}
	}
	return until_ms == INT64_MAX ? now_ms : until_ms;
}

/* What was seen of the observation window; NULL when nobody looked: authority is on the source. */
static json_t *window_of(const struct evidence_log *log)
{
	json_t *records = NULL, *bytes = NULL, *keys = NULL, *regimes = json_array();

	for (int i = 0; i < log->count; i++) {
		const struct evidence *item = log->items[i];
		const struct evidence_value *seen = evidence_value(item, VIEW_LITERAL("seen")),
					    *written = evidence_value(item, VIEW_LITERAL("written")),
					    *size = evidence_value(item, VIEW_LITERAL("written-bytes")),
					    *counted = evidence_value(item, VIEW_LITERAL("keys"));

		if (view_is(item->claim, "window.regime") && item->status == EVIDENCE_OK && seen &&
		    seen->number)
			json_array_append_new(
				regimes, json_stringn((const char *)item->subject.at, item->subject.size));
		if (view_is(item->claim, "window.keys") && item->status == EVIDENCE_OK && counted) {
			json_decref(keys);
			keys = json_integer(counted->number);
		}
		if (!view_is(item->claim, "window.traffic"))
			continue;
		json_decref(bytes);
		bytes = item->status == EVIDENCE_OK && size ? json_integer(size->number) : NULL;
		json_decref(records);
		records =
			item->status == EVIDENCE_OK && written ? json_integer(written->number) : json_null();
	}
	if (!records) {
		json_decref(regimes);
		json_decref(bytes);
		json_decref(keys);
		return NULL;
	}
	return json_pack("{s:o, s:o*, s:o*, s:o}", "records", records, "bytes", bytes, "keys", keys, "regimes",
			 regimes);
}

json_t *verdict_body(const struct judgement *judged, const struct evidence_log *log, struct sha256 input,
		     uint64_t authority, int64_t now_ms)
{
	json_t *gates = json_object(), *reasons = json_array(), *boundary;
	char hash[SHA256_TEXT_SIZE];

	for (int gate = 0; gate < GATE_COUNT; gate++) {
		json_object_set_new(gates, gate_word((enum gate)gate),
				    json_string(verdict_word(judged->gates[gate].verdict)));
		add_reasons(reasons, &judged->gates[gate]);
	}
	boundary = boundary_of(log);
	return json_pack("{s:s, s:o, s:o, s:o, s:o*, s:I, s:I, s:s}", "verdict",
			 verdict_word(judged->verdict), "gates", gates, "reasons", reasons, "boundary",
			 boundary ? boundary : json_null(), "window", window_of(log), "valid_until",
			 (json_int_t)valid_until(judged, now_ms), "authority", (json_int_t)authority, "input",
			 sha256_text(input, hash));
}

/* render_runbook.c - the steps of a crossing as a page that somebody can follow at night. */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cli/render_report.h"
#include "cli/render_runbook.h"
#include "exit/state.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = body_text(object, key);

	return text ? text : "cannot be told";
}

static const char *value_of(const json_t *object, const char *key)
{
	const char *text = body_text(object, key);

	return !text ? "cannot be told" : text[0] ? text : "nothing";
}

static const char *lasted(const json_t *object, const char *key, char out[UNIT_TEXT_SIZE])
{
	return json_is_integer(json_object_get(object, key)) ? duration_text(body_number(object, key), out)
							     : "not known yet";
}

static void put_people(struct document *d, const json_t *book)
{
	const json_t *owners = json_object_get(book, "owners");

	document_head(d, 2, "Who to call");
	document_row(d, "role", "who", NULL);
	document_row(d, "decides",
		     body_text(owners, "decision") ? body_text(owners, "decision") : "nobody is named", NULL);
	document_row(d, "on call",
		     body_text(owners, "on_call") ? body_text(owners, "on_call") : "nobody is named", NULL);
	document_row(d, "source",
		     body_text(owners, "source") ? body_text(owners, "source") : "nobody is named", NULL);
	document_row(d, "target",
		     body_text(owners, "target") ? body_text(owners, "target") : "nobody is named", NULL);
}

static void put_before(struct document *d, const json_t *book)
{
	const json_t *read = json_object_get(book, "acknowledged"), *pauses = json_object_get(book, "pauses");
	char pause[UNIT_TEXT_SIZE], last[UNIT_TEXT_SIZE], drill[UNIT_TEXT_SIZE], deadline[UNIT_TEXT_SIZE];

	document_head(d, 2, "Before");
	document_item(d, "plan %s%s", text_of(book, "plan"),
		      json_is_true(json_object_get(book, "plan_in_force"))
			      ? ""
			      : " (not in force in the journal yet)");
	if (json_is_object(read))
		document_item(d, "acknowledged by %s on %s%s", text_of(read, "by"),
			      time_text(body_number(read, "wall"), last),
			      json_is_true(json_object_get(read, "current"))
				      ? ""
				      : ", for another plan: read it again");
	else
		document_item(d, "not acknowledged by anybody yet");
	document_item(d, "it stands in %s%s%s, authority %s", text_of(book, "stage"),
		      body_text(book, "overlay") ? ", " : "",
		      body_text(book, "overlay") ? body_text(book, "overlay") : "",
		      text_of(book, "authority"));
	duration_text(body_number(book, "pause_max_ms"), pause);
	if (json_is_integer(json_object_get(pauses, "last_ms")) ||
	    json_is_integer(json_object_get(pauses, "drill_ms")))
		document_item(
			d,
			"writes may be held for %s at most; in the last crossing: %s; in the last drill: %s",
			pause, lasted(pauses, "last_ms", last), lasted(pauses, "drill_ms", drill));
	else
		document_item(d,
			      "writes may be held for %s at most; no crossing and no drill has shown yet for "
			      "how long",
			      pause);
	document_item(d, "from the fence to the decision there are %s, then it returns by itself",
		      duration_text(body_number(book, "deadline_ms"), deadline));
	document_say(d,
		     "What is missing and whose it is: interlock countdown %s. All of the steps below are "
		     "one command:",
		     text_of(book, "family"));
	document_code(d, text_of(book, "call"));
}

static void put_steps(struct document *d, const json_t *book)
{
	json_t *step;
	size_t index;

	document_head(d, 2, "Steps");
	json_array_foreach(json_object_get(book, "steps"), index, step)
	{
		bool effect = strcmp(text_of(step, "kind"), "effect") == 0;
		char expected[UNIT_TEXT_SIZE];

		document_head(d, 3, "%zu. %s", index + 1, text_of(step, "step"));
		if (effect && body_text(step, "command") && body_text(step, "command")[0])
			document_code(d, body_text(step, "command"));
		else if (!effect)
			document_say(d, "%s.", text_of(step, "command"));
		if (effect)
			document_item(d, "from: %s; to: %s", value_of(step, "before"),
				      value_of(step, "desired"));
		else
			document_item(d, "as it stands: %s", text_of(step, "before"));
		if (body_text(step, "why"))
			document_item(d, "why it cannot be told: %s", body_text(step, "why"));
		document_item(d, "owner: %s; took last time: %s",
			      body_text(step, "owner") ? body_text(step, "owner") : "nobody",
			      lasted(step, "expected_ms", expected));
		document_item(d, "stop: %s", text_of(step, "stop"));
		document_item(d, "inverse: %s", text_of(step, "undo"));
	}
}

static void put_after(struct document *d, const json_t *book, int64_t now_ms)
{
	const json_t *boundary = json_object_get(book, "boundary"), *window = json_object_get(book, "window"),
		     *stop;
	int64_t until_ms = body_number(boundary, "clean_until");
	char text[UNIT_TEXT_SIZE];
	size_t index;

	document_head(d, 2, "After");
	document_row(d, "when this gate shuts on the target", "then", NULL);
	json_array_foreach(json_object_get(book, "stops"), index, stop)
	{
		document_row(d, text_of(stop, "gate"), text_of(stop, "action"), NULL);
	}
	document_item(d, "a gate that cannot be told: hold, whatever stands above");
	if (json_is_integer(json_object_get(book, "page_after_ms")))
		document_item(d, "held, or unknown, for %s: somebody is called, if nobody asked for it",
			      duration_text(body_number(book, "page_after_ms"), text));
	else
		document_item(d, "held, or unknown: nobody is called by itself, for the plan has no page");
	document_item(d, "watched before the next wave, and before it can be sealed: %s",
		      text_of(window, "asks"));
	if (body_text(window, "text"))
		document_item(d, "so far: %s%s", text_of(window, "text"),
			      json_is_true(json_object_get(window, "over")) ? ", which is enough" : "");
	if (json_is_integer(json_object_get(boundary, "target_only_records")))
		document_item(d, "records on the target alone, which going back would lose: %lld",
			      (long long)body_number(boundary, "target_only_records"));
	else
		document_item(d, "records on the target alone: not known");
	if (!json_is_integer(json_object_get(boundary, "clean_until")))
		document_item(d, "until when going back is clean: not known");
	else if (until_ms == INT64_MAX)
		document_item(d, "going back stays clean: no retention ends it");
	else if (until_ms < now_ms)
		document_item(d, "going back is not clean any more");
	else
		document_item(d, "going back stays clean for %s", duration_text(until_ms - now_ms, text));
	document_say(d,
		     "The way back is interlock rollback %s. What is stuck, and what to do: interlock "
		     "diagnose %s.",
		     text_of(book, "family"), text_of(book, "family"));
}

static void put_final(struct document *d, const json_t *book)
{
	json_t *each;
	size_t index;

	document_head(d, 2, "What was removed");
	json_array_foreach(json_object_get(book, "removed"), index, each)
	{
		document_item(d, "%s: %s%s%s%s%s", text_of(each, "item"), text_of(each, "event"),
			      body_text(each, "proof") ? "; proof: " : "",
			      body_text(each, "proof") ? body_text(each, "proof") : "",
			      body_text(each, "copy") ? "; copy kept: " : "",
			      body_text(each, "copy") ? body_text(each, "copy") : "");
	}
	if (!json_array_size(json_object_get(book, "removed")))
		document_say(d, "The journal registered nothing temporary.");
	document_head(d, 2, "What stays");
	json_array_foreach(json_object_get(book, "stays"), index, each)
	{
		document_item(d, "%s", json_string_value(each));
	}
	document_head(d, 2, "Restore, replay, reconciliation");
	document_say(d,
		     "The source for all three is the %s cluster from now on. Nothing leads back to the "
		     "other one.",
		     text_of(book, "baseline"));
}

void runbook_document(struct document *d, const json_t *book, int64_t now_ms)
{
	bool final = strcmp(text_of(book, "kind"), "final") == 0;

	if (final)
		document_head(d, 1, "Final runbook of family %s", text_of(book, "family"));
	else
		document_head(d, 1, "Runbook: family %s to the %s", text_of(book, "family"),
			      text_of(book, "to"));
	if (final) {
		put_final(d, book);
		put_people(d, book);
		return;
	}
	put_people(d, book);
	put_before(d, book);
	put_steps(d, book);
	put_after(d, book, now_ms);
}

json_t *runbook_json(const json_t *book)
{
	static const char *const names[] = { "wall", NULL }, *const until[] = { "clean_until", NULL };
	json_t *copy = json_deep_copy(book), *boundary = json_object_get(copy, "boundary");

	json_times(copy, names);
	if (body_number(boundary, "clean_until") == INT64_MAX)
		json_object_set_new(boundary, "clean_until", json_null());
	json_times(copy, until);
	return copy;
}

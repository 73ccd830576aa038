/* render_report.c - the journal as a page. */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cli/json.h"
#include "cli/render_report.h"
#include "exit/state.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = body_text(object, key);

	return text ? text : "-";
}

/* Nine letters of a hash are enough for people; the object has it whole. */
static const char *hash_of(const json_t *object, const char *key, char out[16])
{
	snprintf(out, 16, "%.9s", text_of(object, key));
	return out;
}

static const char *time_of(const json_t *object, const char *key, char out[UNIT_TEXT_SIZE])
{
	int64_t ms = body_number(object, key);

	return ms > 0 ? time_text(ms, out) : "-";
}

static const char *number_of(const json_t *object, const char *key, const char *unit,
			     char out[UNIT_TEXT_SIZE])
{
	if (!json_is_integer(json_object_get(object, key)))
		return "-";
	snprintf(out, UNIT_TEXT_SIZE, "%lld%s", (long long)body_number(object, key), unit);
	return out;
}

/* ---- one family ---- */

static void put_crossings(struct document *d, const json_t *family)
{
	json_t *list = json_object_get(family, "crossings"), *each;
	size_t index;

	document_head(d, 3, "Crossings");
	if (!json_array_size(list))
		document_say(d, "None.");
	json_array_foreach(list, index, each)
	{
		char began[UNIT_TEXT_SIZE], took[UNIT_TEXT_SIZE] = "-", pause[UNIT_TEXT_SIZE], hash[16],
					    act[UNIT_TEXT_SIZE];
		char decision[UNIT_TEXT_SIZE], effects[UNIT_TEXT_SIZE], attempt[UNIT_TEXT_SIZE];

		if (index == 0)
			document_row(d, "attempt", "to", "began", "took", "result", "writes held", "effects",
				     "verdict", "decision", "act", NULL);
		if (body_number(each, "ended"))
			duration_text(body_number(each, "ended") - body_number(each, "began"), took);
		snprintf(decision, sizeof decision, "%s%lld", body_number(each, "decision") ? "frame " : "",
			 (long long)body_number(each, "decision"));
		document_row(d, number_of(each, "attempt", "", attempt), text_of(each, "to"),
			     time_of(each, "began", began), took, text_of(each, "result"),
			     number_of(each, "pause_ms", " ms", pause),
			     number_of(each, "effects", "", effects), hash_of(each, "verdict", hash),
			     body_number(each, "decision") ? decision : "-",
			     body_number(each, "act") ? number_of(each, "act", "", act) : "a stop condition",
			     NULL);
	}
	json_array_foreach(list, index, each)
	{
		if (body_text(each, "proof"))
			document_item(d,
				      "attempt %lld: silence (frame %lld): %s; level (frame %lld): %lld of "
				      "%lld records matched, claim %s",
				      (long long)body_number(each, "attempt"),
				      (long long)body_number(each, "quiet"), body_text(each, "proof"),
				      (long long)body_number(each, "level"),
				      (long long)body_number(each, "matched"),
				      (long long)body_number(each, "records"), text_of(each, "claim"));
		if (body_text(each, "cause"))
			document_item(d, "attempt %lld: %s", (long long)body_number(each, "attempt"),
				      body_text(each, "cause"));
	}
}

static void put_acts(struct document *d, const json_t *family)
{
	json_t *list = json_object_get(family, "acts"), *each;
	size_t index;

	document_head(d, 3, "Acts");
	if (!json_array_size(list))
		document_say(d, "None.");
	json_array_foreach(list, index, each)
	{
		char sequence[UNIT_TEXT_SIZE], wall[UNIT_TEXT_SIZE], by[700];

		if (index == 0)
			document_row(d, "frame", "when", "act", "by", "reason", "result", "answer", NULL);
		snprintf(by, sizeof by, "%s%s%s", text_of(each, "by"), body_text(each, "second") ? ", " : "",
			 body_text(each, "second") ? body_text(each, "second") : "");
		document_row(d, number_of(each, "sequence", "", sequence), time_of(each, "wall", wall),
			     text_of(each, "act"), by, text_of(each, "reason"),
			     body_text(each, "result") ? body_text(each, "result") : "waits",
			     text_of(each, "text"), NULL);
	}
}

/* What an owner let pass. */
static void put_waivers(struct document *d, const json_t *family)
{
	json_t *list = json_object_get(family, "acts"), *each;
	size_t index;

	json_array_foreach(list, index, each)
	{
		json_t *what = json_object_get(each, "arguments");
		char until[UNIT_TEXT_SIZE];

		if (strcmp(text_of(each, "act"), "waive") != 0)
			continue;
		document_item(d, "waiver (%s): %s of %s up to %lld, until %s, by %s and %s: %s",
			      body_text(each, "result") ? body_text(each, "result") : "waits",
			      text_of(what, "rule"),
			      body_text(what, "subject") ? body_text(what, "subject") : "the family",
			      (long long)body_number(what, "value_max"), time_of(what, "expires", until),
			      text_of(each, "by"), text_of(each, "second"), text_of(each, "reason"));
	}
}

static void put_rest(struct document *d, const json_t *family)
{
	json_t *each;
	size_t index;
	char from[UNIT_TEXT_SIZE], to[UNIT_TEXT_SIZE];

	document_head(d, 3, "Held, waived, drilled, leaked, cleared up");
	json_array_foreach(json_object_get(family, "holds"), index, each)
	{
		document_item(d, "%s in %s from %s to %s: %s", text_of(each, "overlay"),
			      text_of(each, "stage"), time_of(each, "wall", from),
			      body_number(each, "ended") ? time_of(each, "ended", to) : "now",
			      text_of(each, "cause"));
	}
	put_waivers(d, family);
	json_array_foreach(json_object_get(family, "drills"), index, each)
	{
		if (body_text(each, "event")) { /* given up: it says nothing of the way */
			document_item(d, "drill given up on %s: %s", time_of(each, "wall", from),
				      text_of(each, "text"));
			continue;
		}
		document_item(d, "drill on %s: %s, forward %lld ms, back %lld ms",
			      time_of(each, "wall", from),
			      json_is_true(json_object_get(each, "ok")) ? "went forward and back" : "failed",
			      (long long)body_number(each, "forward_ms"),
			      (long long)body_number(each, "return_ms"));
	}
	json_array_foreach(json_object_get(family, "leaks"), index, each)
	{
		document_item(d, "leak on %s (frame %lld): %s", time_of(each, "wall", from),
			      (long long)body_number(each, "sequence"), text_of(each, "text"));
	}
	json_array_foreach(json_object_get(family, "pages"), index, each)
	{
		bool called = strcmp(text_of(each, "result"), "called") == 0;

		document_item(d, "%s on %s: %s%s%s",
			      called ? "somebody was called" : "nobody could be called",
			      time_of(each, "wall", from), text_of(each, "text"), called ? "" : ": ",
			      called ? "" : text_of(each, "why"));
	}
	json_array_foreach(json_object_get(family, "scaffold"), index, each)
	{
		document_item(d, "scaffold on %s: %s: %s%s%s", time_of(each, "wall", from),
			      text_of(each, "item"), text_of(each, "event"),
			      body_text(each, "proof") ? ": " : "",
			      body_text(each, "proof") ? body_text(each, "proof") : "");
	}
	if (d->open == 0)
		document_say(d, "Nothing.");
}

static void put_family(struct document *d, const json_t *family)
{
	json_t *verdicts = json_object_get(family, "verdicts");

	document_head(d, 2, "Family %s", text_of(family, "family"));
	document_say(d,
		     "It stands in %s%s%s, authority %s, epoch %lld%s%s. The gates were judged open %lld, "
		     "shut %lld and unknown "
		     "%lld times. %s",
		     text_of(family, "stage"), body_text(family, "overlay") ? ", " : "",
		     body_text(family, "overlay") ? body_text(family, "overlay") : "",
		     text_of(family, "authority"), (long long)body_number(family, "epoch"),
		     body_text(family, "cause") ? ": " : "",
		     body_text(family, "cause") ? body_text(family, "cause") : "",
		     (long long)body_number(verdicts, "open"), (long long)body_number(verdicts, "shut"),
		     (long long)body_number(verdicts, "unknown"),
		     json_is_true(json_object_get(family, "complete"))
			     ? "What was temporary is proved gone: this exit of it is complete."
			     : "It is not retired, so its exit is not complete.");
	put_crossings(d, family);
	put_acts(d, family);
	put_rest(d, family);
}

/* ---- for an outsider ---- */

static void put_audit(struct document *d, const json_t *report)
{
	const json_t *audit = json_object_get(report, "audit"), *each;
	char first[UNIT_TEXT_SIZE], last[UNIT_TEXT_SIZE];
	size_t index;

	document_head(d, 2, "For an auditor");
	document_item(d, "frames: %lld, from %s to %s, under %lld leases",
		      (long long)body_number(audit, "frames"), time_of(audit, "first", first),
		      time_of(audit, "last", last), (long long)body_number(audit, "leases"));
	document_item(d, "head: %s", text_of(audit, "head"));
	json_array_foreach(json_object_get(report, "plans"), index, each)
	{
		document_item(d, "plan %lld from frame %lld on (%s): %s",
			      (long long)body_number(each, "number"),
			      (long long)body_number(each, "sequence"), time_of(each, "wall", first),
			      text_of(each, "hash"));
	}
	json_array_foreach(json_object_get(audit, "checkpoints"), index, each)
	{
		const json_t *holder;
		size_t at;

		document_item(d, "checkpoint over %lld frames (%s), root %s, signed with key %s, held by %zu",
			      (long long)body_number(each, "size"), time_of(each, "wall", first),
			      text_of(each, "head"), text_of(each, "key"),
			      json_array_size(json_object_get(each, "holders")));
		json_array_foreach(json_object_get(each, "holders"), at, holder)
		{
			document_item(d, "held by %s",
				      json_string_value(holder) ? json_string_value(holder) : "-");
		}
	}
	if (!json_array_size(json_object_get(audit, "checkpoints")))
		document_item(d, "no checkpoint: nobody outside vouches for this journal");
	json_array_foreach(json_object_get(report, "notes"), index, each)
	{
		document_item(d, "note in frame %lld (%s): %s", (long long)body_number(each, "sequence"),
			      time_of(each, "wall", first), text_of(each, "text"));
	}
	document_say(d, "This page is told from the journal and proves nothing by itself: interlock verify "
			"judges each verdict "
			"again from its evidence and holds the chain against the checkpoints.");
}

void report_document(struct document *d, const json_t *report)
{
	json_t *family;
	size_t index;

	document_head(d, 1, "Report of exit %s", text_of(report, "exit"));
	if (!json_array_size(json_object_get(report, "families")))
		document_say(d, "Nothing was done yet: the journal knows no family.");
	json_array_foreach(json_object_get(report, "families"), index, family)
	{
		put_family(d, family);
	}
	put_audit(d, report);
}

/* ---- for machines ---- */

void json_times(json_t *value, const char *const *names)
{
	const char *key;
	json_t *each;
	size_t index;
	void *next;

	json_array_foreach(value, index, each)
	{
		json_times(each, names);
	}
	json_object_foreach_safe(value, next, key, each)
	{
		bool time = false;

		for (int i = 0; names[i]; i++)
			time = time || (strcmp(key, names[i]) == 0 && json_is_integer(each));
		if (time)
			json_object_set_new(value, key,
					    json_integer_value(each) ? json_time(json_integer_value(each))
								     : json_null());
		else
			json_times(each, names);
	}
}

json_t *report_json(const json_t *report)
{
	static const char *const names[] = { "wall",     "began", "ended",    "first",   "last",
					     "answered", "until", "deadline", "expires", NULL };
	json_t *copy = json_deep_copy(report);

	json_times(copy, names);
	return copy;
}

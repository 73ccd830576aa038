/* render_diagnose.c - a table a family, then what is stuck and what to do. */
#include "cli/render_diagnose.h"
#include "exit/state.h"

static enum ink ink_of(const char *answer)
{
	return answer[0] == 'a' ? INK_GOOD : answer[0] == 'd' ? INK_BAD : INK_DOUBT;
}

/* Long values (a list of ACLs, positions) are cut: --json has them whole. */
static void put_value(struct table *table, const json_t *lever, const char *key, const char *missing)
{
	const char *text = body_text(lever, key);

	if (!text)
		table_cell(table, INK_DIM, "%s", missing);
	else if (strlen(text) > 40)
		table_cell(table, INK_PLAIN, "%.37s...", text);
	else
		table_name(table, INK_PLAIN, view_text(text[0] ? text : "nothing"));
}

static void put_levers(struct paper *paper, const json_t *levers)
{
	struct table table;
	json_t *lever;
	size_t index;

	table_init(&table, "llll", 2);
	table_head(&table, "lever", "observed", "journal", "", NULL);
	json_array_foreach(levers, index, lever)
	{
		json_t *agrees = json_object_get(lever, "agrees");
		const char *why = body_text(lever, "why");

		table_name(&table, INK_PLAIN, view_text(body_text(lever, "lever")));
		put_value(&table, lever, "observed", "no answer");
		put_value(&table, lever, "expected", "says nothing");
		if (why)
			table_name(&table, INK_DOUBT, view_text(why));
		else
			table_cell(&table,
				   json_is_true(agrees)    ? INK_GOOD
				   : json_is_false(agrees) ? INK_BAD
							   : INK_DIM,
				   "%s",
				   json_is_true(agrees)    ? "agrees"
				   : json_is_false(agrees) ? "disagrees"
							   : "-");
	}
	table_print(&table, paper);
	table_done(&table);
}

static void put_family(struct paper *paper, const json_t *family)
{
	const json_t *authority = json_object_get(family, "authority"), *log;
	const char *stuck = body_text(family, "stuck"), *overlay = body_text(family, "overlay");
	size_t index;

	paper_gap(paper);
	paper_safe(paper, view_text(body_text(family, "family")));
	paper_ink(paper, ink_of(body_text(family, "answer")), ": %s", body_text(family, "answer"));
	paper_line(paper, "   %s%s%s, authority %s in the journal, %s as observed",
		   body_text(family, "stage") ? body_text(family, "stage") : "not in the journal",
		   overlay ? ", " : "", overlay ? overlay : "",
		   body_text(authority, "journal") ? body_text(authority, "journal") : "not known",
		   body_text(authority, "observed") ? body_text(authority, "observed") : "not known");
	put_levers(paper, json_object_get(family, "levers"));
	json_array_foreach(json_object_get(family, "logs"), index, log)
	{
		json_t *open = json_object_get(log, "open_transactions");

		if (json_is_null(json_object_get(log, "settled"))) {
			const char *why = body_text(log, "why");
			char line[700];

			snprintf(line, sizeof line, "%s: its logs cannot be told%s%s", body_text(log, "side"),
				 why ? ": " : "", why ? why : "");
			buffer_text(&paper->text, "  ");
			paper_wrap_safe(paper, 2, 4, line);
		} else
			paper_line(paper, "  %s: logs %s, open transactions %lld", body_text(log, "side"),
				   json_is_true(json_object_get(log, "settled")) ? "settled" : "not settled",
				   (long long)json_integer_value(open));
	}
	buffer_text(&paper->text, "  stuck  ");
	paper_wrap_safe(paper, 9, 9, stuck ? stuck : "nothing");
	buffer_text(&paper->text, "  next   ");
	paper_wrap_safe(paper, 9, 9, body_text(family, "next"));
}

void diagnosis_paper(struct paper *paper, const json_t *diagnosis)
{
	const json_t *journal = json_object_get(diagnosis, "journal"), *family;
	size_t index;

	paper_safe(paper, view_text(body_text(diagnosis, "exit")));
	paper_ink(paper, ink_of(body_text(diagnosis, "answer")), ": %s", body_text(diagnosis, "answer"));
	paper_line(paper, "   %lld frames %s; %s", (long long)body_number(journal, "frames"),
		   json_is_true(json_object_get(journal, "whole")) ? "hold" : "hold, and no more",
		   json_is_true(json_object_get(journal, "controller")) ? "a controller keeps this exit"
									: "no controller is at work");
	if (body_text(journal, "why")) {
		buffer_text(&paper->text, "  ");
		paper_wrap_safe(paper, 2, 2, body_text(journal, "why"));
	}
	json_array_foreach(json_object_get(diagnosis, "families"), index, family)
	{
		put_family(paper, family);
	}
}

enum status diagnosis_status(const json_t *diagnosis)
{
	switch (body_text(diagnosis, "answer")[0]) {
	case 'a': return STATUS_OPEN;
	case 'd': return STATUS_SHUT;
	default: return STATUS_UNKNOWN;
	}
}

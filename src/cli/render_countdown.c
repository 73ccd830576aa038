/* render_countdown.c - three lists: a week, a day and an hour before. */
#include "base/units.h"
#include "cli/json.h"
#include "cli/render_countdown.h"
#include "exit/state.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = body_text(object, key);

	return text ? text : "";
}

static void put_time(struct paper *paper, const json_t *time)
{
	struct table table;
	json_t *item;
	size_t index;

	paper_ink(paper, INK_BOLD, "%s", text_of(time, "when"));
	paper_ink(paper, ink_of_verdict(text_of(time, "state")), "  %s", text_of(time, "state"));
	paper_line(paper, "%s", "");
	table_init(&table, "llll", 2);
	json_array_foreach(json_object_get(time, "items"), index, item)
	{
		const char *state = text_of(item, "state");

		table_cell(&table, ink_of_verdict(state), "%s", state);
		table_name(&table, INK_DIM,
			   view_text(text_of(item, "owner")[0] ? text_of(item, "owner") : "nobody"));
		table_name(&table, INK_PLAIN, view_text(text_of(item, "must")));
		table_name(&table, INK_DIM, view_text(text_of(item, "code")));
	}
	table_print(&table, paper);
	table_done(&table);
}

/* Each code once more, with its sentence: the table is for the eye, this for who has to do something. */
static void put_whys(struct paper *paper, const json_t *countdown)
{
	json_t *time, *item;
	size_t at, index;

	json_array_foreach(json_object_get(countdown, "times"), at, time)
	{
		json_array_foreach(json_object_get(time, "items"), index, item)
		{
			if (!body_text(item, "why"))
				continue;
			paper_ink(paper, ink_of_verdict(text_of(item, "state")), "  %-7s",
				  text_of(item, "state"));
			buffer_text(&paper->text, "  ");
			paper_wrap_safe(paper, 11, 11, text_of(item, "why"));
		}
	}
}

static void put_window(struct paper *paper, const json_t *window)
{
	char line[1300];

	if (!window)
		return;
	paper_gap(paper);
	snprintf(line, sizeof line, "after it, before the next wave and a seal: %s%s%s%s",
		 text_of(window, "asks"), body_text(window, "text") ? "; so far: " : "",
		 text_of(window, "text"),
		 json_is_true(json_object_get(window, "over")) ? ", which is enough" : "");
	paper_wrap_safe(paper, 0, 2, line);
}

void countdown_paper(struct paper *paper, const json_t *countdown, int64_t now_ms)
{
	bool judged = json_is_integer(json_object_get(countdown, "judged"));
	char age[UNIT_TEXT_SIZE];
	json_t *time;
	size_t index;

	paper_safe(paper, view_text(text_of(countdown, "family")));
	paper_ink(paper, ink_of_verdict(text_of(countdown, "state")), ": %s", text_of(countdown, "state"));
	if (judged)
		paper_line(paper, "   judged %s ago%s",
			   duration_text(now_ms - body_number(countdown, "judged"), age),
			   json_is_true(json_object_get(countdown, "fresh")) ? "" : ", and no longer fresh");
	else
		paper_line(paper, "%s", "");
	if (judged && body_text(countdown, "why")) {
		paper_wrap_safe(paper, 0, 0, text_of(countdown, "why"));
		return;
	}
	json_array_foreach(json_object_get(countdown, "times"), index, time)
	{
		paper_gap(paper);
		put_time(paper, time);
	}
	put_window(paper, json_object_get(countdown, "window"));
	paper_gap(paper);
	if (judged)
		put_whys(paper, countdown);
	else
		paper_wrap_safe(paper, 0, 0, text_of(countdown, "why"));
}

json_t *countdown_json(const json_t *countdown)
{
	json_t *copy = json_deep_copy(countdown);

	if (copy && json_is_integer(json_object_get(copy, "judged")))
		json_object_set_new(copy, "judged", json_time(body_number(copy, "judged")));
	return copy;
}

enum status countdown_status(const json_t *countdown)
{
	switch (text_of(countdown, "state")[0]) {
	case 'o': return STATUS_OPEN;
	case 's': return STATUS_SHUT;
	default: return STATUS_UNKNOWN;
	}
}

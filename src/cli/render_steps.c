/* render_steps.c - what an act would do, step by step. */
#include <stdio.h>
#include <string.h>

#include "cli/render_steps.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Long values (a list of ACLs) are cut: the journal has them whole. */
static void put_value(struct paper *paper, const json_t *step, const char *key)
{
	const char *text = json_string_value(json_object_get(step, key));
	char cut[48];

	if (!text) {
		paper_ink(paper, INK_DOUBT, "cannot be told");
		return;
	}
	snprintf(cut, sizeof cut, strlen(text) > 44 ? "%.41s..." : "%s", text[0] ? text : "nothing");
	paper_safe(paper, view_text(cut));
}

/* Two lines a step: what it changes, and below it how. */
void render_steps(const json_t *steps, struct paper *paper)
{
	const char *phase = "";
	json_t *step;
	size_t index;

	json_array_foreach(steps, index, step)
	{
		if (strcmp(phase, text_of(step, "phase")) != 0) {
			phase = text_of(step, "phase");
			paper_ink(paper, INK_BOLD, "%s", phase);
			paper_line(paper, "%s", "");
		}
		paper_ink(paper, INK_DIM, "%4zu  ", index + 1);
		paper_safe(paper, view_text(text_of(step, "lever")));
		paper_ink(paper, INK_PLAIN, ": ");
		put_value(paper, step, "before");
		paper_ink(paper, INK_PLAIN, " -> ");
		put_value(paper, step, "desired");
		paper_line(paper, "%s", "");
		paper_ink(paper, INK_DIM, "      ");
		paper_safe(paper, view_text(text_of(step, json_object_get(step, "why") ? "why" : "does")));
		paper_line(paper, "%s", "");
	}
}

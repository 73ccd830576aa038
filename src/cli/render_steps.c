/* render_steps.c - what an act would do, step by step. */
#include <stdio.h>

#include "cli/render_steps.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Long values (a list of ACLs) are cut: the journal has them whole. */
static void put_value(struct table *table, const json_t *step, const char *key)
{
	const char *text = json_string_value(json_object_get(step, key));

	if (!text)
		table_cell(table, INK_DOUBT, "cannot be told");
	else if (strlen(text) > 40)
		table_cell(table, INK_PLAIN, "%.37s...", text);
	else
		table_cell(table, INK_PLAIN, "%s", text[0] ? text : "nothing");
}

void render_steps(const json_t *steps, struct paper *paper)
{
	struct table table;
	json_t *step;
	size_t index;

	table_init(&table, "rlllll", 2);
	table_head(&table, "", "phase", "lever", "from", "to", "how", NULL);
	json_array_foreach(steps, index, step)
	{
		table_cell(&table, INK_DIM, "%zu", index + 1);
		table_cell(&table, INK_PLAIN, "%s", text_of(step, "phase"));
		table_name(&table, INK_PLAIN, view_text(text_of(step, "lever")));
		put_value(&table, step, "before");
		put_value(&table, step, "desired");
		table_name(&table, INK_DIM,
			   view_text(text_of(step, json_object_get(step, "why") ? "why" : "does")));
	}
	table_print(&table, paper);
	table_done(&table);
}

/* render_levers.c - one row a lever. */
#include "cli/render_levers.h"

static const char *guard_word(enum lever_guard guard)
{
	switch (guard) {
	case LEVER_GUARD_REFUSES: return "refuses";
	case LEVER_GUARD_ACCEPTS: return "accepts";
	default: return NULL;
	}
}

static const char *state_word(int state)
{
	return state == LEVER_DRAINED ? "drained" : state == LEVER_WAITS ? "waits" : NULL;
}

static void lever_row(struct table *table, const struct lever_said *said)
{
	const char *guard = guard_word(said->guard), *state = state_word(said->state);

	table_name(table, INK_PLAIN, view_text(said->family));
	table_name(table, INK_PLAIN, view_text(said->lever));
	table_name(table, said->value ? INK_PLAIN : INK_DOUBT,
		   view_text(said->value ? said->value : "unknown"));
	table_cell(table, INK_PLAIN, "%s", state ? state : "-");
	table_cell(table, said->guard == LEVER_GUARD_REFUSES ? INK_PLAIN : INK_DOUBT, "%s",
		   guard ? guard : "unknown");
	table_cell(table, INK_DIM, "%.1f ms", (double)said->took_us / 1000);
	table_name(table, INK_DIM, view_text(said->get));
}

/* What to know of each, below. */
static void notes_table(struct paper *paper, const struct lever_round *round)
{
	struct table table;

	if (!round->silent && !round->risks)
		return;
	table_init(&table, "lll", 2);
	for (int i = 0; i < round->count; i++) {
		const struct lever_said *said = &round->at[i];

		if (!said->text)
			continue;
		table_cell(&table, INK_DOUBT, "%s", said->guard == LEVER_GUARD_ACCEPTS ? "risk" : "unknown");
		table_name(&table, INK_PLAIN, view_text(said->lever));
		table_name(&table, INK_PLAIN, view_text(said->text));
	}
	paper_gap(paper);
	table_print(&table, paper);
	table_done(&table);
}

void levers_paper(struct paper *paper, const struct lever_round *round)
{
	struct table table;

	paper_gap(paper);
	if (!round->count) {
		paper_line(paper, "levers: the plan has none that is told by a command or an address");
		return;
	}
	table_init(&table, "lllllrl", 2);
	table_head(&table, "family", "lever", "stands at", "drained", "older epoch", "answered in",
		   "asked by", NULL);
	for (int i = 0; i < round->count; i++)
		lever_row(&table, &round->at[i]);
	table_print(&table, paper);
	table_done(&table);
	notes_table(paper, round);
}

json_t *levers_json(const struct lever_round *round)
{
	json_t *list = json_array();

	for (int i = 0; i < round->count; i++) {
		const struct lever_said *said = &round->at[i];

		json_array_append_new(list,
				      json_pack("{s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:o}",
						"family", json_words(said->family), "lever",
						json_words(said->lever), "value", json_words(said->value),
						"drained", json_words(state_word(said->state)), "older_epoch",
						json_words(guard_word(said->guard)), "took_ms",
						(double)said->took_us / 1000, "get", json_words(said->get),
						"set", json_words(said->set), "ask_drained",
						json_words(said->drained), "text", json_words(said->text)));
	}
	return list;
}

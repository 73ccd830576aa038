/* countdown.c - one table: when, which rules, whose, and in which words. */
#include <assert.h>
#include <stdlib.h>

#include "exit/countdown.h"

enum role { ROLE_DECISION, ROLE_ON_CALL, ROLE_SOURCE, ROLE_TARGET };

/* A name that ends in a dot stands for all rules that begin so. */
static const struct row {
	enum countdown_when when;
	enum gate gate;
	const char *rules[5]; /* ends with NULL */
	enum role role;
	const char *must;
} rows[] = {
	{ COUNTDOWN_WEEK,
	  GATE_OPERATIONS,
	  { "operations.owners" },
	  ROLE_DECISION,
	  "it is named who decides and who is called" },
	{ COUNTDOWN_WEEK,
	  GATE_COMPATIBILITY,
	  { "compatibility." },
	  ROLE_TARGET,
	  "the target can serve all that the family was seen to use" },
	{ COUNTDOWN_WEEK,
	  GATE_CAPACITY,
	  { "capacity.headroom", "capacity.replay", "capacity.disk", "capacity.disk-run" },
	  ROLE_TARGET,
	  "the target has the room for it" },
	{ COUNTDOWN_WEEK,
	  GATE_CAPACITY,
	  { "capacity.cost", "capacity.dual-run" },
	  ROLE_DECISION,
	  "both sides may go on running, and are paid for" },
	{ COUNTDOWN_WEEK,
	  GATE_ROLLBACK,
	  { "rollback.owner", "rollback.way" },
	  ROLE_DECISION,
	  "a way back is declared and fed, and somebody decides about it" },
	{ COUNTDOWN_WEEK,
	  GATE_ROLLBACK,
	  { "rollback.drill", "rollback.tested" },
	  ROLE_DECISION,
	  "a drill went forward and back, and every lever was set and set back" },
	{ COUNTDOWN_WEEK,
	  GATE_OPERATIONS,
	  { "operations.dashboards", "operations.alerts", "operations.fired" },
	  ROLE_ON_CALL,
	  "dashboards and alerts are there, and the alerts have fired in a test" },
	{ COUNTDOWN_DAY, GATE_PARITY, { "parity." }, ROLE_DECISION, "both logs carry the same facts" },
	{ COUNTDOWN_DAY,
	  GATE_PROGRESS,
	  { "progress." },
	  ROLE_DECISION,
	  "every group has its place on the target" },
	{ COUNTDOWN_DAY,
	  GATE_ROLLBACK,
	  { "rollback.keep", "rollback.target-only", "rollback.leak" },
	  ROLE_SOURCE,
	  "going back would be clean, and stays so for long enough" },
	{ COUNTDOWN_DAY,
	  GATE_OPERATIONS,
	  { "operations.runbook" },
	  ROLE_DECISION,
	  "the runbook of this plan was read and acknowledged" },
	{ COUNTDOWN_HOUR,
	  GATE_OPERATIONS,
	  { "operations.freeze" },
	  ROLE_DECISION,
	  "no change freeze holds or begins" },
	{ COUNTDOWN_HOUR,
	  GATE_OPERATIONS,
	  { "operations.on-call" },
	  ROLE_ON_CALL,
	  "somebody has confirmed to be on call" },
	{ COUNTDOWN_HOUR,
	  GATE_ROLLBACK,
	  { "rollback.levers", "rollback.behind" },
	  ROLE_DECISION,
	  "every lever says where it stands, and the way back is level" },
};

#define ROWS (int)(sizeof rows / sizeof rows[0])

const char *countdown_word(enum countdown_when when)
{
	static const char *const words[] = { "a week before", "a day before", "an hour before" };

	assert(when < COUNTDOWN_COUNT);
	return words[when];
}

static struct view owner_of(const struct plan_family *family, enum role role)
{
	const struct plan_owners *owners = &family->owners;
	struct view named = role == ROLE_ON_CALL  ? owners->on_call.text
			    : role == ROLE_SOURCE ? owners->source.text
			    : role == ROLE_TARGET ? owners->target.text
						  : owners->decision.text;

	return named.size ? named : owners->decision.text;
}

static bool is_of_row(const struct row *row, const struct rule *rule)
{
	for (int i = 0; row->rules[i]; i++) {
		size_t size = strlen(row->rules[i]);

		if (row->rules[i][size - 1] == '.' ? strncmp(rule->name, row->rules[i], size) == 0
						   : strcmp(rule->name, row->rules[i]) == 0)
			return true;
	}
	return false;
}

/* Evidence that is partial names its causes, which say more than that it is. */
static int put_why(const struct rule_result *result, struct arena *arena, struct countdown_item *item)
{
	struct buffer text;

	buffer_init(&text, 64 * 1024);
	item->code = rule_result_code(result);
	if (result->why == RULE_PARTIAL && result->evidence->excluded_count) {
		const struct evidence_remark *remark = &result->evidence->excluded[0];

		buffer_put(&text, remark->why.at, remark->why.size);
		if (remark->what.size && remark->what.at[0] >= 'A' && remark->what.at[0] <= 'Z')
			item->code = (const char *)arena_copy(arena, remark->what).at;
	} else {
		rule_result_text(result, true, &text);
	}
	item->why = arena_printf(arena, "%.*s%s%s", VIEW_ARGS(result->subject),
				 result->subject.size ? ": " : "", buffer_string(&text));
	buffer_done(&text);
	return item->why && item->code ? 0 : ERR_MEMORY;
}

/* False when no rule that was judged belongs to the row: the class does not ask for it. */
static bool judge_row(const struct row *row, const struct gate_result *gate, struct countdown_item *item,
		      const struct rule_result **worst)
{
	int counted = 0;

	for (int i = 0; i < gate->result_count; i++) {
		const struct rule_result *result = &gate->results[i];

		if (result->rule->advisory || !is_of_row(row, result->rule))
			continue;
		item->state = counted++ ? verdict_both(item->state, result->verdict) : result->verdict;
		/* Results stand shut first, then unknown: the first that is not open is the worst. */
		if (!*worst && result->verdict != VERDICT_OPEN)
			*worst = result;
	}
	return counted > 0;
}

static int by_when(const void *a, const void *b)
{
	static const int rank[] = { [VERDICT_SHUT] = 0, [VERDICT_UNKNOWN] = 1, [VERDICT_OPEN] = 2 };
	const struct countdown_item *x = a, *y = b;

	if (x->when != y->when)
		return x->when < y->when ? -1 : 1;
	if (rank[x->state] != rank[y->state])
		return rank[x->state] - rank[y->state];
	return strcmp(x->must, y->must);
}

static int add_rows(const struct plan_family *family, const struct gate_result *gates, struct arena *arena,
		    struct countdown *out)
{
	for (int i = 0; i < ROWS; i++) {
		struct countdown_item item = { .when = rows[i].when,
					       .owner = owner_of(family, rows[i].role),
					       .must = rows[i].must };
		const struct rule_result *worst = NULL;

		if (!gates) {
			item.why = "nothing was judged yet";
			item.code = "EVIDENCE_MISSING";
		} else if (!judge_row(&rows[i], &gates[rows[i].gate], &item, &worst)) {
			continue;
		} else if (worst && put_why(worst, arena, &item) < 0) {
			return ERR_MEMORY;
		}
		out->items[out->count++] = item;
	}
	return 0;
}

/* A wave waits for the one before twice: until it has moved, and until it was watched for long enough there. */
static int add_wave(const struct plan_family *family, struct view before, const struct countdown_moved *moved,
		    bool watched, struct arena *arena, struct countdown *out)
{
	struct countdown_item item = { .when = watched ? COUNTDOWN_HOUR : COUNTDOWN_DAY,
				       .state = VERDICT_SHUT,
				       .owner = owner_of(family, ROLE_DECISION) };

	item.must = arena_printf(arena, "family %.*s %s", VIEW_ARGS(before),
				 watched ? "was watched there for long enough" : "has moved before it");
	if (moved && (!watched || moved->watched)) {
		item.state = VERDICT_OPEN;
	} else {
		item.why = !moved ? arena_printf(arena, "%.*s is not on the target", VIEW_ARGS(before))
				  : arena_printf(arena, "%.*s is still watched: %s", VIEW_ARGS(before),
						 moved->window ? moved->window : "");
		item.code = "WAVE_BEFORE";
	}
	if (!item.must || (item.state != VERDICT_OPEN && !item.why))
		return ERR_MEMORY;
	out->items[out->count++] = item;
	return 0;
}

static int add_waves(const struct plan_family *family, const struct countdown_moved *moved, int moved_count,
		     struct arena *arena, struct countdown *out)
{
	int err = 0;

	for (int i = 0; i < family->after.count && err == 0; i++) {
		struct view before = family->after.at[i].text;
		const struct countdown_moved *found = NULL;

		for (int m = 0; m < moved_count; m++)
			if (view_equal(moved[m].name, before))
				found = &moved[m];
		err = add_wave(family, before, found, false, arena, out);
		err = err ? err : add_wave(family, before, found, true, arena, out);
	}
	return err;
}

int countdown_make(const struct plan_family *family, const struct gate_result gates[GATE_COUNT],
		   const struct countdown_moved *moved, int moved_count, struct arena *arena,
		   struct countdown *out)
{
	struct countdown made = { 0 };
	enum verdict state = VERDICT_OPEN;
	int err, at = 0;

	made.items = arena_array(arena, (size_t)(ROWS + 2 * family->after.count), sizeof *made.items);
	if (!made.items)
		return ERR_MEMORY;
	err = add_rows(family, gates, arena, &made);
	err = err ? err : add_waves(family, moved, moved_count, arena, &made);
	if (err < 0)
		return err;
	if (made.count)
		qsort(made.items, (size_t)made.count, sizeof *made.items, by_when);
	for (int when = 0; when < COUNTDOWN_COUNT; when++) {
		for (; at < made.count && made.items[at].when == (enum countdown_when)when; at++)
			state = verdict_both(state, made.items[at].state);
		made.state[when] = made.count ? state : VERDICT_UNKNOWN;
	}
	*out = made;
	return 0;
}

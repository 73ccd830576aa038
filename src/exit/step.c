/* step.c - the steps of a crossing. */
#include <stdio.h>

#include "exit/step.h"

struct making {
	const struct plan_family *family;
	const char *from, *to; /* the sides, as words */
	enum authority side;   /* where authority goes */
	struct step *at;
	int count;
	bool full;
};

const char *phase_word(enum step_phase phase)
{
	static const char *const words[] = { "before", "groups first", "fence", "place",
					     "open",   "groups last",  "after" };

	return words[phase];
}

static void add(struct making *m, enum step_phase phase, const char *word, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void add(struct making *m, enum step_phase phase, const char *word, const char *format, ...)
{
	struct step step = { .phase = phase, .word = word };
	va_list list;

	if (m->count == STEPS_MAX) {
		m->full = true;
		return;
	}
	va_start(list, format);
	vsnprintf(step.lever, sizeof step.lever, format, list);
	va_end(list);
	snprintf(step.name, sizeof step.name, "%s %s%s%s", phase_word(phase), step.lever, word ? " " : "",
		 word ? word : "");
	step.may_lack_back = strncmp(step.lever, "transaction:", 12) == 0;
	m->at[m->count++] = step;
}

static bool has_lever(const struct making *m, struct view group)
{
	for (int i = 0; i < m->family->levers.group_count; i++)
		if (view_equal(m->family->levers.groups[i].head.name, group))
			return true;
	return false;
}

/* Stopped, placed, started: each its own effect, so that a crash between them is seen for what it is. */
static void add_groups(struct making *m, enum step_phase phase)
{
	const struct plan_names *groups = &m->family->groups;

	for (int i = 0; i < groups->count; i++) {
		struct view group = groups->at[i].text;

		if (!has_lever(m, group))
			continue;
		add(m, phase, "stop", "group:%.*s", VIEW_ARGS(group));
		add(m, phase, "exact", "positions:%.*s@%s", VIEW_ARGS(group), m->to);
		add(m, phase, m->side == AUTHORITY_TARGET ? "start target" : "start source", "group:%.*s",
		    VIEW_ARGS(group));
	}
}

static void add_places(struct making *m)
{
	const struct plan_names *groups = &m->family->groups;

	for (int i = 0; i < groups->count; i++)
		if (!has_lever(m, groups->at[i].text))
			add(m, PHASE_PLACE, "exact", "positions:%.*s@%s", VIEW_ARGS(groups->at[i].text),
			    m->to);
}

static void add_configs(struct making *m, enum step_phase phase, const char *word, const char *side)
{
	const struct plan_pairs *configs = &m->family->levers.topic_config;

	for (int i = 0; i < configs->count; i++)
		add(m, phase, word, "config:%.*s@%s", VIEW_ARGS(configs->at[i].name.text), side);
}

/*
 * A throttled answer comes late, and whoever holds waits for it: so nobody is slowed down any more when the pause begins.
 * Between the two steps of the quota the crossing waits until the other side has caught up.
 */
static void add_before(struct making *m)
{
	add_configs(m, PHASE_BEFORE, "raise", m->from);
	if (!m->family->levers.quota.given)
		return;
	add(m, PHASE_BEFORE, "limit", "quota:%s", m->from);
	add(m, PHASE_BEFORE, NULL, "quota:%s", m->from);
}

/* A bootstrap address need not know `hold`; it is asked for only where nothing else fences. */
static bool bootstrap_holds(const struct plan_levers *levers)
{
	return levers->bootstrap.head.given && !levers->flag.head.given && !levers->acl.value;
}

int64_t steps_still_of(const struct plan_family *family, bool drained, bool denied)
{
	bool lifted = family->pattern.value == PLAN_PATTERN_DUAL_WRITE;

	return drained || (denied && !lifted) ? STEPS_STILL_SHORT_MS : STEPS_STILL_LONG_MS;
}

int64_t steps_still_ms(const struct plan_family *family)
{
	const struct plan_levers *levers = &family->levers;
	bool asked = (levers->flag.head.given && levers->flag.drained.given) ||
		     (bootstrap_holds(levers) && levers->bootstrap.drained.given);

	return steps_still_of(family, asked, levers->acl.value);
}

/* The application first, which stops in good order; then what would refuse it, and others. */
static void add_fences(struct making *m)
{
	const struct plan_levers *levers = &m->family->levers;

	if (levers->flag.head.given)
		add(m, PHASE_FENCE, "hold", "flag");
	if (bootstrap_holds(levers))
		add(m, PHASE_FENCE, "hold", "bootstrap");
	if (levers->acl.value)
		add(m, PHASE_FENCE, "deny", "acl:%s", m->from);
	for (int i = 0; i < levers->transactional_ids.count; i++)
		add(m, PHASE_FENCE, "fence", "transaction:%.*s@%s",
		    VIEW_ARGS(levers->transactional_ids.at[i].text), m->from);
}

/*
 * With a dual write the side that was left goes on receiving mirror writes, so its deny is lifted as soon as authority has
 * moved; with stop-and-switch it stays until the exit is cleared up.  A deny of ours on the other side, from an earlier
 * way back, is lifted before anybody is sent there.
 */
static void add_opening(struct making *m)
{
	const struct plan_levers *levers = &m->family->levers;

	if (levers->acl.value)
		add(m, PHASE_OPEN, NULL, "acl:%s", m->to);
	if (levers->bootstrap.head.given)
		add(m, PHASE_OPEN, m->to, "bootstrap");
	if (levers->flag.head.given)
		add(m, PHASE_OPEN, m->to, "flag");
	/* Last: whoever has not heard of the flag yet is still refused where authority was. */
	if (levers->acl.value && m->family->pattern.value == PLAN_PATTERN_DUAL_WRITE)
		add(m, PHASE_OPEN, NULL, "acl:%s", m->from);
}

int steps_make(const struct plan_family *family, enum authority to, struct arena *arena, struct steps *out)
{
	struct making m = { .family = family, .side = to, .to = authority_word(to) };
	int most = 3 * family->groups.count + family->levers.transactional_ids.count + 10 +
		   2 * family->levers.topic_config.count;
	bool consumers_first = family->order.value == PLAN_ORDER_CONSUMERS;

	m.from = authority_word(to == AUTHORITY_TARGET ? AUTHORITY_SOURCE : AUTHORITY_TARGET);
	m.at = arena_array(arena, (size_t)(most < STEPS_MAX ? most : STEPS_MAX), sizeof *m.at);
	if (!m.at)
		return ERR_MEMORY;
	add_before(&m);
	if (consumers_first)
		add_groups(&m, PHASE_GROUPS_FIRST);
	add_fences(&m);
	add_places(&m);
	add_opening(&m);
	if (!consumers_first)
		add_groups(&m, PHASE_GROUPS_LAST);
	add_configs(&m, PHASE_AFTER, NULL, m.to);
	if (m.full)
		return ERR_LIMIT;
	*out = (struct steps){ m.at, m.count };
	return 0;
}

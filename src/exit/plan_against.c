/* plan_against.c - the plan held against what is there: names that match nothing, and families that meet after all. */
#include "base/map.h"
#include "base/text.h"
#include "exit/facts.h"
#include "exit/plan.h"

#define NEAR_MAX 1000

struct against {
	const struct plan *plan;
	const struct facts *facts;
	struct plan_faults *faults;
	struct map taken; /* source topics, by name, to the family that has them */
	int found;
};

static const char *near_topic(const struct facts_side *side, struct view name)
{
	const char *words[NEAR_MAX + 1] = { 0 };
	int count = 0;

	for (int i = 0; i < side->metadata.topic_count && count < NEAR_MAX; i++)
		if (!facts_topic_is_internal(&side->metadata.topics[i]))
			words[count++] = side->metadata.topics[i].name;
	return text_nearest(name, words);
}

static void nothing_there(struct against *a, struct view name, struct mark at)
{
	const char *near = near_topic(&a->facts->sides[SIDE_SOURCE], name);

	plan_fault_add(a->faults, at, "the source has no topic '%.*s'%s%s%s", VIEW_ARGS(name),
		       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	a->found++;
}

/* Takes the topic for the family; when another has it already, by name or pattern, says so. */
static void take(struct against *a, const struct plan_family *family, const struct plan_topic *by,
		 const char *name)
{
	const struct plan_family *other = map_get(&a->taken, view_text(name));

	if (other && other != family) {
		plan_fault_add(a->faults, by->at,
			       "'%.*s' takes in topic '%s', which is in family '%.*s' already",
			       VIEW_ARGS(by->source), name, VIEW_ARGS(other->name.text));
		a->found++;
	} else if (!other) {
		map_put(&a->taken, view_text(name), (void *)family);
	}
}

static void check_topic(struct against *a, const struct plan_family *family, const struct plan_topic *topic)
{
	const struct facts_side *source = &a->facts->sides[SIDE_SOURCE];
	int matches = 0;

	if (!topic->glob) {
		if (facts_topic(source, topic->source))
			take(a, family, topic, facts_topic(source, topic->source)->name);
		else
			nothing_there(a, topic->source, topic->at);
		return;
	}
	for (int i = 0; i < source->metadata.topic_count; i++) {
		const struct topic_info *found = &source->metadata.topics[i];

		if (facts_topic_is_internal(found) || !glob_match(topic->source, view_text(found->name)))
			continue;
		matches++;
		take(a, family, topic, found->name);
	}
	if (!matches) {
		plan_fault_add(a->faults, topic->at, "'%.*s' matches no topic of the source",
			       VIEW_ARGS(topic->source));
		a->found++;
	}
}

static void check_group(struct against *a, const struct plan_text *group)
{
	const struct facts_side *source = &a->facts->sides[SIDE_SOURCE];
	const char *words[NEAR_MAX + 1] = { 0 };
	const char *near;

	if (source->groups_answer.err || facts_group(source, group->text) >= 0)
		return;
	for (int i = 0; i < source->groups.count && i < NEAR_MAX; i++)
		words[i] = source->groups.at[i].id;
	near = text_nearest(group->text, words);
	plan_fault_add(a->faults, group->at, "the source has no group '%.*s'%s%s%s", VIEW_ARGS(group->text),
		       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	a->found++;
}

int plan_check_against(const struct plan *plan, const struct facts *facts, struct plan_faults *faults)
{
	struct against a = { plan, facts, faults };

	map_init(&a.taken);
	for (int f = 0; f < plan->family_count; f++) {
		const struct plan_family *family = &plan->families[f];

		for (int i = 0; i < family->topics.count; i++)
			check_topic(&a, family, &family->topics.at[i]);
		for (int i = 0; i < family->groups.count; i++)
			check_group(&a, &family->groups.at[i]);
	}
	map_done(&a.taken);
	plan_faults_sort(faults);
	return a.found;
}

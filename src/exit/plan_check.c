/* plan_check.c - classes that start from others, families that must not meet, and waves. */
#include "base/err.h"
#include "base/map.h"
#include "base/text.h"
#include "exit/plan_check.h"

struct checking {
	struct plan *plan;
	struct plan_faults *faults;
};

/* Words for text_nearest(): at most this many are offered. */
#define NEAR_MAX 200

/* ---- classes ---- */

static struct plan_class *class_find(const struct plan *plan, struct view name)
{
	for (int i = 0; i < plan->class_count; i++)
		if (view_equal(plan->classes[i].head.name, name))
			return &plan->classes[i];
	return NULL;
}

static const char *near_class(const struct plan *plan, struct view name, struct arena *arena)
{
	const char *words[NEAR_MAX + 1] = { 0 };

	for (int i = 0; i < plan->class_count && i < NEAR_MAX; i++)
		words[i] = arena_printf(arena, "%.*s", VIEW_ARGS(plan->classes[i].head.name));
	return text_nearest(name, words);
}

static void unknown_class(struct checking *c, const struct plan_text *name)
{
	const char *near = near_class(c->plan, name->text, &c->plan->arena);

	if (near)
		plan_fault_add(c->faults, name->at, "there is no class '%.*s'; did you mean '%s'?",
			       VIEW_ARGS(name->text), near);
	else
		plan_fault_add(c->faults, name->at,
			       "there is no class '%.*s'; write it under 'classes', or use rehearsal",
			       VIEW_ARGS(name->text));
}

/* The built-in class stands last, in room that the reader kept for it. */
static int add_rehearsal(struct checking *c)
{
	struct plan *plan = c->plan;
	struct plan_class *taken = class_find(plan, VIEW_LITERAL("rehearsal"));
	struct plan_class *class;

	if (taken) {
		plan_fault_add(c->faults, taken->head.at,
			       "'rehearsal' is built in; give yours another name, and start from it with "
			       "'like: rehearsal'");
		taken->rehearsal = true;
		return 0;
	}
	if (!plan->classes)
		plan->classes = arena_array(&plan->arena, 1, sizeof *plan->classes);
	if (!plan->classes)
		return ERR_MEMORY;
	class = &plan->classes[plan->class_count++];
	*class = (struct plan_class){ .head = { .given = true, .name = VIEW_LITERAL("rehearsal") },
				      .rehearsal = true,
				      .built_in = true };
	for (const struct plan_key *key = plan_keys; key->section; key++)
		if (strncmp(key->section, "class", 5) == 0 && key->rehearsal)
			plan_default(key, key->rehearsal, class);
	return 0;
}

static void inherit(struct plan_class *class, const struct plan_class *from)
{
	for (int i = 0; i < LIMIT_COUNT; i++)
		if (!class->limits[i].given)
			class->limits[i] = from->limits[i];
	if (!class->freezes.given)
		class->freezes = from->freezes;
	class->rehearsal |= from->rehearsal;
}

/* Follows `like` first; a class that is on the way already closes a ring. */
static void resolve_class(struct checking *c, struct plan_class *class)
{
	struct plan_class *from;

	if (class->visit)
		return;
	class->visit = 1;
	if (class->like.text.at) {
		from = class_find(c->plan, class->like.text);
		if (!from) {
			unknown_class(c, &class->like);
		} else if (from->visit == 1) {
			plan_fault_add(c->faults, class->like.at,
				       "class '%.*s' is like '%.*s', which is like it in turn; one of them "
				       "must start",
				       VIEW_ARGS(class->head.name), VIEW_ARGS(class->like.text));
		} else {
			resolve_class(c, from);
			inherit(class, from);
		}
	}
	for (const struct plan_key *key = plan_keys; key->section; key++) {
		const struct plan_number *limit =
			(const struct plan_number *)((const char *)class + key->offset);

		if (strncmp(key->section, "class", 5) == 0 && key->usual && !limit->given)
			plan_default(key, key->usual, class);
	}
	class->visit = 2;
}

static void check_class(struct checking *c, const struct plan_class *class)
{
	const struct plan_number *pause = &class->limits[LIMIT_PAUSE],
				 *deadline = &class->limits[LIMIT_DEADLINE];

	if (pause->value > deadline->value)
		plan_fault_add(
			c->faults, pause->by_default ? deadline->at : pause->at,
			"class '%.*s': its pause is longer than its deadline, so no crossing could ever end",
			VIEW_ARGS(class->head.name));
	if (class->limits[LIMIT_OBSERVE_KEYS].value > PLAN_OBSERVE_KEYS_MAX)
		plan_fault_add(c->faults, class->limits[LIMIT_OBSERVE_KEYS].at,
			       "class '%.*s': observe-keys: %d at most, for they are counted one by one",
			       VIEW_ARGS(class->head.name), PLAN_OBSERVE_KEYS_MAX);
	if (class->limits[LIMIT_PARITY_AGE].value < class->limits[LIMIT_PARITY_SETTLE].value)
		plan_fault_add(c->faults,
			       class->limits[LIMIT_PARITY_AGE].by_default
				       ? class->limits[LIMIT_PARITY_SETTLE].at
				       : class->limits[LIMIT_PARITY_AGE].at,
			       "class '%.*s': parity evidence would be stale (age) before a side has settled "
			       "(settle)",
			       VIEW_ARGS(class->head.name));
	if (class->limits[LIMIT_PARITY_LATE].value < class->limits[LIMIT_PARITY_SETTLE].value)
		plan_fault_add(c->faults,
			       class->limits[LIMIT_PARITY_LATE].by_default
				       ? class->limits[LIMIT_PARITY_SETTLE].at
				       : class->limits[LIMIT_PARITY_LATE].at,
			       "class '%.*s': a record would be lost (late) before its side has settled (settle)",
			       VIEW_ARGS(class->head.name));
}

static int check_classes(struct checking *c)
{
	int err = add_rehearsal(c);

	if (err < 0)
		return err;
	for (int i = 0; i < c->plan->class_count; i++)
		resolve_class(c, &c->plan->classes[i]);
	for (int i = 0; i < c->plan->class_count; i++)
		if (!c->plan->classes[i].built_in)
			check_class(c, &c->plan->classes[i]);
	return 0;
}

/* ---- families that meet ---- */

/* Who has a name already: a family, and where it stands there. */
struct claim {
	const struct plan_family *family;
	struct mark at;
	bool renamed;
};

/* Notes that `family` has `name`; when another has it, says so.  0 or ERR_MEMORY. */
static int claim_name(struct checking *c, struct map *map, const char *kind, struct view name, struct mark at,
		      const struct plan_family *family)
{
	struct claim *claim = map_get(map, name);

	if (claim) {
		if (claim->family == family)
			plan_fault_add(c->faults, at,
				       "%s '%.*s' stands twice in family '%.*s'; the first is in line %d",
				       kind, VIEW_ARGS(name), VIEW_ARGS(family->name.text), claim->at.line);
		else
			plan_fault_add(c->faults, at,
				       "%s '%.*s' is in family '%.*s' already (line %d); what moves together "
				       "belongs into one family",
				       kind, VIEW_ARGS(name), VIEW_ARGS(claim->family->name.text),
				       claim->at.line);
		return 0;
	}
	claim = arena_take(&c->plan->arena, sizeof *claim);
	if (!claim)
		return ERR_MEMORY;
	*claim = (struct claim){ family, at, false };
	return map_put(map, name, claim);
}

static int claim_names(struct checking *c, struct map *map, const char *kind, const struct plan_names *names,
		       const struct plan_family *family)
{
	int err = 0;

	for (int i = 0; i < names->count && err == 0; i++)
		err = claim_name(c, map, kind, names->at[i].text, names->at[i].at, family);
	return err;
}

static int claim_topics(struct checking *c, struct map *sources, struct map *targets,
			const struct plan_family *family)
{
	int err = 0;

	for (int i = 0; i < family->topics.count && err == 0; i++) {
		const struct plan_topic *topic = &family->topics.at[i];
		bool was_taken = map_get(sources, topic->source) != NULL;

		err = claim_name(c, sources, "topic", topic->source, topic->at, family);
		/* A topic that stands twice has its target twice too; once is enough to say. */
		if (err == 0 && !was_taken)
			err = claim_name(c, targets, "target topic", topic->target, topic->at, family);
	}
	return err;
}

/* Names that a pattern of another family takes in as well.  Two patterns are compared when the clusters are known. */
static void check_globs(struct checking *c, const struct plan_family *family)
{
	for (int i = 0; i < family->topics.count; i++) {
		const struct plan_topic *glob = &family->topics.at[i];

		for (int f = 0; glob->glob && f < c->plan->family_count; f++) {
			const struct plan_family *other = &c->plan->families[f];

			for (int j = 0; j < other->topics.count; j++) {
				const struct plan_topic *topic = &other->topics.at[j];

				if (!topic->glob && glob_match(glob->source, topic->source))
					plan_fault_add(c->faults, topic->at,
						       "topic '%.*s' is also taken in by '%.*s' of family "
						       "'%.*s' (line %d)",
						       VIEW_ARGS(topic->source), VIEW_ARGS(glob->source),
						       VIEW_ARGS(family->name.text), glob->at.line);
			}
		}
	}
}

static int check_overlaps(struct checking *c)
{
	struct map names, sources, targets, groups, producers;
	int err = 0;

	map_init(&names);
	map_init(&sources);
	map_init(&targets);
	map_init(&groups);
	map_init(&producers);
	for (int i = 0; i < c->plan->family_count && err == 0; i++) {
		struct plan_family *family = &c->plan->families[i];

		if (family->name.text.at) {
			struct claim *claim = map_get(&names, family->name.text);

			if (claim)
				plan_fault_add(c->faults, family->name.at,
					       "family '%.*s' stands twice; the first is in line %d",
					       VIEW_ARGS(family->name.text), claim->at.line);
			else
				err = claim_name(c, &names, "family", family->name.text, family->name.at,
						 family);
		}
		err = err ? err : claim_topics(c, &sources, &targets, family);
		err = err ? err : claim_names(c, &groups, "group", &family->groups, family);
		err = err ? err : claim_names(c, &producers, "producer", &family->producers, family);
		check_globs(c, family);
	}
	map_done(&names);
	map_done(&sources);
	map_done(&targets);
	map_done(&groups);
	map_done(&producers);
	return err;
}

/* ---- waves ---- */

static struct plan_family *family_find(const struct plan *plan, struct view name)
{
	for (int i = 0; i < plan->family_count; i++)
		if (plan->families[i].name.text.at && view_equal(plan->families[i].name.text, name))
			return &plan->families[i];
	return NULL;
}

static void unknown_family(struct checking *c, const struct plan_text *name)
{
	const char *words[NEAR_MAX + 1] = { 0 };
	const char *near;

	for (int i = 0; i < c->plan->family_count && i < NEAR_MAX; i++)
		words[i] = arena_printf(&c->plan->arena, "%.*s", VIEW_ARGS(c->plan->families[i].name.text));
	near = text_nearest(name->text, words);
	plan_fault_add(c->faults, name->at, "'after': there is no family '%.*s'%s%s%s", VIEW_ARGS(name->text),
		       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* Depth first; at most as deep as there are families. */
static void visit_family(struct checking *c, struct plan_family *family)
{
	family->visit = 1;
	for (int i = 0; i < family->after.count; i++) {
		const struct plan_text *name = &family->after.at[i];
		struct plan_family *before = family_find(c->plan, name->text);

		if (!before)
			unknown_family(c, name);
		else if (before == family)
			plan_fault_add(c->faults, name->at, "family '%.*s' cannot come after itself",
				       VIEW_ARGS(name->text));
		else if (before->visit == 1)
			plan_fault_add(
				c->faults, name->at,
				"'after' goes in a ring: '%.*s' comes after '%.*s', which comes after it",
				VIEW_ARGS(family->name.text), VIEW_ARGS(name->text));
		else if (!before->visit)
			visit_family(c, before);
	}
	family->visit = 2;
}

/* ---- the environment of commands ---- */

static bool is_variable(struct view name)
{
	for (size_t i = 0; i < name.size; i++) {
		uint8_t c = name.at[i];

		if (!(c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      (i && c >= '0' && c <= '9')))
			return false;
	}
	return name.size > 0;
}

static void check_env(struct checking *c)
{
	static const char ours[] = "INTERLOCK_";

	for (int i = 0; i < c->plan->env.count; i++) {
		const struct plan_text *name = &c->plan->env.at[i].name;

		if (!is_variable(name->text))
			plan_fault_add(c->faults, name->at,
				       "'%.*s' cannot be the name of a variable: letters, digits and '_', no "
				       "digit first",
				       VIEW_ARGS(name->text));
		else if (name->text.size >= sizeof ours - 1 &&
			 memcmp(name->text.at, ours, sizeof ours - 1) == 0)
			plan_fault_add(c->faults, name->at,
				       "'%.*s': names that begin with INTERLOCK_ are set by Interlock itself",
				       VIEW_ARGS(name->text));
	}
}

/* ---- one family ---- */

static void check_groups_of_levers(struct checking *c, const struct plan_family *family)
{
	const char *words[NEAR_MAX + 1] = { 0 };

	for (int i = 0; i < family->groups.count && i < NEAR_MAX; i++)
		words[i] = arena_printf(&c->plan->arena, "%.*s", VIEW_ARGS(family->groups.at[i].text));
	for (int i = 0; i < family->levers.group_count; i++) {
		const struct plan_head *head = &family->levers.groups[i].head;
		const char *near;
		bool found = false;

		for (int j = 0; j < family->groups.count; j++)
			found |= view_equal(family->groups.at[j].text, head->name);
		if (found)
			continue;
		near = text_nearest(head->name, words);
		plan_fault_add(c->faults, head->at,
			       "lever of group '%.*s', which is not among the family's groups%s%s%s",
			       VIEW_ARGS(head->name), near ? "; did you mean '" : "", near ? near : "",
			       near ? "'?" : "");
	}
}

/* A flag tells a dual-writing application what to do; a bootstrap moves clients that write to one side. */
/* Configs of which more keeps more.  One that makes a topic refuse its writers is no fence: see docs/guide.md. */
static const struct raised {
	const char *key;
	bool unlimited; /* -1 is a value, and the largest */
} raised[] = {
	{ "retention.ms", true },           { "retention.bytes", true },    { "delete.retention.ms", false },
	{ "min.compaction.lag.ms", false }, { "max.message.bytes", false },
};

static const struct raised *raised_find(struct view key)
{
	for (size_t i = 0; i < sizeof raised / sizeof *raised; i++)
		if (view_is(key, raised[i].key))
			return &raised[i];
	return NULL;
}

/* Digits alone, at least 1, and no more than Kafka's own numbers hold. */
static bool is_number(struct view text)
{
	bool more = false;

	for (size_t i = 0; i < text.size; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		more |= text.at[i] != '0';
	}
	return more && text.size <= 18;
}

static bool is_user(struct view principal)
{
	return principal.size > 5 && memcmp(principal.at, "User:", 5) == 0;
}

static void check_topic_config(struct checking *c, const struct plan_pairs *pairs)
{
	for (int i = 0; i < pairs->count; i++) {
		const struct plan_pair *pair = &pairs->at[i];
		const struct raised *config = raised_find(pair->name.text);

		if (!config)
			plan_fault_add(
				c->faults, pair->name.at,
				"'topic-config' raises retention.ms, retention.bytes, "
				"delete.retention.ms, min.compaction.lag.ms and max.message.bytes, and "
				"not '%.*s'",
				VIEW_ARGS(pair->name.text));
		else if (!(config->unlimited && view_is(pair->value.text, "-1")) &&
			 !is_number(pair->value.text))
			plan_fault_add(c->faults, pair->value.at, "'%s' is a whole number%s, as Kafka has it",
				       config->key, config->unlimited ? ", or -1 for no limit" : "");
	}
}

/* A quota is of a user, and only who has one can be slowed down. */
static void check_quota(struct checking *c, const struct plan_family *family)
{
	if (!family->levers.quota.given)
		return;
	if (family->levers.quota.value < 1)
		plan_fault_add(c->faults, family->levers.quota.at, "'quota' is more than nothing");
	if (!family->producers.count)
		plan_fault_add(c->faults, family->levers.quota.at,
			       "'quota' slows the 'producers' of the family, and the plan names none");
	for (int i = 0; i < family->producers.count; i++)
		if (!is_user(family->producers.at[i].text))
			plan_fault_add(c->faults, family->producers.at[i].at,
				       "'quota' can slow users only: 'User:NAME'");
}

static void check_levers(struct checking *c, const struct plan_family *family)
{
	const struct plan_levers *levers = &family->levers;
	const char *pattern = plan_pattern_words[family->pattern.value];

	if (!family->pattern.given)
		return;
	if (levers->flag.head.given && family->pattern.value != PLAN_PATTERN_DUAL_WRITE)
		plan_fault_add(c->faults, levers->flag.head.at,
			       "lever 'flag' is for pattern dual-write, and this family is %s", pattern);
	if (levers->bootstrap.head.given && family->pattern.value == PLAN_PATTERN_DUAL_WRITE)
		plan_fault_add(c->faults, levers->bootstrap.head.at,
			       "lever 'bootstrap' moves clients that write to one side; a dual-writing "
			       "application is told by 'flag'");
	if (levers->flag.get.given && levers->flag.get.url.at && levers->flag.set.given &&
	    !levers->flag.set.url.at)
		plan_fault_add(c->faults, levers->flag.set.at,
			       "'get' is an address and 'set' a command; a lever speaks one way");
	check_topic_config(c, &levers->topic_config);
	check_quota(c, family);
	check_groups_of_levers(c, family);
}

static void check_return(struct checking *c, const struct plan_family *family)
{
	if (family->back.head.given && family->pattern.given &&
	    family->pattern.value == PLAN_PATTERN_DUAL_WRITE)
		plan_fault_add(c->faults, family->back.head.at,
			       "a dual write feeds its own way back; 'return' is for the other patterns");
}

static void check_match(struct checking *c, const struct plan_family *family)
{
	const struct plan_class *class = family->class;
	const struct plan_text *identity = &family->match.identity;

	if (!class || !identity->at.line || view_is(identity->text, "content"))
		return;
	if (class->limits[LIMIT_PARITY_CLAIM].value == PLAN_CLAIM_COUNTS)
		plan_fault_add(c->faults, identity->at,
			       "class '%.*s' claims counts alone, which has no use for an identity",
			       VIEW_ARGS(class->head.name));
}

static void check_outside(struct checking *c, const struct plan_family *family)
{
	for (int i = 0; i < family->outside.count; i++) {
		const struct plan_probe *probe = &family->outside.at[i];
		int named = !!probe->flink.text.at + !!probe->connect.text.at + !!probe->streams.text.at +
			    !!probe->name.text.at;

		if (named != 1)
			plan_fault_add(c->faults, probe->head.at,
				       "an outside position names one of flink, connect, streams or other");
	}
}

/* Two of a kind with one name could not be told apart in a report. */
static void check_probe_names(struct checking *c, const struct plan_probes *probes, const char *what)
{
	for (int i = 1; i < probes->count; i++)
		for (int j = 0; j < i; j++)
			if (probes->at[i].name.text.at &&
			    view_equal(probes->at[i].name.text, probes->at[j].name.text)) {
				plan_fault_add(c->faults, probes->at[i].name.at,
					       "%s '%.*s' stands twice; the first is in line %d", what,
					       VIEW_ARGS(probes->at[i].name.text),
					       probes->at[j].name.at.line);
				break;
			}
}

static void check_owners(struct checking *c, const struct plan_family *family)
{
	if (!family->class || !family->owners.head.given)
		return;
	if (!family->class->limits[LIMIT_OPERATIONS_ON_CALL].none && !family->owners.on_call.text.at)
		plan_fault_add(c->faults, family->owners.head.at,
			       "'owners' needs 'on-call': class '%.*s' asks for one; name it, or say "
			       "'operations: { on-call: none }' in the class",
			       VIEW_ARGS(family->class->head.name));
}

static void check_family(struct checking *c, struct plan_family *family)
{
	if (family->class_name.text.at) {
		family->class = class_find(c->plan, family->class_name.text);
		if (!family->class)
			unknown_class(c, &family->class_name);
	}
	check_levers(c, family);
	check_return(c, family);
	check_match(c, family);
	check_outside(c, family);
	check_probe_names(c, &family->counters, "counter");
	check_probe_names(c, &family->scaffold, "item of scaffold");
	check_probe_names(c, &family->dashboards, "dashboard");
	check_probe_names(c, &family->regimes, "regime");
	check_probe_names(c, &family->alerts, "alert");
	check_owners(c, family);
	if (!family->visit)
		visit_family(c, family);
}

int plan_check(struct plan *plan, struct plan_faults *faults)
{
	struct checking c = { plan, faults };
	int err = check_classes(&c);

	if (err < 0)
		return err;
	if (plan->source.text.at && plan->target.text.at && view_equal(plan->source.text, plan->target.text))
		plan_fault_add(faults, plan->target.at,
			       "source and target are the same; an exit leads from one cluster to another");
	check_env(&c);
	for (int i = 0; i < plan->family_count; i++)
		check_family(&c, &plan->families[i]);
	if (plan->families && !plan->family_count && !faults->count)
		plan_fault_add(faults, plan->head.at, "'families' is empty; name at least one");
	return check_overlaps(&c);
}

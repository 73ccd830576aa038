/*
 * plan_write.c - grouping topics into families, and writing them down.
 *
 * A group may be in one family only, for its positions move in one step; so topics that one group reads are one family,
 * without exception.  Names that begin alike are a guess, and the comment in the plan says so.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "exit/acl_rights.h"
#include "exit/plan_write.h"

/* A topic of the source that goes into the plan. */
struct entry {
	const struct topic_info *source, *target; /* target NULL: not there */
	struct view stem;                         /* the part of the name that it shares with its relatives */
	int family;                               /* index of the entry that leads its family */
};

struct writer {
	const struct plan_writing *writing;
	const struct facts *facts;
	struct entry *entries;
	int count;
	struct arena arena;
	struct buffer *out;
	struct init_summary summary;
	struct view *names; /* of families that are written already */
	int name_count;
};

/* ---- choosing and grouping ---- */

static bool chosen(const struct plan_writing *writing, const struct topic_info *topic)
{
	if (!writing->topic_count)
		return !facts_topic_is_internal(topic);
	for (int i = 0; i < writing->topic_count; i++)
		if (glob_match(view_text(writing->topics[i]), view_text(topic->name)))
			return !topic->internal;
	return false;
}

/* The leader of the family of `index`; paths are halved on the way. */
static int leader(struct writer *w, int index)
{
	while (w->entries[index].family != index) {
		w->entries[index].family = w->entries[w->entries[index].family].family;
		index = w->entries[index].family;
	}
	return index;
}

static void join(struct writer *w, int a, int b)
{
	int x = leader(w, a), y = leader(w, b);

	/* The first in order of name leads, so that the same clusters give the same plan. */
	if (x < y)
		w->entries[y].family = x;
	else
		w->entries[x].family = y;
}

static bool separates(char c)
{
	return c == '.' || c == '-' || c == '_';
}

/* Bytes of `name` that all chosen topics begin with, cut after a separator: "prod." says nothing about a family. */
static size_t common_size(const struct writer *w)
{
	const char *first = w->entries[0].source->name;
	size_t size = w->count > 1 ? strlen(first) : 0;

	for (int i = 1; i < w->count; i++) {
		size_t same = 0;

		while (same < size && w->entries[i].source->name[same] == first[same])
			same++;
		size = same;
	}
	while (size && !separates(first[size - 1]))
		size--;
	return size;
}

static struct view stem_of(const char *name, size_t common)
{
	size_t size = common;

	while (name[size] && (size == common || !separates(name[size])))
		size++;
	return view_of(name + common, size - common);
}

static void group_by_readers(struct writer *w, const struct facts_side *source)
{
	for (int g = 0; g < source->groups.count; g++) {
		int first = -1;

		for (int i = 0; i < w->count; i++) {
			if (!facts_group_reads(source, g, w->entries[i].source->name))
				continue;
			if (first < 0)
				first = i;
			else
				join(w, first, i);
		}
	}
}

static void group_by_names(struct writer *w)
{
	size_t common = common_size(w);

	for (int i = 0; i < w->count; i++)
		w->entries[i].stem = stem_of(w->entries[i].source->name, common);
	for (int i = 0; i < w->count; i++)
		for (int j = i + 1; j < w->count; j++)
			if (view_equal(w->entries[i].stem, w->entries[j].stem))
				join(w, i, j);
}

static int choose(struct writer *w, struct fault *fault)
{
	const struct facts_side *source = &w->facts->sides[SIDE_SOURCE];

	w->entries = arena_array(&w->arena, (size_t)source->metadata.topic_count + 1, sizeof *w->entries);
	w->names = arena_array(&w->arena, (size_t)source->metadata.topic_count + 1, sizeof *w->names);
	if (!w->entries || !w->names)
		return fault_set(fault, ERR_MEMORY, "no memory for %d topics", source->metadata.topic_count);
	for (int i = 0; i < source->metadata.topic_count; i++) {
		const struct topic_info *topic = &source->metadata.topics[i];

		if (!chosen(w->writing, topic))
			continue;
		w->entries[w->count] = (struct entry){
			.source = topic,
			.target = facts_topic(&w->facts->sides[SIDE_TARGET], view_text(topic->name)),
			.family = w->count,
		};
		w->count++;
	}
	if (!w->count)
		return fault_set(fault, ERR_NOT_FOUND,
				 "no topic of the source matches; look at its topics, or leave --topic out");
	return 0;
}

/* ---- words ---- */

/* As YAML: plain where it can be, else in double quotes with escapes. */
static void put_word(struct buffer *out, const char *word)
{
	bool plain = isalnum((unsigned char)word[0]) && strcmp(word, "none") != 0;

	for (const char *at = word; *at; at++)
		plain &= isalnum((unsigned char)*at) || separates(*at);
	if (plain) {
		buffer_text(out, word);
		return;
	}
	buffer_text(out, "\"");
	for (const char *at = word; *at; at++) {
		if (*at == '"' || *at == '\\')
			buffer_printf(out, "\\%c", *at);
		else if ((unsigned char)*at < 0x20 || *at == 0x7f)
			buffer_printf(out, "\\x%02x", (unsigned char)*at);
		else
			buffer_put(out, at, 1);
	}
	buffer_text(out, "\"");
}

/* A name for a comment: nothing in it may end the line. */
static void put_remark(struct buffer *out, const char *word)
{
	text_safe(out, view_text(word));
}

/* `[ a, b, c ]`, broken when it grows long. */
struct words {
	struct buffer *out;
	size_t line; /* where the line began */
	int count;
};

static void words_put(struct words *words, const char *word)
{
	if (!words->count++)
		words->line = words->out->size;
	else if (words->out->size - words->line > 80) {
		buffer_text(words->out, ",\n              ");
		words->line = words->out->size;
	} else {
		buffer_text(words->out, ", ");
	}
	put_word(words->out, word);
}

/* ---- one family ---- */

static bool is_compacted(const struct writer *w, const struct topic_info *topic)
{
	const struct config_list *configs =
		facts_topic_configs(&w->facts->sides[SIDE_SOURCE], view_text(topic->name));
	const struct config_entry *entry = configs ? facts_config(configs, "cleanup.policy") : NULL;

	return entry && entry->value && strcmp(entry->value, "compact") == 0;
}

static bool all_compacted(struct writer *w, int family)
{
	for (int i = 0; i < w->count; i++)
		if (leader(w, i) == family && w->entries[i].target && !is_compacted(w, w->entries[i].source))
			return false;
	return true;
}

static bool name_taken(const struct writer *w, struct view name)
{
	for (int i = 0; i < w->name_count; i++)
		if (view_equal(w->names[i], name))
			return true;
	return false;
}

/* The stem that most of its topics share; made unique by a number. */
static struct view family_name(struct writer *w, int family)
{
	struct view best = w->entries[family].stem;
	int best_count = 0;
	const char *name;

	for (int i = 0; i < w->count; i++) {
		int same = 0;

		if (leader(w, i) != family)
			continue;
		for (int j = 0; j < w->count; j++)
			same += leader(w, j) == family && view_equal(w->entries[i].stem, w->entries[j].stem);
		if (same > best_count) {
			best_count = same;
			best = w->entries[i].stem;
		}
	}
	while (best.size > 1 && separates((char)best.at[0]))
		best = view_of(best.at + 1, best.size - 1);
	name = arena_printf(&w->arena, "%.*s", VIEW_ARGS(best));
	for (int i = 2; name && name_taken(w, view_text(name)); i++)
		name = arena_printf(&w->arena, "%.*s-%d", VIEW_ARGS(best), i);
	w->names[w->name_count] = view_text(name ? name : "family");
	return w->names[w->name_count++];
}

static void write_topics(struct writer *w, int family)
{
	struct words words = { w->out };

	buffer_text(w->out, "    topics: [ ");
	for (int i = 0; i < w->count; i++) {
		if (leader(w, i) != family || !w->entries[i].target)
			continue;
		words_put(&words, w->entries[i].source->name);
		w->summary.topic_count++;
	}
	buffer_text(w->out, " ]\n");
	for (int i = 0; i < w->count; i++) {
		const struct entry *entry = &w->entries[i];

		if (leader(w, i) != family || !entry->target ||
		    entry->source->partition_count == entry->target->partition_count)
			continue;
		buffer_text(w->out, "    # ");
		put_remark(w->out, entry->source->name);
		buffer_printf(w->out, " has %d partitions on the source and %d on the target\n",
			      entry->source->partition_count, entry->target->partition_count);
	}
}

static bool reads_family(struct writer *w, int group, int family)
{
	for (int i = 0; i < w->count; i++)
		if (leader(w, i) == family &&
		    facts_group_reads(&w->facts->sides[SIDE_SOURCE], group, w->entries[i].source->name))
			return true;
	return false;
}

static void write_groups(struct writer *w, int family)
{
	const struct facts_side *source = &w->facts->sides[SIDE_SOURCE];
	struct words words = { w->out };

	if (source->groups_answer.err || source->group_details_answer.err) {
		buffer_printf(w->out,
			      "    # groups: the source did not tell its groups (%s); TODO: name them\n",
			      source->groups_answer.err ? source->groups_answer.text
							: source->group_details_answer.text);
		w->summary.open_count++;
		return;
	}
	for (int g = 0; g < source->groups.count; g++) {
		if (!reads_family(w, g, family))
			continue;
		if (!words.count)
			buffer_text(w->out, "    groups: [ ");
		words_put(&words, source->groups.at[g].id);
	}
	w->summary.group_count += words.count;
	buffer_text(w->out,
		    words.count ? " ]\n"
				: "    groups: none                       # nobody was seen to read it\n");
}

/* Leads of families that a principal may write to: one, or -1 for none, -2 for several. */
static int written_by(struct writer *w, const char *principal)
{
	struct rights_view rights = { &w->facts->sides[SIDE_SOURCE].acls, NULL, false };
	int found = -1;

	for (int i = 0; i < w->count; i++) {
		int family = leader(w, i);

		if (!w->entries[i].target || family == found ||
		    rights_of(&rights, principal, ACL_OPERATION_WRITE, ACL_RESOURCE_TOPIC,
			      w->entries[i].source->name) < RIGHTS_YES)
			continue;
		if (found >= 0)
			return -2;
		found = family;
	}
	return found;
}

static bool first_of_principal(const struct acl_list *acls, int index)
{
	for (int i = 0; i < index; i++)
		if (strcmp(acls->at[i].principal, acls->at[index].principal) == 0)
			return false;
	return strcmp(acls->at[index].principal, "User:*") != 0 && strchr(acls->at[index].principal, ':');
}

static void write_producers(struct writer *w, int family)
{
	const struct facts_side *source = &w->facts->sides[SIDE_SOURCE];
	struct words words = { w->out };

	if (source->acls_answer.err || source->acls.no_authorizer)
		return;
	for (int i = 0; i < source->acls.count; i++) {
		const char *principal = source->acls.at[i].principal;

		if (!first_of_principal(&source->acls, i) || written_by(w, principal) != family)
			continue;
		if (!words.count)
			buffer_text(w->out, "    producers: [ ");
		words_put(&words, principal);
	}
	w->summary.principal_count += words.count;
	if (words.count) {
		buffer_text(w->out, " ]\n");
	} else {
		buffer_text(w->out, "    # producers: [ \"User:...\" ]        # TODO: no ACL names one for "
				    "this family alone\n");
		w->summary.open_count++;
	}
}

/* A copier leaves its own topics behind; an application that writes to both leaves nothing. */
static const char *likely_pattern(const struct writer *w)
{
	for (int side = 0; side < SIDE_COUNT; side++) {
		const struct metadata_snapshot *metadata = &w->facts->sides[side].metadata;

		for (int i = 0; i < metadata->topic_count; i++)
			if (strncmp(metadata->topics[i].name, "mm2-", 4) == 0)
				return "stop-and-switch";
	}
	return "dual-write";
}

static void write_family(struct writer *w, int family)
{
	const char *pattern = likely_pattern(w);
	struct view name = family_name(w, family);

	buffer_printf(w->out, "\n  - name: ");
	put_word(w->out, (const char *)name.at);
	buffer_printf(w->out, "\n    class: %s\n", all_compacted(w, family) ? "tables" : "standard");
	buffer_printf(w->out, "    pattern: %-24s  # TODO: %s\n", pattern,
		      strcmp(pattern, "dual-write") == 0
			      ? "dual-write, bridge, proxy or stop-and-switch"
			      : "a copier was seen; dual-write when the application writes both");
	write_topics(w, family);
	write_groups(w, family);
	write_producers(w, family);
	buffer_text(w->out, "    owners: { decision: todo@example.org, on-call: \"https://example.org/TODO\" "
			    "}   # TODO\n");
	buffer_text(w->out, "    # match: { identity: \"header:id\" }   # when records carry an identity; "
			    "else by content\n");
	w->summary.open_count += 2;
	w->summary.family_count++;
}

/* ---- the whole ---- */

static const char classes[] =
	"# What each family must prove.  A payment and a metric must not share a threshold: give each its "
	"own class.\n"
	"# These are the strict defaults; a line that is left out means the same.\n"
	"classes:\n"
	"  standard:\n"
	"    parity:   { claim: key-order, duplicates: 0, age: 1m, settle: 5s, records: 1 }\n"
	"    progress: { skipped: 0, reread: 0 }\n"
	"    rollback: { keep: 24h, drill: 7d, return: required }\n"
	"    capacity: { headroom: 30%, replay: 15m, dual-run: 14d, cost-per-day: none }   # TODO: what may a day of "
	"running both cost?\n"
	"    operations: { on-call: required, runbook: required, dashboards: required, alerts: 30d, freeze: "
	"[] }\n"
	"    pause: 2s              # longest write pause that may be predicted\n"
	"    deadline: 30s          # then a crossing returns by itself\n"
	"    observe: 2h            # on the target, before the next wave\n";

static const char tables[] =
	"  tables:                  # compacted topics: the last value of each key counts, not the history\n"
	"    like: standard\n"
	"    parity: { claim: latest }\n";

static void write_head(struct writer *w, bool with_tables)
{
	buffer_text(w->out, "# The plan of one exit.  Every key, its unit and its default: docs/plan.md.  "
			    "Paths are relative to this file.\n");
	buffer_text(w->out, "# Read it, fill in what is marked TODO, then: interlock check\n\nexit: ");
	put_word(w->out, w->writing->exit_name);
	buffer_text(w->out, "\nsource: ");
	put_word(w->out, w->writing->source);
	buffer_text(w->out, "\ntarget: ");
	put_word(w->out, w->writing->target);
	buffer_text(w->out, "\nstate: interlock.db\n");
	buffer_text(w->out, "# registries: { source: \"http://...\", target: \"http://...\" }   # when "
			    "records carry schema ids\n\n");
	buffer_text(w->out, classes);
	w->summary.open_count++;
	if (with_tables)
		buffer_text(w->out, tables);
}

static bool has_target(struct writer *w, int family)
{
	for (int i = 0; i < w->count; i++)
		if (leader(w, i) == family && w->entries[i].target)
			return true;
	return false;
}

/* Topics that cannot be in a family, because there is nothing on the target to hold them against. */
static void write_missing(struct writer *w)
{
	bool said = false;

	for (int i = 0; i < w->count; i++) {
		if (w->entries[i].target)
			continue;
		if (!said)
			buffer_text(w->out, "\n# On the source only; TODO: create them on the target, name "
					    "their other name "
					    "(orders=orders.v2), or leave them behind:\n");
		w->summary.open_count += !said;
		said = true;
		buffer_text(w->out, "#   ");
		put_remark(w->out, w->entries[i].source->name);
		buffer_text(w->out, "\n");
	}
}

static void write_shared_producers(struct writer *w)
{
	const struct facts_side *source = &w->facts->sides[SIDE_SOURCE];

	if (source->acls_answer.err || source->acls.no_authorizer) {
		buffer_printf(w->out, "\n# No producers are named: %s%s.\n",
			      source->acls.no_authorizer
				      ? "the source has no authorizer, so every client is whoever it says"
				      : "the ACLs of the source could not be read: ",
			      source->acls.no_authorizer ? "" : source->acls_answer.text);
		return;
	}
	for (int i = 0; i < source->acls.count; i++) {
		if (!first_of_principal(&source->acls, i) ||
		    written_by(w, source->acls.at[i].principal) != -2)
			continue;
		buffer_text(w->out, "\n# ");
		put_remark(w->out, source->acls.at[i].principal);
		buffer_text(w->out, " may write to topics of several families.  TODO: a principal belongs to "
				    "one: give each its own.\n");
		w->summary.open_count++;
	}
}

static int write_all(struct writer *w, struct fault *fault)
{
	bool with_tables = false;
	int families = 0;

	group_by_names(w);
	group_by_readers(w, &w->facts->sides[SIDE_SOURCE]);
	for (int i = 0; i < w->count; i++) {
		if (leader(w, i) != i || !has_target(w, i))
			continue;
		families++;
		with_tables |= all_compacted(w, i);
	}
	if (!families)
		return fault_set(
			fault, ERR_NOT_FOUND,
			"none of the %d topics of the source exists on the target under its own name; create "
			"them there first, or write the plan by hand with renames",
			w->count);
	write_head(w, with_tables);
	buffer_text(w->out, "\n# What moves together.  Topics are put together when one group reads them, or "
			    "when their names begin alike.\n");
	buffer_text(w->out, "families:");
	for (int i = 0; i < w->count; i++)
		if (leader(w, i) == i && has_target(w, i))
			write_family(w, i);
	write_missing(w);
	write_shared_producers(w);
	return w->out->err ? fault_set(fault, w->out->err, "the plan is too large to write") : 0;
}

int plan_write(const struct plan_writing *writing, const struct facts *facts, struct buffer *out,
	       struct init_summary *summary, struct fault *fault)
{
	struct writer w = { .writing = writing, .facts = facts, .out = out };
	int err;

	arena_init(&w.arena, 256 * 1024 * 1024);
	err = choose(&w, fault);
	if (err == 0)
		err = write_all(&w, fault);
	if (err == 0)
		*summary = w.summary;
	arena_done(&w.arena);
	return err;
}

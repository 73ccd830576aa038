/*
 * plan_read.c - from a YAML document to a plan, by walking the table of keys.
 *
 * One function for each shape of value; everything that is wrong is noted where it stands, and reading goes on, so
 * that one run names all of it.  What families and classes mean together is plan_check.c.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/text.h"
#include "exit/plan_check.h"
#include "exit/plan_value.h"
#include "exit/plan_yaml.h"

#define PLAN_ARENA_SIZE_MAX (64 * 1024 * 1024)
#define PLAN_KEYS_MAX       64 /* in one section */

struct reading {
	struct plan *plan;
	struct plan_yaml yaml;
	struct plan_faults *faults;
	bool no_memory;
};

static void *room(struct reading *r, size_t count, size_t size)
{
	void *at = arena_array(&r->plan->arena, count ? count : 1, size);

	if (!at)
		r->no_memory = true;
	return at;
}

static struct view kept(struct reading *r, struct view text)
{
	struct view copy = arena_copy(&r->plan->arena, text);

	if (text.at && !copy.at)
		r->no_memory = true;
	return copy;
}

static struct plan_text text_of(struct reading *r, const yaml_node_t *node)
{
	return (struct plan_text){ kept(r, plan_yaml_scalar(node)), plan_yaml_mark(node) };
}

/* The words of a key's section, for the nearest right one. */
static const char *nearest_key(const char *section, struct view key, struct buffer *all)
{
	const char *words[PLAN_KEYS_MAX + 1] = { 0 };
	int count = 0;

	for (const struct plan_key *at = plan_keys; at->section; at++)
		if (strcmp(at->section, section) == 0 && count < PLAN_KEYS_MAX) {
			buffer_printf(all, "%s%s", count ? ", " : "", at->key);
			words[count++] = at->key;
		}
	return text_nearest(key, words);
}

/* A key that the section does not have, though another may: `claim` under a class belongs into its `parity`. */
static const char *home_of(const char *section, struct view key)
{
	size_t size = strlen(section);

	for (const struct plan_key *at = plan_keys; at->section; at++)
		if (strncmp(at->section, section, size) == 0 && at->section[size] == '.' &&
		    view_is(key, at->key))
			return at->section + size + 1;
	return NULL;
}

static void unknown_key(struct reading *r, const char *section, const yaml_node_t *node)
{
	const char *title = plan_section(section)->title, *home = home_of(section, plan_yaml_scalar(node)),
		   *near;
	struct view key = plan_yaml_scalar(node);
	struct buffer all;

	buffer_init(&all, 4096);
	near = nearest_key(section, key, &all);
	if (!key.at)
		plan_fault_add(r->faults, plan_yaml_mark(node), "a key must be a word; %s knows %s", title,
			       buffer_string(&all));
	else if (home)
		plan_fault_add(r->faults, plan_yaml_mark(node), "'%.*s' belongs under '%s'", VIEW_ARGS(key),
			       home);
	else if (near)
		plan_fault_add(r->faults, plan_yaml_mark(node),
			       "unknown key '%.*s' in %s; did you mean '%s'?", VIEW_ARGS(key), title, near);
	else
		plan_fault_add(r->faults, plan_yaml_mark(node), "unknown key '%.*s' in %s; it knows %s",
			       VIEW_ARGS(key), title, buffer_string(&all));
	buffer_done(&all);
}

static void wrong_shape(struct reading *r, const struct plan_key *key, const yaml_node_t *node)
{
	if (node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0)
		plan_fault_add(r->faults, plan_yaml_mark(node), "'%s' has no value; write %s", key->key,
			       plan_type_text(key->type));
	else
		plan_fault_add(r->faults, plan_yaml_mark(node), "'%s' must be %s", key->key,
			       plan_type_text(key->type));
}

static void wrong_value(struct reading *r, const struct plan_key *key, const yaml_node_t *node,
			const struct fault *fault)
{
	if (plan_yaml_is_none(node) && !(key->flags & KEY_NONE))
		plan_fault_add(r->faults, plan_yaml_mark(node), "'%s' cannot be none; write %s", key->key,
			       plan_type_text(key->type));
	else
		plan_fault_add(r->faults, plan_yaml_mark(node), "'%s': %s", key->key, fault->text);
}

/* ---- one value ---- */

static void read_number(struct reading *r, const struct plan_key *key, const yaml_node_t *node,
			struct plan_number *out)
{
	struct view text = plan_yaml_scalar(node);
	struct plan_number number = { .given = true, .at = plan_yaml_mark(node) };
	struct fault fault = { 0 };

	if (!text.size) {
		wrong_shape(r, key, node);
	} else if (plan_yaml_is_none(node) && key->flags & KEY_NONE) {
		number.none = true;
		*out = number;
	} else if (plan_number_parse(key->type, text, &number, &fault) < 0) {
		wrong_value(r, key, node, &fault);
	} else {
		number.unit = kept(r, number.unit);
		*out = number;
	}
}

static void read_text(struct reading *r, const struct plan_key *key, const yaml_node_t *node,
		      struct plan_text *out)
{
	struct view text = plan_yaml_scalar(node);
	struct fault fault = { 0 };

	if (!text.size)
		wrong_shape(r, key, node);
	else if (plan_text_check(key->type, text, &fault) < 0)
		wrong_value(r, key, node, &fault);
	else
		*out = text_of(r, node);
}

/* A command as one string, or as a list of words that begins with `exec`. */
static void read_exec(struct reading *r, const struct plan_key *key, yaml_node_t *node, struct plan_exec *out)
{
	struct plan_exec exec = { .given = true, .at = plan_yaml_mark(node) };
	struct fault fault = { 0 };
	yaml_node_item_t *item;

	if (plan_yaml_scalar(node).size) {
		struct view text = kept(r, plan_yaml_scalar(node));

		if (plan_exec_parse(text, &r->plan->arena, &exec, &fault) < 0)
			wrong_value(r, key, node, &fault);
		else
			*out = exec;
		return;
	}
	if (node->type != YAML_SEQUENCE_NODE ||
	    node->data.sequence.items.start == node->data.sequence.items.top) {
		wrong_shape(r, key, node);
		return;
	}
	exec.words = room(r, (size_t)(node->data.sequence.items.top - node->data.sequence.items.start),
			  sizeof *exec.words);
	for (item = node->data.sequence.items.start; exec.words && item < node->data.sequence.items.top;
	     item++) {
		yaml_node_t *word = plan_yaml_node(&r->yaml, *item);

		if (!plan_yaml_scalar(word).at) {
			wrong_shape(r, key, word);
			return;
		}
		if (item == node->data.sequence.items.start && view_is(plan_yaml_scalar(word), "exec"))
			continue;
		exec.words[exec.word_count++] = kept(r, plan_yaml_scalar(word));
	}
	if (exec.word_count)
		*out = exec;
	else
		wrong_shape(r, key, node);
}

/* ---- lists ---- */

/* How many elements; -1 when it is no list.  A single scalar is a list of one, `none` one of none. */
static int list_count(struct reading *r, const struct plan_key *key, const yaml_node_t *node)
{
	int64_t count;

	if (plan_yaml_is_none(node))
		return 0;
	if (plan_yaml_scalar(node).size)
		return 1;
	count = node->type == YAML_SEQUENCE_NODE
			? node->data.sequence.items.top - node->data.sequence.items.start
			: -1;
	if (count < 0 || count > PLAN_LIST_COUNT_MAX) {
		wrong_shape(r, key, node);
		return -1;
	}
	return (int)count;
}

static yaml_node_t *list_item(struct reading *r, yaml_node_t *node, int index)
{
	return node->type == YAML_SCALAR_NODE
		       ? node
		       : plan_yaml_node(&r->yaml, node->data.sequence.items.start[index]);
}

static bool is_principals(const struct plan_key *key)
{
	return strcmp(key->key, "producers") == 0;
}

static void read_names(struct reading *r, const struct plan_key *key, yaml_node_t *node,
		       struct plan_names *out)
{
	int count = list_count(r, key, node);
	struct plan_names names = { .given = true, .mark = plan_yaml_mark(node) };

	names.at = count < 0 ? NULL : room(r, (size_t)count, sizeof *names.at);
	for (int i = 0; names.at && i < count; i++) {
		yaml_node_t *item = list_item(r, node, i);
		struct view text = plan_yaml_scalar(item);
		struct fault fault = { 0 };

		if (!text.size)
			wrong_shape(r, key, item);
		else if (is_principals(key) && plan_principal_check(text, &fault) < 0)
			wrong_value(r, key, item, &fault);
		else
			names.at[names.count++] = text_of(r, item);
	}
	for (int i = 1; i < names.count; i++)
		for (int j = 0; j < i; j++)
			if (view_equal(names.at[i].text, names.at[j].text)) {
				plan_fault_add(r->faults, names.at[i].at, "'%.*s' stands twice in '%s'",
					       VIEW_ARGS(names.at[i].text), key->key);
				break;
			}
	if (names.at)
		*out = names;
}

static void read_topics(struct reading *r, const struct plan_key *key, yaml_node_t *node,
			struct plan_topics *out)
{
	int count = plan_yaml_is_none(node) ? 0 : list_count(r, key, node);
	struct plan_topics topics = { .given = true, .mark = plan_yaml_mark(node) };

	if (count == 0)
		plan_fault_add(r->faults, plan_yaml_mark(node),
			       "a family without topics moves nothing; name at least one");
	topics.at = count <= 0 ? NULL : room(r, (size_t)count, sizeof *topics.at);
	for (int i = 0; topics.at && i < count; i++) {
		yaml_node_t *item = list_item(r, node, i);
		struct plan_topic *topic = &topics.at[topics.count];
		struct fault fault = { 0 };

		topic->at = plan_yaml_mark(item);
		if (!plan_yaml_scalar(item).size)
			wrong_shape(r, key, item);
		else if (plan_topic_parse(kept(r, plan_yaml_scalar(item)), topic, &fault) < 0)
			wrong_value(r, key, item, &fault);
		else
			topics.count++;
	}
	*out = topics; /* given, although something in it may be wrong */
}

static void read_freezes(struct reading *r, const struct plan_key *key, yaml_node_t *node,
			 struct plan_freezes *out)
{
	int count = list_count(r, key, node);
	struct plan_freezes freezes = { .given = true };

	freezes.at = count < 0 ? NULL : room(r, (size_t)count, sizeof *freezes.at);
	for (int i = 0; freezes.at && i < count; i++) {
		yaml_node_t *item = list_item(r, node, i);
		struct plan_freeze *freeze = &freezes.at[freezes.count];
		struct fault fault = { 0 };

		freeze->at = plan_yaml_mark(item);
		if (!plan_yaml_scalar(item).size)
			wrong_shape(r, key, item);
		else if (plan_freeze_parse(kept(r, plan_yaml_scalar(item)), freeze, &fault) < 0)
			wrong_value(r, key, item, &fault);
		else
			freezes.count++;
	}
	if (freezes.at)
		*out = freezes;
}

/* ---- mappings ---- */

/* True when the same key stood before; says so. */
static bool stands_twice(struct reading *r, const yaml_node_t *mapping, const yaml_node_pair_t *pair)
{
	const yaml_node_t *node = plan_yaml_node(&r->yaml, pair->key);
	struct view key = plan_yaml_scalar(node);

	for (const yaml_node_pair_t *at = mapping->data.mapping.pairs.start; at < pair; at++) {
		const yaml_node_t *before = plan_yaml_node(&r->yaml, at->key);

		if (!key.at || !view_equal(plan_yaml_scalar(before), key))
			continue;
		plan_fault_add(r->faults, plan_yaml_mark(node),
			       "'%.*s' stands twice; the first is in line %d", VIEW_ARGS(key),
			       plan_yaml_mark(before).line);
		return true;
	}
	return false;
}

static void read_pairs(struct reading *r, const struct plan_key *key, yaml_node_t *node,
		       struct plan_pairs *out)
{
	struct plan_pairs pairs = { 0 };
	yaml_node_pair_t *pair;

	if (node->type != YAML_MAPPING_NODE ||
	    node->data.mapping.pairs.top - node->data.mapping.pairs.start > PLAN_FAMILIES_MAX) {
		wrong_shape(r, key, node);
		return;
	}
	pairs.at = room(r, (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start),
			sizeof *pairs.at);
	for (pair = node->data.mapping.pairs.start; pairs.at && pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *name = plan_yaml_node(&r->yaml, pair->key),
			    *value = plan_yaml_node(&r->yaml, pair->value);

		if (!plan_yaml_scalar(name).size || !plan_yaml_scalar(value).at)
			wrong_shape(r, key, value);
		else if (!stands_twice(r, node, pair))
			pairs.at[pairs.count++] = (struct plan_pair){ text_of(r, name), text_of(r, value) };
	}
	*out = pairs;
}

static void read_section(struct reading *r, const char *section, yaml_node_t *node, void *base);

static void read_map(struct reading *r, const struct plan_key *key, yaml_node_t *node, void *base)
{
	struct plan_head *head = (struct plan_head *)((char *)base + key->offset);

	if (plan_yaml_is_none(node) && key->flags & KEY_NONE) {
		*head = (struct plan_head){ .at = plan_yaml_mark(node), .given = true, .none = true };
		return;
	}
	if (node->type != YAML_MAPPING_NODE) {
		wrong_shape(r, key, node);
		return;
	}
	if (!(key->flags & KEY_SAME) || key->offset) {
		head->given = true;
		head->at = plan_yaml_mark(node);
	}
	read_section(r, key->inner, node, key->flags & KEY_SAME ? base : (void *)head);
}

/* The array of a PLAN_LIST or PLAN_NAMED lies at the key's offset, its count behind it. */
struct array {
	void *at;
	int count;
};

static void read_list(struct reading *r, const struct plan_key *key, yaml_node_t *node, void *base)
{
	size_t size = plan_section(key->inner)->size;
	struct array array = { 0 };
	int64_t count;

	if (node->type != YAML_SEQUENCE_NODE) {
		wrong_shape(r, key, node);
		return;
	}
	count = node->data.sequence.items.top - node->data.sequence.items.start;
	if (count > PLAN_FAMILIES_MAX) {
		plan_fault_add(r->faults, plan_yaml_mark(node), "'%s' has more than %d entries", key->key,
			       PLAN_FAMILIES_MAX);
		return;
	}
	array.at = room(r, (size_t)count, size);
	for (int i = 0; array.at && i < count; i++) {
		yaml_node_t *item = plan_yaml_node(&r->yaml, node->data.sequence.items.start[i]);
		struct plan_head *head = (struct plan_head *)((char *)array.at + (size_t)array.count * size);

		if (item->type != YAML_MAPPING_NODE) {
			wrong_shape(r, key, item);
			continue;
		}
		head->given = true;
		head->at = plan_yaml_mark(item);
		read_section(r, key->inner, item, head);
		array.count++;
	}
	memcpy((char *)base + key->offset, &array.at, sizeof array.at);
	memcpy((char *)base + key->offset + sizeof array.at, &array.count, sizeof array.count);
}

static void read_named(struct reading *r, const struct plan_key *key, yaml_node_t *node, void *base)
{
	size_t size = plan_section(key->inner)->size;
	struct array array = { 0 };
	yaml_node_pair_t *pair;
	int64_t count;

	if (node->type != YAML_MAPPING_NODE) {
		wrong_shape(r, key, node);
		return;
	}
	count = node->data.mapping.pairs.top - node->data.mapping.pairs.start;
	if (count > PLAN_FAMILIES_MAX) {
		plan_fault_add(r->faults, plan_yaml_mark(node), "'%s' has more than %d entries", key->key,
			       PLAN_FAMILIES_MAX);
		return;
	}
	array.at = room(r, (size_t)count + 1, size); /* one more: the built-in class */
	for (pair = node->data.mapping.pairs.start; array.at && pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *name = plan_yaml_node(&r->yaml, pair->key),
			    *value = plan_yaml_node(&r->yaml, pair->value);
		struct plan_head *head = (struct plan_head *)((char *)array.at + (size_t)array.count * size);

		if (!plan_yaml_scalar(name).size || value->type != YAML_MAPPING_NODE) {
			wrong_shape(r, key, value);
			continue;
		}
		if (stands_twice(r, node, pair))
			continue;
		head->given = true;
		head->at = plan_yaml_mark(name);
		head->name = kept(r, plan_yaml_scalar(name));
		read_section(r, key->inner, value, head);
		array.count++;
	}
	memcpy((char *)base + key->offset, &array.at, sizeof array.at);
	memcpy((char *)base + key->offset + sizeof array.at, &array.count, sizeof array.count);
}

static void read_value(struct reading *r, const struct plan_key *key, yaml_node_t *node, void *base)
{
	void *at = (char *)base + key->offset;

	switch (key->type) {
	case PLAN_EXEC: read_exec(r, key, node, at); break;
	case PLAN_NAMES: read_names(r, key, node, at); break;
	case PLAN_TOPICS: read_topics(r, key, node, at); break;
	case PLAN_FREEZES: read_freezes(r, key, node, at); break;
	case PLAN_PAIRS: read_pairs(r, key, node, at); break;
	case PLAN_MAP: read_map(r, key, node, base); break;
	case PLAN_LIST: read_list(r, key, node, base); break;
	case PLAN_NAMED: read_named(r, key, node, base); break;
	default:
		if (key->type <= PLAN_IDENTITY)
			read_text(r, key, node, at);
		else
			read_number(r, key, node, at);
		break;
	}
}

/* A mapping that was left out whole has the defaults of what could have been in it. */
static void default_section(const char *section, void *base)
{
	for (const struct plan_key *key = plan_keys; key->section; key++)
		if (strcmp(key->section, section) == 0 && key->usual)
			plan_default(key, key->usual, base);
}

/* What the section left out: a fault when it is needed, else its default.  Limits of classes wait for `like`. */
static void fill_in(struct reading *r, const char *section, const yaml_node_t *node, const bool *seen,
		    void *base)
{
	bool of_class = strncmp(section, "class", 5) == 0;
	int index = 0;

	for (const struct plan_key *key = plan_keys; key->section; key++) {
		if (strcmp(key->section, section) != 0 || seen[index++])
			continue;
		if (key->flags & KEY_NEEDED)
			plan_fault_add(r->faults, plan_yaml_mark(node), "%s needs '%s': %s",
				       plan_section(section)->title, key->key, key->help);
		else if (key->usual && !of_class)
			plan_default(key, key->usual, base);
		else if (key->type == PLAN_MAP && !of_class)
			default_section(key->inner,
					key->flags & KEY_SAME ? base : (char *)base + key->offset);
	}
}

/* The place of `key` within its section. */
static int index_in_section(const struct plan_key *key)
{
	int index = 0;

	for (const struct plan_key *at = plan_keys; at != key; at++)
		index += strcmp(at->section, key->section) == 0;
	return index;
}

static void read_section(struct reading *r, const char *section, yaml_node_t *node, void *base)
{
	bool seen[PLAN_KEYS_MAX] = { 0 };
	yaml_node_pair_t *pair;

	if (node->data.mapping.pairs.top - node->data.mapping.pairs.start > PLAN_FAMILIES_MAX) {
		plan_fault_add(r->faults, plan_yaml_mark(node), "%s has no use for more than %d keys",
			       plan_section(section)->title, PLAN_FAMILIES_MAX);
		return;
	}
	for (pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *name = plan_yaml_node(&r->yaml, pair->key),
			    *value = plan_yaml_node(&r->yaml, pair->value);
		const struct plan_key *key = plan_key(section, plan_yaml_scalar(name));

		if (stands_twice(r, node, pair))
			continue;
		if (!key) {
			unknown_key(r, section, name);
			continue;
		}
		assert(index_in_section(key) < PLAN_KEYS_MAX);
		seen[index_in_section(key)] = true;
		read_value(r, key, value, base);
	}
	fill_in(r, section, node, seen, base);
}

void plan_default(const struct plan_key *key, const char *usual, void *base)
{
	void *at = (char *)base + key->offset;
	struct plan_number number = { .given = true, .by_default = true };

	if (key->type <= PLAN_IDENTITY) {
		*(struct plan_text *)at = (struct plan_text){ .text = view_text(usual) };
		return;
	}
	if (strcmp(usual, "none") == 0)
		number.none = true;
	else if (plan_number_parse(key->type, view_text(usual), &number, NULL) < 0)
		assert(!"a default of the table that does not parse");
	*(struct plan_number *)at = number;
}

/* ---- the whole file ---- */

static int read_plan(struct view text, struct reading *r)
{
	yaml_node_t *root;
	int err = plan_yaml_load(&r->yaml, text, r->faults);

	if (err < 0)
		return err;
	root = plan_yaml_root(&r->yaml);
	if (!root || root->type != YAML_MAPPING_NODE) {
		plan_fault_add(r->faults, (struct mark){ 1, 1 },
			       "a plan is a mapping that begins with 'exit: NAME'");
		return ERR_CONFIG;
	}
	r->plan->head = (struct plan_head){ .at = plan_yaml_mark(root), .given = true };
	r->plan->hash = plan_yaml_hash(&r->yaml);
	read_section(r, "exit", root, r->plan);
	if (r->no_memory || sha256_none(r->plan->hash))
		return ERR_MEMORY;
	return plan_check(r->plan, r->faults);
}

int plan_parse(struct view text, const char *folder, struct plan_faults *faults, struct plan **out)
{
	struct plan *plan = calloc(1, sizeof *plan);
	struct reading r = { .plan = plan, .faults = faults };
	int before = faults->count + faults->more, err;

	if (!plan)
		return ERR_MEMORY;
	arena_init(&plan->arena, PLAN_ARENA_SIZE_MAX);
	plan->folder = arena_text(&plan->arena, folder ? folder : "");
	if (text.size > PLAN_SIZE_MAX) {
		plan_fault_add(faults, (struct mark){ 0 }, "it is larger than 1 MiB; a plan is not");
		err = ERR_CONFIG;
	} else {
		err = plan->folder ? read_plan(text, &r) : ERR_MEMORY;
	}
	plan_yaml_done(&r.yaml);
	plan_faults_sort(faults);
	if (!err && faults->count + faults->more > before)
		err = ERR_CONFIG;
	if (err < 0)
		plan_free(plan);
	else
		*out = plan;
	return err < 0 ? err : 0;
}

int plan_load(const char *file, struct plan_faults *faults, struct plan **out)
{
	const char *slash = strrchr(file, '/');
	char *folder = strndup(file, slash ? (size_t)(slash - file) + 1 : 0);
	struct fault fault = { 0 };
	struct buffer text;
	int err;

	buffer_init(&text, PLAN_SIZE_MAX + 1);
	err = folder ? file_read(file, &text, &fault) : ERR_MEMORY;
	if (err < 0 && err != ERR_MEMORY) {
		size_t size = strlen(file);
		bool named = strncmp(fault.text, file, size) == 0 &&
			     fault.text[size] == ':'; /* it is said already */

		plan_fault_add(faults, (struct mark){ 0 }, "%s%s", named ? fault.text + size + 2 : fault.text,
			       err == ERR_NOT_FOUND ? "; `interlock init` writes one" : "");
		err = ERR_CONFIG;
	} else if (err == 0) {
		err = plan_parse(buffer_bytes(&text), folder, faults, out);
	}
	buffer_done(&text);
	free(folder);
	return err;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	arena_done(&plan->arena);
	free(plan);
}

const struct plan_family *plan_family(const struct plan *plan, struct view name)
{
	for (int i = 0; i < plan->family_count; i++)
		if (view_equal(plan->families[i].name.text, name))
			return &plan->families[i];
	return NULL;
}

int64_t plan_every_ms(const struct plan *plan, const struct plan_family *family)
{
	static const int ages[] = { LIMIT_PARITY_AGE, LIMIT_PROGRESS_AGE, LIMIT_COMPATIBILITY_AGE };
	int64_t every_ms = plan->reading.every_ms.value;

	for (size_t i = 0; i < sizeof ages / sizeof *ages; i++) {
		int64_t age_ms = family->class->limits[ages[i]].value / 3;

		if (age_ms > 0 && age_ms < every_ms)
			every_ms = age_ms;
	}
	return every_ms;
}

const char *plan_path(const struct plan *plan, struct view path, struct arena *arena)
{
	bool absolute = path.size && path.at[0] == '/';

	return arena_printf(arena, "%s%.*s", absolute ? "" : plan->folder, VIEW_ARGS(path));
}

const char *plan_checkpoint_topic(const struct plan *plan, struct arena *arena)
{
	struct view topic = plan->checkpoints.topic.text;

	if (topic.at)
		return arena_printf(arena, "%.*s", VIEW_ARGS(topic));
	return plan->checkpoints.head.given ? NULL : "__interlock";
}

/* plan_yaml.c - over libyaml, with limits. */
#include <stdlib.h>

#include "base/err.h"
#include "exit/plan_yaml.h"

static struct mark mark_of(yaml_mark_t mark)
{
	return (struct mark){ (int)mark.line + 1, (int)mark.column + 1 };
}

struct mark plan_yaml_mark(const yaml_node_t *node)
{
	return mark_of(node->start_mark);
}

static void syntax_fault(const yaml_parser_t *parser, struct plan_faults *faults)
{
	struct mark at = mark_of(parser->problem_mark);

	if (parser->error == YAML_READER_ERROR) {
		/* The reader knows a byte, not a line. */
		plan_fault_add(faults, (struct mark){ 1, 1 },
			       "byte %zu cannot be read: %s; a plan is UTF-8 text", parser->problem_offset,
			       parser->problem ? parser->problem : "not UTF-8");
		return;
	}
	if (parser->error == YAML_MEMORY_ERROR) {
		plan_fault_add(faults, (struct mark){ 0 }, "there is no memory to read it");
		return;
	}
	plan_fault_add(faults, at,
		       "this is not YAML: %s%s%s; look at the indentation, the quotes and the brackets",
		       parser->problem ? parser->problem : "it cannot be read", parser->context ? ", " : "",
		       parser->context ? parser->context : "");
}

/* What may not be built, is found out from the events alone. */
static int scan(struct view text, struct plan_faults *faults)
{
	int depth = 0, nodes = 0, aliases = 0, documents = 0;
	const char *fault = NULL;
	yaml_parser_t parser;
	bool done = false;
	int err = 0;

	if (!yaml_parser_initialize(&parser))
		return ERR_MEMORY;
	yaml_parser_set_input_string(&parser, text.at ? text.at : (const uint8_t *)"", text.size);
	while (!done && !err) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			syntax_fault(&parser, faults);
			err = ERR_CONFIG;
			break;
		}
		switch (event.type) {
		case YAML_STREAM_END_EVENT: done = true; break;
		case YAML_DOCUMENT_START_EVENT: documents++; break;
		case YAML_MAPPING_START_EVENT:
		case YAML_SEQUENCE_START_EVENT:
			depth++;
			nodes++;
			break;
		case YAML_MAPPING_END_EVENT:
		case YAML_SEQUENCE_END_EVENT: depth--; break;
		case YAML_SCALAR_EVENT: nodes++; break;
		case YAML_ALIAS_EVENT: aliases++; break;
		default: break;
		}
		fault = documents > 1 ? "a plan is one YAML document; this is where a second one begins"
			: depth > PLAN_YAML_DEPTH_MAX ? "too deep: a plan has no use for more than 20 levels"
			: nodes > PLAN_YAML_NODES_MAX ? "too long: more than 100,000 nodes"
			: aliases > PLAN_YAML_ALIASES_MAX ? "too many aliases: more than 100"
							  : NULL;
		if (fault) {
			plan_fault_add(faults, mark_of(event.start_mark), "%s", fault);
			err = ERR_CONFIG;
		}
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (!err && !documents) {
		plan_fault_add(faults, (struct mark){ 0 },
			       "it is empty; `interlock init` writes a plan to start from");
		err = ERR_CONFIG;
	}
	return err;
}

int plan_yaml_load(struct plan_yaml *yaml, struct view text, struct plan_faults *faults)
{
	yaml_parser_t parser;
	int err;

	*yaml = (struct plan_yaml){ 0 };
	err = scan(text, faults);
	if (err < 0)
		return err;
	if (!yaml_parser_initialize(&parser))
		return ERR_MEMORY;
	yaml_parser_set_input_string(&parser, text.at, text.size);
	if (yaml_parser_load(&parser, &yaml->document)) {
		yaml->loaded = true;
	} else {
		syntax_fault(&parser, faults);
		err = ERR_CONFIG;
	}
	yaml_parser_delete(&parser);
	return err;
}

void plan_yaml_done(struct plan_yaml *yaml)
{
	if (yaml->loaded)
		yaml_document_delete(&yaml->document);
	*yaml = (struct plan_yaml){ 0 };
}

yaml_node_t *plan_yaml_root(struct plan_yaml *yaml)
{
	return yaml_document_get_root_node(&yaml->document);
}

yaml_node_t *plan_yaml_node(struct plan_yaml *yaml, int index)
{
	return yaml_document_get_node(&yaml->document, index);
}

struct view plan_yaml_scalar(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE ? view_of(node->data.scalar.value, node->data.scalar.length)
					      : VIEW_NULL;
}

bool plan_yaml_is_none(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       view_is(plan_yaml_scalar(node), "none");
}

/* ---- the hash ---- */

struct hashing {
	struct plan_yaml *yaml;
	struct sha256 *done; /* of each node; an alias is hashed once, however often it is used */
	uint8_t *state;      /* 0 not begun, 1 under way, 2 done */
};

static int by_hash(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_SIZE);
}

static struct sha256 hash_node(struct hashing *h, int index);

static struct sha256 fold(struct sha256 *parts, size_t count, const char *kind)
{
	struct sha256 all = sha256_of(view_text(kind));

	for (size_t i = 0; i < count; i++)
		all = sha256_chain(all, parts[i]);
	return all;
}

static struct sha256 hash_list(struct hashing *h, const yaml_node_t *node)
{
	size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	struct sha256 *parts = calloc(count + 1, sizeof *parts), all = { 0 };

	if (!parts)
		return all;
	for (size_t i = 0; i < count; i++)
		parts[i] = hash_node(h, node->data.sequence.items.start[i]);
	all = fold(parts, count, "list");
	free(parts);
	return all;
}

static struct sha256 hash_mapping(struct hashing *h, const yaml_node_t *node)
{
	size_t count = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	struct sha256 *parts = calloc(count + 1, sizeof *parts), all = { 0 };

	if (!parts)
		return all;
	for (size_t i = 0; i < count; i++) {
		const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];
		struct sha256 key = hash_node(h, pair->key);

		parts[i] = sha256_chain(key, hash_node(h, pair->value));
	}
	qsort(parts, count, sizeof *parts, by_hash);
	all = fold(parts, count, "mapping");
	free(parts);
	return all;
}

/* Depth is bounded by the scan, except through an alias to its own surroundings; that one is cut. */
static struct sha256 hash_node(struct hashing *h, int index)
{
	const yaml_node_t *node = plan_yaml_node(h->yaml, index);
	struct sha256 hash = { 0 };

	if (!node || h->state[index] == 1)
		return hash;
	if (h->state[index] == 2)
		return h->done[index];
	h->state[index] = 1;
	if (node->type == YAML_SCALAR_NODE)
		hash = sha256_chain(sha256_of(VIEW_LITERAL("scalar")), sha256_of(plan_yaml_scalar(node)));
	else if (node->type == YAML_SEQUENCE_NODE)
		hash = hash_list(h, node);
	else if (node->type == YAML_MAPPING_NODE)
		hash = hash_mapping(h, node);
	h->done[index] = hash;
	h->state[index] = 2;
	return hash;
}

struct sha256 plan_yaml_hash(struct plan_yaml *yaml)
{
	size_t count = (size_t)(yaml->document.nodes.top - yaml->document.nodes.start) + 1;
	struct hashing h = { yaml, calloc(count, sizeof *h.done), calloc(count, 1) };
	struct sha256 hash = { 0 };

	if (h.done && h.state && count > 1)
		hash = hash_node(&h, 1); /* libyaml counts nodes from one; the first is the root */
	free(h.done);
	free(h.state);
	return hash;
}

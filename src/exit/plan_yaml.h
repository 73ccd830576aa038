/*
 * plan_yaml.h - a YAML document whose every node knows its line and column.
 *
 * libyaml's document interface is used as it is, because faults must name a place for everything in the file, keys
 * included.  Size, depth, nodes and aliases are limited before anything is built.
 */
#ifndef EXIT_PLAN_YAML_H
#define EXIT_PLAN_YAML_H

#include <yaml.h>

#include "exit/plan_fault.h"
#include "exit/sha256.h"

#define PLAN_YAML_DEPTH_MAX   20
#define PLAN_YAML_NODES_MAX   100000
#define PLAN_YAML_ALIASES_MAX 100

struct plan_yaml {
	yaml_document_t document;
	bool loaded;
};

/* 0, or ERR_CONFIG with one fault added.  plan_yaml_done() in either case. */
int plan_yaml_load(struct plan_yaml *yaml, struct view text, struct plan_faults *faults);
void plan_yaml_done(struct plan_yaml *yaml);

yaml_node_t *plan_yaml_root(struct plan_yaml *yaml);
yaml_node_t *plan_yaml_node(struct plan_yaml *yaml, int index);
struct mark plan_yaml_mark(const yaml_node_t *node);

/* The text of a scalar, VIEW_NULL when it is none. */
struct view plan_yaml_scalar(const yaml_node_t *node);

/* True for `none`, unquoted. */
bool plan_yaml_is_none(const yaml_node_t *node);

/*
 * The hash of what the document says: mappings by sorted keys, scalars by their text; neither comments nor layout nor
 * the order of keys.
 */
struct sha256 plan_yaml_hash(struct plan_yaml *yaml);

#endif

/* render_offsets.h - where groups go on at the target, for people and for machines. */
#ifndef CLI_RENDER_OFFSETS_H
#define CLI_RENDER_OFFSETS_H

#include "cli/output.h"
#include "parity/group_map.h"

void offsets_paper(struct paper *paper, const struct group_map *map);

/* One object; NULL when memory is out.  docs/json.md says what stands in it. */
json_t *offsets_json(const struct group_map *map);

/* Shows it as the operator asked and returns the exit status of its verdict. */
enum status render_offsets(struct output *output, const struct group_map *map);

#endif

/* render_levers.h - what the levers of a plan answered when they were asked: for `check --probe-levers`. */
#ifndef CLI_RENDER_LEVERS_H
#define CLI_RENDER_LEVERS_H

#include "cli/json.h"
#include "cli/paper.h"
#include "exit/lever_round.h"

/* A row a lever, then what is wrong with each. */
void levers_paper(struct paper *paper, const struct lever_round *round);

/* A list; docs/json.md says what stands in it. */
json_t *levers_json(const struct lever_round *round);

#endif

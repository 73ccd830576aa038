/* render_steps.h - the steps of a crossing, as a table for people. */
#ifndef CLI_RENDER_STEPS_H
#define CLI_RENDER_STEPS_H

#include <jansson.h>

#include "cli/paper.h"

/* `steps` as preview_steps() makes them. */
void render_steps(const json_t *steps, struct paper *paper);

#endif

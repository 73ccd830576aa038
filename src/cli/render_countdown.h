/* render_countdown.h - what must be true before a crossing, for people and for machines. */
#ifndef CLI_RENDER_COUNTDOWN_H
#define CLI_RENDER_COUNTDOWN_H

#include <jansson.h>

#include "cli/output.h"

/* `countdown` as countdown_read() makes it; `now_ms` is what ages count from. */
void countdown_paper(struct paper *paper, const json_t *countdown, int64_t now_ms);

/* The same with times as texts; a new object. */
json_t *countdown_json(const json_t *countdown);

/* Of the worst item. */
enum status countdown_status(const json_t *countdown);

#endif

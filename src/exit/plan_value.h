/* plan_value.h - the values of a plan, one at a time: text to number, command, topic, freeze. */
#ifndef EXIT_PLAN_VALUE_H
#define EXIT_PLAN_VALUE_H

#include "base/err.h"
#include "exit/plan_keys.h"

/* ERR_CONFIG with a sentence that names the value; `out->value` and `out->unit` are set otherwise. */
int plan_number_parse(enum plan_type type, struct view text, struct plan_number *out, struct fault *fault);

/* Whether a text may stand where a value of `type` belongs. */
int plan_text_check(enum plan_type type, struct view text, struct fault *fault);

/* The same for what stands in a list: a topic's name as Kafka allows it; a group; a principal, `User:name`. */
int plan_topic_parse(struct view text, struct plan_topic *out, struct fault *fault);
int plan_principal_check(struct view text, struct fault *fault);

/*
 * `exec WORDS`, split at blanks with '...' and "..." honoured and nothing expanded, or an http(s) address.  Words come
 * from the arena.
 */
int plan_exec_parse(struct view text, struct arena *arena, struct plan_exec *out, struct fault *fault);

/* "fri 16:00 .. mon 07:00 Europe/Berlin" or "2026-12-24 .. 2027-01-02 Europe/Berlin". */
int plan_freeze_parse(struct view text, struct plan_freeze *out, struct fault *fault);

#endif

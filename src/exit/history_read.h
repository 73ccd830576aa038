/*
 * history_read.h - what the state of the journal says of a family, in the words that gates ask for, and the boundary that
 * a judgement came to, in the words that the journal keeps.
 */
#ifndef EXIT_HISTORY_READ_H
#define EXIT_HISTORY_READ_H

#include <jansson.h>

#include "exit/evidence_log.h"
#include "exit/history.h"

/* A history and the memory behind its lists. */
struct history_held {
	struct history history;
	struct history_test *tests;
	struct position *crossed;
};

/* `family` is one family of the state (state.h), and holds as long as the history. */
void history_read(const json_t *family, struct history_held *out);
void history_done(struct history_held *held);

/* { target_only_records, target_only_bytes, clean_until, groups_past }, null where not known; NULL when none was measured. */
json_t *boundary_of(const struct evidence_log *log);

#endif

/*
 * verdict_body.h - what a VERDICT frame says of a judgement, and the waivers that a family has in the journal.
 *
 * Pure: the controller writes with it, and an auditor writes again and compares.
 */
#ifndef EXIT_VERDICT_BODY_H
#define EXIT_VERDICT_BODY_H

#include <jansson.h>

#include "exit/judge.h"

/* A family has no more of them at a time. */
#define VERDICT_WAIVERS_MAX 200

/* Those of `family`, one family of the state (state.h), whose texts they are views of.  Returns how many. */
int verdict_waivers(const json_t *family, struct waiver out[VERDICT_WAIVERS_MAX]);

/*
 * verdict, gates, reasons, boundary, window (only while authority is on the target: window.h), valid_until (the moment until which all evidence that opened a rule stays young
 * enough), authority, input.  NULL: ERR_MEMORY.
 */
json_t *verdict_body(const struct judgement *judged, const struct evidence_log *log, struct sha256 input,
		     uint64_t authority, int64_t now_ms);

#endif

/*
 * history.h - what only the journal knows of a family and a gate has to know: drills, acknowledgements, the crossing.
 *
 * Plain data, read out of the journal by whoever keeps it; zero is "it never happened".  Times are wall time in ms.
 */
#ifndef EXIT_HISTORY_H
#define EXIT_HISTORY_H

#include "exit/evidence.h"

/* A lever that was set to a word and back, and shown to have done both; or an alert that was made to fire. */
struct history_test {
	struct view name; /* "flag", "group:billing"; of an alert: its name in the plan */
	int64_t at_ms;
	bool ok;
};

struct history {
	struct {
		int64_t ended_ms; /* 0: none */
		int64_t forward_pause_ms, return_pause_ms, total_ms;
		struct sha256 plan; /* under which plan */
		bool ok;            /* forward and back, and nothing lost */
	} drill;                    /* the last one */
	struct {
		int64_t at_ms;
		struct sha256 plan;
		struct view by;
	} runbook; /* acknowledged */
	struct {
		int64_t at_ms, until_ms;
		struct view by;
	} on_call; /* confirmed */
	const struct history_test *levers;
	int lever_count;
	const struct history_test *alerts;
	int alert_count;

	int64_t dual_since_ms; /* when both sides began to run */
	int64_t crossed_ms;    /* when authority last went to the target; 0: it is not there */
	const struct position *crossed; /* where each log ended then, on both sides; group positions not read */
	int crossed_count;
	int64_t keys_seen; /* of the observation window: different keys that were counted in it, at most in one look */
	int groups_past; /* groups that have read beyond the crossing on the target alone */
	bool leak;       /* a record was written to the fenced side */
};

#endif

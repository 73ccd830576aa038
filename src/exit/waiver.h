/*
 * waiver.h - a named person's leave to pass one failing rule, once, within bounds, for a time.
 *
 * A waiver covers a value that was measured and found wanting; it never covers what is unknown, and never a hard rule.
 * It is void when the evidence passes its bound, when stage or authority epoch are not the ones it was given for, and
 * after its expiry.  What it makes pass is shown as WAIVED wherever the gate is shown.
 */
#ifndef EXIT_WAIVER_H
#define EXIT_WAIVER_H

#include "exit/evidence.h"

struct waiver {
	struct view rule;       /* "parity.duplicates" */
	struct view subject;    /* VIEW_NULL: the family */
	struct sha256 evidence; /* exactly this item; zero: any within the bound */
	int64_t value_max;      /* the bound: "at most twelve" */
	struct view reason;
	struct view owner, second; /* two people, not one twice */
	struct view stage;
	uint64_t authority;
	int64_t granted_ms, expires_ms; /* wall time */
};

enum waiver_refusal {
	WAIVER_NONE,
	WAIVER_HARD_RULE,
	WAIVER_ADVISORY,
	WAIVER_NO_REASON,
	WAIVER_ONE_OWNER,
	WAIVER_EXPIRED,
	WAIVER_NOT_YET,
	WAIVER_OTHER_STAGE,
	WAIVER_OTHER_EPOCH,
	WAIVER_OTHER_EVIDENCE,
	WAIVER_PAST_BOUND,
	WAIVER_UNKNOWN, /* the result is unknown, and unknown is not waived */
};

/* A longer one is no waiver but a change of plan. */
#define WAIVER_LIFE_MS_MAX (7LL * 86400 * 1000)

const char *waiver_refusal_text(enum waiver_refusal refusal);

#endif

/* waiver.c - the words for a refusal; whether one holds is judged with the rule, in rule.c. */
#include <assert.h>

#include "exit/waiver.h"

static const char *const words[] = {
	[WAIVER_NONE] = "no waiver",
	[WAIVER_HARD_RULE] = "a waiver was refused: this rule cannot be waived, only changed by a new plan",
	[WAIVER_ADVISORY] = "a waiver was refused: an advisory rule counts for nothing anyway",
	[WAIVER_NO_REASON] = "a waiver was refused: it gives no reason",
	[WAIVER_ONE_OWNER] = "a waiver was refused: it needs two different people",
	[WAIVER_EXPIRED] = "a waiver has expired, or runs longer than seven days",
	[WAIVER_NOT_YET] = "a waiver was refused: it is dated in the future",
	[WAIVER_OTHER_STAGE] = "a waiver was refused: it was given for another stage",
	[WAIVER_OTHER_EPOCH] = "a waiver was refused: it was given under another authority epoch",
	[WAIVER_OTHER_EVIDENCE] = "a waiver is void: the evidence has changed since it was given",
	[WAIVER_PAST_BOUND] = "a waiver was refused: the value is past its bound",
	[WAIVER_UNKNOWN] = "a waiver was refused: what is unknown is not waived",
};

const char *waiver_refusal_text(enum waiver_refusal refusal)
{
	assert(refusal <= WAIVER_UNKNOWN);
	return words[refusal];
}

/*
 * verdict.h - the three answers, the six gates, and the words for both.
 *
 * VERDICT_UNKNOWN is zero, so that memory which nobody filled in says "unknown" and never "open".
 */
#ifndef EXIT_VERDICT_H
#define EXIT_VERDICT_H

#include "base/view.h"

enum verdict { VERDICT_UNKNOWN, VERDICT_OPEN, VERDICT_SHUT };

/* In the order in which they are shown, everywhere. */
enum gate {
	GATE_COMPATIBILITY,
	GATE_PARITY,
	GATE_PROGRESS,
	GATE_ROLLBACK,
	GATE_CAPACITY,
	GATE_OPERATIONS,
	GATE_COUNT,
};

#define GATES_ALL ((1u << GATE_COUNT) - 1)

/* The gates that this version can measure; others would answer unknown, "not measured yet". */
#define GATES_MEASURED GATES_ALL

/* "open", "shut", "unknown". */
const char *verdict_word(enum verdict verdict);

/* "compatibility", "parity", "progress", "rollback", "capacity", "operations". */
const char *gate_word(enum gate gate);

/* The gate of that name, or -1. */
int gate_find(struct view word);

/*
 * How two answers come together: any shut is shut; else any unknown is unknown; open only when both are.
 * Start a fold over things that may be none at all from VERDICT_UNKNOWN by hand: nothing proved is not open.
 */
enum verdict verdict_both(enum verdict a, enum verdict b);

#endif

/* verdict.c - the words. */
#include <assert.h>

#include "exit/verdict.h"

static const char *const verdict_words[] = {
	[VERDICT_UNKNOWN] = "unknown",
	[VERDICT_OPEN] = "open",
	[VERDICT_SHUT] = "shut",
};

static const char *const gate_words[GATE_COUNT] = {
	[GATE_COMPATIBILITY] = "compatibility", [GATE_PARITY] = "parity",
	[GATE_PROGRESS] = "progress",           [GATE_ROLLBACK] = "rollback",
	[GATE_CAPACITY] = "capacity",           [GATE_OPERATIONS] = "operations",
};

const char *verdict_word(enum verdict verdict)
{
	assert(verdict <= VERDICT_SHUT);
	return verdict_words[verdict];
}

const char *gate_word(enum gate gate)
{
	assert(gate < GATE_COUNT);
	return gate_words[gate];
}

int gate_find(struct view word)
{
	for (int gate = 0; gate < GATE_COUNT; gate++)
		if (view_is(word, gate_words[gate]))
			return gate;
	return -1;
}

enum verdict verdict_both(enum verdict a, enum verdict b)
{
	if (a == VERDICT_SHUT || b == VERDICT_SHUT)
		return VERDICT_SHUT;
	return a == VERDICT_OPEN && b == VERDICT_OPEN ? VERDICT_OPEN : VERDICT_UNKNOWN;
}

/*
 * gate.h - how rules come together: any shut is shut; else any that is not open is unknown; open only when all are.
 *
 * No scores, no averages, no weights, and nothing proved is not open.
 */
#ifndef EXIT_GATE_H
#define EXIT_GATE_H

#include "exit/rule.h"

struct gate_result {
	enum gate gate;
	enum verdict verdict;
	int open, shut, unknown, waived; /* results that count; `waived` are among `open` */
	struct rule_result *results;     /* shut first, then unknown, then open; advisory ones last */
	int result_count;
};

/*
 * Judges the rules of `gate` among `rules` for all their subjects.  Results come from the arena.  ERR_CONFIG when a
 * rule is not sound (rule_check()), ERR_MEMORY; `out` is then untouched, which is unknown for whoever zeroed it.
 */
int gate_judge(enum gate gate, const struct rule *rules, int rule_count, const struct rule_facts *facts,
	       struct arena *arena, struct gate_result *out, struct fault *fault);

#endif

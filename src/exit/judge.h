/*
 * judge.h - one family judged: everything that a verdict rests on in one struct, and the pure function over it.
 *
 * No clock, no socket: a controller calls it with what it gathered, an auditor with what the journal says was gathered,
 * and both come to the same answer.  What a journal must keep for that is basis.h.
 */
#ifndef EXIT_JUDGE_H
#define EXIT_JUDGE_H

#include "exit/gate.h"
#include "exit/rules.h"

struct judging {
	const struct plan_family *family;
	enum side
		reference; /* the side that the other is held against; the source until authority has moved */
	const struct evidence_log *log;
	bool log_whole; /* its items were just held against their ids, and it against its head: they are not hashed again */
	int window; /* index in the log from which failures stick */
	struct fresh_now now;
	struct rule_subjects subjects[RULE_SCOPE_COUNT];
	struct view stage; /* "OBSERVING"; for waivers */
	const struct waiver *waivers;
	int waiver_count;
	const struct rules
		*rules; /* of this family and reference, bound already; NULL: judge_family() binds them */
};

struct judgement {
	struct rules rules;
	struct gate_result gates[GATE_COUNT];
	enum verdict verdict; /* over the gates that were asked for */
};

/* One gate under rules that are bound already.  As gate_judge(). */
int judge_gate(const struct judging *judging, const struct rules *rules, enum gate gate, struct arena *arena,
	       struct gate_result *out, struct fault *fault);

/*
 * All gates; `gates` (bits 1u << enum gate, 0: all) are those that the verdict is over.  Results come from the arena.
 * ERR_CONFIG, ERR_MEMORY; `out` is then untouched, which is unknown for whoever zeroed it.
 */
int judge_family(const struct judging *judging, unsigned gates, struct arena *arena, struct judgement *out,
		 struct fault *fault);

/* How gates come together: the verdict over `gates`; unknown when none is asked for. */
enum verdict judge_over(const struct gate_result gates[GATE_COUNT], unsigned asked);

/*
 * True for an item that a rule with sticky failures found wanting: whoever goes on to gather for this family must keep
 * it, and hand it in again, until an owner opens a new window.
 */
bool judge_sticks(const struct rules *rules, const struct evidence *item);

/* True for an item that takes back, under one of these rules, what an earlier one found wanting: it must be kept as well. */
bool judge_heals(const struct rules *rules, const struct evidence *failed, const struct evidence *item);

#endif

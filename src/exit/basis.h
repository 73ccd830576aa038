/*
 * basis.h - everything that a verdict rests on, as bytes: what a VERDICT frame of the journal holds.
 *
 * The items of evidence are named by their ids, in the order of the log; their bytes lie beside the journal.  With them
 * and the plan an auditor judges again, and must come to the same answer for each gate.
 */
#ifndef EXIT_BASIS_H
#define EXIT_BASIS_H

#include "exit/judge.h"

#define BASIS_SIZE_MAX (16 * 1024 * 1024)

struct basis {
	struct view family, stage;
	enum side reference;
	unsigned gates; /* that the verdict is over */
	struct fresh_now now;
	struct rule_subjects subjects[RULE_SCOPE_COUNT];
	const struct waiver *waivers; /* all that were looked at, used or not */
	int waiver_count;
	int window;
	struct sha256 rules; /* hash of the rule set */
	struct sha256 head;  /* of the evidence log */
	const struct sha256 *evidence;
	int evidence_count;
	enum verdict verdict;
	enum verdict by_gate[GATE_COUNT];
};

/* What a judgement was made from.  Views point where those of `judging` do; ids come from the arena.  0, ERR_MEMORY. */
int basis_of(const struct judging *judging, unsigned gates, const struct judgement *judgement,
	     struct arena *arena, struct basis *out);

/* The one encoding.  0; ERR_MEMORY, ERR_LIMIT. */
int basis_write(const struct basis *basis, struct buffer *out);

/* Texts are views of `bytes`, lists come from the arena.  Anything but the one encoding is ERR_MALFORMED. */
int basis_read(struct view bytes, struct arena *arena, struct basis *out, struct fault *fault);

/*
 * Judges again.  `find` gives the bytes of an item by its id; it returns 0 or an error.  0: every gate comes out as the
 * basis says.  ERR_STALE: one does not (`fault` says which); ERR_NOT_FOUND, ERR_MALFORMED: evidence is missing or is not
 * what its id says; ERR_CONFLICT: the rules, or the order of the evidence, are not those that were judged by.
 */
typedef int basis_find_fn(void *context, const struct sha256 *id, struct view *bytes);
int basis_audit(const struct basis *basis, const struct plan_family *family, basis_find_fn *find,
		void *context, struct arena *arena, struct judgement *out, struct fault *fault);

/*
 * The same, for whoever has the items read already: `give` gives one by its id, as evidence_read() made it from its bytes, and
 * it must stay until `log` has ended.  Its failure, with its fault, is that of the whole.  `log` gets the evidence, for the
 * caller to end with evidence_log_done().  `rules` are those of the family and the basis's reference, bound already, or NULL.
 */
typedef int basis_give_fn(void *context, const struct sha256 *id, const struct evidence **item,
			  struct fault *fault);
int basis_audit_log(const struct basis *basis, const struct plan_family *family, const struct rules *rules,
		    basis_give_fn *give, void *context, struct arena *arena, struct evidence_log *log,
		    struct judgement *out, struct fault *fault);

#endif

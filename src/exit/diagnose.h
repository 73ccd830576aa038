/*
 * diagnose.h - who has authority as the world shows it, held against who should have it as the journal says.
 *
 * Takes no lease, writes nothing, sets nothing.  A damaged journal is read as far as it holds, and what was observed is
 * said all the same.  The object:
 *
 *	exit, answer	"agree", "disagree", "unknown": of the worst family and of the journal
 *	journal		{ frames, whole, why, controller }	`why` it does not hold further; whether somebody keeps the exit
 *	families	[ { family, stage, overlay, cause, epoch, answer, authority { journal, observed }, stuck, next,
 *			    levers [ { lever, observed, expected, agrees, frame, why } ],
 *			    logs [ { side, settled, open_transactions, why } ] } ]
 *
 * `agrees` is null where the journal has no opinion or the lever does not answer.  `stuck` is null when nothing is;
 * `next` is the next safe act, in one sentence.
 */
#ifndef EXIT_DIAGNOSE_H
#define EXIT_DIAGNOSE_H

#include <jansson.h>

#include "base/err.h"
#include "exit/plan.h"

struct loop;

struct diagnose_options {
	struct loop *loop;
	const struct plan *plan;
	const char *plan_file;
	const char *family; /* NULL: all of the plan */
	int64_t timeout_ms;
};

/* The object is the caller's.  ERR_CANCELLED, ERR_MEMORY, ERR_CONFIG (a cluster cannot be reached through the plan). */
int diagnose(const struct diagnose_options *options, json_t **out, struct fault *fault);

#endif

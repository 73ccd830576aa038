/*
 * controller.h - one exit kept by one process: the verb `run`, and any verb that acts while no controller is there.
 *
 * An act is a frame in the journal.  Whoever holds the lease carries it out.  A verb writes its act and then either takes
 * the lease for as long as the act takes, or waits for the answer of the controller that has it; when that one dies, the
 * verb takes over and goes on.
 */
#ifndef EXIT_CONTROLLER_H
#define EXIT_CONTROLLER_H

#include "exit/journal.h"
#include "exit/mover.h"
#include "exit/plan.h"

struct loop;
struct controller;

struct controller_options {
	struct loop *loop;
	const char *plan_file; /* NULL: exit.yaml */
	int64_t timeout_ms;    /* for each request to a cluster; 0: the default */
	uint64_t memory_bytes, rate_bytes_per_s;
	const int *interrupts; /* how often we were asked to end; may be NULL */
	void (*tell)(void *context, const char *family,
		     const char *text); /* `family` NULL: the exit; may be NULL */
	void *context;
};

/*
 * Reads the plan, opens the state (`read_only`: as it is, and nothing is ever written) and nothing else.  ERR_CONFIG:
 * `faults` has the lines; ERR_NOT_FOUND: read_only, and there is no state yet.
 */
int controller_open(const struct controller_options *options, bool read_only, struct plan_faults *faults,
		    struct controller **out, struct fault *fault);
void controller_close(struct controller *controller); /* NULL is silent */

const struct plan *controller_plan(const struct controller *controller);
struct journal *controller_journal(const struct controller *controller);

/* Whether some process, this one or another, keeps the lease alive, as far as the state tells. */
bool controller_is_alive(struct controller *controller);

/*
 * The verb `run`: takes the lease when it can, and keeps the exit until every family is retired: then 0; or until it is
 * asked to end (loop_stop()): then ERR_CANCELLED.  Other errors: the journal cannot be read, or is damaged.  Clusters that cannot be reached are no error.
 */
int controller_run(struct controller *controller, struct fault *fault);

/*
 * What a crossing of that family to `to` would write as intents (preview.h), as a list.  Takes no lease and sets nothing,
 * but asks levers and clusters.
 */
int controller_preview(struct controller *controller, const struct plan_family *family, enum authority to,
		       json_t **out, struct fault *fault);

/*
 * Appends an act (takes over `body`: act, family, by, reason, arguments) and sees it through.  `wait` false: returns once
 * it is in the journal.  0 and the answer with its text: MOVER_UNKNOWN too when the journal stays out of reach (it is waited
 * for, see controller_act.c); ERR_CONFLICT: another act of this family is waiting; ERR_CANCELLED: we were asked to end, and
 * the act waits on.
 */
int controller_act(struct controller *controller, json_t *body, bool wait, enum mover_answer *out,
		   struct buffer *text, struct fault *fault);

#endif

/*
 * acting.h - what verbs share that work on one exit: the plan and its state opened, families found, what is said meanwhile.
 */
#ifndef CLI_ACTING_H
#define CLI_ACTING_H

#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "exit/controller.h"

struct acting_on {
	struct output *output;
	struct session session;
	struct controller *controller;
	bool steady; /* each line stays: a log, not a progress line */
};

/*
 * Opens session, plan and state; `read_only` as controller_open().  0, or the status to end with, everything then closed
 * and said.
 */
enum status acting_open(struct acting_on *on, struct output *output, const char *plan, bool read_only,
			int64_t timeout_ms, bool *opened);
void acting_close(struct acting_on *on);

/* Says every fault of a wrong plan with its line, so that one reading mends them all; the status to end with. */
enum status acting_plan_is_wrong(struct output *output, const struct plan_faults *faults,
				 const struct fault *fault);

/*
 * A whole verb that looks and changes nothing: opens, finds the family that the first argument names (none: NULL, which is
 * all of them), shows, closes.
 */
typedef enum status acting_show(struct acting_on *on, const void *settings, const struct plan_family *family,
				const char *name);
enum status acting_look(struct output *output, const char *plan, int64_t timeout_ms, const struct texts *rest,
			acting_show *show, const void *settings);

/*
 * Signs an act with the owner's private key in the file `key`; NULL: it stays unsigned.  `second`, of the second owner, signs
 * what the first one has signed; NULL: he does not.
 */
int acting_sign(struct acting_on *on, json_t *act, const char *key, const char *second, struct fault *fault);

/* The family of that name; NULL and the status when the plan has none, with the nearest one named. */
const struct plan_family *acting_family(struct acting_on *on, const char *name, enum status *status);

/*
 * Says `what`, and lets a person type the family's name: a habit of typing `y` is no consent.  False: `status` is that of not
 * having been agreed to, which was said.
 */
bool acting_agreed(struct acting_on *on, const struct plan_family *family, const char *what,
		   enum status *status);

#endif

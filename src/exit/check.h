/*
 * check.h - the verb `check`: gather evidence once, judge every gate of every family, report.
 */
#ifndef EXIT_CHECK_H
#define EXIT_CHECK_H

#include "base/err.h"
#include "exit/plan_fault.h"
#include "exit/report.h"

struct loop;

struct check_options {
	const char *plan_file;       /* NULL: exit.yaml in the current folder */
	const char *const *families; /* names; NULL or family_count 0: all */
	int family_count;
	unsigned gates;            /* bits 1u << enum gate; 0: all six.  The verdict is over these */
	int64_t timeout_ms;        /* for each request to a cluster; 0: 30 s */
	uint64_t memory_bytes;     /* for the comparison; 0: its own default */
	uint64_t rate_bytes_per_s; /* reading, both clusters together; 0: no limit */
	bool fire;                 /* make alerts fire: people will be called */

	/* Told now and then what is under way, for a line on a terminal; `part` is 0 to 1, negative when not
	 * known. */
	void (*progress)(void *context, const char *family, const char *what, double part);
	void *context;
};

/*
 * Reads the plan and what the journal knows, reaches both clusters, gathers and judges, held against the side that has
 * authority.  Where nothing was begun yet, that is the source; where the journal cannot be read, no verdict is open.  Returns 0 and a report (report_free()) whatever
 * the verdict; else ERR_CONFIG     the plan or a property file is wrong: `faults` has the lines when it is
 * the plan, `fault` always has a sentence ERR_USAGE      a family that the plan does not have ERR_NETWORK,
 * ERR_TIMEOUT, ERR_TLS, ERR_LOGIN    a cluster was never reached ERR_CANCELLED  loop_stop() was called
 * `faults` is initialised by the caller with plan_faults_init().  A name of the plan that matches nothing on the source
 * is a fault of the plan, with its line and column; what the target lacks shuts a gate.
 */
int check_run(struct loop *loop, const struct check_options *options, struct plan_faults *faults,
	      struct report **out, struct fault *fault);

#endif

/* session.h - what every verb that talks to clusters needs: a loop, and an answer to SIGINT and SIGTERM. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli/output.h"
#include "loop/loop.h"

struct session {
	struct loop *loop;
	struct signals *signals;
	struct output *output;
	int interrupts; /* how often we were asked to end */
};

/*
 * `polite`: a signal stops the loop, so that whoever waits on it returns ERR_CANCELLED, and a second one ends the process;
 * otherwise signals are left to the work itself.
 */
int session_open(struct session *session, struct output *output, bool polite, struct fault *fault);
void session_close(struct session *session);

/*
 * The line that a person types at the terminal, without its end; the question stands there already.  False: none came, for it
 * was the end of input, or we were asked to end.  The session is a polite one.
 */
bool session_line(struct session *session, char *line, size_t size);

#endif

/*
 * session.c - the loop of a verb, and how it is asked to end.
 *
 * The first SIGINT or SIGTERM asks politely: the verb ends what it can end well.  The second ends the process at once,
 * as unknown, because nothing was decided; it is for an operator who has waited long enough.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/session.h"

#define LISTEN_MS 50

static void signalled(void *owner, int number)
{
	struct session *session = owner;

	if (++session->interrupts > 1) {
		output_progress(session->output, "%s", "");
		_exit(STATUS_UNKNOWN);
	}
	loop_stop(session->loop);
}

int session_open(struct session *session, struct output *output, bool polite, struct fault *fault)
{
	uint64_t seed = (uint64_t)clock_system.monotonic_ns(&clock_system) ^ (uint64_t)getpid() << 40;
	int err;

	*session = (struct session){ .output = output };
	err = loop_new(&clock_system, seed, &session->loop);
	if (err < 0)
		return fault_set(fault, err, "no event loop: %s", err_text(err));
	if (!polite)
		return 0;
	err = signals_new(session->loop, signalled, session, &session->signals);
	if (err < 0) {
		loop_free(session->loop);
		return fault_set(fault, err, "no signal handlers: %s", err_text(err));
	}
	return 0;
}

bool session_line(struct session *session, char *line, size_t size)
{
	struct pollfd terminal = { .fd = STDIN_FILENO, .events = POLLIN };
	bool never = false;

	/* A signal is heard in the loop only: who waited for the line itself would hear Ctrl-C at the next Enter. */
	while (!session->interrupts && poll(&terminal, 1, 0) <= 0)
		loop_until(session->loop, &never, loop_now_ms(session->loop) + LISTEN_MS);
	if (session->interrupts || !fgets(line, (int)size, stdin)) {
		fputs("\n", session->output->err);
		return false;
	}
	line[strcspn(line, "\r\n")] = 0;
	return true;
}

void session_close(struct session *session)
{
	if (session->signals)
		signals_free(session->signals);
	loop_free(session->loop);
}

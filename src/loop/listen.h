/*
 * listen.h - a socket that takes connections.
 *
 * Made at the start of a program: making it may look a name up, which blocks.  Accepting never does.
 */
#ifndef LOOP_LISTEN_H
#define LOOP_LISTEN_H

#include "loop/loop.h"

struct listener;

struct listener_options {
	const char
		*host; /* a name or an address without brackets; NULL or "": all addresses of this machine */
	uint16_t port; /* 0: the system picks one */
	int backlog;   /* connections that may wait to be accepted; 0: the system's most */
};

/* A peer has come: `fd` is the callee's, stream_accepted() takes it.  The callee may free the listener. */
typedef void listener_accepted(void *owner, int fd);

/* ERR_CONFLICT when somebody else has the address, ERR_NETWORK for any other reason, with a sentence. */
int listener_new(struct loop *loop, const struct listener_options *options, listener_accepted *accepted,
		 void *owner, struct listener **out, struct fault *fault);

/* The port it listens on, picked or given. */
uint16_t listener_port(const struct listener *listener);

/* Takes nobody in while paused; who comes waits in the backlog. */
void listener_pause(struct listener *listener, bool paused);

/* Closes it; what it accepted lives on.  NULL is silent. */
void listener_free(struct listener *listener);

#endif

/*
 * err.h - the one list of errors, and the sentence that goes with one.
 *
 * A function that can fail returns 0 (or a useful positive number) or a negative ERR_*.  Where an operator
 * will read about it, the function also takes a `struct fault *` and leaves a sentence there: what was wrong,
 * where, and what to do.  A fault may always be NULL.  No secret is ever put into a fault.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

enum err {
	ERR_MEMORY = -1,	/* the allocator said no */
	ERR_LIMIT = -2,		/* a configured limit of ours was reached */
	ERR_MALFORMED = -3,	/* bytes from outside that can never be right */
	ERR_UNSUPPORTED = -4,	/* right, but not something we or the peer can do */
	ERR_CHECKSUM = -5,	/* bytes that do not match their checksum */
	ERR_IO = -6,		/* a file or the disk */
	ERR_FULL = -7,		/* the disk is full */
	ERR_NETWORK = -8,	/* a connection could not be made, or was lost */
	ERR_TIMEOUT = -9,	/* a deadline passed */
	ERR_CANCELLED = -10,	/* we ended it ourselves */
	ERR_TLS = -11,		/* the handshake or the certificate */
	ERR_LOGIN = -12,	/* SASL: the credentials were refused */
	ERR_DENIED = -13,	/* the broker said: not authorised */
	ERR_USAGE = -14,	/* the caller's arguments: options, values */
	ERR_CONFIG = -15,	/* a plan or property file is wrong */
	ERR_NOT_FOUND = -16,	/* the thing asked for does not exist */
	ERR_BROKER = -17,	/* the broker answered with an error code of its own */
	ERR_CONFLICT = -18,	/* somebody else holds it, or it changed meanwhile */
	ERR_STALE = -19,	/* what we knew is no longer so: epoch, incarnation */
	ERR_INTERNAL = -20,	/* a bug of ours */
};

/* A short phrase for `err`, for logs: "checksum does not match". */
const char *err_text(int err);

struct fault {
	int err;
	char text[1000];
};

/* Writes the sentence and returns `err`, so that a failing function can end with `return fault_set(...)`. */
int fault_set(struct fault *fault, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "where: " in front of what is there already: each floor adds the place that it knows.  Returns fault->err. */
int fault_at(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

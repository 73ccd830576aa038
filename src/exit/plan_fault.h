/*
 * plan_fault.h - what is wrong with a plan: every fault with its place, in the order of the file.
 *
 * A person mends a plan faster when all that is wrong is said at once; so faults are collected, up to a
 * limit, and each says file, line, column, what is wrong, and what to write instead.
 */
#ifndef EXIT_PLAN_FAULT_H
#define EXIT_PLAN_FAULT_H

#include "base/arena.h"
#include "base/buffer.h"

/* A place in the plan's file; both count from 1, columns in characters.  Line 0: no place, the whole file. */
struct mark {
	int line, column;
};

struct plan_fault {
	struct mark at;
	const char *text; /* one sentence, safe for a terminal; in the list's arena */
};

#define PLAN_FAULTS_MAX 50

struct plan_faults {
	struct arena arena;
	const char *file; /* as the operator named it; copied */
	struct plan_fault at[PLAN_FAULTS_MAX];
	int count;
	int more; /* found, but past the limit */
};

void plan_faults_init(struct plan_faults *faults, const char *file);
void plan_faults_done(struct plan_faults *faults);

/* Adds one; two with the same place and text are one.  Bytes that could steer a terminal are written as \xNN.
 */
void plan_fault_add(struct plan_faults *faults, struct mark at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts them in the order of the file. */
void plan_faults_sort(struct plan_faults *faults);

/* Appends a line each: "exit.yaml:12:5: unknown key 'toppics'; did you mean 'topics'?", and how many more
 * there are. */
void plan_faults_print(const struct plan_faults *faults, struct buffer *out);

#endif

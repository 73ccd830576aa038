/*
 * journal_look.h - where an exit's journal lives, and opening it.
 *
 * Whoever only looks changes nothing, makes nothing, and takes a journal that nobody began for one with nothing in it.
 */
#ifndef EXIT_JOURNAL_LOOK_H
#define EXIT_JOURNAL_LOOK_H

#include "exit/journal.h"
#include "exit/plan.h"

/* True for postgres://...; anything else is a path. */
bool journal_is_database(struct view state);

/* What the plan's `state` says: postgres://... or a path, from the arena.  NULL: no memory. */
const char *journal_address(const struct plan *plan, struct arena *arena);

/* The store at such an address, for reading or for acting. */
int journal_store_at(const char *address, bool read_only, struct journal_store **out, struct fault *fault);

/* The journal of that plan as it stands now; the caller ends it with journal_close(). */
int journal_look(const struct plan *plan, const struct clock *clock, struct arena *arena,
		 struct journal **out, struct fault *fault);

#endif

/*
 * journal_store_nothing.h - the journal of an exit of which nothing was written down yet.
 *
 * For whoever only looks: a look must not make the file that the first act makes.  Reads find nothing, writes are refused.
 */
#ifndef EXIT_JOURNAL_STORE_NOTHING_H
#define EXIT_JOURNAL_STORE_NOTHING_H

#include "exit/journal_store.h"

/* `name` holds for as long as the store.  ERR_MEMORY. */
int journal_store_nothing(const char *name, struct journal_store **out, struct fault *fault);

#endif

/* selection.h - words that several verbs share and that need more than a shape: topics with renames, identities. */
#ifndef CLI_SELECTION_H
#define CLI_SELECTION_H

#include "base/arena.h"
#include "base/err.h"
#include "cli/options.h"
#include "parity/options.h"

/* Each `T`, `T=T2` or glob of --topic; names are copied into `arena`.  ERR_USAGE names the word and what is wrong. */
int topics_parse(const struct texts *words, struct arena *arena, struct topic_choice **out,
		 struct fault *fault);

/* content, header:NAME or key+header:NAME; `*header` points into `word`, NULL for content. */
int identity_parse(const char *word, enum identity_kind *kind, const char **header, struct fault *fault);

#endif

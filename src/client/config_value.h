/* config_value.h - values that stand elsewhere: ${env:NAME}, ${file:PATH}, ${file:PATH:KEY}, ${dir:PATH:FILE}. */
#ifndef CLIENT_CONFIG_VALUE_H
#define CLIENT_CONFIG_VALUE_H

#include "base/arena.h"
#include "base/err.h"

/*
 * `text` with every ${...} replaced, in `arena`, with a NUL behind it.  What was put in is not looked at again.
 * `*expanded` becomes true when something was replaced, and stays as it is else.  ERR_CONFIG names the variable or
 * the file, never a value.
 */
int config_expand(struct view text, struct arena *arena, const char **out, bool *expanded,
		  struct fault *fault);

#endif

/*
 * props.h - reads .properties files as java.util.Properties does: `key=value`, `key: value`, `key value`, comments
 * with # or !, a trailing backslash to go on, \t \n \r \f \uXXXX and \<char> escapes; UTF-8 and Latin-1 both survive.
 */
#ifndef BASE_PROPS_H
#define BASE_PROPS_H

#include "base/arena.h"
#include "base/err.h"

struct prop {
	struct view key, value;
	int line;		/* from 1, where the key stands */
};

struct props {
	struct prop *at;
	int count;
};

#define PROPS_COUNT_MAX 1000

/*
 * Parses `text`; keys and values are copies in `arena`.  A key that is given twice is refused, because the file's
 * author meant one of them: ERR_CONFIG with `name`:line in the fault.  `out` is untouched on failure.
 */
int props_parse(struct view text, const char *name, struct arena *arena, struct props *out, struct fault *fault);

/* The value of `key`, or VIEW_NULL. */
struct view props_get(const struct props *props, const char *key);

#endif

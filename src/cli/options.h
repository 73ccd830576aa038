/*
 * options.h - what a verb takes, written once.
 *
 * Each verb has one table of options.  From it come the parser, `interlock VERB --help`, the manual pages and the
 * shell's completion, so that none of them can say what another does not.  A value lands in the verb's settings, a
 * plain struct of the verb's own, at the offset that its line names; a default is a text that goes the same way as
 * an argument.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct verb;

enum option_kind {
	OPTION_FLAG,     /* bool */
	OPTION_TEXT,     /* const char * */
	OPTION_PATH,     /* const char *, a file's name */
	OPTION_CLUSTER,  /* const char *, host:port[,host:port...] or a property file */
	OPTION_DURATION, /* int64_t, milliseconds */
	OPTION_SIZE,     /* int64_t, bytes */
	OPTION_RATE,     /* int64_t, bytes a second */
	OPTION_TIME,     /* int64_t, wall milliseconds */
	OPTION_COUNT,    /* int64_t */
	OPTION_CHOICE,   /* int, the place in `choices` */
	OPTION_TEXTS,    /* struct texts: the option repeats */
};

/* What a number holds that was not given and has no default. */
#define OPTION_ABSENT INT64_MIN
/* What a choice holds that was not given and has no default. */
#define OPTION_NO_CHOICE (-1)

/* The most of one repeated option, and of all arguments; far past what a command line is for. */
#define OPTION_REPEATS_MAX 4096

struct texts {
	const char **at;
	int count;
};

struct option {
	const char *name;  /* without the dashes */
	const char *value; /* "DURATION" in help; NULL for a flag */
	enum option_kind kind;
	bool required;
	size_t at;                  /* offsetof(struct the_settings, field) */
	const char *fallback;       /* the default as one would type it, or NULL */
	const char *const *choices; /* for OPTION_CHOICE, ends with NULL */
	const char *help;           /* sentences, without a full stop at the end */
};

/* The value's shape with an example: "a duration such as 500ms, 5s, 10m, 2h or 7d". */
const char *option_shape(enum option_kind kind);

/*
 * Reads the words behind the verb into `settings` (`verb->settings_size` bytes, zeroed here) and what is left into
 * `rest`.  `now_ms` is what "-2h" counts from.  Texts point into `words`; lists live in `arena`.  ERR_USAGE with a
 * sentence that names the option, what is wrong and the nearest right word.  `*help` is set when --help or -h was
 * among the words; nothing else is judged then.
 */
int options_parse(const struct verb *verb, int count, char **words, int64_t now_ms, struct arena *arena,
		  void *settings, struct texts *rest, bool *help, struct fault *fault);

#endif

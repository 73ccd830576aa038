/*
 * init.h - the verb `init`: discover both clusters and write the plan that a person would have written.
 */
#ifndef EXIT_INIT_H
#define EXIT_INIT_H

#include "base/buffer.h"
#include "base/err.h"

struct loop;

struct init_options {
	const char *source,
		*target; /* as on the command line: host:port[,host:port...] or a .properties file */
	const char *const
		*topics; /* names or globs over the source's topics; topic_count 0: all but internal ones */
	int topic_count;
	const char *exit_name; /* NULL: made from the two clusters' names */
	const char *plan_file; /* where the caller will put it: relative paths are written relative to it */
	int64_t timeout_ms;    /* for each request; 0: 30 s */
};

/* What was found, for a line to the operator. */
struct init_summary {
	int topic_count, group_count, principal_count, family_count;
	int open_count; /* places in the plan marked TODO, which only a person can fill */
};

/*
 * Appends the text of the plan to `out`; writing the file is the caller's.  Errors as check_run(), and
 * ERR_NOT_FOUND when no topic of the source matches.
 */
int init_run(struct loop *loop, const struct init_options *options, struct buffer *out,
	     struct init_summary *summary, struct fault *fault);

#endif

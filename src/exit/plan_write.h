/*
 * plan_write.h - the plan that a person would have written, from what was found on both clusters.
 *
 * Topics come together into families when a group reads them both, or when their names begin alike.  What only a
 * person can know stands there with a value that parses and the word TODO beside it.  The text is accepted by
 * plan_parse() and by plan_check_against() the same facts.
 */
#ifndef EXIT_PLAN_WRITE_H
#define EXIT_PLAN_WRITE_H

#include "exit/facts.h"
#include "exit/init.h"

struct plan_writing {
	const char *exit_name;
	const char *source, *target; /* as they shall stand in the plan */
	const char *const *topics;   /* names or globs; topic_count 0: all but internal ones */
	int topic_count;
};

/* 0 and the text appended; ERR_NOT_FOUND when no topic matches, ERR_MEMORY. */
int plan_write(const struct plan_writing *writing, const struct facts *facts, struct buffer *out,
	       struct init_summary *summary, struct fault *fault);

#endif

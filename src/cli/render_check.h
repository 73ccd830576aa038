/* render_check.h - the report of a check, for people and for machines. */
#ifndef CLI_RENDER_CHECK_H
#define CLI_RENDER_CHECK_H

#include "cli/output.h"
#include "exit/lever_round.h"
#include "exit/report.h"

/* A table a family, then its reasons; with `evidence` what each gate rests on. */
void check_paper(struct paper *paper, const struct report *report, bool evidence);

/* One object; NULL when memory is out.  docs/json.md says what stands in it. */
json_t *check_json(const struct report *report);

/*
 * Shows it as the operator asked and returns the exit status of its verdict; `levers` NULL: they were not asked.  One that
 * did not say where it stands makes what would be open unknown.
 */
enum status render_check(struct output *output, const struct report *report, bool evidence,
			 const struct lever_round *levers);

#endif

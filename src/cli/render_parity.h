/* render_parity.h - the report of a comparison, for people and for machines, and a glance at one under way. */
#ifndef CLI_RENDER_PARITY_H
#define CLI_RENDER_PARITY_H

#include "cli/output.h"
#include "parity/compare.h"
#include "parity/report.h"

void parity_paper(struct paper *paper, const struct parity_report *report);

/* One object, with exactly the names that docs/json.md explains; NULL when memory is out. */
json_t *parity_json(const struct parity_report *report);

/* "reading: 41 %, 1,204,000 of about 2,900,000 records, 310 MB/s" */
#define GLANCE_SIZE 300
char *parity_glance(const struct parity_progress *progress, char out[GLANCE_SIZE]);

/* Shows it as the operator asked and returns the exit status of its verdict. */
enum status render_parity(struct output *output, const struct parity_report *report);

#endif

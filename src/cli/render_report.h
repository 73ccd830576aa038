/* render_report.h - what was done, when, by whom, on which evidence: as a page, and for machines. */
#ifndef CLI_RENDER_REPORT_H
#define CLI_RENDER_REPORT_H

#include <jansson.h>

#include "cli/document.h"

/* `report` as report_journal() makes it. */
void report_document(struct document *document, const json_t *report);

/* The same with times as texts; a new object. */
json_t *report_json(const json_t *report);

/* In place: every member of that name, at any depth, becomes a text; 0 becomes null. */
void json_times(json_t *value, const char *const *names);

#endif

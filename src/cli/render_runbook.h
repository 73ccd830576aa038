/* render_runbook.h - a runbook as a page, and for machines. */
#ifndef CLI_RENDER_RUNBOOK_H
#define CLI_RENDER_RUNBOOK_H

#include <jansson.h>

#include "cli/document.h"

/* `book` as runbook_make() makes it. */
void runbook_document(struct document *document, const json_t *book, int64_t now_ms);

/* The same with times as texts; a new object. */
json_t *runbook_json(const json_t *book);

#endif

/* page.h - where a page goes: standard output, or a file that is replaced in one step. */
#ifndef CLI_PAGE_H
#define CLI_PAGE_H

#include "cli/document.h"
#include "cli/output.h"

/* Ends the document and writes it; `file` NULL: standard output.  `status`, or that of what went wrong. */
enum status page_write(struct output *output, struct document *document, const char *file,
		       enum status status);

#endif

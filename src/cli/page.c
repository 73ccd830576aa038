/* page.c - a page to standard output or into a file. */
#include "base/file.h"
#include "cli/page.h"

enum status page_write(struct output *output, struct document *document, const char *file, enum status status)
{
	struct fault fault = { 0 };

	document_end(document);
	if (document->text.err)
		return output_error(output, STATUS_UNKNOWN, "no memory for the page");
	if (!file) {
		output_progress(output, "%s", "");
		fwrite(document->text.at, 1, document->text.size, output->out);
		return status;
	}
	if (file_replace(file, buffer_bytes(&document->text), &fault) < 0)
		return output_fault(output, &fault);
	output_note(output, "written to %s", file);
	return status;
}

/* report.c - the end of a report. */
#include <stdlib.h>

#include "exit/report.h"

void report_free(struct report *report)
{
	if (!report)
		return;
	arena_done(&report->arena);
	free(report);
}

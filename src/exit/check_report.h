/* check_report.h - judgements written down for people and machines; for check.c alone. */
#ifndef EXIT_CHECK_REPORT_H
#define EXIT_CHECK_REPORT_H

#include "exit/check.h"
#include "exit/gate.h"
#include "exit/gather.h"
#include "exit/rules.h"

struct report *check_report_new(const struct check_options *options);

/* Clusters, names, room for the families.  0 or ERR_MEMORY, as below. */
int check_report_begin(struct report *report, const struct plan *plan, const struct facts *facts);
int check_report_gate(struct report *report, const struct rules *rules, const struct gate_result *result,
		      const struct gathering *g, bool asked, struct report_gate *out);

/* One more note about the exit as a whole. */
void check_report_note(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* After its gates: names, counts, the verdict over the gates asked for. */
void check_report_family(struct report *report, const struct gathering *g, struct report_family *out);

/* After its families: the verdict over all. */
void check_report_end(struct report *report, int64_t at_ms, double seconds);

#endif

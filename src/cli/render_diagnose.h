/* render_diagnose.h - observation held against the journal, for people. */
#ifndef CLI_RENDER_DIAGNOSE_H
#define CLI_RENDER_DIAGNOSE_H

#include <jansson.h>

#include "cli/output.h"

/* `diagnosis` as diagnose() makes it. */
void diagnosis_paper(struct paper *paper, const json_t *diagnosis);
enum status diagnosis_status(const json_t *diagnosis);

#endif

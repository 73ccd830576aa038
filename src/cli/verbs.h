/* verbs.h - the verbs that have a file of their own. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/verb.h"

extern const struct verb verb_parity;
extern const struct verb verb_offsets;
extern const struct verb verb_init;
extern const struct verb verb_check;
extern const struct verb verb_run;
extern const struct verb verb_status;
extern const struct verb verb_plan;
extern const struct verb verb_promote;
extern const struct verb verb_rollback;
extern const struct verb verb_hold;
extern const struct verb verb_resume;
extern const struct verb verb_drill;
extern const struct verb verb_waive;
extern const struct verb verb_seal;
extern const struct verb verb_retire;
extern const struct verb verb_countdown;
extern const struct verb verb_runbook;
extern const struct verb verb_report;
extern const struct verb verb_diagnose;
extern const struct verb verb_verify;
extern const struct verb verb_broker;
extern const struct verb verb_demo;
extern const struct verb verb_help;
extern const struct verb verb_completion;
extern const struct verb verb_manual;

#endif

/*
 * report_journal.h - what was done, when, by whom, on which evidence: the journal, told.
 *
 * Reads frames and nothing else.  The object, all times in wall ms, all hashes in hexadecimal:
 *
 *	exit, plans [ { number, hash, sequence, wall } ]
 *	audit     { frames, head, first, last, leases, verdicts, checkpoints [ { sequence, size, head, wall, holders, key } ] }
 *	notes     [ { sequence, wall, text } ]
 *	families  [ { family, stage, overlay, cause, authority, epoch, complete, verdicts { open, shut, unknown },
 *	              crossings [ { attempt, to, act, began, ended, result, cause, pause_ms, verdict, quiet, level, decision,
 *	                            proof, records, matched, claim, effects, epoch } ],
 *	              acts [ { sequence, wall, act, by, second, reason, arguments, result, text, answered } ],
 *	              holds [ { sequence, wall, overlay, cause, ended } ],
 *	              drills, leaks, scaffold [ the frames' bodies with sequence and wall ] } ]
 *
 * Waivers are acts of that name.  `complete`: what was temporary is proved gone (RETIRED).
 */
#ifndef EXIT_REPORT_JOURNAL_H
#define EXIT_REPORT_JOURNAL_H

#include "exit/journal.h"

/* `family` NULL: all of them.  The object is the caller's.  ERR_MEMORY, or what the journal says. */
int report_journal(struct journal *journal, const char *family, json_t **out, struct fault *fault);

#endif

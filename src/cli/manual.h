/* manual.h - the manual pages, written from the same tables as the help texts. */
#ifndef CLI_MANUAL_H
#define CLI_MANUAL_H

#include "base/buffer.h"
#include "cli/verb.h"

/* interlock(1), in mdoc. */
void manual_program(struct buffer *out);

/* interlock-VERB(1). */
void manual_verb(struct buffer *out, const struct verb *verb);

/* A completion script for `shell`: bash, zsh or fish.  False when the shell is not known. */
bool completion_script(struct buffer *out, const char *shell);

#endif

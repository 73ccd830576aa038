/* help.h - what the tables say, for people at a prompt. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/paper.h"
#include "cli/verb.h"

/* `interlock help`: every verb with its summary, what is not finished yet apart. */
void help_program(struct paper *paper);

/* `interlock VERB --help`. */
void help_verb(struct paper *paper, const struct verb *verb);

/* "interlock parity --source CLUSTER ... [options]", without a line feed. */
void help_usage(struct buffer *out, const struct verb *verb);

#endif

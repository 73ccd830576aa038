/*
 * status.h - how the program ends: the exit statuses, which scripts and gates rely on.
 *
 * The numbers from 64 on are those of sysexits(3), so that a script that knows them needs no table.
 */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

enum status {
	STATUS_OPEN = 0,         /* open, equal, done */
	STATUS_SHUT = 1,         /* shut, different, refused by a gate */
	STATUS_UNKNOWN = 2,      /* could not be decided; the reasons say why */
	STATUS_USAGE = 64,       /* wrong arguments */
	STATUS_UNREACHABLE = 69, /* a cluster or service could not be reached */
	STATUS_BUG = 70,         /* a bug in Interlock */
	STATUS_BUSY = 75,        /* another act is under way */
	STATUS_CONFIG = 78,      /* a plan or property file is wrong */
};

/* The status of a verb that failed with `err` before it could judge anything. */
enum status status_of_err(int err);

/* "shut, different, refused by a gate": what help and manual say about a status. */
struct status_line {
	enum status status;
	const char *text;
};
extern const struct status_line status_lines[]; /* ends with a NULL text */

#endif

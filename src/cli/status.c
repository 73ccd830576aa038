/* status.c - the exit statuses in words, and which error becomes which. */
#include <stddef.h>

#include "base/err.h"
#include "cli/status.h"

const struct status_line status_lines[] = {
	{ STATUS_OPEN, "open, equal, done" },
	{ STATUS_SHUT, "shut, different, refused by a gate" },
	{ STATUS_UNKNOWN, "unknown: could not be decided; the reasons say why" },
	{ STATUS_USAGE, "the arguments are wrong" },
	{ STATUS_UNREACHABLE, "a cluster or service could not be reached" },
	{ STATUS_BUG, "a bug in Interlock" },
	{ STATUS_BUSY, "another act is under way" },
	{ STATUS_CONFIG, "a plan or property file is wrong" },
	{ 0, NULL },
};

enum status status_of_err(int err)
{
	switch ((enum err)err) {
	case ERR_USAGE:
	case ERR_NOT_FOUND: return STATUS_USAGE;
	case ERR_CONFIG: return STATUS_CONFIG;
	case ERR_NETWORK:
	case ERR_TIMEOUT:
	case ERR_TLS:
	case ERR_LOGIN:
	case ERR_DENIED: return STATUS_UNREACHABLE;
	case ERR_CONFLICT: return STATUS_BUSY;
	case ERR_INTERNAL: return STATUS_BUG;
	case ERR_MEMORY:
	case ERR_LIMIT:
	case ERR_MALFORMED:
	case ERR_UNSUPPORTED:
	case ERR_CHECKSUM:
	case ERR_IO:
	case ERR_FULL:
	case ERR_CANCELLED:
	case ERR_BROKER:
	case ERR_STALE: return STATUS_UNKNOWN;
	}
	return err < 0 ? STATUS_BUG : STATUS_OPEN;
}

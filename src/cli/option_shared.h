/* option_shared.h - options that several verbs take, worded once. */
#ifndef CLI_OPTION_SHARED_H
#define CLI_OPTION_SHARED_H

#include "cli/options.h"

/* clang-format off */
#define TAKES_PLAN(at_)                                                                                             \
	{ .name = "plan", .value = "FILE", .kind = OPTION_PATH, .at = at_, .fallback = "exit.yaml",                  \
	  .help = "the plan; paths in it are relative to it" }

#define TAKES_TIMEOUT(at_, fallback_)                                                                               \
	{ .name = "timeout", .value = "DURATION", .kind = OPTION_DURATION, .at = at_, .fallback = fallback_,         \
	  .help = "how long a cluster may be silent before it counts as unreachable" }

#define TAKES_MEMORY(at_)                                                                                           \
	{ .name = "memory", .value = "SIZE", .kind = OPTION_SIZE, .at = at_, .fallback = "256MiB",                   \
	  .help = "the most memory that the process may take" }

#define TAKES_RATE(at_)                                                                                             \
	{ .name = "rate", .value = "RATE", .kind = OPTION_RATE, .at = at_,                                           \
	  .help = "read no faster than this from both clusters together (no limit unless given)" }

#define TAKES_HTML(at_)                                                                                             \
	{ .name = "html", .kind = OPTION_FLAG, .at = at_, .help = "one HTML page instead of Markdown" }

#define TAKES_OUTPUT(at_)                                                                                           \
	{ .name = "output", .value = "FILE", .kind = OPTION_PATH, .at = at_,                                         \
	  .help = "write the page there instead of to standard output" }

/* The owner's private key. */
#define TAKES_KEY(at_)                                                                                              \
	{ .name = "key", .value = "FILE", .kind = OPTION_PATH, .at = at_,                                            \
	  .help = "sign the act with this private key (PEM, Ed25519); the plan's `signing.keys` names the public one" }
/* clang-format on */

#endif

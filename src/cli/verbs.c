/*
 * verbs.c - everything that the program can do, and what it will do one day.
 *
 * A verb that is planned stands here with its summary only, so that who reads of it in a plan or types it learns
 * that this version does not have it; it does nothing.
 */
#include "cli/verbs.h"

static enum status run_later(struct output *output, const struct verb *verb, const void *settings,
			     const struct texts *rest)
{
	return output_error(
		output, STATUS_USAGE,
		"not in this version (%s); `interlock --help` lists what it has. Nothing was done",
		INTERLOCK_VERSION);
}

/* Any words are let through: what is not there cannot judge its arguments. */
#define LATER(word, text_)                                                                                   \
	&(const struct verb)                                                                                 \
	{                                                                                                    \
		.name = word, .kind = VERB_LATER, .summary = text_, .arguments_most = OPTION_REPEATS_MAX,    \
		.text = "This verb is planned, and is not in this version.",                                 \
		.settings_size = sizeof(struct common_settings), .run = run_later                            \
	}

/* clang-format off */
const struct verb *const verbs[] = {
	&verb_parity,
	&verb_offsets,
	&verb_init,
	&verb_check,
	&verb_run,
	&verb_status,
	&verb_plan,
	&verb_promote,
	&verb_rollback,
	&verb_hold,
	&verb_resume,
	&verb_drill,
	&verb_waive,
	&verb_seal,
	&verb_retire,
	&verb_verify,
	&verb_countdown,
	&verb_runbook,
	&verb_report,
	&verb_diagnose,
	&verb_broker,
	&verb_demo,
	&verb_help,
	&verb_completion,
	&verb_manual,
	LATER("bridge", "copy source to target"),
	LATER("proxy", "the temporary write proxy"),
	LATER("console", "the HTTP door: API, metrics and the panel"),
	NULL,
};
/* clang-format on */

/* verb_verify.c - `interlock verify`: is a journal true? */
#include <stdlib.h>

#include "base/file.h"
#include "cli/json.h"
#include "cli/verbs.h"
#include "exit/audit.h"

#define NOTES_SIZE_MAX ((size_t)256 << 20)

struct verify_settings {
	SETTINGS_COMMON;
	struct texts checkpoints;
};

#define AT(field) offsetof(struct verify_settings, field)

static const struct option options[] = {
	{ .name = "checkpoint",
	  .value = "FILE",
	  .kind = OPTION_TEXTS,
	  .at = AT(checkpoints),
	  .help = "notes that a holder outside has kept, one or many in a file; repeats" },
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock verify interlock.db --checkpoint /mnt/audit/orders.chk",
	  "Held against what left the house:" },
	{ NULL, NULL },
};

static const enum status statuses[] = { STATUS_OPEN, STATUS_UNKNOWN, STATUS_SHUT, STATUS_SHUT, STATUS_SHUT };

static enum status show(struct output *output, const struct audit *audit, int files)
{
	char head[SHA256_TEXT_SIZE];
	struct paper paper;
	enum ink ink = audit->answer == AUDIT_INTACT      ? INK_GOOD
		       : audit->answer == AUDIT_UNDECIDED ? INK_DOUBT
							  : INK_BAD;

	if (output->json) {
		output_json(output,
			    json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "answer",
				      audit_word(audit->answer), "exit", audit->exit, "frames",
				      (json_int_t)audit->frames, "head", sha256_text(audit->head, head),
				      "verdicts", (json_int_t)audit->verdicts, "decisions",
				      (json_int_t)audit->decisions, "acts", (json_int_t)audit->acts,
				      "checkpoints", (json_int_t)audit->checkpoints, "notes",
				      (json_int_t)audit->notes, "at",
				      audit->at ? json_integer((json_int_t)audit->at) : json_null(), "text",
				      audit->text[0] ? json_words(audit->text) : json_null()));
		return statuses[audit->answer];
	}
	output_paper(output, &paper);
	paper_ink(&paper, ink, "%s", audit_word(audit->answer));
	paper_line(&paper, ": the journal of exit %s",
		   audit->exit[0] ? audit->exit : "(no plan was ever in force)");
	if (audit->text[0])
		paper_wrap(&paper, 0, 2, audit->text);
	paper_line(&paper, "  %llu frames hold, up to %s", (unsigned long long)audit->frames,
		   sha256_text(audit->head, head));
	paper_line(&paper,
		   "  %llu verdicts judged again from their evidence, %llu decisions, %llu acts by people "
		   "who may",
		   (unsigned long long)audit->verdicts, (unsigned long long)audit->decisions,
		   (unsigned long long)audit->acts);
	paper_line(&paper, "  %llu checkpoints of its own, signed; %llu notes from outside, each a prefix",
		   (unsigned long long)audit->checkpoints, (unsigned long long)audit->notes);
	if (!files)
		paper_wrap(&paper, 0, 2,
			   "  no note from outside was given: a journal that was rewritten by whoever keeps "
			   "it would not show; "
			   "--checkpoint takes what the holders have. The topics on the clusters were not "
			   "asked.");
	output_show(output, &paper);
	return statuses[audit->answer];
}

static int read_files(const struct texts *names, struct buffer *texts, struct audit_notes *notes,
		      struct fault *fault)
{
	for (int i = 0; i < names->count; i++) {
		int err;

		buffer_init(&texts[i], NOTES_SIZE_MAX);
		err = file_read(names->at[i], &texts[i], fault);
		if (err < 0)
			return err;
		notes[i] = (struct audit_notes){ names->at[i], buffer_bytes(&texts[i]) };
	}
	return 0;
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct verify_settings *settings = given;
	const struct sql_limits limits = SQL_LIMITS_DEFAULT;
	int files = settings->checkpoints.count;
	struct buffer *texts = calloc((size_t)files + 1, sizeof *texts);
	struct audit_notes *notes = calloc((size_t)files + 1, sizeof *notes);
	struct journal_store *store = NULL;
	struct fault fault = { 0 };
	struct audit audit;
	enum status status;
	int err = texts && notes ? read_files(&settings->checkpoints, texts, notes, &fault)
				 : fault_set(&fault, ERR_MEMORY, "no memory for the notes");

	err = err ? err : journal_store_open(rest->at[0], SQL_READ, &limits, &store, &fault);
	err = err ? err : audit_run(store, notes, files, &audit, &fault);
	if (err == ERR_CHECKSUM || err == ERR_MALFORMED)
		status = output_error(output, STATUS_SHUT, "%s", fault.text);
	else
		status = err < 0 ? output_fault(output, &fault) : show(output, &audit, files);
	if (store)
		store->ops->free(store);
	for (int i = 0; texts && i < files; i++)
		buffer_done(&texts[i]);
	free(notes);
	free(texts);
	return status;
}

const struct verb verb_verify = {
	.name = "verify",
	.kind = VERB_READY,
	.summary = "hold a journal against itself, its evidence and its checkpoints",
	.arguments = "JOURNAL",
	.arguments_most = 1,
	.arguments_least = 1,
	.options = options,
	.settings_size = sizeof(struct verify_settings),
	.text = "Reads a journal (a file, or postgres://...) and nothing else; no cluster and no plan file "
		"are needed, so it can be done "
		"on another machine. Checks every frame's checksum, chain and place, judges every verdict "
		"again from the evidence that it "
		"names, checks that every act was asked for by somebody who may and that every checkpoint is "
		"signed and true, and holds "
		"all of it against notes that holders outside have kept. Names the first frame that does not "
		"hold.\n\n"
		"Exit status: 0 intact; 1 torn, tampered, or a verdict that cannot be reproduced; 2 "
		"something is missing that it takes.\n\n"
		"Not in this version: reading the notes back from the topics on the clusters; signatures of "
		"owners.",
	.examples = examples,
	.run = run,
};

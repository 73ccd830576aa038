/* verb_verify.c - `interlock verify`: is a journal true? */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/checkpoint_topics.h"
#include "cli/json.h"
#include "cli/verbs.h"
#include "exit/audit.h"

#define NOTES_SIZE_MAX ((size_t)1 << 30)

struct verify_settings {
	SETTINGS_COMMON;
	const char *plan;
	struct texts checkpoints;
	bool offline;
	int64_t timeout_ms;
};

#define AT(field) offsetof(struct verify_settings, field)

static const struct option options[] = {
	{ .name = "checkpoint",
	  .value = "FILE",
	  .kind = OPTION_TEXTS,
	  .at = AT(checkpoints),
	  .help = "notes that somebody outside kept, one after another in a file; may be given again" },
	{ .name = "plan",
	  .value = "FILE",
	  .kind = OPTION_PATH,
	  .at = AT(plan),
	  .help = "a plan: what its `checkpoints` name is taken as notes too, the file, and the topic on "
		  "both clusters" },
	{ .name = "offline",
	  .kind = OPTION_FLAG,
	  .at = AT(offline),
	  .help = "do not ask the clusters of the plan; their topics are then named as not held against" },
	{ .name = "timeout",
	  .value = "DURATION",
	  .kind = OPTION_DURATION,
	  .at = AT(timeout_ms),
	  .fallback = "10s",
	  .help = "how long each cluster may take to show its topic" },
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock verify interlock.db", "By itself:" },
	{ "interlock verify interlock.db --checkpoint /mnt/audit/orders.chk --json",
	  "Held against what an auditor kept:" },
	{ "interlock verify interlock.db --plan exit.yaml", "Held against the topics on both clusters too:" },
	{ NULL, NULL },
};

/* What it is held against, and what became of it. */
struct verifying {
	struct output *output;
	const char *journal;
	struct plan *plan; /* NULL: none was given */
	struct audit_outside *notes;
	int note_count;
	struct arena arena;
	const char *files[OPTION_REPEATS_MAX + 1];
	int file_count;
	struct topic_holder topics[SIDE_COUNT]; /* that were asked */
	int topic_count;
	struct audit audit;
};

/* ---- for machines ---- */

static enum status status_of(enum audit_answer answer)
{
	return answer == AUDIT_INTACT      ? STATUS_OPEN
	       : answer == AUDIT_UNDECIDED ? STATUS_UNKNOWN
					   : STATUS_SHUT;
}

static const struct topic_holder *topic_of(const struct verifying *v, const char *holder)
{
	for (int i = 0; i < v->topic_count; i++)
		if (strcmp(v->topics[i].name, holder) == 0)
			return &v->topics[i];
	return NULL;
}

/* A holder that the journal names, and that is among what was given or read. */
static bool was_given(const struct verifying *v, const char *holder)
{
	const struct topic_holder *topic = topic_of(v, holder);

	if (topic)
		return topic->fault.err == 0;
	if (strncmp(holder, "file ", 5) != 0)
		return false;
	for (int i = 0; i < v->file_count; i++)
		if (strcmp(v->files[i], holder + 5) == 0)
			return true;
	return false;
}

static json_t *not_held(const struct verifying *v)
{
	json_t *list = json_array();

	for (int i = 0; i < v->audit.holder_count; i++)
		if (!was_given(v, v->audit.holders[i]))
			json_array_append_new(list, json_words(v->audit.holders[i]));
	return list;
}

static json_t *topics_json(const struct verifying *v)
{
	json_t *list = json_array();

	for (int i = 0; i < v->topic_count; i++) {
		const struct topic_holder *topic = &v->topics[i];

		json_array_append_new(
			list, json_pack("{s:o, s:b, s:o, s:I, s:I, s:i, s:o}", "holder",
					json_words(topic->name), "read", topic->fault.err == 0, "why",
					topic->fault.err ? json_words(topic->fault.text) : json_null(),
					"first", (json_int_t)topic->first, "end", (json_int_t)topic->end,
					"notes", topic->notes, "others", json_count(topic->others)));
	}
	return list;
}

static void show_json(struct verifying *v)
{
	const struct audit *audit = &v->audit;
	char head[SHA256_TEXT_SIZE], plan[SHA256_TEXT_SIZE];
	json_t *remarks = json_array(), *first = json_null();

	for (int i = 0; i < audit->remark_count; i++)
		json_array_append_new(remarks, json_words(audit->remarks[i]));
	if (audit->answer != AUDIT_INTACT)
		first = json_pack("{s:o, s:o}", "frame",
				  audit->frame ? json_count(audit->frame) : json_null(), "text",
				  json_words(audit->text));
	output_json(v->output,
		    json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			      "s:{s:i, s:i, s:i, s:i, s:o, s:o, s:o}, s:b, s:o}",
			      "journal", json_words(v->journal), "answer", audit_word(audit->answer), "exit",
			      audit->exit[0] ? json_words(audit->exit) : json_null(), "frames",
			      json_count(audit->frames), "verdicts", json_count(audit->verdicts), "acts",
			      json_count(audit->acts), "checkpoints", json_count(audit->checkpoints), "head",
			      json_string(sha256_text(audit->head, head)), "plan",
			      sha256_none(audit->plan) ? json_null()
						       : json_string(sha256_text(audit->plan, plan)),
			      "fault", first, "outside", "given", v->note_count, "held", audit->notes_held,
			      "of_other_exits", audit->notes_of_others, "foreign", audit->notes_foreign,
			      "files", json_list(v->files, v->file_count), "not_held_against", not_held(v),
			      "topics", topics_json(v), "topics_asked", v->topic_count > 0, "remarks",
			      remarks));
}

/* ---- for people ---- */

/* The journal may be anybody's: what it says must not steer a terminal. */
static void wrap_safe(struct paper *paper, const char *text)
{
	struct buffer safe;

	buffer_init(&safe, 4 * AUDIT_TEXT_SIZE);
	text_safe(&safe, view_text(text));
	paper_wrap(paper, 0, 2, buffer_string(&safe));
	buffer_done(&safe);
}

/* What was not looked at is said, name by name: a note there may say otherwise. */
static void say_not_held(struct verifying *v, struct paper *paper)
{
	char text[AUDIT_HOLDER_SIZE_MAX + 100];

	for (int i = 0; i < v->audit.holder_count; i++) {
		const char *holder = v->audit.holders[i];

		if (was_given(v, holder) || topic_of(v, holder))
			continue;
		snprintf(text, sizeof text, "not held against: %s (%s)", holder,
			 strncmp(holder, "file ", 5) == 0 ? "not given" : "not asked");
		wrap_safe(paper, text);
	}
	if (v->audit.holders_left_off)
		paper_line(paper, "not held against: %d more that the journal names (not asked)",
			   v->audit.holders_left_off);
}

/* Holder by holder: what was read there, or why nothing was. */
static void say_topics(struct verifying *v, struct paper *paper)
{
	struct buffer line;

	buffer_init(&line, 64 << 10);
	for (int i = 0; i < v->topic_count; i++) {
		const struct topic_holder *topic = &v->topics[i];

		buffer_reset(&line);
		if (topic->fault.err)
			buffer_printf(&line, "not held against: %s (not read: %s)", topic->name,
				      topic->fault.text);
		else
			buffer_printf(&line, "read %s: %d checkpoint%s in offsets %lld to %lld", topic->name,
				      topic->notes, topic->notes == 1 ? "" : "s", (long long)topic->first,
				      (long long)topic->end);
		if (topic->others)
			buffer_printf(&line, "; %llu record%s there %s no checkpoint",
				      (unsigned long long)topic->others, topic->others == 1 ? "" : "s",
				      topic->others == 1 ? "is" : "are");
		if (!topic->fault.err && topic->first > 0)
			buffer_text(&line, "; what came before is gone from there");
		wrap_safe(paper, buffer_string(&line));
	}
	buffer_done(&line);
}

static void list_places(const struct verifying *v, struct buffer *line)
{
	const char *between = "";

	for (int i = 0; i < v->file_count; i++, between = ", ")
		buffer_printf(line, "%s%s", between, v->files[i]);
	for (int i = 0; i < v->topic_count; i++) {
		if (!v->topics[i].notes)
			continue;
		buffer_printf(line, "%s%s", between, v->topics[i].name);
		between = ", ";
	}
}

static void say_outside(struct verifying *v, struct paper *paper)
{
	const struct audit *audit = &v->audit;
	struct buffer line;

	buffer_init(&line, 64 << 10);
	if (v->note_count == 0) {
		buffer_text(&line, "no note from outside was given: a journal that was rewritten as a whole "
				   "would not show");
	} else {
		buffer_printf(&line, "held against %d note%s in ", audit->notes_held,
			      audit->notes_held == 1 ? "" : "s");
		list_places(v, &line);
		if (audit->notes_of_others)
			buffer_printf(&line, "; %d of other exits were passed over", audit->notes_of_others);
		if (audit->notes_foreign)
			buffer_printf(&line, "; %d by a foreign key %s passed over", audit->notes_foreign,
				      audit->notes_foreign == 1 ? "was" : "were");
	}
	wrap_safe(paper, buffer_string(&line));
	say_topics(v, paper);
	say_not_held(v, paper);
	buffer_done(&line);
}

static void show_paper(struct verifying *v)
{
	const struct audit *audit = &v->audit;
	enum ink ink = audit->answer == AUDIT_INTACT      ? INK_GOOD
		       : audit->answer == AUDIT_UNDECIDED ? INK_DOUBT
							  : INK_BAD;
	char text[NOTE_EXIT_SIZE_MAX + 10];
	struct paper paper;

	output_paper(v->output, &paper);
	paper_ink(&paper, ink, "%s", audit_word(audit->answer));
	paper_line(&paper, ": %s", v->journal);
	if (audit->exit[0]) {
		snprintf(text, sizeof text, "exit %s", audit->exit);
		wrap_safe(&paper, text);
	}
	if (audit->answer != AUDIT_INTACT)
		wrap_safe(&paper, audit->text);
	paper_line(&paper,
		   "%llu frame%s hold%s; %llu verdict%s made again, %llu act%s looked at, %llu checkpoint%s "
		   "signed",
		   (unsigned long long)audit->frames, audit->frames == 1 ? "" : "s",
		   audit->frames == 1 ? "s" : "", (unsigned long long)audit->verdicts,
		   audit->verdicts == 1 ? "" : "s", (unsigned long long)audit->acts,
		   audit->acts == 1 ? "" : "s", (unsigned long long)audit->checkpoints,
		   audit->checkpoints == 1 ? "" : "s");
	for (int i = 0; i < audit->remark_count; i++)
		wrap_safe(&paper, audit->remarks[i]);
	if (audit->remarks_left_off)
		paper_line(&paper, "and %d more remarks", audit->remarks_left_off);
	say_outside(v, &paper);
	output_show(v->output, &paper);
}

/* ---- what is held against it ---- */

static int take_file(struct verifying *v, const char *path, struct fault *fault)
{
	struct buffer text;
	int err;

	for (int i = 0; i < v->file_count; i++)
		if (strcmp(v->files[i], path) == 0)
			return 0; /* the plan names what was given */
	buffer_init(&text, NOTES_SIZE_MAX);
	err = file_read(path, &text, fault);
	err = err ? err : audit_read_notes(buffer_bytes(&text), path, &v->notes, &v->note_count, fault);
	buffer_done(&text);
	if (err == 0)
		v->files[v->file_count++] = path;
	return err;
}

static enum status take_notes(struct verifying *v, const struct verify_settings *settings, bool *good)
{
	struct fault fault = { 0 };
	const char *path;

	*good = false;
	for (int i = 0; i < settings->checkpoints.count; i++)
		if (take_file(v, settings->checkpoints.at[i], &fault) < 0)
			return output_error(v->output, STATUS_UNKNOWN, "%s", fault.text);
	if (v->plan && v->plan->checkpoints.file.text.at) {
		path = plan_path(v->plan, v->plan->checkpoints.file.text, &v->arena);
		if (!path || take_file(v, path, &fault) < 0)
			return output_error(v->output, STATUS_UNKNOWN,
					    "the checkpoints that the plan names: %s",
					    path ? fault.text : "out of memory");
	}
	*good = true;
	return STATUS_OPEN;
}

/* The clusters of the plan are asked before the journal is read: what is in their topics then is in the journal too. */
static int ask_topics(struct verifying *v, int64_t timeout_ms, struct fault *fault)
{
	struct session session;
	int count = session_open(&session, v->output, true, fault);

	if (count < 0)
		return count;
	output_progress(v->output, "reading checkpoints from both clusters");
	count = checkpoint_topics_read(&session, v->plan, timeout_ms, v->topics, &v->notes, &v->note_count,
				       fault);
	output_progress(v->output, "%s", "");
	session_close(&session);
	v->topic_count = count > 0 ? count : 0;
	return count < 0 ? count : 0;
}

static int load_plan(struct verifying *v, const char *file)
{
	struct plan_faults faults;
	struct buffer lines;
	int err;

	if (!file)
		return 0;
	plan_faults_init(&faults, file);
	err = plan_load(file, &faults, &v->plan);
	if (err < 0) {
		buffer_init(&lines, 1u << 20);
		plan_faults_print(&faults, &lines);
		fputs(buffer_string(&lines), v->output->err);
		buffer_done(&lines);
		output_error(v->output, STATUS_CONFIG, "%s is wrong: nothing was done", file);
	}
	plan_faults_done(&faults);
	return err;
}

/* A file that cannot even be opened as what it is, is an answer too: not one frame of it holds. */
static int audit(struct verifying *v, struct fault *fault)
{
	const struct sql_limits limits = SQL_LIMITS_DEFAULT;
	struct audit_options held = { .notes = v->notes, .note_count = v->note_count };
	int err = journal_store_open_any(v->journal, &limits, &held.store, fault);

	if (err == ERR_CHECKSUM || err == ERR_MALFORMED || err == ERR_UNSUPPORTED) {
		v->audit =
			(struct audit){ .answer = err == ERR_UNSUPPORTED ? AUDIT_UNDECIDED : AUDIT_TAMPERED };
		snprintf(v->audit.text, sizeof v->audit.text, "%s", fault->text);
		return 0;
	}
	if (err < 0)
		return err;
	err = audit_journal(&held, &v->audit, fault);
	held.store->ops->free(held.store);
	return err;
}

static void compare_plan(struct verifying *v)
{
	struct audit *audit = &v->audit;

	if (v->plan && !sha256_none(audit->plan) && !sha256_equal(audit->plan, v->plan->hash) &&
	    audit->remark_count < AUDIT_REMARKS_MAX)
		snprintf(audit->remarks[audit->remark_count++], sizeof audit->remarks[0],
			 "the plan in force in the journal is not the plan that was given");
}

static void doubt(struct audit *audit, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void doubt(struct audit *audit, const char *format, ...)
{
	char text[AUDIT_TEXT_SIZE];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	if (audit->answer == AUDIT_INTACT) {
		audit->answer = AUDIT_UNDECIDED;
		memcpy(audit->text, text, sizeof text);
	} else if (audit->remark_count == AUDIT_REMARKS_MAX) {
		audit->remarks_left_off++;
	} else {
		memcpy(audit->remarks[audit->remark_count++], text, sizeof text);
	}
}

/* Where the journal says that it was given checkpoints. */
static bool is_named(const struct audit *audit, const char *holder)
{
	for (int i = 0; i < audit->holder_count; i++)
		if (strcmp(audit->holders[i], holder) == 0)
			return true;
	return false;
}

/* Of this exit, wherever they were read. */
static int notes_from(const struct verifying *v, const char *holder)
{
	int count = 0;

	for (int i = 0; i < v->note_count; i++)
		count += v->notes[i].from == holder && strcmp(v->notes[i].note.exit, v->audit.exit) == 0;
	return count;
}

/* A holder that could not be read, or has lost what it was given, might have told another story. */
static void judge_topics(struct verifying *v)
{
	for (int i = 0; i < v->topic_count; i++) {
		const struct topic_holder *topic = &v->topics[i];

		if (topic->fault.err)
			doubt(&v->audit, "%s was not read: %s", topic->name, topic->fault.text);
		else if (is_named(&v->audit, topic->name) && notes_from(v, topic->name) == 0)
			doubt(&v->audit,
			      "%s was given checkpoints, as the journal says, and holds none of this exit",
			      topic->name);
	}
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct verify_settings *settings = given;
	struct verifying *v = calloc(1, sizeof *v);
	enum status status = STATUS_CONFIG;
	struct fault fault = { 0 };
	bool good;

	if (!v)
		return output_error(output, STATUS_BUG, "out of memory");
	v->output = output;
	v->journal = rest->at[0];
	arena_init(&v->arena, (size_t)1 << 20);
	if (load_plan(v, settings->plan) == 0) {
		status = take_notes(v, settings, &good);
		if (good &&
		    ((v->plan && !settings->offline && ask_topics(v, settings->timeout_ms, &fault) < 0) ||
		     audit(v, &fault) < 0)) {
			status = output_fault(output, &fault);
		} else if (good) {
			compare_plan(v);
			judge_topics(v);
			if (output->json)
				show_json(v);
			else
				show_paper(v);
			status = status_of(v->audit.answer);
		}
	}
	plan_free(v->plan);
	free(v->notes);
	arena_done(&v->arena);
	free(v);
	return status;
}

const struct verb verb_verify = {
	.name = "verify",
	.kind = VERB_READY,
	.summary = "hold a journal against itself and its checkpoints",
	.arguments = "JOURNAL",
	.arguments_most = 1,
	.arguments_least = 1,
	.options = options,
	.settings_size = sizeof(struct verify_settings),
	.text = "Reads every frame of a journal, a file or postgres://..., and changes nothing: the chain of "
		"hashes, the rules "
		"of each kind of frame, who asked for what, the signatures of checkpoints. Each verdict is "
		"made again from the "
		"plan and the evidence that the journal keeps.\n\n"
		"A journal that was rewritten as a whole agrees with itself. Only a note that somebody "
		"outside kept shows it: "
		"give all there are. With --plan the topic on both clusters is read as well, holder by "
		"holder; one that "
		"cannot be read is named with the reason, and leaves an intact journal undecided (--offline "
		"asks none of "
		"them). Without --plan no cluster is asked.\n\n"
		"Exit status: 0 intact; 1 torn (frames at the end are missing), tampered (damaged, changed "
		"or rewritten), or not "
		"reproducible (a verdict or an act that does not follow); 2 it could not be decided, for "
		"evidence is missing or "
		"is of a newer version, or a holder that the plan names could not be read.",
	.examples = examples,
	.run = run,
};

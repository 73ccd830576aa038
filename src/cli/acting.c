/* acting.c - an exit opened for a verb. */
#include "base/arena.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/acting.h"
#include "exit/act_sign.h"

static void tell(void *context, const char *family, const char *text)
{
	struct acting_on *on = context;

	if (on->steady)
		output_note(on->output, "%s%s%s", family ? family : "", family ? ": " : "", text);
	else
		output_progress(on->output, "%s%s%s", family ? family : "", family ? ": " : "", text);
}

enum status acting_plan_is_wrong(struct output *output, const struct plan_faults *faults,
				 const struct fault *fault)
{
	struct buffer lines;

	if (faults->count == 0)
		return output_fault(output, fault);
	buffer_init(&lines, 1u << 20);
	plan_faults_print(faults, &lines);
	output_progress(output, "%s", "");
	fputs(buffer_string(&lines), output->err);
	buffer_done(&lines);
	return output_error(output, STATUS_CONFIG, "%s", fault->text);
}

enum status acting_open(struct acting_on *on, struct output *output, const char *plan, bool read_only,
			int64_t timeout_ms, bool *opened)
{
	struct controller_options options = {
		.plan_file = plan, .timeout_ms = timeout_ms, .tell = tell, .context = on
	};
	enum status status = STATUS_OPEN;
	struct plan_faults faults;
	struct fault fault = { 0 };
	int err;

	*opened = false;
	on->output = output;
	on->controller = NULL;
	if (session_open(&on->session, output, true, &fault) < 0)
		return output_fault(output, &fault);
	options.loop = on->session.loop;
	options.interrupts = &on->session.interrupts;
	plan_faults_init(&faults, plan);
	err = controller_open(&options, read_only, &faults, &on->controller, &fault);
	if (err == ERR_CONFIG)
		status = acting_plan_is_wrong(output, &faults, &fault);
	else if (err < 0)
		status = output_fault(output, &fault);
	plan_faults_done(&faults);
	if (err < 0)
		session_close(&on->session);
	*opened = err == 0;
	return status;
}

void acting_close(struct acting_on *on)
{
	controller_close(on->controller);
	session_close(&on->session);
}

enum status acting_look(struct output *output, const char *plan, int64_t timeout_ms, const struct texts *rest,
			acting_show *show, const void *settings)
{
	const char *name = rest->count ? rest->at[0] : NULL;
	const struct plan_family *family = NULL;
	struct acting_on on = { 0 };
	enum status status;
	bool opened;

	status = acting_open(&on, output, plan, true, timeout_ms, &opened);
	if (!opened)
		return status;
	if (name)
		family = acting_family(&on, name, &status);
	if (family || !name)
		status = show(&on, settings, family, name);
	acting_close(&on);
	return status;
}

static int sign(json_t *act, const char *exit, const char *path, bool is_second, int64_t wall_ms,
		struct fault *fault)
{
	uint8_t nonce[ACT_NONCE_SIZE];
	struct note_key *key;
	int err = note_key_open(path, false, &key, fault);

	if (err < 0)
		return err;
	random_secret(nonce, sizeof nonce);
	err = is_second ? act_sign_second(act, exit, key) : act_sign(act, exit, key, nonce, wall_ms);
	note_key_free(key);
	return err < 0 ? fault_set(fault, err, "the act could not be signed: %s", err_text(err)) : 0;
}

int acting_sign(struct acting_on *on, json_t *act, const char *key, const char *second, struct fault *fault)
{
	struct view exit = controller_plan(on->controller)->exit.text;
	int64_t wall_ms = clock_wall_ms(loop_clock(on->session.loop));
	char name[NOTE_EXIT_SIZE_MAX];
	int err;

	if (second && !key)
		return fault_set(fault, ERR_USAGE,
				 "the second owner signs what the first one has signed: give --key too");
	if (!key)
		return 0;
	snprintf(name, sizeof name, "%.*s", VIEW_ARGS(exit));
	err = sign(act, name, key, false, wall_ms, fault);
	return err || !second ? err : sign(act, name, second, true, wall_ms, fault);
}

const struct plan_family *acting_family(struct acting_on *on, const char *name, enum status *status)
{
	const struct plan *plan = controller_plan(on->controller);
	const struct plan_family *family = plan_family(plan, view_text(name));
	const char *words[PLAN_FAMILIES_MAX + 1] = { 0 }, *near;
	struct arena scratch;

	if (family)
		return family;
	arena_init(&scratch, (size_t)4 << 20);
	for (int i = 0; i < plan->family_count; i++)
		words[i] = arena_printf(&scratch, "%.*s", VIEW_ARGS(plan->families[i].name.text));
	near = text_nearest(view_text(name), words);
	*status = output_error(on->output, STATUS_USAGE, "the plan has no family '%s'%s%s%s", name,
			       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	arena_done(&scratch);
	return NULL;
}

bool acting_agreed(struct acting_on *on, const struct plan_family *family, const char *what,
		   enum status *status)
{
	char line[400];
	bool came;

	fprintf(on->output->err, "%s.\nType the family's name (%.*s) to go on: ", what,
		VIEW_ARGS(family->name.text));
	fflush(on->output->err);
	came = session_line(&on->session, line, sizeof line);
	if (came && view_is(family->name.text, line))
		return true;
	*status = output_error(on->output, STATUS_SHUT, "%s: nothing was done",
			       came ? "that is not the family's name" : "not agreed to");
	return false;
}

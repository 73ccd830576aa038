/* probe.c - an answer and its control, for each kind of probe. */
#include <stdio.h>
#include <stdlib.h>

#include "exit/probe.h"

/* How often a thing that may still come is looked at. */
#define LOOK_MS_MIN 20
#define LOOK_MS_MAX 1000

struct probing probing_of(struct asking *asking, const struct plan_probe *probe, uint64_t epoch)
{
	return (struct probing){ asking, &probe->probe, probe->control.text, epoch, probe->timeout_ms.value };
}

struct probing probing_of_return(struct asking *asking, const struct plan_return *back, uint64_t epoch)
{
	return (struct probing){ asking, &back->probe, back->control.text, epoch, back->timeout_ms.value };
}

/* ---- one question ---- */

static int get(const struct probing *probing, const char *control, struct answer *out, struct fault *fault)
{
	struct question question = { ASK_GET, { control }, probing->epoch, probing->timeout_ms };

	return ask(probing->asking, probing->exec, &question, out, fault);
}

/* Puts in front of the fault what was asked. */
static int about(const struct probing *probing, struct fault *fault)
{
	struct question question = { .kind = ASK_GET };
	struct buffer text;
	int err = fault ? fault->err : 0;

	if (!fault)
		return err;
	buffer_init(&text, 600);
	ask_describe(probing->exec, &question, &text);
	fault_at(fault, "%s", buffer_string(&text));
	buffer_done(&text);
	return err;
}

/* A unit goes into evidence; whatever a script prints there, no secret does. */
static void hide(const struct asking *asking, char unit[ANSWER_UNIT_SIZE_MAX + 1])
{
	struct buffer shown;

	buffer_init(&shown, 1000);
	asking_show(asking, view_text(unit), &shown);
	if (strcmp(buffer_string(&shown), unit) != 0)
		strcpy(unit, "[hidden]");
	buffer_done(&shown);
}

static int get_number(const struct probing *probing, const char *control, struct quantity *out,
		      struct fault *fault)
{
	struct answer answer;
	int err = get(probing, control, &answer, fault);

	if (err < 0)
		return err;
	err = answer_quantity(&answer, out, fault);
	if (err < 0)
		about(probing, fault);
	else
		hide(probing->asking, out->unit);
	return err;
}

static int get_yes(const struct probing *probing, const char *control, bool *out, struct fault *fault)
{
	struct answer answer;
	int err = get(probing, control, &answer, fault);

	if (err < 0)
		return err;
	err = answer_yes(&answer, out, fault);
	if (err < 0)
		about(probing, fault);
	return err;
}

/* ---- the control ---- */

/* The control as a C string; NULL with *err 0 when there is none.  The caller frees it. */
static char *control_of(const struct probing *probing, int *err, struct fault *fault)
{
	char *text = view_string(probing->control);

	*err = probing->control.at && !text ? fault_set(fault, ERR_MEMORY, "no memory for a control") : 0;
	return text;
}

/* A control that gave no answer, or the right one. */
static int control_fails(const struct probing *probing, int err, const char *how, struct fault *fault)
{
	if (err == ERR_CANCELLED || err == ERR_MEMORY)
		return err;
	if (err < 0) {
		fault_at(fault, "its control %.*s gave no answer", VIEW_ARGS(probing->control));
		if (fault)
			fault->err = ERR_CHECKSUM;
		return ERR_CHECKSUM;
	}
	fault_set(fault, ERR_CHECKSUM,
		  "with its control %.*s it %s: a probe that cannot come out wrong proves nothing",
		  VIEW_ARGS(probing->control), how);
	about(probing, fault);
	return ERR_CHECKSUM;
}

/* How far `number` lies outside of `low` to `high`. */
static int64_t apart(int64_t number, int64_t low, int64_t high)
{
	int64_t out;

	if (number >= low && number <= high)
		return 0;
	/* Two numbers of either sign and full size: their difference may not fit, and is then as far as it gets. */
	if (__builtin_sub_overflow(number < low ? low : number, number < low ? number : high, &out))
		return INT64_MAX;
	return out;
}

/* With the control the number must lie outside of what was shown, by more than the tolerance. */
static int control_number(const struct probing *probing, int64_t low, int64_t high, int64_t tolerance,
			  struct fault *fault)
{
	struct quantity number;
	char text[QUANTITY_TEXT_SIZE], how[QUANTITY_TEXT_SIZE + 20];
	int err;
	char *control = control_of(probing, &err, fault);

	if (!control)
		return err;
	err = get_number(probing, control, &number, fault);
	free(control);
	if (err < 0)
		return control_fails(probing, err, NULL, fault);
	if (apart(number.millionths, low, high) > tolerance)
		return 0;
	snprintf(how, sizeof how, "still answers %s", quantity_text(&number, text));
	return control_fails(probing, 0, how, fault);
}

/* ---- probes of one command ---- */

int probe_number(const struct probing *probing, struct quantity *out, struct fault *fault)
{
	struct quantity number;
	int err = get_number(probing, NULL, &number, fault);

	err = err ? err : control_number(probing, number.millionths, number.millionths, 0, fault);
	if (err == 0)
		*out = number;
	return err;
}

int probe_yes(const struct probing *probing, bool *out, struct fault *fault)
{
	bool yes = false, control_yes = false;
	int err = get_yes(probing, NULL, &yes, fault), control_err;
	char *control;

	if (err < 0)
		return err;
	control = control_of(probing, &err, fault);
	if (control) {
		control_err = get_yes(probing, control, &control_yes, fault);
		free(control);
		if (control_err < 0 || control_yes)
			return control_fails(probing, control_err, "still answers yes", fault);
	}
	if (err == 0)
		*out = yes;
	return err;
}

int probe_do(struct asking *asking, const struct plan_exec *exec, const char *word, uint64_t epoch,
	     int64_t timeout_ms, struct fault *fault)
{
	struct question question = { ASK_DO, { word }, epoch, timeout_ms };
	struct answer answer;

	return ask(asking, exec, &question, &answer, fault);
}

int probe_page(struct asking *asking, struct view url, int64_t timeout_ms, struct fault *fault)
{
	const struct plan_exec exec = { .given = true, .url = url };
	struct question question = { .kind = ASK_PAGE, .timeout_ms = timeout_ms };
	struct answer answer;

	return ask(asking, &exec, &question, &answer, fault);
}

/* A while, in which something may come about: a tenth of what there is, within reason. */
static int64_t look_ms(int64_t whole_ms)
{
	int64_t wait_ms = whole_ms / 10;

	return wait_ms < LOOK_MS_MIN ? LOOK_MS_MIN : wait_ms > LOOK_MS_MAX ? LOOK_MS_MAX : wait_ms;
}

int probe_alert(struct asking *asking, const struct plan_probe *alert, uint64_t epoch, int64_t wait_ms,
		struct fault *fault)
{
	const struct probing probing = probing_of(asking, alert, epoch);
	bool fires = false;
	int64_t end_ms;
	int err;

	if (!alert->fire.given)
		return fault_set(fault, ERR_UNSUPPORTED, "alert %.*s: the plan has no `fire` to test it with",
				 VIEW_ARGS(alert->name.text));
	err = probe_yes(&probing, &fires, fault);
	if (err == 0 && fires && !alert->control.text.at)
		return fault_set(fault, ERR_CONFLICT,
				 "alert %.*s fires already and has no control, so a test would show nothing",
				 VIEW_ARGS(alert->name.text));
	if (err == 0 && !fires)
		err = probe_do(asking, &alert->fire, "fire", epoch, probing.timeout_ms, fault);
	end_ms = asking_now_ms(asking) + wait_ms;
	while (err == 0 && !fires) {
		err = probe_yes(&probing, &fires, fault);
		if (err == 0 && !fires && asking_now_ms(asking) >= end_ms)
			return fault_set(fault, ERR_TIMEOUT,
					 "alert %.*s was made to fire and had not fired %lld ms later",
					 VIEW_ARGS(alert->name.text), (long long)wait_ms);
		if (err == 0 && !fires)
			err = asking_wait(asking, look_ms(wait_ms));
	}
	return err;
}

/* ---- counters ---- */

static int same_unit(const struct plan_probe *counter, const struct quantity *a, const struct quantity *b,
		     struct fault *fault)
{
	if (strcmp(a->unit, b->unit) == 0)
		return 0;
	return fault_set(fault, ERR_MALFORMED,
			 "counter %.*s counts in '%s' on one side and in '%s' on the other",
			 VIEW_ARGS(counter->name.text), a->unit, b->unit);
}

/* The reference is asked, and what it has shown grows. */
static int ask_reference(const struct probing *reference, struct probe_counter *made, bool first,
			 const struct plan_probe *counter, struct fault *fault)
{
	struct quantity number;
	int err = get_number(reference, NULL, &number, fault);

	if (err < 0)
		return err;
	if (first)
		made->low = made->high = number;
	else
		err = same_unit(counter, &made->low, &number, fault);
	if (err < 0)
		return err;
	if (number.millionths < made->low.millionths)
		made->low = number;
	if (number.millionths > made->high.millionths)
		made->high = number;
	return 0;
}

static int ask_other(const struct probing *reference, const struct probing *other, struct probe_counter *made,
		     const struct plan_probe *counter, struct fault *fault)
{
	int err = get_number(other, NULL, &made->other, fault);

	err = err ? err : same_unit(counter, &made->low, &made->other, fault);
	err = err ? err : ask_reference(reference, made, false, counter, fault);
	if (err == 0)
		made->apart_millionths =
			apart(made->other.millionths, made->low.millionths, made->high.millionths);
	return err;
}

int probe_counter(struct asking *asking, const struct plan_probe *counter, enum side reference,
		  uint64_t epoch, int64_t settle_ms, struct probe_counter *out, struct fault *fault)
{
	const struct plan_exec *execs[SIDE_COUNT] = { &counter->source, &counter->target };
	const struct probing asked = { asking, execs[reference], counter->control.text, epoch,
				       counter->timeout_ms.value },
			     other = { asking, execs[!reference], counter->control.text, epoch,
				       counter->timeout_ms.value };
	struct probe_counter made = { .controlled = counter->control.text.at != NULL };
	int64_t end_ms = asking_now_ms(asking) + settle_ms;
	int err = ask_reference(&asked, &made, true, counter, fault);

	while (err == 0) {
		err = ask_other(&asked, &other, &made, counter, fault);
		made.different = made.apart_millionths > counter->tolerance.value;
		if (err < 0 || !made.different || asking_now_ms(asking) >= end_ms)
			break;
		err = asking_wait(asking, look_ms(settle_ms));
	}
	/* Both sides could be one command that always prints the same. */
	err = err ? err
		  : control_number(&asked, made.low.millionths, made.high.millionths,
				   counter->tolerance.value, fault);
	err = err ? err
		  : control_number(&other, made.low.millionths, made.high.millionths,
				   counter->tolerance.value, fault);
	if (err == 0)
		*out = made;
	return err;
}

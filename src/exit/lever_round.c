/* lever_round.c - one round of questions. */
#include <stdlib.h>

#include "exit/lever_round.h"

struct round {
	struct asking *asking;
	const struct plan_family *family;
	uint64_t epoch;
	struct arena *arena;
	struct lever_round *out;
	bool no_memory;
};

static const char *keep(struct round *r, const char *text)
{
	const char *copy = arena_text(r->arena, text);

	r->no_memory |= !copy;
	return copy;
}

static const char *describe(struct round *r, const struct lever *lever, const char *word)
{
	struct buffer text;
	const char *copy;

	buffer_init(&text, 100000);
	lever_describe(lever, word, &text);
	copy = keep(r, buffer_string(&text));
	buffer_done(&text);
	return copy;
}

static void say_why(struct round *r, struct lever_said *said, const struct fault *why)
{
	said->text = keep(r, why->text);
	r->out->silent++;
}

/* Where it stands; false when it does not say. */
static bool ask_value(struct round *r, struct lever *lever, int64_t timeout_ms, struct lever_said *said,
		      int *err)
{
	int64_t began_ns = clock_system.monotonic_ns(&clock_system);
	struct fault why = { 0 };
	struct buffer value;

	buffer_init(&value, LEVER_VALUE_SIZE_MAX);
	*err = lever_observe(lever, timeout_ms, &value, &why);
	said->took_us = (clock_system.monotonic_ns(&clock_system) - began_ns) / 1000;
	if (*err == 0)
		said->value = keep(r, buffer_string(&value));
	else
		say_why(r, said, &why);
	buffer_done(&value);
	return *err == 0;
}

static int ask_guard(struct round *r, struct lever *lever, int64_t timeout_ms, struct lever_said *said)
{
	struct fault why = { 0 };
	int err = lever_told_guard(lever, r->epoch, timeout_ms, &said->guard, &why);

	if (err < 0) {
		say_why(r, said, &why);
	} else if (said->guard == LEVER_GUARD_ACCEPTS) {
		r->out->risks++;
		said->text = keep(
			r, "it accepts an epoch older than one that it has seen: a command that was sent "
			   "in an attempt given up long ago could still move it");
	}
	return err;
}

static int ask_drained(struct round *r, struct lever *lever, int64_t timeout_ms, struct lever_said *said)
{
	struct fault why = { 0 };

	said->state = lever_drained(lever, r->epoch, timeout_ms, &why);
	/* It may have seen a newer epoch than ours, and then rightly says nothing of ours. */
	if (said->state < 0 && said->state != ERR_CONFLICT)
		say_why(r, said, &why);
	return said->state < 0 ? said->state : 0;
}

/* Asks one lever all there is to ask; gives it back.  Only what ends the whole round is an error. */
static int ask_lever(struct round *r, struct lever *lever, const struct plan_lever *plan)
{
	struct lever_said *said = &r->out->at[r->out->count++];
	int64_t timeout_ms = plan->timeout_ms.value;
	int err = 0;

	*said = (struct lever_said){ .state = ERR_UNSUPPORTED };
	said->family = arena_printf(r->arena, "%.*s", VIEW_ARGS(r->family->name.text));
	said->lever = keep(r, lever->name);
	said->get = describe(r, lever, "get");
	said->set = describe(r, lever, "WORD");
	if (plan->drained.given)
		said->drained = describe(r, lever, "drained");
	lever_told_epoch(lever, r->epoch);
	if (ask_value(r, lever, timeout_ms, said, &err))
		err = ask_guard(r, lever, timeout_ms, said);
	if (err == 0 && plan->drained.given)
		err = ask_drained(r, lever, timeout_ms, said);
	lever_free(lever);
	return err == ERR_CANCELLED || err == ERR_MEMORY ? err : r->no_memory ? ERR_MEMORY : 0;
}

static int ask_one(struct round *r, const struct plan_lever *plan,
		   int (*make)(struct asking *, const struct plan_lever *, struct lever **, struct fault *))
{
	struct lever *lever = NULL;
	int err = plan->head.given ? make(r->asking, plan, &lever, NULL) : 0;

	return err == 0 && lever ? ask_lever(r, lever, plan) : err;
}

/* Room for the levers of this family behind those that are there. */
static int grow(struct round *r)
{
	const struct plan_levers *levers = &r->family->levers;
	struct lever_said *at =
		arena_array(r->arena, (size_t)(r->out->count + levers->group_count + 2), sizeof *at);

	if (!at)
		return ERR_MEMORY;
	if (r->out->count)
		memcpy(at, r->out->at, (size_t)r->out->count * sizeof *at);
	r->out->at = at;
	return 0;
}

int lever_round_ask(struct loop *loop, const struct plan *plan, const struct plan_family *family,
		    uint64_t epoch, struct arena *arena, struct lever_round *out, struct fault *fault)
{
	const struct plan_levers *levers = &family->levers;
	struct round round = { .family = family, .epoch = epoch, .arena = arena, .out = out };
	int err = asking_new(loop, plan, family, &round.asking, fault);

	if (err < 0)
		return err;
	err = grow(&round);
	err = err ? err : ask_one(&round, &levers->flag, lever_flag_new);
	err = err ? err : ask_one(&round, &levers->bootstrap, lever_bootstrap_new);
	for (int i = 0; i < levers->group_count && !err; i++)
		err = ask_one(&round, &levers->groups[i], lever_group_new);
	asking_free(round.asking);
	return err ? fault_set(fault, err, "the levers of family %.*s could not be asked: %s",
			       VIEW_ARGS(family->name.text), err_text(err))
		   : 0;
}

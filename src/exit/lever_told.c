/* lever_told.c - three kinds of one thing; what tells them apart is a table. */
#include <stdio.h>
#include <stdlib.h>

#include "exit/lever_told.h"

#define STATES 3

/* A state of the lever: what `get` answers, the word that leads there, and its parts as arguments. */
struct state {
	const char *value, *word;
	const char *words[3];
};

struct kind {
	const char *name;
	struct state states[STATES];
};

static const struct kind flag_kind = {
	"flag",
	{
		{ "source", "source", { "source" } },
		{ "target", "target", { "target" } },
		{ "hold", "hold", { "hold" } },
	},
};

static const struct kind bootstrap_kind = {
	"bootstrap",
	{
		{ "source", "source", { "source" } },
		{ "target", "target", { "target" } },
		{ "hold", "hold", { "hold" } },
	},
};

static const struct kind group_kind = {
	"group",
	{
		{ "running source", "start source", { "start", "source" } },
		{ "running target", "start target", { "start", "target" } },
		{ "stopped", "stop", { "stop" } },
	},
};

struct told {
	struct lever lever;
	struct asking *asking;
	const struct plan_lever *plan;
	const struct kind *kind;
	uint64_t epoch;
	char name[300];
};

static struct told *told_of(struct lever *lever)
{
	return (struct told *)lever; /* it is the first member */
}

static const struct state *state_of(const struct kind *kind, const char *value)
{
	for (int i = 0; i < STATES; i++)
		if (strcmp(kind->states[i].value, value) == 0)
			return &kind->states[i];
	return NULL;
}

/* The shorter of what the plan allows and what the caller has left. */
static int64_t limit_of(const struct told *told, int64_t timeout_ms)
{
	return told->plan->timeout_ms.value < timeout_ms ? told->plan->timeout_ms.value : timeout_ms;
}

static int told_observe(struct lever *lever, int64_t timeout_ms, struct buffer *value, struct fault *fault)
{
	struct told *told = told_of(lever);
	struct question question = { ASK_GET, { NULL }, told->epoch, limit_of(told, timeout_ms) };
	const struct state *states = told->kind->states;
	struct answer answer;
	struct buffer shown;
	int err = ask(told->asking, &told->plan->get, &question, &answer, fault);

	if (err < 0) {
		fault_at(fault, "lever %s", lever->name);
		return err;
	}
	if (state_of(told->kind, answer.text)) {
		buffer_text(value, answer.text);
		return value->err;
	}
	buffer_init(&shown, 8 * ANSWER_TEXT_SIZE_MAX);
	asking_show(told->asking, view_text(answer.text), &shown);
	fault_set(fault, ERR_MALFORMED, "lever %s: `get` answered '%.200s', which is none of %s, %s, %s",
		  lever->name, buffer_string(&shown), states[0].value, states[1].value, states[2].value);
	buffer_done(&shown);
	return ERR_MALFORMED;
}

static int told_aim(struct lever *lever, const char *word, const char *before, struct buffer *value,
		    struct fault *fault)
{
	const struct state *states = told_of(lever)->kind->states;

	(void)before; /* a word of these means the same wherever the lever stands */
	for (int i = 0; i < STATES; i++) {
		if (strcmp(states[i].word, word) == 0) {
			buffer_text(value, states[i].value);
			return value->err;
		}
	}
	return fault_set(fault, ERR_USAGE, "lever %s: '%s' is none of its words %s, %s, %s", lever->name,
			 word, states[0].word, states[1].word, states[2].word);
}

static int older(const struct lever *lever, uint64_t epoch, struct fault *fault)
{
	return fault_set(fault, ERR_CONFLICT, "lever %s refused epoch %llu: it has seen a newer one",
			 lever->name, (unsigned long long)epoch);
}

static int told_set(struct lever *lever, const char *value, uint64_t epoch, int64_t timeout_ms,
		    struct fault *fault)
{
	struct told *told = told_of(lever);
	const struct state *state = state_of(told->kind, value);
	struct question question = { ASK_SET, { NULL }, epoch, limit_of(told, timeout_ms) };
	struct answer answer;
	int err;

	if (!state)
		return fault_set(fault, ERR_USAGE, "lever %s cannot stand at '%s'", lever->name, value);
	for (int i = 0; state->words[i]; i++)
		question.words[i] = state->words[i];
	err = ask(told->asking, &told->plan->set, &question, &answer, fault);
	if (err < 0) {
		fault_at(fault, "lever %s", lever->name);
		return err;
	}
	return answer.kind == ANSWER_OLDER ? older(lever, epoch, fault) : 0;
}

static int told_drained(struct lever *lever, uint64_t epoch, int64_t timeout_ms, struct fault *fault)
{
	struct told *told = told_of(lever);
	struct question question = { ASK_DRAINED, { NULL }, epoch, limit_of(told, timeout_ms) };
	struct answer answer;
	int err;

	if (!told->plan->drained.given)
		return fault_set(fault, ERR_UNSUPPORTED, "lever %s: the plan gives no `drained`",
				 lever->name);
	err = ask(told->asking, &told->plan->drained, &question, &answer, fault);
	if (err < 0) {
		fault_at(fault, "lever %s", lever->name);
		return err;
	}
	if (answer.kind == ANSWER_OLDER)
		return older(lever, epoch, fault);
	return answer.kind == ANSWER_WAITS ? LEVER_WAITS : LEVER_DRAINED;
}

static void told_describe(const struct lever *lever, const char *word, struct buffer *out)
{
	const struct told *told = (const struct told *)lever;
	struct question question = { .kind = ASK_SET };

	if (strcmp(word, "get") == 0) {
		question.kind = ASK_GET;
		ask_describe(&told->plan->get, &question, out);
		return;
	}
	if (strcmp(word, "drained") == 0) {
		question.kind = ASK_DRAINED;
		ask_describe(&told->plan->drained, &question, out);
		return;
	}
	question.words[0] = word;
	for (int i = 0; i < STATES; i++) {
		const struct state *state = &told->kind->states[i];

		/* A value is described by the word that leads there: undo knows values. */
		if (strcmp(state->word, word) == 0 || strcmp(state->value, word) == 0)
			memcpy(question.words, state->words, sizeof state->words);
	}
	ask_describe(&told->plan->set, &question, out);
}

static void told_free(struct lever *lever)
{
	free(told_of(lever));
}

static const struct lever_ops group_ops = {
	.observe = told_observe,
	.aim = told_aim,
	.set = told_set,
	.describe = told_describe,
	.free = told_free,
};

static const struct lever_ops side_ops = {
	.observe = told_observe,
	.aim = told_aim,
	.set = told_set,
	.drained = told_drained,
	.describe = told_describe,
	.free = told_free,
};

static int told_new(struct asking *asking, const struct plan_lever *plan, const struct kind *kind,
		    const struct lever_ops *ops, struct lever **out, struct fault *fault)
{
	struct told *told = calloc(1, sizeof *told);

	if (!told)
		return fault_set(fault, ERR_MEMORY, "no memory for a lever");
	told->lever = (struct lever){ .ops = ops, .name = told->name, .told = true };
	told->asking = asking;
	told->plan = plan;
	told->kind = kind;
	snprintf(told->name, sizeof told->name, "%s", kind->name);
	*out = &told->lever;
	return 0;
}

int lever_flag_new(struct asking *asking, const struct plan_lever *plan, struct lever **out,
		   struct fault *fault)
{
	return told_new(asking, plan, &flag_kind, &side_ops, out, fault);
}

int lever_bootstrap_new(struct asking *asking, const struct plan_lever *plan, struct lever **out,
			struct fault *fault)
{
	return told_new(asking, plan, &bootstrap_kind, &side_ops, out, fault);
}

int lever_group_new(struct asking *asking, const struct plan_lever *plan, struct lever **out,
		    struct fault *fault)
{
	struct told *told;
	int err = told_new(asking, plan, &group_kind, &group_ops, out, fault);

	if (err < 0)
		return err;
	told = told_of(*out);
	snprintf(told->name, sizeof told->name, "group:%.*s", VIEW_ARGS(plan->head.name));
	return 0;
}

void lever_told_epoch(struct lever *lever, uint64_t epoch)
{
	told_of(lever)->epoch = epoch;
}

/* ---- the guard against the past ---- */

/* Where it stands now, which must be `before`. */
static int stands_still(struct lever *lever, const char *before, int64_t timeout_ms, struct fault *fault)
{
	struct buffer now;
	int err;

	buffer_init(&now, LEVER_VALUE_SIZE_MAX);
	err = lever_observe(lever, timeout_ms, &now, fault);
	if (err == 0 && strcmp(buffer_string(&now), before) != 0)
		err = fault_set(fault, ERR_CONFLICT,
				"lever %s stood at %s and stands at %s now: somebody moves it", lever->name,
				before, buffer_string(&now));
	buffer_done(&now);
	return err;
}

static int send_own_word(struct lever *lever, const char *value, uint64_t epoch, int64_t timeout_ms,
			 enum lever_guard *out, struct fault *fault)
{
	int err = lever_set(lever, value, epoch, timeout_ms, fault);

	/* Refused at once: it has seen a newer epoch than that of the present authority, and holds to it. */
	if (err == 0)
		err = lever_set(lever, value, epoch - 1, timeout_ms, fault);
	if (err < 0 && err != ERR_CONFLICT)
		return err;
	*out = err == ERR_CONFLICT ? LEVER_GUARD_REFUSES : LEVER_GUARD_ACCEPTS;
	return stands_still(lever, value, timeout_ms, fault);
}

/* `drained` is held to the same: an answer about an older epoch says nothing of this one. */
static int ask_drained(struct lever *lever, uint64_t epoch, int64_t timeout_ms, enum lever_guard *out,
		       struct fault *fault)
{
	int err;

	if (*out != LEVER_GUARD_REFUSES || !told_of(lever)->plan->drained.given || !lever->ops->drained)
		return 0;
	err = lever_drained(lever, epoch - 1, timeout_ms, fault);
	if (err >= 0)
		*out = LEVER_GUARD_ACCEPTS;
	return err < 0 && err != ERR_CONFLICT ? err : 0;
}

int lever_told_guard(struct lever *lever, uint64_t epoch, int64_t timeout_ms, enum lever_guard *out,
		     struct fault *fault)
{
	enum lever_guard guard = LEVER_GUARD_UNKNOWN;
	struct buffer value;
	int err;

	*out = LEVER_GUARD_UNKNOWN;
	buffer_init(&value, LEVER_VALUE_SIZE_MAX);
	err = lever_observe(lever, timeout_ms, &value, fault);
	err = err ? err : send_own_word(lever, buffer_string(&value), epoch, timeout_ms, &guard, fault);
	err = err ? err : ask_drained(lever, epoch, timeout_ms, &guard, fault);
	buffer_done(&value);
	if (err == 0)
		*out = guard;
	return err;
}

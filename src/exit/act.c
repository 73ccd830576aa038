/* act.c - the table of rights. */
#include <stdio.h>

#include "exit/act.h"

enum role { ROLE_DECISION = 1, ROLE_ON_CALL = 2, ROLE_SOURCE = 4, ROLE_TARGET = 8 };

/* Stopping is for everybody who may see danger; moving forward, letting pass and burning bridges is for who decides. */
static const struct {
	const char *word;
	unsigned roles;
} acts[ACT_COUNT] = {
	[ACT_PROMOTE] = { "promote", ROLE_DECISION },
	[ACT_ROLLBACK] = { "rollback", ROLE_DECISION | ROLE_ON_CALL },
	[ACT_HOLD] = { "hold", ROLE_DECISION | ROLE_ON_CALL | ROLE_SOURCE | ROLE_TARGET },
	[ACT_RESUME] = { "resume", ROLE_DECISION | ROLE_ON_CALL },
	[ACT_DRILL] = { "drill", ROLE_DECISION | ROLE_ON_CALL | ROLE_SOURCE | ROLE_TARGET },
	[ACT_WAIVE] = { "waive", ROLE_DECISION },
	[ACT_SEAL] = { "seal", ROLE_DECISION },
	[ACT_RETIRE] = { "retire", ROLE_DECISION },
	[ACT_ACKNOWLEDGE] = { "acknowledge", ROLE_DECISION | ROLE_ON_CALL },
	[ACT_CONFIRM] = { "confirm", ROLE_ON_CALL | ROLE_DECISION },
};

const char *act_word(enum act act)
{
	return (unsigned)act < ACT_COUNT ? acts[act].word : NULL;
}

int act_find(struct view word)
{
	for (int act = 0; act < ACT_COUNT; act++)
		if (view_is(word, acts[act].word))
			return act;
	return -1;
}

int act_allowed(const struct plan_family *family, enum act act, struct view by, struct fault *fault)
{
	const struct plan_owners *owners = &family->owners;
	const struct {
		unsigned role;
		const char *word;
		struct view who;
	} all[] = {
		{ ROLE_DECISION, "decision", owners->decision.text },
		{ ROLE_ON_CALL, "on-call", owners->on_call.text },
		{ ROLE_SOURCE, "source", owners->source.text },
		{ ROLE_TARGET, "target", owners->target.text },
	};
	char may[600] = "";
	size_t size = 0;

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (!(acts[act].roles & all[i].role) || !all[i].who.at)
			continue;
		if (view_equal(all[i].who, by))
			return 0;
		if (size < sizeof may)
			size += (size_t)snprintf(may + size, sizeof may - size, "%s%.*s (%s)",
						 size ? ", " : "", VIEW_ARGS(all[i].who), all[i].word);
	}
	return fault_set(fault, ERR_DENIED, "%.*s may not ask for %s of family %.*s; these may: %s",
			 VIEW_ARGS(by), acts[act].word, VIEW_ARGS(family->name.text),
			 may[0] ? may : "nobody whom the plan names");
}

bool act_takes_two(enum act act, int64_t seal_owners)
{
	return act == ACT_WAIVE || ((act == ACT_SEAL || act == ACT_RETIRE) && seal_owners > 1);
}

static bool is_owner(const struct plan_owners *owners, struct view who)
{
	return view_equal(who, owners->decision.text) || view_equal(who, owners->on_call.text) ||
	       view_equal(who, owners->source.text) || view_equal(who, owners->target.text);
}

int act_second(const struct plan_family *family, struct view by, struct view second, struct fault *fault)
{
	if (!second.size)
		return fault_set(fault, ERR_DENIED, "it needs a second owner");
	if (view_equal(second, by))
		return fault_set(fault, ERR_DENIED, "the second owner must be another one");
	return is_owner(&family->owners, second)
		       ? 0
		       : fault_set(fault, ERR_DENIED, "the second owner is none whom the plan names");
}

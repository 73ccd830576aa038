/* act_right.c - rights, signatures and second owners, one after the other. */
#include "exit/act.h"
#include "exit/act_right.h"
#include "exit/act_sign.h"
#include "exit/body.h"

static struct view text_or_null(const char *text)
{
	return text ? view_text(text) : VIEW_NULL;
}

int act_right(const struct plan *plan, const struct plan_family *family, const json_t *root,
	      const json_t *act, struct fault *fault)
{
	const char *word = body_text(act, "act"), *exit = body_text(root, "exit");
	struct view by = text_or_null(body_text(act, "by"));
	struct view second = text_or_null(body_text(json_object_get(act, "arguments"), "second"));
	const json_t *keys = json_object_get(json_object_get(root, "plan"), "keys");
	bool required = plan->signing.required.value == 1;
	int kind = word ? act_find(view_text(word)) : -1, err;

	if (kind < 0 || !by.at)
		return fault_set(fault, ERR_DENIED, "this version does not know the act '%s'",
				 word ? word : "");
	err = act_allowed(family, (enum act)kind, by, fault);
	err = err ? err : act_signature_check(act, exit, keys, required, fault);
	if (err < 0 || !act_takes_two((enum act)kind, plan->signing.seal_owners.value))
		return err;
	err = act_second(family, by, second, fault);
	return err ? err : act_second_signature_check(act, exit, keys, required, fault);
}

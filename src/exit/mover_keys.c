/* mover_keys.c - whose keys the plan names, and whether an act is by somebody who may ask for it. */
#include "base/text.h"
#include "exit/act_right.h"
#include "exit/note.h"
#include "exit/mover_inside.h"

int mover_keys(const struct plan *plan, json_t **out, struct fault *fault)
{
	struct arena arena;
	int err = 0;

	*out = NULL;
	if (plan->signing.keys.count == 0)
		return 0;
	*out = json_object();
	arena_init(&arena, (size_t)4 << 20);
	for (int i = 0; i < plan->signing.keys.count && !err; i++) {
		const struct plan_pair *pair = &plan->signing.keys.at[i];
		const char *path = plan_path(plan, pair->value.text, &arena);
		const char *owner = arena_printf(&arena, "%.*s", VIEW_ARGS(pair->name.text));
		uint8_t key[NOTE_KEY_SIZE];
		struct buffer hex;

		buffer_init(&hex, 2 * sizeof key + 1);
		err = path && owner ? note_key_read_public(path, key, fault)
				    : fault_set(fault, ERR_MEMORY, "no memory for keys");
		text_hex(&hex, view_of(key, err ? 0 : sizeof key));
		if (err == 0 &&
		    json_object_set_new(*out, owner, json_stringn((const char *)hex.at, hex.size)) < 0)
			err = fault_set(fault, ERR_CONFIG, "the key of %s cannot be written down", owner);
		buffer_done(&hex);
	}
	arena_done(&arena);
	if (err < 0) {
		json_decref(*out);
		*out = NULL;
	}
	return err;
}

int mover_may(const struct mover *mover, const struct plan_family *family, const json_t *act,
	      struct fault *fault)
{
	return act_right(mover->plan, family, journal_state(mover->journal)->root, act, fault);
}

/* mover_drill.c - a rehearsal on a shadow family. */
#include "exit/mover_inside.h"

int mover_drill(struct crossing *c, uint64_t act, const json_t *json, enum mover_answer *out)
{
	*out = MOVER_REFUSED;
	return mover_answer_act(c, act, *out, "this version has no drill yet; nothing was done");
}

/* lever.c - what is the same for every lever. */
#include "exit/lever.h"

int lever_drained(struct lever *lever, uint64_t epoch, int64_t timeout_ms, struct fault *fault)
{
	if (!lever->ops->drained)
		return fault_set(fault, ERR_UNSUPPORTED, "lever %s is never asked whether it is drained",
				 lever->name);
	return lever->ops->drained(lever, epoch, timeout_ms, fault);
}

void lever_free(struct lever *lever)
{
	if (lever)
		lever->ops->free(lever);
}

/* world_publish.c - TEMPORARY, NOT TO BE COMMITTED */
#include "exit/world_inside.h"
int world_publish(struct world *world, uint64_t size, struct sha256 head, int64_t timeout_ms, json_t **note,
		  json_t **holders, struct fault *fault)
{
	*note = json_string("x");
	*holders = json_pack("[s]", "nobody");
	return 1;
}
void world_publish_done(struct clusters *w)
{
}

/* bell.c - a uv_async_t: the one handle of libuv that other threads may touch. */
#include <stdlib.h>
#include <uv.h>

#include "loop/bell.h"

struct bell {
	uv_async_t uv;
	bell_fn *fn;
	void *owner;
};

static void bell_rang(uv_async_t *uv)
{
	struct bell *bell = uv->data;

	bell->fn(bell->owner);
}

static void bell_closed(uv_handle_t *uv)
{
	free(uv->data);
}

int bell_new(struct loop *loop, bell_fn *fn, void *owner, struct bell **out)
{
	struct bell *bell = calloc(1, sizeof *bell);

	if (!bell)
		return ERR_MEMORY;
	if (uv_async_init(loop_uv(loop), &bell->uv, bell_rang) < 0) {
		free(bell);
		return ERR_MEMORY;
	}
	bell->uv.data = bell;
	bell->fn = fn;
	bell->owner = owner;
	*out = bell;
	return 0;
}

void bell_ring(struct bell *bell)
{
	uv_async_send(&bell->uv);
}

void bell_free(struct bell *bell)
{
	if (bell)
		uv_close((uv_handle_t *)&bell->uv, bell_closed);
}

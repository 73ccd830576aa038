/* mover_page.c - somebody is called, and it is written down that he was, or that he could not be. */
#include <stdio.h>

#include "exit/mover_inside.h"
#include "exit/page.h"

/*
 * Called first, written down after it: a controller that dies in between calls twice, which is better than not at all.  A
 * call that fails is tried again and again, and written down once.
 */
static int call(struct crossing *c, const char *text)
{
	struct fault why = { 0 };
	struct world *world = c->mover->world;
	int err = world->ops->page(world, c->family, c->now.epoch, text, &why);
	bool failed = err < 0;

	if (err == ERR_CANCELLED || err == ERR_MEMORY)
		return fault_set(&c->fault, err, "%s", why.text);
	if (failed)
		crossing_tell(c, "nobody could be called: %s", why.text);
	if (failed && page_has_failed(&c->now))
		return 0;
	return crossing_frame(c, FRAME_PAGE,
			      json_pack("{s:s, s:s*, s:o, s:o*}", "result", failed ? "failed" : "called",
					"overlay", overlay_word(c->now.overlay), "text", mover_text(text),
					"why", failed ? mover_text(why.text) : NULL),
			      NULL);
}

int mover_page(struct mover *mover, const struct plan_family *family, bool *called, struct fault *fault)
{
	struct crossing c;
	char text[1200];
	int err;

	*called = false;
	if (!family->page.head.given || !mover->world->ops->page)
		return 0;
	err = crossing_open(&c, mover, family);
	if (err == 0 && page_is_due(&c.now, &family->page, family->class->limits[LIMIT_DEADLINE].value,
				    mover_wall(mover), text, sizeof text)) {
		*called = true;
		err = call(&c, text);
	}
	if (err < 0 && fault)
		*fault = c.fault;
	if (err == 0 || c.name)
		crossing_close(&c);
	return err;
}

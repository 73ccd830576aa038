/* page.c - how long it has stood so, and when somebody was called last. */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "exit/page.h"

static const char *last_result(const struct standing *family)
{
	return body_text(json_object_get(family->json, "paged"), "result");
}

bool page_has_failed(const struct standing *family)
{
	const char *result = last_result(family);

	return result && strcmp(result, "failed") == 0;
}

static bool is_held(const struct standing *family, const struct plan_page *page, int64_t now_ms,
		    int64_t *for_ms)
{
	const json_t *held = json_object_get(family->json, "held");

	*for_ms = now_ms - body_number(held, "wall");
	return family->overlay != OVERLAY_NONE && held && !json_is_true(json_object_get(held, "asked")) &&
	       *for_ms >= page->after_ms.value;
}

bool page_may_be_stuck(const struct standing *family)
{
	return family->overlay == OVERLAY_NONE && family->moving != AUTHORITY_NONE &&
	       stage_is_decided(family->stage);
}

/* Its writers wait, so nobody waits longer than a crossing may take. */
static bool is_stuck(const struct standing *family, const struct plan_page *page, int64_t deadline_ms,
		     int64_t now_ms, int64_t *for_ms)
{
	*for_ms = now_ms - body_number(family->json, "crossed");
	return page_may_be_stuck(family) &&
	       *for_ms >= (deadline_ms < page->after_ms.value ? deadline_ms : page->after_ms.value);
}

bool page_is_due(const struct standing *family, const struct plan_page *page, int64_t deadline_ms,
		 int64_t now_ms, char *text, size_t size)
{
	int64_t called_ms = now_ms - body_number(json_object_get(family->json, "paged"), "wall"), for_ms;
	bool stuck = is_stuck(family, page, deadline_ms, now_ms, &for_ms);
	char since[UNIT_TEXT_SIZE];

	if (!page->head.given || (!stuck && !is_held(family, page, now_ms, &for_ms)))
		return false;
	/* A clock that was set back is no reason to be silent for that long. */
	if (last_result(family) && !page_has_failed(family) && called_ms >= 0 &&
	    called_ms < page->again_ms.value)
		return false;
	if (stuck) {
		snprintf(text, size,
			 "family %s was decided to go to the %s %s ago, stands in %s and does not get on, "
			 "and writers "
			 "may be held: `interlock status %s`",
			 family->name, authority_word(family->moving), duration_text(for_ms, since),
			 stage_word(family->stage), family->name);
		return true;
	}
	snprintf(text, size, "family %s is %s in %s for %s, authority is on %s%s: %s; `interlock status %s`",
		 family->name, overlay_word(family->overlay), stage_word(family->stage),
		 duration_text(for_ms, since), family->authority == AUTHORITY_NONE ? "neither side" : "the ",
		 family->authority == AUTHORITY_NONE ? "" : authority_word(family->authority),
		 family->cause ? family->cause : "no cause was given", family->name);
	return true;
}

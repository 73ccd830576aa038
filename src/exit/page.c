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

bool page_is_due(const struct standing *family, const struct plan_page *page, int64_t now_ms, char *text,
		 size_t size)
{
	const json_t *held = json_object_get(family->json, "held");
	int64_t held_ms = now_ms - body_number(held, "wall"),
		called_ms = now_ms - body_number(json_object_get(family->json, "paged"), "wall");
	char since[UNIT_TEXT_SIZE];

	if (!page->head.given || family->overlay == OVERLAY_NONE || !held ||
	    json_is_true(json_object_get(held, "asked")) || held_ms < page->after_ms.value)
		return false;
	/* A clock that was set back is no reason to be silent for that long. */
	if (last_result(family) && !page_has_failed(family) && called_ms >= 0 &&
	    called_ms < page->again_ms.value)
		return false;
	snprintf(text, size, "family %s is %s in %s for %s, authority is on %s%s: %s; `interlock status %s`",
		 family->name, overlay_word(family->overlay), stage_word(family->stage),
		 duration_text(held_ms, since), family->authority == AUTHORITY_NONE ? "neither side" : "the ",
		 family->authority == AUTHORITY_NONE ? "" : authority_word(family->authority),
		 family->cause ? family->cause : "no cause was given", family->name);
	return true;
}

/*
 * page.h - when somebody is called: a family stays HELD or UNKNOWN, and nobody asked for that; or its crossing is decided and
 * does not get on.
 *
 * A stop condition that holds, a return that failed, an effect whose outcome is not known: each waits for a person, and a
 * person who does not look never comes.  So the plan may say who calls one (`page`), and after how long.  He is called again
 * while it still stands so.  An owner who holds a family knows of it, also when it was held before.
 *
 * Pure.
 */
#ifndef EXIT_PAGE_H
#define EXIT_PAGE_H

#include "exit/plan.h"
#include "exit/state.h"

/*
 * True when somebody is to be called now.  `text` is then the sentence that he is told.  `deadline_ms`: the class's, for a
 * crossing that is decided.
 */
bool page_is_due(const struct standing *family, const struct plan_page *page, int64_t deadline_ms,
		 int64_t now_ms, char *text, size_t size);

/* True while a crossing can only go forward, and nothing holds it. */
bool page_may_be_stuck(const struct standing *family);

/* True when the last try in this hold failed already: another failure is nothing new to write down. */
bool page_has_failed(const struct standing *family);

#endif

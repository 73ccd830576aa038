/*
 * window.h - the observation window: whether a family was watched on the target for long enough to go on.
 *
 * It closes only when all hold: the class's time has passed since the crossing (`observe`), enough was written on the
 * target in it (`observe-records`, `observe-bytes`, `observe-keys`), and every regime that the plan names (peak hour,
 * nightly batch) was seen at least once while authority was there.  A quiet weekend proves nothing about a Monday.  The next wave and a seal wait for it; a way
 * back never does.
 *
 * Pure.  What was seen lies in the state's `watched`, which VERDICT frames fill and the next crossing empties.
 */
#ifndef EXIT_WINDOW_H
#define EXIT_WINDOW_H

#include "exit/plan.h"
#include "exit/state.h"

#define WINDOW_TEXT_SIZE 600

/*
 * True when it is over, or was when the family was sealed.  `text` says what is missing, or what was seen: "30s of 2h, 1,204
 * of 1,000 records, not seen yet: nightly batch".
 */
bool window_is_over(const struct standing *family, const struct plan_family *plan, int64_t now_ms, char *text,
		    size_t size);

/*
 * { asks, over, text }: what it asks for, whether it is over, and, once the family is on the target, how far it is (else null).
 * NULL: no memory.
 */
json_t *window_told(const struct plan_family *plan, const struct standing *family, int64_t now_ms);

/* What it asks for: "2 h 0 min on the target, 1,000 records, and each of: peak hour". */
void window_asks(const struct plan_family *plan, char *text, size_t size);

#endif

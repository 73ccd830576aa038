/*
 * topic_pattern.h - regular expressions that members of consumer groups subscribe by.
 *
 * Kafka takes RE2's syntax.  Here PCRE2 matches, and what RE2 does not know is refused before (look-around, back references,
 * possessive and atomic groups, recursion, verbs), so that what is accepted means the same.  A name must match as a whole.  PCRE2
 * does not promise RE2's linear time: a match that takes more than a fixed number of steps is none.
 */
#ifndef BROKER_TOPIC_PATTERN_H
#define BROKER_TOPIC_PATTERN_H

#include "base/err.h"
#include "base/view.h"

struct topic_pattern;

/* ERR_CONFIG with the reason when it is no regular expression, or ERR_MEMORY. */
int topic_pattern_new(struct view text, struct topic_pattern **out, struct fault *fault);
void topic_pattern_free(struct topic_pattern *pattern);

bool topic_pattern_matches(struct topic_pattern *pattern, struct view name);

#endif

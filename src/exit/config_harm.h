/*
 * config_harm.h - which differences between two topics' configs can lose records or change what they mean.
 *
 * Two clusters of different versions differ in many configs; a list of all of them hides the one that deletes a week of
 * orders.  One table says which ones do harm, and in which direction.  Limits on the times of records are not among them:
 * Kafka 4 tightened its default, so they are held against the times that records were seen to have.
 */
#ifndef EXIT_CONFIG_HARM_H
#define EXIT_CONFIG_HARM_H

#include "client/admin_topics.h"

/*
 * What goes wrong when config `name` is `source` on the source and `target` on the target; NULL when nothing does.
 * `of_source` are the source topic's other configs, for what matters only beside another.
 */
const char *config_harm(const char *name, const char *source, const char *target,
			const struct config_list *of_source);

#endif

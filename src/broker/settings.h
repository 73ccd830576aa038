/* settings.h - keeps settings of the store: several for one request, or one before the broker serves. */
#ifndef BROKER_SETTINGS_H
#define BROKER_SETTINGS_H

#include "broker/request.h"

/*
 * Changes that a request waits for: begun, put any number of times, ended; `done` comes once, with how many could not be
 * kept, never before settings_end() was called.  They are kept together, or none of them: many cost the disk as much as one.
 * The arena of the request holds it.
 */
struct settings {
	struct request *request;
	void *response; /* the caller's */
	void (*done)(struct settings *settings, int failed);
	struct store_setting *all; /* in the arena */
	int count, capacity, failed;
};

/* NULL when the arena is full. */
struct settings *settings_begin(struct request *request, void *response,
				void (*done)(struct settings *settings, int failed));
/* A null value removes. */
void settings_put(struct settings *settings, const char *kind, struct view name, struct view value);
void settings_end(struct settings *settings);

/* Waits for it: only while nothing is served. */
int setting_put_now(struct broker *broker, const struct broker_options *options, const char *kind,
		    struct view name, struct view value);

#endif

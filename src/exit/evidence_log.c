/* evidence_log.c - a chain over ids. */
#include <stdlib.h>

#include "exit/evidence_log.h"

void evidence_log_init(struct evidence_log *log)
{
	*log = (struct evidence_log){ 0 };
}

void evidence_log_done(struct evidence_log *log)
{
	free(log->items);
	*log = (struct evidence_log){ 0 };
}

static bool from_the_future(const struct moment *then, const struct moment *now)
{
	if (memcmp(then->boot, now->boot, sizeof then->boot) == 0 && then->monotonic_ms > now->monotonic_ms)
		return true;
	return now->wall_ms < INT64_MAX - FRESH_SKEW_MS_MAX &&
	       then->wall_ms > now->wall_ms + FRESH_SKEW_MS_MAX;
}

int evidence_log_append(struct evidence_log *log, const struct evidence *item, const struct moment *now)
{
	if (from_the_future(&item->ended, now))
		return ERR_STALE;
	if (log->count == EVIDENCE_LOG_COUNT_MAX)
		return ERR_LIMIT;
	if (log->count == log->capacity) {
		int capacity = log->capacity ? log->capacity * 2 : 16;
		const struct evidence **items = realloc(log->items, (size_t)capacity * sizeof *items);

		if (!items)
			return ERR_MEMORY;
		log->items = items;
		log->capacity = capacity;
	}
	log->items[log->count++] = item;
	log->head = sha256_chain(log->head, item->id);
	return 0;
}

bool evidence_log_whole(const struct evidence_log *log)
{
	struct sha256 head = { 0 };

	for (int i = 0; i < log->count; i++) {
		if (!evidence_intact(log->items[i]))
			return false;
		head = sha256_chain(head, log->items[i]->id);
	}
	return sha256_equal(head, log->head);
}

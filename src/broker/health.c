/* health.c - the store's numbers, and the sentences for their changes. */
#include <inttypes.h>

#include "base/log.h"
#include "broker/broker_inside.h"
#include "broker/throttle.h"

static void tell_writes(struct health *health, const struct store_numbers *now)
{
	if (now->write_err == health->write_err)
		return;
	if (now->write_err == ERR_FULL)
		log_line(LOG_ERROR,
			 "broker: the disk is full: writes are refused with KAFKA_STORAGE_ERROR until "
			 "there is room; nothing is lost, and reading goes on");
	else if (now->write_err)
		log_line(LOG_ERROR,
			 "broker: the write-ahead log could not be written (%s): no write is taken any more; "
			 "look at the disk, then restart: what was acknowledged is there",
			 err_text(now->write_err));
	else
		log_line(LOG_WARNING, "broker: there is room on the disk again: writes are taken");
	health->write_err = now->write_err;
}

/* The same for the two things that go on behind the appends; both are tried again by themselves. */
static void tell_behind(int *told, int err, const char *what, const char *text)
{
	if (err == *told)
		return;
	if (err)
		log_line(LOG_ERROR, "broker: %s: %s; it is tried again", what, *text ? text : err_text(err));
	else
		log_line(LOG_WARNING, "broker: %s: it works again", what);
	*told = err;
}

static void report(struct broker *broker, const struct store_numbers *now)
{
	int64_t total = -1, usable = -1;
	struct fault fault;

	store_room(broker->store, &total, &usable, &fault);
	log_line(LOG_INFO,
		 "broker: connections=%d unanswered_bytes=%" PRId64 " cache_bytes=%" PRId64
		 " unflushed_bytes=%" PRId64 " read_bytes=%" PRId64 " wal_bytes=%" PRIu64
		 " wal_groups=%" PRIu64 " wal_bytes_on_disk=%" PRIu64 " flushes=%" PRId64
		 " flush_failures=%" PRId64 " rewrites=%" PRId64 " disk_free_bytes=%" PRId64 " throttled=%d",
		 broker->door_count, broker->request_bytes, now->cache_bytes, now->unflushed_bytes,
		 now->read_bytes, now->wal_bytes, now->wal_groups, now->wal_bytes_on_disk, now->flushes,
		 now->flush_failures, now->rewrites, usable, throttle_muted(broker->throttle));
}

void health_look(struct broker *broker)
{
	struct health *health = &broker->health;
	int64_t now_ms = loop_now_ms(broker->loop);
	struct store_numbers now;

	store_numbers(broker->store, &now);
	tell_writes(health, &now);
	tell_behind(&health->upload_err, now.upload_err, "an upload of the log into an object",
		    now.upload_text);
	tell_behind(&health->rewrite_err, now.rewrite_err, "merging or compacting objects", now.rewrite_text);
	if (health->report_ms <= 0 || now_ms - health->reported_ms < health->report_ms)
		return;
	health->reported_ms = now_ms;
	report(broker, &now);
}

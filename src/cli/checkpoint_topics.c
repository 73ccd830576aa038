/* checkpoint_topics.c - one partition on each of two clusters, from its beginning to where it ended when we asked. */
#include <stdio.h>

#include "cli/checkpoint_topics.h"
#include "client/config.h"
#include "client/fetcher.h"
#include "client/offsets.h"
#include "wire/record.h"

#define MEMORY       ((size_t)32 << 20)
#define INFLATED_MAX ((size_t)16 << 20)
#define SPANS        64

struct topic_reading {
	struct loop *loop;
	struct topic_holder *holder;
	struct audit_outside **notes;
	int *count;
	struct inflater *inflater;
	struct buffer scratch;
	bool done;
	int err; /* that ends all of it */
};

static void end(struct topic_reading *r, int err)
{
	r->err = r->err ? r->err : err;
	r->done = true;
}

/* ---- records ---- */

/* Anybody may have written there: what is no checkpoint cannot be held against anything. */
static int take_value(struct topic_reading *r, struct view value, int64_t offset)
{
	struct fault fault = { 0 };
	int before = *r->count, err = ERR_MALFORMED;

	if (value.size)
		err = audit_read_notes(value, r->holder->name, r->notes, r->count, &fault);
	for (int i = before; i < *r->count; i++)
		(*r->notes)[i].place = offset;
	r->holder->notes += *r->count - before;
	if (err == ERR_MALFORMED || err == ERR_CHECKSUM) {
		r->holder->others++;
		err = 0;
	}
	return err < 0 ? fault_set(&r->holder->fault, err, "%s", fault.text) : 0;
}

static int take_records(struct topic_reading *r, const struct records *records, int64_t from)
{
	struct record_walk walk;
	struct record_span spans[SPANS];
	int count, err = 0;

	record_walk_init(&walk, records);
	while (err == 0 && (count = record_walk_next(&walk, spans, SPANS)) > 0)
		for (int i = 0; i < count && err == 0; i++) {
			struct record record;

			if (record_offset(&walk, &spans[i]) < from)
				continue;
			err = record_split(view_of(spans[i].at, spans[i].size), &record);
			err = err ? err : take_value(r, record.value, record_offset(&walk, &spans[i]));
		}
	return err ? err : count;
}

static int take_batches(struct topic_reading *r, struct view bytes, int64_t from)
{
	struct fault *fault = &r->holder->fault;
	struct batch batch;
	int more;

	while ((more = batch_next(&bytes, &batch)) > 0) {
		struct records records;
		int err = batch.head.control || batch_last_offset(&batch.head) < from
				  ? 1
				  : batch_check(&batch, fault);

		if (err > 0)
			continue;
		buffer_reset(&r->scratch);
		err = err ? err : batch_open(&batch, r->inflater, &r->scratch, &records, fault);
		err = err ? err : take_records(r, &records, from);
		if (err < 0)
			return err;
	}
	return more;
}

static void on_records(void *context, const struct fetched *fetched)
{
	struct topic_reading *r = context;
	struct topic_holder *holder = r->holder;
	int err;

	if (r->done)
		return;
	err = take_batches(r, fetched->records, fetched->offset);
	if (err == ERR_MEMORY || err == ERR_LIMIT) {
		end(r, err);
	} else if (err < 0) {
		if (!holder->fault.err)
			fault_set(&holder->fault, err, "what stands behind offset %lld cannot be read",
				  (long long)fetched->offset);
		end(r, 0);
	} else if (fetched->ended) {
		end(r, 0);
	}
}

static void on_event(void *context, const struct fetch_event *event)
{
	struct topic_reading *r = context;

	if (r->done || event->kind == FETCH_REACHABLE)
		return;
	r->holder->fault = *event->fault;
	end(r, 0);
}

/* ---- one cluster ---- */

static int fetch(struct topic_reading *r, struct cluster *cluster, const char *topic, int64_t deadline_ms)
{
	struct topic_holder *holder = r->holder;
	struct fetcher_options options = { .records = on_records, .event = on_event, .context = r };
	struct allowance *allowance = NULL;
	struct fetcher *fetcher = NULL;
	struct fetch_part *part;
	int err = allowance_new(r->loop, MEMORY, 0, &allowance);

	options.allowance = allowance;
	options.request_size = (int32_t)(MEMORY / 8);
	options.unreachable_ms = deadline_ms - loop_now_ms(r->loop);
	err = err ? err : fetcher_new(cluster, &options, &fetcher);
	err = err ? err
		  : fetch_part_add(fetcher, topic, NULL, 0, holder->first, -1, holder->end, NULL, &part);
	err = err ? err : loop_until(r->loop, &r->done, deadline_ms);
	if (err == ERR_TIMEOUT)
		err = fault_set(&holder->fault, err, "its records did not come in time");
	fetcher_free(fetcher);
	allowance_free(allowance);
	return err == ERR_TIMEOUT ? 0 : err ? err : r->err;
}

/* 0 also when it cannot be read: then the holder says why. */
static int read_cluster(struct topic_reading *r, struct cluster *cluster, const char *topic,
			int64_t timeout_ms)
{
	int64_t deadline_ms = loop_now_ms(r->loop) + timeout_ms;
	struct topic_holder *holder = r->holder;
	struct offset_query queries[] = { { .topic = topic, .at = OFFSETS_EARLIEST },
					  { .topic = topic, .at = OFFSETS_LATEST } };
	int err = cluster_connect(cluster, timeout_ms, &holder->fault);

	err = err ? err
		  : offsets_list(cluster, queries, 2, false, deadline_ms - loop_now_ms(r->loop),
				 &holder->fault);
	if (err < 0) {
		if (!holder->fault.err)
			fault_set(&holder->fault, err, "%s", err_text(err));
		return err == ERR_CANCELLED || err == ERR_MEMORY ? err : 0;
	}
	holder->first = queries[0].offset;
	holder->end = queries[1].offset;
	return holder->first < holder->end ? fetch(r, cluster, topic, deadline_ms) : 0;
}

static int open_cluster(struct loop *loop, const struct plan *plan, enum side side, struct arena *arena,
			struct cluster **out, struct fault *fault)
{
	const struct plan_text *where = side == SIDE_SOURCE ? &plan->source : &plan->target;
	const char *argument = plan_is_properties(where->text)
				       ? plan_path(plan, where->text, arena)
				       : arena_printf(arena, "%.*s", VIEW_ARGS(where->text));
	const struct cluster_config *config = NULL;
	int err = argument ? config_load(argument, &config, fault) : ERR_MEMORY;

	err = err ? err : cluster_new(loop, side_word(side), config, out, fault);
	config_release(config);
	return err;
}

static int read_side(struct topic_reading *r, const struct plan *plan, enum side side, const char *topic,
		     int64_t timeout_ms, struct arena *arena)
{
	struct cluster *cluster = NULL;
	int err;

	snprintf(r->holder->name, sizeof r->holder->name, "topic %s on the %s", topic, side_word(side));
	err = open_cluster(r->loop, plan, side, arena, &cluster, &r->holder->fault);
	if (err == 0)
		err = read_cluster(r, cluster, topic, timeout_ms);
	else if (err != ERR_MEMORY)
		err = 0; /* its configuration is wrong, or not on this machine: nobody was asked */
	cluster_free(cluster);
	return err;
}

int checkpoint_topics_read(struct session *session, const struct plan *plan, int64_t timeout_ms,
			   struct topic_holder out[SIDE_COUNT], struct audit_outside **notes, int *count,
			   struct fault *fault)
{
	struct inflater *inflater = inflater_new(INFLATED_MAX);
	struct arena arena;
	const char *topic;
	int err = inflater ? 0 : ERR_MEMORY;

	arena_init(&arena, (size_t)1 << 20);
	topic = plan_checkpoint_topic(plan, &arena);
	for (int side = 0; topic && side < SIDE_COUNT && err == 0; side++) {
		struct topic_reading r = { .loop = session->loop,
					   .holder = &out[side],
					   .notes = notes,
					   .count = count,
					   .inflater = inflater };

		out[side] = (struct topic_holder){ 0 };
		buffer_init(&r.scratch, INFLATED_MAX);
		err = read_side(&r, plan, (enum side)side, topic, timeout_ms, &arena);
		buffer_done(&r.scratch);
		if (err < 0)
			fault_set(fault, err, "%s: %s", out[side].name,
				  out[side].fault.err ? out[side].fault.text : err_text(err));
	}
	inflater_free(inflater);
	arena_done(&arena);
	return err < 0 ? err : topic ? SIDE_COUNT : 0;
}

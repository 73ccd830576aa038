/* tally.c - reads both logs whole and counts. */
#include <stdlib.h>

#include "client/fetcher.h"
#include "client/offsets.h"
#include "demo/tally.h"

#define READ_MS  20000
#define MEMORY   ((size_t)32 << 20)
#define NO_ORDER (-1)

struct reading {
	const struct shop *shop;
	struct side_tally *side;
	struct inflater *inflater;
	uint8_t *count;                /* of each order */
	int64_t last[ORDER_CUSTOMERS]; /* of each customer's orders; one customer has one partition */
	int open;                      /* partitions that are not read to their ends */
	bool done;
	struct fault fault;
};

static void saw(void *context, int64_t number)
{
	struct reading *r = context;

	if (number == NO_ORDER) {
		r->side->others++;
		return;
	}
	if (r->count[number]) {
		r->side->doubled++;
		return;
	}
	r->count[number] = 1;
	r->side->orders++;
	if (number < r->last[order_customer((uint32_t)number)])
		r->side->reordered++;
	else
		r->last[order_customer((uint32_t)number)] = number;
}

static void on_records(void *context, const struct fetched *fetched)
{
	struct reading *r = context;
	int err = orders_read(fetched->records, fetched->offset, r->inflater, saw, r);

	if (err < 0)
		fault_set(&r->fault, err, "a batch at offset %lld cannot be read: %s",
			  (long long)fetched->offset, err_text(err));
	if (fetched->ended && --r->open == 0)
		r->done = true;
}

static void on_event(void *context, const struct fetch_event *event)
{
	struct reading *r = context;

	if (event->kind != FETCH_UNREACHABLE && event->kind != FETCH_REACHABLE)
		r->fault = *event->fault;
}

static int start_all(struct reading *r, struct cluster *cluster, struct fetcher *fetcher, struct fault *fault)
{
	struct offset_query queries[ORDER_PARTITIONS];
	struct fetch_part *part;
	int err;

	for (int i = 0; i < ORDER_PARTITIONS; i++)
		queries[i] =
			(struct offset_query){ .topic = ORDER_TOPIC, .partition = i, .at = OFFSETS_LATEST };
	err = offsets_list(cluster, queries, ORDER_PARTITIONS, false, READ_MS, fault);
	for (int i = 0; i < ORDER_PARTITIONS && err == 0; i++) {
		if (queries[i].offset == 0)
			continue;
		r->open++;
		err = fetch_part_add(fetcher, ORDER_TOPIC, NULL, i, 0, -1, queries[i].offset, NULL, &part);
	}
	r->done = r->open == 0;
	return err;
}

static int read_log(struct loop *loop, struct cluster *cluster, struct reading *r, struct fault *fault)
{
	struct fetcher_options options = {
		.wait_ms = 100, .records = on_records, .event = on_event, .context = r
	};
	struct allowance *allowance = NULL;
	struct fetcher *fetcher = NULL;
	int err = allowance_new(loop, MEMORY, 0, &allowance);

	options.allowance = allowance;
	if (err == 0)
		err = fetcher_new(cluster, &options, &fetcher);
	if (err == 0)
		err = start_all(r, cluster, fetcher, fault);
	if (err == 0)
		err = loop_until(loop, &r->done, loop_now_ms(loop) + READ_MS);
	fetcher_free(fetcher);
	allowance_free(allowance);
	if (r->fault.err) {
		*fault = r->fault;
		return r->fault.err;
	}
	return err < 0 && !fault->err ? fault_set(fault, err, "the orders cannot be read: %s", err_text(err))
				      : err;
}

static int read_side(struct loop *loop, const struct shop *shop, int side, struct side_tally *out,
		     struct fault *fault)
{
	struct reading r = { .shop = shop, .side = out };
	struct cluster *cluster = NULL;
	int err = client_open(loop, side_words[side], shop->ports[side], &cluster, fault);

	for (int i = 0; i < ORDER_CUSTOMERS; i++)
		r.last[i] = NO_ORDER;
	r.count = calloc(ORDERS_MAX, 1);
	r.inflater = inflater_new((size_t)16 << 20);
	if (err == 0 && (!r.count || !r.inflater))
		err = fault_set(fault, ERR_MEMORY, "out of memory");
	if (err == 0)
		err = read_log(loop, cluster, &r, fault);
	for (uint32_t i = 0; err == 0 && i < ORDERS_MAX; i++)
		out->missing += (shop->acknowledged[i] >> side & 1) && !r.count[i];
	inflater_free(r.inflater);
	free(r.count);
	cluster_free(cluster);
	return err < 0 ? fault_at(fault, "the %s", side_words[side]) : 0;
}

int tally_take(struct loop *loop, const struct shop *shop, const struct billing *billing,
		 struct tally *out, struct fault *fault)
{
	int err = 0;

	*out = (struct tally){ .begun = atomic_load(&shop->begun) };
	for (uint32_t i = 0; i < out->begun; i++) {
		uint8_t sides = shop->acknowledged[i];

		out->acknowledged += sides == 3;
		out->half += sides == 1 || sides == 2;
		out->unread += sides == 3 && !billing->seen[i];
	}
	for (int side = 0; side < SIDES && err == 0; side++)
		err = read_side(loop, shop, side, &out->sides[side], fault);
	return err;
}

bool tally_holds(const struct tally *tally, uint32_t planted)
{
	bool holds = tally->acknowledged > 0 && tally->half == 0 && tally->unread == 0;

	for (int side = 0; side < SIDES; side++) {
		const struct side_tally *s = &tally->sides[side];

		holds = holds && s->missing == 0 && s->doubled == 0 && s->reordered == 0 &&
			s->others == planted;
	}
	return holds;
}

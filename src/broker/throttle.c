/* throttle.c - what clients use, counted and held against their quotas. */
#include <stdlib.h>

#include "broker/login.h"
#include "broker/pipeline.h"
#include "broker/throttle.h"
#include "wire/shape.h"

#define GAUGES_MAX     ((size_t)100000) /* of one key; who comes past it shares one with others */
#define SWEEP_LEAST    ((size_t)1024)
#define SHARE_NAME_MAX 450 /* longer names of users and clients are told apart by so much of them */
#define API_KEYS       128
#define NS_EACH_S      1e9

/* What is measured for those who share a quota. */
struct gauge {
	struct quota_bucket bucket; /* of mutations; all others are rates */
	struct quota_rate rate;
};

static void unmute_due(void *owner)
{
	struct throttle *throttle = owner;

	throttle->unmute_ms = 0;
	throttle_unmute(throttle);
}

int throttle_new(struct broker *broker, struct throttle **out)
{
	struct throttle *throttle = calloc(1, sizeof *throttle);

	if (!throttle)
		return ERR_MEMORY;
	throttle->broker = broker;
	throttle->windows = (struct quota_windows){ (int)broker->properties.quota_windows,
						    broker->properties.quota_window_seconds * 1000 };
	for (int i = 0; i < QUOTA_KEYS; i++) {
		map_init(&throttle->gauges[i]);
		throttle->sweep_at[i] = SWEEP_LEAST;
	}
	list_init(&throttle->muted);
	if (timer_new(broker->loop, unmute_due, throttle, &throttle->unmute) < 0) {
		throttle_free(throttle);
		return ERR_MEMORY;
	}
	*out = throttle;
	return 0;
}

void throttle_free(struct throttle *throttle)
{
	if (!throttle)
		return;
	for (int i = 0; i < QUOTA_KEYS; i++) {
		MAP_EACH(&throttle->gauges[i], slot)
		free(slot->value);
		map_done(&throttle->gauges[i]);
	}
	timer_free(throttle->unmute);
	free(throttle);
}

static void count_one(void *context, struct view name, struct view value)
{
	struct throttle *throttle = context;
	struct quota_values values;

	if (!quota_values_read(value, &values))
		return;
	for (int i = 0; i < QUOTA_KEYS; i++)
		throttle->active[i] |= values.set[i];
}

void throttle_quotas_changed(struct throttle *throttle)
{
	if (throttle->broker->closing)
		return;
	memset(throttle->active, 0, sizeof throttle->active);
	store_setting_each(throttle->broker->store, QUOTA_KIND, count_one, throttle);
}

/* ---- who is measured ----------------------------------------------------------------------------------------------------------- */

static int64_t now_ms(const struct throttle *throttle)
{
	return loop_now_ms(throttle->broker->loop);
}

static int64_t now_ns(const struct throttle *throttle)
{
	const struct clock *clock = loop_clock(throttle->broker->loop);

	return clock->monotonic_ns(clock);
}

/* Those of which nothing is counted any more are as good as new ones. */
static void sweep(struct throttle *throttle, enum quota_key key)
{
	struct map *gauges = &throttle->gauges[key], kept;

	map_init(&kept);
	MAP_EACH(gauges, slot)
	{
		struct gauge *gauge = slot->value;
		bool idle = key == QUOTA_CONTROLLER_MUTATION_RATE
				    ? now_ms(throttle) - gauge->bucket.filled_ms >
						      throttle->windows.count * throttle->windows.window_ms &&
					      gauge->bucket.tokens >= 0
				    : quota_rate_idle(&gauge->rate, &throttle->windows, now_ms(throttle));

		if (idle || map_put(&kept, slot->key, gauge) < 0)
			free(gauge);
	}
	map_done(gauges);
	*gauges = kept;
	throttle->sweep_at[key] = kept.count * 2 > SWEEP_LEAST ? kept.count * 2 : SWEEP_LEAST;
}

static struct gauge *gauge_named(struct throttle *throttle, enum quota_key key, struct view name)
{
	struct map *gauges = &throttle->gauges[key];
	struct gauge *gauge = map_get(gauges, name);

	if (gauge)
		return gauge;
	if (gauges->count >= throttle->sweep_at[key])
		sweep(throttle, key);
	if (gauges->count >= GAUGES_MAX) {
		name = VIEW_LITERAL("others");
		if ((gauge = map_get(gauges, name)))
			return gauge;
	}
	gauge = calloc(1, sizeof *gauge + (size_t)quota_rate_samples(&throttle->windows) *
						  sizeof *gauge->rate.samples);
	if (gauge && map_put(gauges, name, gauge) < 0) {
		free(gauge);
		gauge = NULL;
	}
	return gauge;
}

static struct view lookup(const void *context, struct view name)
{
	const struct broker *broker = context;

	return store_setting(broker->store, QUOTA_KIND, name);
}

/* "User:alice" is alice to a quota. */
static struct view user_of(const struct request *request)
{
	struct view principal = login_principal(request->pipeline->login);
	const uint8_t *colon = memchr(principal.at, ':', principal.size);

	return colon ? view_of(colon + 1, principal.size - (size_t)(colon + 1 - principal.at)) : principal;
}

static bool limit_of(const struct request *request, enum quota_key key, double *limit,
		     struct quota_entity *shares)
{
	struct view client_id = request->head.client_id;

	if (!request->broker->throttle->active[key] || !request->pipeline)
		return false;
	return quota_limit(lookup, request->broker, key, user_of(request),
			   client_id.at ? client_id : VIEW_LITERAL(""), limit, shares);
}

/*
 * NULL when there is no quota, or no memory for keeping to it.  Each node has its own measure, as each broker of Kafka has; only
 * what is made and deleted is measured in one place there, the controller.
 */
static struct gauge *gauge_of(const struct request *request, enum quota_key key, double *limit)
{
	struct quota_entity shares;
	uint8_t bytes[1 + QUOTA_NAME_MAX];
	struct view name;

	if (!limit_of(request, key, limit, &shares))
		return NULL;
	for (int i = 0; i < QUOTA_TYPES; i++)
		if (shares.name[i].size > SHARE_NAME_MAX)
			shares.name[i].size = SHARE_NAME_MAX;
	bytes[0] =
		key == QUOTA_CONTROLLER_MUTATION_RATE ? 0 : (uint8_t)(request->node - request->broker->nodes);
	name = quota_entity_name(&shares, bytes + 1);
	return gauge_named(request->broker->throttle, key, view_of(bytes, 1 + name.size));
}

/* Counts, and says how long to be silent. */
static int64_t count(struct request *request, enum quota_key key, double value)
{
	struct throttle *throttle = request->broker->throttle;
	double limit;
	struct gauge *gauge = gauge_of(request, key, &limit);

	if (!gauge)
		return 0;
	quota_rate_add(&gauge->rate, &throttle->windows, value, now_ms(throttle));
	return quota_rate_wait_ms(&gauge->rate, &throttle->windows, limit, now_ms(throttle));
}

/* ---- time on the thread ---------------------------------------------------------------------------------------------------------- */

void throttle_time_begin(struct request *request)
{
	request->thread_since_ns = now_ns(request->broker->throttle);
}

void throttle_time_end(struct request *request)
{
	if (request->thread_since_ns)
		request->thread_ns += now_ns(request->broker->throttle) - request->thread_since_ns;
	request->thread_since_ns = 0;
}

/* Logins are not kept to quotas, nor is what brokers say to each other. */
static bool exempt(const struct request *request)
{
	switch (request->head.api_key) {
	case API_SASL_HANDSHAKE:
	case API_SASL_AUTHENTICATE:
	case API_WRITE_TXN_MARKERS: return true;
	default: return false;
	}
}

/* What was not counted before, in percent of the thread, which is the only one.  At most one window of silence, as in Kafka. */
static int64_t count_time(struct request *request)
{
	struct throttle *throttle = request->broker->throttle;
	bool running = request->thread_since_ns != 0;
	int64_t wait_ms;

	if (!throttle_wants_time(throttle) || exempt(request))
		return 0;
	throttle_time_end(request);
	wait_ms = count(request, QUOTA_REQUEST_PERCENTAGE, (double)request->thread_ns * 100 / NS_EACH_S);
	request->thread_ns = 0;
	if (running)
		throttle_time_begin(request);
	return wait_ms < throttle->windows.window_ms ? wait_ms : throttle->windows.window_ms;
}

/* ---- answers ----------------------------------------------------------------------------------------------------------------------- */

static int64_t longer(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void set_throttle_time(const struct request *request, void *response, int64_t wait_ms)
{
	const struct shape *shape = request->api->response->shape;

	for (int i = 0; i < shape->count; i++) {
		const struct field *field = &shape->fields[i];

		if (strcmp(field->name, "throttle_time_ms") == 0 && field_in(field, request_version(request)))
			*(int32_t *)((char *)response + field->offset) = (int32_t)wait_ms;
	}
}

static void mute(struct pipeline *pipeline, int64_t wait_ms)
{
	struct throttle *throttle = pipeline->broker->throttle;
	int64_t until_ms = now_ms(throttle) + wait_ms;

	pipeline->muted_until_ms = longer(pipeline->muted_until_ms, until_ms);
	if (list_empty(&pipeline->muted))
		list_append(&throttle->muted, &pipeline->muted);
	if (!throttle->unmute_ms || until_ms < throttle->unmute_ms) {
		throttle->unmute_ms = until_ms;
		timer_start(throttle->unmute, wait_ms);
	}
}

void throttle_unmute(struct throttle *throttle)
{
	int64_t now = now_ms(throttle), next = INT64_MAX;

	LIST_EACH_SAFE(&throttle->muted, link)
	{
		struct pipeline *pipeline = container_of(link, struct pipeline, muted);

		if (pipeline->muted_until_ms > now)
			continue;
		list_remove(&pipeline->muted);
		pipeline->muted_until_ms = 0;
		pipeline_drained(pipeline);
	}
	LIST_EACH(&throttle->muted, link)
	{
		int64_t until_ms = container_of(link, struct pipeline, muted)->muted_until_ms;

		next = until_ms < next ? until_ms : next;
	}
	if (next == INT64_MAX)
		return;
	throttle->unmute_ms = next;
	timer_start(throttle->unmute, longer(next - now, 0));
}

void throttle_answer(struct request *request, void *response)
{
	int64_t wait_ms = request->throttle_ms;
	bool produce = request->head.api_key == API_PRODUCE;

	if (!request->pipeline)
		return;
	if (produce)
		wait_ms = longer(wait_ms, count(request, QUOTA_PRODUCER_BYTE_RATE, (double)request->size));
	if (response && !request->throttle_counted)
		wait_ms = longer(wait_ms, count_time(request));
	if (wait_ms <= 0)
		return;
	if (response)
		set_throttle_time(request, response, wait_ms);
	mute(request->pipeline, wait_ms);
}

void throttle_gone(struct request *request)
{
	/* A broker that ends has no quotas any more, and a frame of a login no API. */
	if (request->api && request->head.api_key == API_PRODUCE && !request->broker->closing)
		count(request, QUOTA_PRODUCER_BYTE_RATE, (double)request->size);
}

bool throttle_fetch(struct request *request, int64_t size)
{
	int64_t wait_ms = count(request, QUOTA_CONSUMER_BYTE_RATE, (double)size),
		time_ms = count_time(request);

	request->throttle_ms = longer(wait_ms, time_ms);
	request->throttle_counted = true;
	if (request->throttle_ms <= 0)
		return false;
	count(request, QUOTA_CONSUMER_BYTE_RATE, -(double)size); /* for it goes out empty */
	return true;
}

int64_t throttle_fetch_room(const struct request *request, int64_t room)
{
	const struct quota_windows *windows = &request->broker->throttle->windows;
	struct quota_entity shares;
	double limit, most;

	if (!limit_of(request, QUOTA_CONSUMER_BYTE_RATE, &limit, &shares))
		return room;
	most = limit * (windows->count - 1) * (double)windows->window_ms / 1000;
	return most < (double)room ? (int64_t)most : room;
}

bool throttle_mutate(struct request *request, int64_t count_, int16_t strict_since)
{
	struct throttle *throttle = request->broker->throttle;
	const struct quota_windows *windows = &throttle->windows;
	double limit;
	struct gauge *gauge = gauge_of(request, QUOTA_CONTROLLER_MUTATION_RATE, &limit);
	int64_t wait_ms;

	if (!gauge)
		return true;
	wait_ms = quota_bucket_wait_ms(&gauge->bucket, windows, limit, now_ms(throttle));
	if (wait_ms > 0 && request_version(request) >= strict_since) {
		request->throttle_ms = longer(request->throttle_ms, wait_ms);
		return false;
	}
	quota_bucket_take(&gauge->bucket, windows, limit, (double)count_, now_ms(throttle));
	if (request_version(request) < strict_since)
		request->throttle_ms =
			longer(request->throttle_ms,
			       quota_bucket_wait_ms(&gauge->bucket, windows, limit, now_ms(throttle)));
	return true;
}

int64_t throttle_connection(struct throttle *throttle, struct view ip)
{
	const struct quota_windows *windows = &throttle->windows;
	struct gauge *gauge;
	double limit;
	int64_t wait_ms;

	if (!throttle->active[QUOTA_CONNECTION_CREATION_RATE] ||
	    !quota_limit_ip(lookup, throttle->broker, ip, &limit) ||
	    !(gauge = gauge_named(throttle, QUOTA_CONNECTION_CREATION_RATE, ip)))
		return 0;
	quota_rate_add(&gauge->rate, windows, 1, now_ms(throttle));
	wait_ms = quota_rate_wait_ms(&gauge->rate, windows, limit, now_ms(throttle));
	if (wait_ms > 0)
		quota_rate_add(&gauge->rate, windows, -1, now_ms(throttle)); /* for it is not let in */
	return wait_ms < windows->window_ms ? wait_ms : windows->window_ms;
}

int64_t throttle_all_connections(struct throttle *throttle, int64_t limit)
{
	const struct quota_windows *windows = &throttle->windows;
	struct gauge *gauge;
	int64_t wait_ms;

	if (limit >= INT32_MAX ||
	    !(gauge = gauge_named(throttle, QUOTA_CONNECTION_CREATION_RATE, VIEW_LITERAL("all addresses"))))
		return 0;
	quota_rate_add(&gauge->rate, windows, 1, now_ms(throttle));
	wait_ms = quota_rate_wait_ms(&gauge->rate, windows, (double)limit, now_ms(throttle));
	return wait_ms < windows->window_ms ? wait_ms : windows->window_ms;
}

int throttle_muted(const struct throttle *throttle)
{
	int count = 0;

	LIST_EACH(&throttle->muted, link)
	count++;
	return count;
}

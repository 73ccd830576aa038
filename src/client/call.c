/*
 * call.c - one request on its way: routed, sent, answered, tried again, or given up.
 *
 * `done` is told from two places only, the answer of a connection and the tick, so that no list is being walked when
 * a caller's code runs, and never from within a call of the caller's.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/inside.h"

static void call_free(struct call *call)
{
	if (call->state == CALL_SENT)
		call->at->sent_count--;
	list_remove(&call->link);
	call->cluster->call_count--;
	free(call->fault);
	free(call);
}

static void call_move(struct call *call, struct list *to, enum call_state state)
{
	if (call->state == CALL_SENT && state != CALL_SENT)
		call->at->sent_count--;
	if (call->state != CALL_SENT && state == CALL_SENT)
		call->at->sent_count++;
	call->state = state;
	list_remove(&call->link);
	list_append(to, &call->link);
}

static const char *api_name(int16_t key)
{
	const struct api *api = api_find(key);

	return api ? api->name : "an unknown request";
}

static struct fault *call_fault(struct call *call)
{
	static struct fault spare; /* when memory is out: the last one tells */

	if (!call->fault)
		call->fault = calloc(1, sizeof *call->fault);
	return call->fault ? call->fault : &spare;
}

/* What is known about each address, for a call that found no broker at all. */
static void tell_all(const struct cluster *cluster, struct fault *out)
{
	size_t size = strlen(out->text);

	LIST_EACH(&cluster->brokers, at) {
		const struct broker *broker = container_of(at, struct broker, link);
		const struct link *link = broker->links[LANE_ASK];
		int wrote;

		if (!link || !link->fault.err || size + 40 >= sizeof out->text)
			continue;
		wrote = snprintf(out->text + size, sizeof out->text - size, "; %s:%u: %s", broker->host,
				 broker->port, link->fault.text);
		size += wrote > 0 ? (size_t)wrote : 0;
	}
}

void call_fail(struct call *call, int err, const struct fault *fault)
{
	struct cluster *cluster = call->cluster;
	struct fault *out = call_fault(call);
	struct fault why;
	char where[300] = "";

	if (fault)
		why = *fault;
	else
		fault_set(&why, err, "%s", err_text(err));
	if (call->at && call->state != CALL_UNROUTED)
		broker_text(call->at->broker, where, sizeof where);
	fault_set(out, err, "%s: %s%s%s: %s", cluster->name, where, *where ? ": " : "",
		  api_name(call->plan.api_key), why.text);
	call_move(call, &cluster->failed, CALL_FAILED);
	cluster_schedule(cluster);
}

/* Its time is over: what was the matter all the while? */
static void call_expire(struct call *call)
{
	struct cluster *cluster = call->cluster;
	struct fault why;

	if (call->state == CALL_WAITING && call->at->fault.err) {
		why = call->at->fault;
	} else if (call->plan.node >= 0 && call->state == CALL_UNROUTED && cluster->known) {
		fault_set(&why, ERR_NOT_FOUND, "broker %d is not in the cluster", call->plan.node);
	} else if (call->fault && call->fault->err) {
		why = *call->fault;
	} else {
		fault_set(&why, ERR_TIMEOUT, "no answer in time");
	}
	if (call->plan.node == NODE_ANY && !cluster->known) {
		fault_set(&why, why.err, "no broker could be reached");
		tell_all(cluster, &why);
	}
	call_fail(call, why.err, &why);
}

void call_failed_over(struct call *call, int err, const struct fault *fault)
{
	struct cluster *cluster = call->cluster;
	bool was_sent = call->state == CALL_SENT;
	int64_t now = cluster_now(cluster);

	if ((was_sent && !call->plan.retry) || now >= call->plan.deadline_ms) {
		call_fail(call, err, fault);
		return;
	}
	*call_fault(call) = *fault;
	call->rest_until_ms = now + cluster_backoff(cluster, cluster->config->retry_backoff_ms,
						    cluster->config->retry_backoff_ms_max, call->tries);
	call->tries++;
	call_move(call, &cluster->resting, CALL_RESTING);
	call->at = NULL;
	cluster_schedule(cluster);
}

/* Something has been asked for a while, and nothing at all has come since. */
static bool link_hangs(const struct link *link, int64_t now)
{
	if (list_empty(&link->sent))
		return false;
	return now - container_of(link->sent.next, struct call, link)->sent_ms > SLOW_MS &&
	       now - connection_heard_ms(link->connection) > SLOW_MS;
}

/* It let something wait not long ago, and has said nothing since. */
static bool is_doubtful(const struct broker *broker, int64_t now)
{
	if (!broker->doubted_ms || now - broker->doubted_ms >= DOUBT_MS)
		return false;
	for (int lane = 0; lane < LANES; lane++) {
		const struct link *link = broker->links[lane];

		if (link && link->ready && connection_heard_ms(link->connection) > broker->doubted_ms)
			return false;
	}
	return true;
}

/* The lower, the better.  A broker that answers first, then one that may, then one that just did not. */
static int64_t broker_score(struct broker *broker, int lane, int64_t now)
{
	const struct link *link = broker->links[lane];
	int64_t score = broker->id < 0 && broker->cluster->known ? 5000 : 0;

	if (is_doubtful(broker, now))
		score += 9000;
	if (!link)
		return score + 2000 + (int64_t)random_below(loop_random(broker->cluster->loop), 1000);
	if (link->ready)
		return score + link->sent_count + (link_hangs(link, now) ? 8000 : 0);
	if (link->connection)
		return score + (now - link->tried_ms > SLOW_MS ? 7000 : 1000);
	if (fault_is_final(link->fault.err))
		score += 100000;
	if (link->retry_at_ms > now)
		return score + 10000 + (link->retry_at_ms - now);
	return score + 2000 + 100 * link->failures +
	       (int64_t)random_below(loop_random(broker->cluster->loop), 1000);
}

static struct broker *broker_pick(struct cluster *cluster, int lane)
{
	struct broker *best = NULL;
	int64_t best_score = INT64_MAX, now = cluster_now(cluster);

	LIST_EACH(&cluster->brokers, at) {
		struct broker *broker = container_of(at, struct broker, link);
		int64_t score = broker->gone ? INT64_MAX : broker_score(broker, lane, now);

		if (score < best_score) {
			best_score = score;
			best = broker;
		}
	}
	return best;
}

/* Somebody else whom nothing is held against. */
static bool another_would_do(const struct call *call, int64_t now)
{
	LIST_EACH(&call->cluster->brokers, at)
	{
		const struct broker *broker = container_of(at, struct broker, link);
		const struct link *link = broker->links[call->plan.lane];
		bool same = broker->port == call->at->broker->port &&
			    strcmp(broker->host, call->at->broker->host) == 0;

		if (!same && !broker->gone && !is_doubtful(broker, now) && !(link && link_hangs(link, now)) &&
		    !(link && !link->connection && link->fault.err))
			return true;
	}
	return false;
}

/*
 * A broker may hang while its kernel takes connections and bytes.  What another can answer as well stays with it for a
 * part of its time, then goes on.  What changes something is not given to a second broker once the first has it: that one
 * might carry it out much later, when it has been taken back already.
 */
static bool may_move(const struct call *call)
{
	if (call->plan.node == NODE_ANY)
		return call->state == CALL_SENT ? call->plan.retry : !call->at->ready;
	return call->plan.node == NODE_CONTROLLER && call->state == CALL_WAITING && !call->at->ready;
}

static int64_t move_at_ms(const struct call *call, int64_t now)
{
	int64_t share = (call->plan.deadline_ms - now) / ANY_SHARE;

	if (call->plan.node >= 0 || call->plan.lane != LANE_ASK || call->plan.deadline_ms - now <= SLOW_MS)
		return INT64_MAX;
	return now + (share < SLOW_MS ? SLOW_MS : share > ANY_ATTEMPT_MS ? ANY_ATTEMPT_MS : share);
}

/* Collects those of a list that have waited long enough, if another broker would do. */
static void move_some(struct list *calls, int64_t now, struct list *ready)
{
	char where[300];

	LIST_EACH_SAFE(calls, at)
	{
		struct call *call = container_of(at, struct call, link);

		if (now < call->move_at_ms)
			continue;
		/* A change that was sent stays, but the next one shall not come here. */
		if (call->state == CALL_SENT || !call->at->ready)
			call->at->broker->doubted_ms = now;
		if (!may_move(call) || !another_would_do(call, now)) {
			call->move_at_ms = move_at_ms(call, now);
			continue;
		}
		if (call->state == CALL_SENT && call->at->connection)
			connection_forget(call->at->connection, call->id);
		broker_text(call->at->broker, where, sizeof where);
		fault_set(call_fault(call), ERR_TIMEOUT, "%s: no answer", where);
		call_move(call, ready, CALL_RESTING);
		call->at = NULL;
	}
}

void call_route(struct call *call)
{
	struct cluster *cluster = call->cluster;
	struct broker *broker = NULL;
	struct link *link;

	if (call->plan.node == NODE_ANY)
		broker = broker_pick(cluster, call->plan.lane);
	else if (call->plan.node == NODE_CONTROLLER)
		broker = cluster->controller >= 0 ? broker_find(cluster, cluster->controller) : NULL;
	else
		broker = broker_find(cluster, call->plan.node);
	if ((!broker || is_doubtful(broker, cluster_now(cluster))) && call->plan.node == NODE_CONTROLLER &&
	    cluster->known)
		broker = broker_pick(cluster, call->plan.lane); /* it will say NOT_CONTROLLER, or forward */
	if (!broker) {
		call_move(call, &cluster->unrouted, CALL_UNROUTED);
		metadata_refresh(cluster);
		return;
	}
	link = link_get(broker, call->plan.lane);
	if (!link) {
		call_fail(call, ERR_MEMORY, NULL);
		return;
	}
	call->at = link;
	call->move_at_ms = move_at_ms(call, cluster_now(cluster));
	call_move(call, &link->waiting, CALL_WAITING);
	link_push(link);
}

/* Reads the response and tells it.  The call is gone before its owner hears of it. */
static void call_answered(void *context, const struct answer *answer)
{
	struct call *call = context;
	struct cluster *cluster = call->cluster;
	struct call_plan plan = call->plan;
	struct link *link = call->at;
	struct fault fault;
	struct reply reply = { .version = answer->version, .node = call->node };
	void *response;
	int err;

	if (answer->err < 0) {
		call_failed_over(call, answer->err, answer->fault);
		return;
	}
	cluster->arena.limit = plan.memory ? (size_t)plan.memory : REPLY_MEMORY_MAX;
	response = arena_take(&cluster->arena, message_size(answer->api->response));
	if (response)
		err = message_read(answer->api->response, answer->version, answer->body, &cluster->arena,
				   response, &fault);
	else
		err = fault_set(&fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	if (err < 0) {
		arena_reset(&cluster->arena);
		call_fail(call, err, &fault);
		return;
	}
	reply.response = response;
	reply.frame = answer->frame;
	reply.body = answer->body;
	reply.throttle_ms = reply_throttle_ms(plan.api_key, answer->version, response);
	if (reply.throttle_ms > 0)
		link->throttled_until_ms = cluster_now(cluster) + reply.throttle_ms;
	call_free(call);
	plan.done(plan.context, &reply);
	arena_reset(&cluster->arena);
}

/* Negative: it stays where it is, and so does all behind it. */
int call_send(struct call *call)
{
	struct link *link = call->at;
	struct fault fault;
	int16_t since, until;
	int64_t deadline_ms;
	int err = connection_versions(link->connection, call->plan.api_key, &since, &until);

	if (err == 0 && call->plan.version_most && until > call->plan.version_most)
		until = call->plan.version_most;
	if (err == 0 && (until < since || until < call->plan.version_least))
		err = ERR_UNSUPPORTED;
	if (err < 0) {
		if (call->plan.version_least > 0)
			fault_set(&fault, err, "the broker does not speak version %d or later",
				  call->plan.version_least);
		else
			fault_set(&fault, err, "the broker does not offer this request");
		call_fail(call, err, &fault);
		return 0;
	}
	call->node = link->broker->id;
	if (call->plan.prepare) {
		err = call->plan.prepare(call->plan.context, until, call->node);
		if (err < 0) {
			call_fail(call, err, NULL);
			return 0;
		}
	}
	call->sent_ms = cluster_now(call->cluster);
	deadline_ms = call->plan.deadline_ms;
	if (call->plan.node == NODE_ANY && call->plan.retry && deadline_ms > call->sent_ms + ANY_ATTEMPT_MS)
		deadline_ms = call->sent_ms + ANY_ATTEMPT_MS;
	if (call->plan.unanswered)
		err = connection_post(link->connection, call->plan.api_key, until, call->plan.request, &fault);
	else
		err = connection_send(link->connection, call->plan.api_key, until, call->plan.request,
				      deadline_ms, call_answered, call, &call->id, &fault);
	if (err == ERR_LIMIT || err == ERR_NETWORK)
		return err; /* tried again at the next answer, or when the link is back */
	if (err < 0) {
		call_fail(call, err, &fault);
	} else if (call->plan.unanswered) {
		free(call->fault);
		call->fault = NULL;
		call_move(call, &call->cluster->failed, CALL_FAILED); /* to be told by the tick, as a success */
		cluster_schedule(call->cluster);
	} else {
		call_move(call, &link->sent, CALL_SENT);
	}
	return 0;
}

int cluster_call(struct cluster *cluster, const struct call_plan *plan, struct call **out)
{
	struct call *call;

	assert(plan->lane >= 0 && plan->lane < LANES);
	if (!api_find(plan->api_key))
		return ERR_UNSUPPORTED;
	if (cluster->closing)
		return ERR_CANCELLED;
	if (cluster->call_count >= CALLS_MAX)
		return ERR_LIMIT;
	call = calloc(1, sizeof *call);
	if (!call)
		return ERR_MEMORY;
	call->cluster = cluster;
	call->plan = *plan;
	list_init(&call->link);
	cluster->call_count++;
	call_route(call);
	cluster_schedule(cluster);
	if (out)
		*out = call;
	return 0;
}

void call_cancel(struct call *call)
{
	if (!call)
		return;
	if (call->state == CALL_SENT && call->at->connection)
		connection_forget(call->at->connection, call->id);
	call_free(call);
}

/* Tells one that has ended.  Returns false when there is none. */
static bool failed_tell(struct cluster *cluster)
{
	struct call *call;
	struct call_plan plan;
	struct fault *fault;
	struct reply reply = { 0 };

	if (list_empty(&cluster->failed))
		return false;
	call = container_of(cluster->failed.next, struct call, link);
	plan = call->plan;
	fault = call->fault;
	call->fault = NULL;
	reply.node = call->node;
	if (fault || !plan.unanswered)
		reply.err = fault ? fault->err : ERR_MEMORY;
	reply.fault = fault;
	call_free(call);
	plan.done(plan.context, &reply);
	free(fault);
	return true;
}

static void expire(struct list *calls, int64_t now)
{
	LIST_EACH_SAFE(calls, at) {
		struct call *call = container_of(at, struct call, link);

		if (now >= call->plan.deadline_ms)
			call_expire(call);
	}
}

bool calls_tick(struct cluster *cluster, int64_t now)
{
	struct list ready;

	list_init(&ready);
	expire(&cluster->unrouted, now);
	expire(&cluster->resting, now);
	LIST_EACH(&cluster->brokers, at)
		for (int lane = 0; lane < LANES; lane++)
			if (container_of(at, struct broker, link)->links[lane])
				expire(&container_of(at, struct broker, link)->links[lane]->waiting, now);
	LIST_EACH_SAFE(&cluster->resting, at) {
		struct call *call = container_of(at, struct call, link);

		if (now >= call->rest_until_ms)
			call_move(call, &ready, CALL_RESTING);
	}
	LIST_EACH(&cluster->brokers, at)
	{
		struct link *link = container_of(at, struct broker, link)->links[LANE_ASK];

		if (link) {
			move_some(&link->waiting, now, &ready);
			move_some(&link->sent, now, &ready);
		}
	}
	LIST_EACH_SAFE(&ready, at)
		call_route(container_of(at, struct call, link));

	/* Only as many as there are now: one that is made and fails in `done` waits for the next tick. */
	int count = 0;
	LIST_EACH(&cluster->failed, at)
		count++;
	while (count-- > 0 && failed_tell(cluster))
		;
	return list_empty(&cluster->failed);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t calls_due_ms(const struct cluster *cluster)
{
	int64_t due = list_empty(&cluster->failed) ? INT64_MAX : 0;

	LIST_EACH(&cluster->unrouted, at)
		due = sooner(due, container_of(at, struct call, link)->plan.deadline_ms);
	LIST_EACH(&cluster->resting, at) {
		const struct call *call = container_of(at, struct call, link);

		due = sooner(due, sooner(call->rest_until_ms, call->plan.deadline_ms));
	}
	LIST_EACH(&cluster->brokers, at) {
		const struct broker *broker = container_of(at, struct broker, link);

		for (int lane = 0; lane < LANES; lane++) {
			if (!broker->links[lane])
				continue;
			due = sooner(due, link_due_ms(broker->links[lane]));
			LIST_EACH(&broker->links[lane]->waiting, waiting)
				due = sooner(due, container_of(waiting, struct call, link)->plan.deadline_ms);
		}
		if (!broker->links[LANE_ASK])
			continue;
		LIST_EACH(&broker->links[LANE_ASK]->waiting, waiting)
		due = sooner(due, container_of(waiting, struct call, link)->move_at_ms);
		LIST_EACH(&broker->links[LANE_ASK]->sent, sent)
		due = sooner(due, container_of(sent, struct call, link)->move_at_ms);
	}
	return due;
}

/*
 * inside.h - what the files of a cluster share, and nobody else sees.
 *
 *	cluster   the brokers known, the calls that have no broker yet, one timer for all that waits
 *	broker    one address: a seed from the configuration (id below -1) or a broker from the metadata
 *	link      one connection to a broker, in one lane; the calls that wait for it and those it has sent
 *	call      one request on its way:  UNROUTED -> WAITING (for a link) -> SENT -> gone
 *	                                      ^------- RESTING <--------|     (backoff before the next try)
 */
#ifndef CLIENT_INSIDE_H
#define CLIENT_INSIDE_H

#include "base/list.h"
#include "client/cluster.h"
#include "client/connection.h"
#include "client/error_code.h"
#include "client/metadata.h"
#include "wire/messages.h"

#define CALLS_MAX	   10000
#define REPLY_MEMORY_MAX   ((size_t)256 << 20)
/* A broker may hang while its kernel still takes connections: what another could answer does not wait for it. */
#define ANY_ATTEMPT_MS	   5000
#define SLOW_MS		   1500
#define ANY_SHARE	   3	 /* ... longer than this part of the time that is left, */
#define DOUBT_MS	   30000 /* and who let one wait is asked last until that is over, or it is heard of */
#define SEED_ID(index)	   (-100 - (index))
#define BACKOFF_JITTER_PCT 20

struct link {
	struct broker *broker;
	int lane;
	struct connection *connection; /* NULL while down */
	bool ready;
	int failures;		 /* in a row */
	int64_t retry_at_ms;	 /* no new attempt before */
	int64_t throttled_until_ms;
	int64_t down_since_ms;	 /* 0 while up or never tried */
	int64_t tried_ms;	 /* when the connection was begun */
	struct fault fault;	 /* why it was last closed; err 0 when it never was */
	struct list waiting, sent; /* calls */
	int sent_count;
};

struct api_known {
	int16_t key, since, until; /* as the broker says */
};

struct broker {
	struct list link;
	struct cluster *cluster;
	int32_t id; /* SEED_ID() for a seed */
	char *host, *rack;
	uint16_t port;
	bool gone;          /* no longer in the metadata: freed once nothing is under way */
	int64_t doubted_ms; /* when it let something wait that others could answer; 0 when it did not */
	struct link *links[LANES];
	struct api_known *apis; /* from the last connection; NULL while not known */
	int api_count;
};

enum call_state { CALL_UNROUTED, CALL_WAITING, CALL_SENT, CALL_RESTING, CALL_FAILED };

struct call {
	struct list link;
	struct cluster *cluster;
	struct call_plan plan;
	enum call_state state;
	struct link *at; /* WAITING and SENT */
	int32_t id;	 /* SENT: the connection's name for it */
	int32_t node;	 /* SENT */
	int64_t sent_ms;
	int64_t move_at_ms; /* where any broker may answer: to be given to another then; INT64_MAX for never */
	int tries;
	int64_t rest_until_ms;
	struct fault *fault; /* the last failure; on the heap, since most calls have none */
};

struct cluster {
	struct loop *loop;
	char *name;
	const struct cluster_config *config;
	struct connector *connector;
	struct list brokers; /* seeds first, then real ones in order of id */
	struct list unrouted, resting, failed;
	int call_count;
	struct timer *timer; /* the earliest thing that is due */
	struct arena arena;  /* of the reply that is being told */
	bool lanes_taken[LANES];
	bool in_tick, closing;

	/* metadata.c */
	char *cluster_id;
	int32_t controller;
	bool known; /* the metadata has been seen once */
	bool refresh_wanted;
	int64_t looked_ms, look_at_ms; /* last answer; next look, INT64_MAX for none */
	int look_count;		       /* looks in the present spell of trouble */
	uint64_t look_number;
	struct call *look;
	struct metadata_request *look_request;
	struct broker_info *infos; /* of metadata_brokers() */
	int info_count;
	struct list watches;
	struct fault *look_fault; /* of the last look that failed; NULL when it did not */
};

/* cluster.c */
int64_t cluster_now(const struct cluster *cluster);
void cluster_schedule(struct cluster *cluster);
struct broker *broker_find(struct cluster *cluster, int32_t id);
struct broker *broker_add(struct cluster *cluster, int32_t id, struct view host, uint16_t port, struct view rack);
void broker_drop(struct broker *broker); /* its calls are routed anew */
/* Waits, for top-level code: 0, or ERR_CANCELLED. */
int cluster_pause(struct cluster *cluster, int64_t ms);
int64_t cluster_backoff(struct cluster *cluster, int64_t first_ms, int64_t most_ms, int failures);
const char *broker_text(const struct broker *broker, char *out, size_t size);

/* link.c */
struct link *link_get(struct broker *broker, int lane);
void link_push(struct link *link); /* connects if need be, sends what waits */
int64_t link_due_ms(const struct link *link);
void link_free(struct link *link); /* no calls may be left */
void link_close(struct link *link);
bool fault_is_final(int err); /* trying the same again will not help */

/* call.c */
void call_route(struct call *call);
int call_send(struct call *call); /* ERR_LIMIT: stays in waiting; else it is no longer there */
void call_fail(struct call *call, int err, const struct fault *fault);
void call_failed_over(struct call *call, int err, const struct fault *fault); /* try again, or fail */
void call_end(struct call *call, const struct reply *reply);
bool calls_tick(struct cluster *cluster, int64_t now);
int64_t calls_due_ms(const struct cluster *cluster);

/* metadata.c */
bool cluster_apply(struct cluster *cluster, const struct metadata_response *said, struct fault *fault);
int topic_read(const struct metadata_response_topic *said, struct arena *arena, struct topic_info *out);
void metadata_tick(struct cluster *cluster, int64_t now);
void metadata_free(struct cluster *cluster);

/* throttle.c */
int32_t reply_throttle_ms(int16_t api_key, int16_t version, const void *response);

/* Sets every field to its default. */
static inline void request_default(int16_t api_key, void *request)
{
	message_default(api_find(api_key)->request, request);
}

#endif

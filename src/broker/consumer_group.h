/*
 * consumer_group.h - groups of the newer protocol (KIP-848): the broker assigns, members follow one heartbeat at a time.
 *
 *	group epoch       one further when somebody comes, goes, wants other topics, or the topics change
 *	assignment epoch  the group epoch that the target was made for
 *	member epoch      how far the member has come; consumer_reconcile.h
 *
 * A struct group is of this kind when its `consumer` is set; positions are the same for both kinds.  What changes is in memory at
 * once and marked as new; consumer_save() writes what is new, and answers wait for it.  When a write fails all is new again, and
 * so is who left.
 *
 * An empty group of one kind becomes one of the other when somebody joins; one with members as consumer_classic.h says.
 */
#ifndef BROKER_CONSUMER_GROUP_H
#define BROKER_CONSUMER_GROUP_H

#include "broker/consumer_reconcile.h"
#include "broker/group.h"
#include "broker/topic_pattern.h"

#define CONSUMER_STATIC_AWAY (-2) /* the epoch of a static member that will be back */

struct consumer_classic;

struct consumer_member {
	struct list link;
	struct consumer_classic
		*classic; /* it speaks the classic protocol: consumer_classic.h; NULL: it does not */
	char *id, *instance_id, *rack_id, *client_id, *client_host, *assignor;
	char *principal; /* NULL until it is heard: a log of Kafka's has no place for it */
	char *regex;     /* NULL or "": none */
	struct topic_pattern *pattern;
	char **topics;
	int topic_count;
	int32_t rebalance_timeout_ms;
	struct consumer_current is;
	struct places target;
	struct places wanted; /* topics that are there and that it subscribes to; the partition is always 0 */
	int64_t deadline_ms;  /* of its session; monotonic */
	int64_t revoke_deadline_ms;             /* of what it must let go of; INT64_MAX for nothing */
	bool said_new, target_new, current_new; /* not in the log yet */
};

/* A member whose records are to go. */
struct consumer_gone {
	struct list link;
	char id[];
};

struct consumer_saving;

struct consumer_group {
	struct group *group;
	struct list members, gone;
	int member_count;
	int32_t epoch, assignment_epoch;
	int64_t topics_hash;  /* of what the members subscribe to */
	uint64_t topics_seen; /* groups_topics() when `wanted` was looked up */
	bool epoch_new, assignment_new;
	uint32_t lost; /* how often what was new could not be kept */
	struct consumer_saving *last; /* the write that began last, while it is under way */
};

struct consumer_group *consumer_new(struct group *group); /* and hangs it in; NULL when memory is out */
void consumer_free(struct consumer_group *consumer);      /* and takes it off the group */

const char *consumer_state_name(const struct consumer_group *consumer);
const char *consumer_assignor(const struct consumer_group *consumer); /* what most prefer */

/* ---- members --------------------------------------------------------------------------------------------------------- */

struct consumer_member *consumer_member_find(struct consumer_group *consumer, struct view id);
struct consumer_member *consumer_member_static(struct consumer_group *consumer, struct view instance_id);
struct consumer_member *consumer_member_add(struct consumer_group *consumer, struct view id);
void consumer_member_remove(struct consumer_group *consumer, struct consumer_member *member);

/* False when memory is out: then its records stay, and after a start its session ends. */
bool consumer_note_gone(struct list *gone, const char *id);

/* A static member came back under another id: the old one's place is the new one's.  0 or ERR_MEMORY. */
int consumer_member_rename(struct consumer_group *consumer, struct consumer_member *member, struct view id);

/* Takes the place of what was subscribed to: 1 when that is another thing, 0, or an error (`fault` for a regular expression). */
int consumer_subscribe(struct consumer_group *consumer, struct consumer_member *member,
		       const struct view *topics, int topic_count, struct view regex, struct fault *fault);

/* Patterns may find other topics now: the next consumer_refresh() looks. */
void consumer_look_again(struct consumer_group *consumer);

/* Somebody is removed or returns: the assignment will be another. */
void consumer_epoch_next(struct consumer_group *consumer);

/* Looks whether there are other topics than last time, and assigns when the epoch is new.  0 or ERR_MEMORY. */
int consumer_refresh(struct consumer_group *consumer);

/* One step of one member; 1 when what is assigned to it is another, 0, or ERR_MEMORY. */
int consumer_step(struct consumer_group *consumer, struct consumer_member *member,
		  const struct places *owned);

/* Does another one hold it? */
bool consumer_taken_by_others(struct consumer_group *consumer, const struct consumer_member *but,
			      const struct place *place);

bool consumer_subscribed(const struct consumer_group *consumer, struct view topic);

/* All that it has time for begins anew: the group was just read. */
void consumer_begin_time(struct consumer_group *consumer);

/* Ends sessions that are over; after it the group may be one of the classic kind. */
void consumer_tick(struct consumer_group *consumer);

int64_t consumer_session_ms(const struct group *group);
int64_t consumer_heartbeat_ms(const struct group *group);

/* ---- the log (consumer_log.c) ---------------------------------------------------------------------------------------- */

typedef void consumer_saved(void *context, int16_t error);

/*
 * Writes what is new; `done` (or NULL) is told when that is durable, with all that was written before it: at once when there is
 * nothing, neither new nor under way.
 */
void consumer_save(struct consumer_group *consumer, consumer_saved *done, void *context);
void consumer_all_new(struct consumer_group *consumer);

/* The records that take all of the group away, or a member, or what is beside the members; into a batch of the caller's. */
void consumer_put_gone(struct internal_batch *batch, const struct consumer_group *consumer);
void consumer_put_member_gone(struct internal_batch *batch, const struct group *group, const char *id);
void consumer_put_group_gone(struct internal_batch *batch, const struct group *group);

/* Puts those who left at the end of `to`, but for who is in `consumer`, when there is one. */
void consumer_gone_move(struct consumer_group *consumer, struct list *from, struct list *to);
void consumer_gone_free(struct list *gone);

/* A record of this kind of group; false when its key is of another. */
bool consumer_replay(struct groups *groups, int16_t kind, struct view key, struct view value,
		     struct arena *arena);

#endif

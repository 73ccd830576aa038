/*
 * group.h - classic consumer groups: members, generations, rebalances, positions.
 *
 *	EMPTY ---> PREPARING ---> COMPLETING ---> STABLE
 *	  ^          |   ^            |              |
 *	  +----------+   +------------+--------------+      a member comes, goes or changes its mind
 *
 * PREPARING waits for JoinGroup of all members, COMPLETING for the leader's assignment.  Kafka's rules, error for error;
 * see KIP-62, KIP-134, KIP-345 (static members), KIP-394 (member ids are given out first), KIP-814.
 */
#ifndef BROKER_GROUP_H
#define BROKER_GROUP_H

#include "broker/internal_log.h"
#include "broker/request.h"

enum group_state { GROUP_EMPTY, GROUP_PREPARING, GROUP_COMPLETING, GROUP_STABLE };

struct consumer_group;

struct member_protocol {
	char *name;
	struct view metadata; /* owned */
};

struct member {
	struct list link;
	struct group *group;
	char *id, *instance_id, *client_id, *client_host; /* instance_id NULL: dynamic */
	int32_t rebalance_timeout_ms, session_timeout_ms;
	struct member_protocol *protocols;
	int protocol_count;
	struct view assignment;      /* owned */
	struct request *join, *sync; /* parked */
	int64_t deadline_ms;         /* of the session; not looked at while it is parked */
	bool fresh; /* joined without a member id first: lives on through its first JoinGroup only so long */
};

/* Somebody was given a member id and has not come back with it yet. */
struct pending_member {
	struct list link;
	int64_t deadline_ms;
	char id[];
};

struct position {
	int64_t offset, commit_ms;
	int32_t leader_epoch;
	char *metadata;
	int64_t record; /* its offset in the log of positions: of two the later one holds */
};

/* Positions of a transaction that is not decided. */
struct pending_positions {
	struct list link;
	int64_t producer_id;
	struct map positions;
};

/* Records whose tombstones are not in the log yet: of the kind that the group was before (group_past.c). */
struct group_past {
	struct list gone;       /* struct consumer_gone: members of the newer protocol */
	bool consumer, classic; /* and the group itself */
	int writing;            /* writes under way */
};

struct group {
	char *id;
	struct groups *groups;
	enum group_state state;
	char *protocol_type, *protocol_name; /* NULL for none */
	char *leader;                        /* member id */
	int32_t generation;
	struct list members, pending; /* of struct pending_member */
	int member_count;
	int64_t state_ms;         /* wall, when the state began */
	int64_t join_deadline_ms; /* of PREPARING; monotonic */
	int64_t initial_left_ms; /* of the initial delay that may yet be added; -1: it is no initial rebalance */
	bool joined_since;       /* somebody came during the initial delay */
	int64_t sync_deadline_ms;  /* of COMPLETING */
	struct map positions;      /* topic and partition to struct position */
	struct list transactional; /* of struct pending_positions */
	int commits;               /* on their way to the log */
	struct consumer_group
		*consumer; /* a group of the newer protocol: then it has no members of this kind */
	struct group_past past;
};

struct groups {
	struct broker *broker;
	struct internal_log log;
	struct map by_id;
	int64_t expired_ms;   /* when positions were last looked through */
	uint64_t topics_hash; /* of all topics and their partitions */
	int64_t topics_ms;    /* when that was */
	bool time_begun;      /* of sessions: all is read */
	bool stopped;
};

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

int groups_new(struct broker *broker, struct groups **out);
void groups_stop(struct groups *groups);
void groups_free(struct groups *groups);
void groups_tick(struct groups *groups);
struct groups *broker_groups(struct broker *broker);

struct group *group_named(struct groups *groups, struct view id);
struct group *group_make(struct groups *groups, struct view id); /* NULL when memory is out */
void group_drop(struct group *group);

/* No members, of either protocol. */
bool group_is_empty(const struct group *group);
const char *group_state_name(const struct group *group);
const char *group_type_name(const struct group *group);

/* Another number when topics or partitions came or went; looks no oftener than twice a second. */
uint64_t groups_topics(struct groups *groups);

/* It looks the next time: somebody has just looked for topics himself. */
void groups_topics_again(struct groups *groups);

/* KAFKA_NONE when `id` can be served now. */
int16_t groups_serve(struct groups *groups, struct view id);

/* The same, whoever coordinates it: for what a transaction does to a group. */
int16_t groups_ready(struct groups *groups, struct view id);

/* ---- members (group.c) ----------------------------------------------------------------------------------------------- */

struct member *member_find(struct group *group, struct view id);
struct member *member_static(struct group *group, struct view instance_id);
struct pending_member *pending_find(struct group *group, struct view id);
void pending_remove(struct pending_member *pending);

/* KAFKA_NONE, UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID. */
int16_t member_check(struct group *group, struct view id, struct view instance_id, struct member **out);
void member_alive(struct member *member);

/* Takes it out; parked requests are answered.  Does not rebalance. */
void member_remove(struct member *member);
const struct member_protocol *member_protocol(const struct member *member, const char *name);

/* ---- rebalance (group.c) --------------------------------------------------------------------------------------------- */

void group_rebalance(struct group *group);  /* somebody came, went or changed */
void group_join_maybe(struct group *group); /* completes PREPARING if all are there */
void group_move(struct group *group, enum group_state state);
void group_answer_syncs(struct group *group, int16_t error);
bool group_supports(const struct group *group, struct view protocol_type,
		    const struct join_group_request *in);
const char *group_vote(const struct group *group); /* the protocol that all know and most prefer */

/* JoinGroup's answers (group_join.c), and a new member's id: the caller's to free, NULL when memory is out. */
char *member_id_make(const struct request *request, struct view instance_id);
void join_refuse(struct request *request, int16_t error, struct view member_id);
void join_answer_member(struct member *member, struct request *request, bool skip_assignment);
void sync_answer(struct request *request, int16_t error, const struct member *member);

/* ---- the log (group_log.c) ------------------------------------------------------------------------------------------- */

void group_replay(void *context, const struct internal_record *record);

/* Puts the group as it stands; `assignments` as the leader handed them in, or NULL for those that hold. */
void group_put(struct internal_batch *batch, const struct group *group,
	       const struct sync_group_request *assignments);
void group_put_gone(struct internal_batch *batch, const struct group *group);
void position_put(struct internal_batch *batch, struct view group_id, struct view topic, int32_t partition,
		  const struct position *position); /* NULL: gone */

/* Writes the group: `done` comes, maybe at once; or nobody waits for it. */
void group_save_told(struct group *group, store_append_done *done, void *context);
void group_save(struct group *group);

/* Takes the members out that a record told of; the group is empty. */
void group_replay_empty(struct group *group);

/* What is owed from the time before it turned into the other kind (group_past.c): writes it, and again with each tick. */
bool group_owes(const struct group *group);
void group_past_write(struct group *group);
void group_past_put(struct internal_batch *batch, const struct group *group);

/* ---- positions (group_positions.c) ----------------------------------------------------------------------------------- */

#define POSITION_KEY_MAX (STORE_TOPIC_NAME_MAX + 4)
struct view position_key(uint8_t out[POSITION_KEY_MAX], struct view topic, int32_t partition);
void position_key_split(struct view key, struct view *topic, int32_t *partition);

/* Takes over a copy, with `metadata` for its own; false when memory is out. */
bool position_set(struct map *positions, struct view topic, int32_t partition, const struct position *is,
		  struct view metadata);
void position_remove(struct map *positions, struct view topic, int32_t partition);
void positions_done(struct map *positions);

/* Those whose records stand before `offset`: their tombstones stand there. */
void positions_forget_before(struct map *positions, int64_t offset);

/* Positions within a transaction: noted, and decided by its marker. */
struct pending_positions *pending_positions_of(struct group *group, int64_t producer_id, bool make);
/* The marker stands in this partition of __consumer_offsets: it decides for the groups whose state is there. */
void groups_transaction_end(struct groups *groups, int32_t partition, int64_t producer_id, bool commit);

/*
 * Gives up what was not used for offsets.retention.minutes (group_expire.c): positions of groups without members, and of topics that
 * a group does not subscribe to any more; then groups that have neither members nor positions.
 */
void groups_expire(struct groups *groups);

/* Is a member of the group subscribed to it?  Yes where that cannot be told. */
bool group_subscribed(const struct group *group, struct view topic, struct arena *arena);

/* Forgets all that `wanted` says yes to: in the log, and here once it is there.  Returns an error as store_append(). */
typedef bool position_wanted(void *context, struct view topic, int32_t partition,
			     const struct position *position);
int group_forget(struct group *group, position_wanted *wanted, void *context, store_append_done *done,
		 void *done_context);

/* May this member commit?  As OffsetCommit and TxnOffsetCommit see it. */
int16_t commit_check(struct group *group, struct view member_id, struct view instance_id, int32_t generation,
		     bool transactional, int16_t version);

/*
 * And this place, when a member of a consumer group says an epoch that is past?  Yes if it has had it since then (KIP-1251): so a
 * commit is good that was under way while the epoch went on.
 */
int16_t commit_place_check(struct group *group, struct view member_id, int32_t epoch,
			   const struct store_topic *topic, int32_t partition, bool transactional);

#endif

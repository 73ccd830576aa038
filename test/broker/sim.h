/*
 * sim.h - a broker in a simulated world: disk, clock, lanes, the order of events and what clients do, from one seed.
 *
 * Clients put frames into pipelines and take answers out, through a network that loses, delays and splits (sim_net.c): no
 * socket, so that a crash may come between any two steps. The disk is the one of ../store/sim.h, which loses what was not
 * synced; metadata is real, in a file of SQLite. What clients were told is held against what a reader finds in the end, and
 * against what readers found on the way:
 *
 *	what was acknowledged is there, once, at its offset; what one producer sent to one partition stands in its order
 *	a committed transaction is there whole, an aborted one not at all, one of which nobody told either way
 *	a reader of committed records never sees one that was aborted, nor an offset with two values
 *	a group's position is one that was acknowledged or a later one that was sent, and never moves back; nor is a commit taken
 *	of who has lost the partition, nor anything of a generation before one that somebody has heard of
 *	what is missing was deleted, was old, or has a later record of its key, each only where somebody asked for that
 */
#ifndef TEST_BROKER_SIM_H
#define TEST_BROKER_SIM_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "broker/broker_inside.h"
#include "broker/pipeline.h"

#include "../store/sim.h"

#define WORLD_PARTITIONS    3
#define WORLD_VALUES_MAX    4000
#define WORLD_OFFSETS_MAX   6000
#define WORLD_POSITIONS_MAX 1000
#define ASKED_MAX           3

enum fate { FATE_OPEN, FATE_KEPT, FATE_GONE, FATE_UNKNOWN };

/* One transaction, or one plain batch: all of its values share a fate. */
struct deed {
	enum fate fate;
	bool seen, missing; /* some value of it is in the log; some is not */
};

struct value {
	uint32_t deed;
	int32_t partition, writer;
	int64_t offset; /* where it was acknowledged or first seen; -1 */
	bool found;     /* by the last reading */
};

struct world;
struct wire;

struct asked {
	int16_t api, version;
	uint32_t value, deed;
	int32_t partition;
	int64_t kept; /* by a group, when it was asked */
	int32_t generation, told; /* of whoever asked, and the latest that anybody had heard of then */
};

/* Beside a disk that lies: a classic group that takes what is of a generation before. */
enum world_mutant {
	MUTANT_OLD_COMMITS = MUTANT_COUNT,
	MUTANT_OLD_HEARTBEATS,
	MUTANT_OLD_SYNCS,
	WORLD_MUTANT_COUNT,
};

enum client_kind {
	CLIENT_WRITER,
	CLIENT_TRANSACTOR,
	CLIENT_COMMITTER,
	CLIENT_MEMBER,     /* of a classic group */
	CLIENT_NEW_MEMBER, /* of a group of KIP-848 */
	CLIENT_KEEPER,     /* deletes records */
	CLIENT_READER,
};

/* Where a group stands: the last that was acknowledged, the last that was sent; and the latest generation that a member heard of. */
struct group_model {
	int64_t kept[WORLD_PARTITIONS], sent[WORLD_PARTITIONS];
	int32_t told; /* since the broker started: what nobody has synced is not kept */
};

struct client {
	struct world *world;
	enum client_kind kind;
	int32_t number;
	struct wire *wire;  /* NULL: not connected */
	struct arena arena; /* of one connection */
	struct asked asked[ASKED_MAX];
	struct view answers[ASKED_MAX];
	int asked_count, answer_count;
	int32_t correlation;

	/* what it is about: world_clients.c */
	int state;
	int64_t producer_id;
	int16_t epoch;
	int32_t sequence[WORLD_PARTITIONS];
	bool known[WORLD_PARTITIONS]; /* something of this producer was acknowledged there */
	uint32_t deed, pending[ASKED_MAX];
	int32_t pending_partition, pending_sequence[ASKED_MAX];
	int pending_count, left;
	bool commits, positioned;                       /* its transaction carries a position */
	bool two;                                       /* transactions of version 2 */
	int64_t position, position_kept, position_sent; /* of its group */
	bool position_gone[WORLD_POSITIONS_MAX];        /* sent in a transaction that was aborted */
	int64_t offsets[WORLD_PARTITIONS];              /* a reader's */

	/* a member's: sim_groups.c */
	char member_id[80], members[4][80];
	int member_count; /* for its leader */
	bool speaks_classic;
	int32_t generation;
	int64_t sleeps_until_ms;
	int owned, known_places; /* a bit for each partition */
	int acts_left;           /* so often it speaks as if it had not asked to join */
	int64_t places[WORLD_PARTITIONS];
	struct uuid topic_id;
};

#define CLIENTS 12

struct world {
	uint64_t seed, hash;
	bool trace;
	int mutant;
	struct random random;
	struct clock clock;
	int64_t now_ms;
	struct sim_disk *disk;
	struct sim_objects *objects; /* NULL: files of the disk */
	struct lane *lanes[STORE_LANES];
	int64_t late_until_ms[STORE_LANES]; /* the lane waits for an answer */
	int stepped;                        /* which lane is */
	struct loop *loop;
	struct broker *broker;
	struct inflater *inflater;
	struct list wires;
	int wire_count;
	char metadata[300], why[1000];
	bool broken, finishing, opening;
	struct client clients[CLIENTS];
	struct group_model groups[2];
	bool sociable;                  /* it is about groups */
	bool compacts;                  /* of each key the last is enough */
	bool retains;                   /* what is old goes */
	bool rotten;                    /* a byte is not what it was: refusing is right, and lying is not */
	bool refused[WORLD_PARTITIONS]; /* to a reader, for that */
	int64_t start_asked[WORLD_PARTITIONS]; /* records below it were to be deleted ... */
	int64_t start_kept[WORLD_PARTITIONS];  /* ... and it was said that they are */
	struct value *values;
	struct deed *deeds;
	uint32_t value_count, deed_count;
	uint32_t at[WORLD_PARTITIONS][WORLD_OFFSETS_MAX]; /* which value a reader saw there; 0 for none */
};

struct world_totals {
	uint64_t crashes, starts, acknowledged, committed, aborted, unknown, positions, read;
	uint64_t assignments, refused, late, deleted, cut, superseded, rotten, rot_seen;
	uint64_t breaks, strays, stalls, troubles, done_and_denied, halves;
};
extern struct world_totals world_totals;

/* 0 when every promise held. */
int world_run(uint64_t seed, bool trace, int mutant, char why[1000], uint64_t *hash);

int world_broken(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_note(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- sim_net.c */
void net_connect(struct client *client);
void net_send(struct client *client, struct view bytes);
void net_break(struct client *client);             /* both sides see it */
void net_leave(struct client *client);             /* only the client does: what it sent arrives later */
void net_stall(struct client *client, int64_t ms); /* it does not read for so long */
void net_down(struct world *world);                /* all of it */
bool net_step(struct world *world);                /* some bytes of one connection */
bool net_settle(struct world *world);              /* a step of each; false when none could */

/* ---- sim_clients.c */
void client_init(struct client *client, struct world *world, enum client_kind kind, int32_t number);
void client_connect(struct client *client);
void client_drop(struct client *client);  /* the connection is gone, with what was asked */
void client_leave(struct client *client); /* the same, and the broker does not know; when it may */
void client_answered(struct client *client, struct view frame);
void client_step(struct client *client);
void client_ask(struct client *client, int16_t key, int16_t version, const void *request);
void client_look(
	struct client *client); /* asks where its group stands; the answer is held against what it knows */
bool client_idle(const struct client *client);

void client_ask_about(struct client *client, int16_t key, int16_t version, const void *request,
		      struct asked asked);

/* Room for any answer. */
union any {
	struct init_producer_id_response init;
	struct add_partitions_to_txn_response add;
	struct produce_response produce;
	struct add_offsets_to_txn_response add_group;
	struct txn_offset_commit_response position;
	struct end_txn_response end;
	struct offset_commit_response commit;
	struct offset_fetch_response look;
	struct fetch_response fetch;
	struct delete_records_response deleted;
	struct join_group_response join;
	struct sync_group_response sync;
	struct heartbeat_response heartbeat;
	struct leave_group_response leave;
	struct consumer_group_heartbeat_response consumer;
};

/* ---- sim_groups.c */
void member_init(struct client *client);
void member_step(struct client *client);
void member_answered(struct client *client, const struct asked *asked, const union any *in);
void member_lost_connection(struct client *client);
bool member_idle(const struct client *client);

/* ---- sim_judge.c */
uint32_t deed_new(struct world *world);
uint32_t value_new(struct world *world, uint32_t deed, int32_t partition, int32_t writer);
int value_seen(struct world *world, uint32_t number, int32_t partition, int64_t offset);
int value_acknowledged(struct world *world, uint32_t number, int64_t offset);
int position_seen(struct client *client, int64_t position);
int64_t world_start(const struct world *world, int32_t partition); /* of the log, as the store has it */

#define WORLD_KEYS 5
static inline uint32_t value_key(uint32_t number)
{
	return number % WORLD_KEYS;
}
int world_judge(struct world *world);

#endif

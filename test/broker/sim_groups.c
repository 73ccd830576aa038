/*
 * sim_groups.c - members of groups, of the classic protocol and of KIP-848: they join, own partitions, go on where their group
 * stands, commit, are late, and leave.
 *
 * A member goes on from the position that it finds when it gets a partition.  Who has lost a partition and does not know it yet
 * must be refused: else his commit would move the group back behind what the next owner has committed.
 *
 * A member of the classic group may have joined a generation and not know it. What it then says of the one before is refused, be it
 * a commit, a heartbeat or a SyncGroup: others have been told of the new one.
 *
 * Whoever leaves the group of KIP-848 may come back by the classic protocol, and the other way round: so it is mixed most of the
 * time, and now and then of one kind or the other.
 */
#include "sim.h"

#include "broker/consumer_bytes.h"
#include "broker/group.h"
#include "words.h"

enum {
	MEMBER_OUT,
	MEMBER_JOINED, /* classic: the assignment is to be asked for */
	MEMBER_IN,
	MEMBER_LEFT, /* at the end: one last look */
	MEMBER_DONE,
};

#define TOPIC VIEW_LITERAL("orders")

static struct group_model *group_of(const struct client *client)
{
	return &client->world->groups[client->kind == CLIENT_MEMBER];
}

static struct view group_name(const struct client *client)
{
	return client->kind == CLIENT_MEMBER ? VIEW_LITERAL("classic-group") : VIEW_LITERAL("consumer-group");
}

static bool is_classic(const struct client *client)
{
	return client->kind == CLIENT_MEMBER || client->speaks_classic;
}

static struct store *store_of(const struct client *client)
{
	return client->world->broker->store;
}

static struct view member_name(const struct client *client)
{
	return view_text(client->member_id);
}

static void lose_all(struct client *client)
{
	client->owned = client->known_places = client->acts_left = 0;
	client->state = MEMBER_OUT;
}

/* What it says; or, as if the broker took an older one, the one that holds. */
static int32_t generation_of(const struct client *client, int mutant)
{
	const struct group *group =
		client->world->mutant == mutant && client->kind == CLIENT_MEMBER
			? group_named(broker_groups(client->world->broker), group_name(client))
			: NULL;

	return group ? group->generation : client->generation;
}

static struct asked about_generation(const struct client *client)
{
	return (struct asked){ .generation = client->generation, .told = group_of(client)->told };
}

/* An answer that speaks of the group as it is was given to somebody who belongs to it. */
static void judge_generation(const struct client *client, const struct asked *asked, int16_t error)
{
	if (client->kind != CLIENT_MEMBER || asked->generation >= asked->told)
		return;
	world_totals.late++;
	if (error == KAFKA_NONE || error == KAFKA_REBALANCE_IN_PROGRESS)
		world_broken(
			client->world, "client %d spoke of generation %d to API %d, and %d had begun: %s",
			client->number, asked->generation, asked->api, asked->told, kafka_error_name(error));
}

/* ---- the classic protocol: JoinGroup, SyncGroup, Heartbeat, LeaveGroup */

/* What it owns it says, as cooperative members do. */
static void ask_join(struct client *client)
{
	struct join_group_request request =
		words_join(&client->arena, group_name(client), member_name(client),
			   words_subscription(&client->arena, TOPIC, client->owned));

	request.session_timeout_ms = 2000;
	request.rebalance_timeout_ms = 1000;
	client_ask_about(client, API_JOIN_GROUP, 3, &request, (struct asked){ 0 });
}

/* The leader's part: who gets what. */
static void ask_sync(struct client *client)
{
	int count = client->member_count;
	struct sync_group_request request =
		words_sync(&client->arena, group_name(client), member_name(client),
			   generation_of(client, MUTANT_OLD_SYNCS), count);

	for (int i = 0; i < count; i++) {
		int turn = (i + client->generation) % count; /* each generation others own them */

		request.assignments.at[i].member_id = view_text(client->members[i]);
		request.assignments.at[i].assignment =
			words_assignment(&client->arena, TOPIC,
					 (1 << (turn + 1) * WORLD_PARTITIONS / count) -
						 (1 << turn * WORLD_PARTITIONS / count));
	}
	client_ask_about(client, API_SYNC_GROUP, 3, &request, about_generation(client));
}

static void ask_heartbeat(struct client *client)
{
	struct heartbeat_request request = words_heartbeat(group_name(client), member_name(client),
							   generation_of(client, MUTANT_OLD_HEARTBEATS));

	client_ask_about(client, API_HEARTBEAT, 3, &request, about_generation(client));
}

static void ask_leave(struct client *client)
{
	struct leave_group_request request = words_leave(group_name(client), member_name(client));

	client_ask_about(client, API_LEAVE_GROUP, 2, &request, (struct asked){ 0 });
}

static void keep_text(char *out, size_t size, struct view text)
{
	snprintf(out, size, "%.*s", (int)text.size, (const char *)text.at);
}

static void joined(struct client *client, const struct join_group_response *in)
{
	if (in->error_code) {
		if (in->error_code == KAFKA_UNKNOWN_MEMBER_ID) {
			lose_all(client);
			*client->member_id = 0;
		}
		return;
	}
	keep_text(client->member_id, sizeof client->member_id, in->member_id);
	/* It missed one: another may have owned meanwhile what it owned before. */
	if (in->generation_id != client->generation + 1)
		client->known_places = 0;
	client->generation = in->generation_id;
	if (in->generation_id > group_of(client)->told)
		group_of(client)->told = in->generation_id;
	client->member_count = in->members.count < 4 ? in->members.count : 4;
	for (int i = 0; i < client->member_count; i++)
		keep_text(client->members[i], sizeof client->members[i], in->members.at[i].member_id);
	client->state = MEMBER_JOINED;
}

static void synced(struct client *client, const struct sync_group_response *in)
{
	struct places places = { 0 };
	int before = client->owned;

	if (in->error_code) {
		if (in->error_code == KAFKA_REBALANCE_IN_PROGRESS)
			client->state = MEMBER_OUT; /* and owns what it has */
		else
			lose_all(client);
		return;
	}
	if (assignment_read(in->assignment, store_of(client), &places) < 0)
		world_broken(client->world, "client %d: an assignment that cannot be read", client->number);
	client->owned = 0;
	for (int i = 0; i < places.count; i++)
		client->owned |= 1 << places.at[i].partition;
	places_done(&places);
	client->known_places &= client->owned & before;
	client->state = MEMBER_IN;
	world_totals.assignments++;
	world_note(client->world, "client %d: generation %d owns %x", client->number, client->generation,
		   (unsigned)client->owned);
}

/* ---- KIP-848: one heartbeat for all */

static void ask_consumer_heartbeat(struct client *client, int32_t epoch)
{
	struct consumer_group_heartbeat_request request =
		words_consumer(&client->arena, group_name(client), member_name(client), epoch, TOPIC,
			       client->topic_id.bytes, client->owned);

	request.rebalance_timeout_ms = 500;
	client_ask_about(client, API_CONSUMER_GROUP_HEARTBEAT, 1, &request, (struct asked){ 0 });
}

static void consumer_answered(struct client *client, const struct consumer_group_heartbeat_response *in)
{
	int before = client->owned;

	if (client->state >= MEMBER_LEFT)
		return;
	if (in->error_code && !kafka_error_retriable(in->error_code))
		lose_all(client);
	if (in->error_code || in->member_epoch < 0)
		return;
	client->generation = in->member_epoch;
	client->state = MEMBER_IN;
	if (!in->assignment)
		return;
	client->owned = 0;
	for (int32_t i = 0; i < in->assignment->topic_partitions.count; i++) {
		client->topic_id = in->assignment->topic_partitions.at[i].topic_id;
		for (int32_t k = 0; k < in->assignment->topic_partitions.at[i].partitions.count; k++)
			client->owned |= 1 << in->assignment->topic_partitions.at[i].partitions.at[k];
	}
	client->known_places &= client->owned & before;
	world_totals.assignments += client->owned != before;
	world_note(client->world, "client %d: epoch %d owns %x", client->number, client->generation,
		   (unsigned)client->owned);
}

/* ---- positions, the same for both */

static void ask_place(struct client *client, int32_t partition)
{
	struct offset_fetch_request request =
		words_position(&client->arena, group_name(client), TOPIC, partition, false);

	client_ask_about(client, API_OFFSET_FETCH, 7, &request,
			 (struct asked){ .partition = partition,
					 .value = (uint32_t)group_of(client)->kept[partition] });
}

static void ask_commit_place(struct client *client, int32_t partition)
{
	struct group_model *group = group_of(client);
	int64_t place = client->places[partition] + 1;
	struct offset_commit_request request =
		words_commit(&client->arena, group_name(client), member_name(client),
			     generation_of(client, MUTANT_OLD_COMMITS), TOPIC, partition, place);
	struct asked asked = about_generation(client);

	group->sent[partition] = place > group->sent[partition] ? place : group->sent[partition];
	asked.partition = partition;
	asked.value = (uint32_t)place;
	asked.kept = group->kept[partition];
	client_ask_about(client, API_OFFSET_COMMIT, is_classic(client) ? 7 : 9, &request, asked);
}

static void place_told(struct client *client, const struct asked *asked,
		       const struct offset_fetch_response *in)
{
	int64_t place;

	if (in->error_code || in->topics.at[0].partitions.at[0].error_code) {
		world_note(client->world, "client %d: no position: %s", client->number,
			   kafka_error_name(in->error_code ? in->error_code
							   : in->topics.at[0].partitions.at[0].error_code));
		return;
	}
	place = in->topics.at[0].partitions.at[0].committed_offset;
	place = place < 0 ? 0 : place;
	if (place < (int64_t)asked->value || place > group_of(client)->sent[asked->partition])
		world_broken(client->world, "%s stands at %lld of %d: kept %lld, sent %lld",
			     (const char *)group_name(client).at, (long long)place, asked->partition,
			     (long long)asked->value, (long long)group_of(client)->sent[asked->partition]);
	world_totals.positions++;
	client->places[asked->partition] = place;
	client->known_places |= 1 << asked->partition;
}

static void committed(struct client *client, const struct asked *asked, int16_t error)
{
	struct group_model *group = group_of(client);
	int64_t place = (int64_t)asked->value;

	world_note(client->world, "client %d: position %lld of %d: %s", client->number, (long long)place,
		   asked->partition, kafka_error_name(error));
	if (error == KAFKA_NONE) {
		/* Who sent it had lost the partition, and somebody else had gone as far or further. */
		if (place <= asked->kept)
			world_broken(client->world, "client %d moved %s back to %lld of %d: kept %lld",
				     client->number, (const char *)group_name(client).at, (long long)place,
				     asked->partition, (long long)asked->kept);
		client->places[asked->partition] = place;
		group->kept[asked->partition] =
			place > group->kept[asked->partition] ? place : group->kept[asked->partition];
		return;
	}
	world_totals.refused += error == KAFKA_ILLEGAL_GENERATION || error == KAFKA_UNKNOWN_MEMBER_ID ||
				error == KAFKA_STALE_MEMBER_EPOCH;
	if (!kafka_error_retriable(error) && error != KAFKA_STALE_MEMBER_EPOCH)
		lose_all(client);
}

void member_answered(struct client *client, const struct asked *asked, const union any *in)
{
	switch (asked->api) {
	case API_JOIN_GROUP: joined(client, &in->join); break;
	case API_SYNC_GROUP:
		judge_generation(client, asked, in->sync.error_code);
		synced(client, &in->sync);
		break;
	case API_CONSUMER_GROUP_HEARTBEAT: consumer_answered(client, &in->consumer); break;
	case API_OFFSET_FETCH: place_told(client, asked, &in->look); break;
	case API_OFFSET_COMMIT:
		judge_generation(client, asked, in->commit.topics.at[0].partitions.at[0].error_code);
		committed(client, asked, in->commit.topics.at[0].partitions.at[0].error_code);
		break;
	case API_HEARTBEAT:
		judge_generation(client, asked, in->heartbeat.error_code);
		if (in->heartbeat.error_code && !kafka_error_retriable(in->heartbeat.error_code))
			lose_all(client);
		if (in->heartbeat.error_code == KAFKA_REBALANCE_IN_PROGRESS)
			client->state = MEMBER_OUT; /* and owns what it has until it has joined */
		if (in->heartbeat.error_code == KAFKA_UNKNOWN_MEMBER_ID)
			*client->member_id = 0;
		break;
	default: break;
	}
}

/* ---- what comes next */

static void name_itself(struct client *client)
{
	*client->member_id = 0;
	if (!is_classic(client))
		snprintf(client->member_id, sizeof client->member_id, "member-%d", client->number);
}

static void leave(struct client *client)
{
	if (is_classic(client))
		ask_leave(client);
	else
		ask_consumer_heartbeat(client, -1);
	lose_all(client);
	if (client->kind == CLIENT_NEW_MEMBER)
		client->speaks_classic = random_below(&client->world->random, 2);
	name_itself(client);
}

/* At the end each leaves, and then asks where its group stands. */
static void finish_step(struct client *client)
{
	if (client->state < MEMBER_LEFT) {
		leave(client);
		client->known_places = 0;
		client->state = MEMBER_LEFT;
		return;
	}
	for (int32_t i = 0; i < WORLD_PARTITIONS && client->state == MEMBER_LEFT; i++)
		if (!(client->known_places & 1 << i)) {
			ask_place(client, i);
			return;
		}
	client->state = MEMBER_DONE;
}

/* It asks to join and does not hear of it: others are told of a generation that it does not know, and it speaks of its own. */
static void fall_behind(struct client *client)
{
	ask_join(client);
	client->acts_left = 3;
	client->state = MEMBER_OUT;
	client_leave(client);
}

static void go_on(struct client *client)
{
	struct random *random = &client->world->random;
	int32_t partition = (int32_t)random_below(random, WORLD_PARTITIONS);
	uint64_t dice = random_below(random, 100);

	if (dice < 4)
		leave(client);
	else if (dice < 8) /* and does not know what happens to the group meanwhile */
		client->sleeps_until_ms = client->world->now_ms + 2500;
	else if (dice < 16 && client->kind == CLIENT_MEMBER && client->owned & client->known_places)
		fall_behind(client);
	else if (dice < 70 && client->owned & 1 << partition && client->known_places & 1 << partition)
		ask_commit_place(client, partition);
	else if (dice < 70 && client->owned & 1 << partition)
		ask_place(client, partition);
	else if (is_classic(client))
		ask_heartbeat(client);
	else
		ask_consumer_heartbeat(client, client->generation);
}

/* As clients do who commit while they rejoin: what they own by then may be another's.  Or who do not know that they are to. */
static bool acts_before_joining(struct client *client)
{
	int32_t partition = (int32_t)random_below(&client->world->random, WORLD_PARTITIONS);
	uint64_t dice = random_below(&client->world->random, client->acts_left ? 7 : 10);
	int mine = client->owned & client->known_places;

	client->acts_left -= client->acts_left > 0;
	if (!*client->member_id || client->generation <= 0)
		return false;
	if (dice < 5 && mine) {
		while (!(mine & 1 << partition))
			partition = (partition + 1) % WORLD_PARTITIONS;
		ask_commit_place(client, partition);
	} else if (dice < 6) {
		ask_heartbeat(client);
	} else if (dice < 7) {
		ask_sync(client);
	} else {
		return false;
	}
	return true;
}

void member_step(struct client *client)
{
	bool asleep = client->world->now_ms < client->sleeps_until_ms;

	/* Now and then one never hears that it has joined: it is a generation behind, and owns what it had as far as it knows. */
	if (client->asked_count && client->asked[0].api == API_JOIN_GROUP && !client->world->finishing &&
	    random_below(&client->world->random, 20) == 0) {
		client_drop(client);
		return;
	}
	if (client->asked_count || client->state == MEMBER_DONE || (asleep && !client->world->finishing))
		return;
	if (client->world->finishing)
		finish_step(client);
	else if (client->state == MEMBER_IN)
		go_on(client);
	else if (!is_classic(client))
		ask_consumer_heartbeat(client, 0);
	else if (client->state == MEMBER_JOINED)
		ask_sync(client);
	else if (!acts_before_joining(client))
		ask_join(client);
}

void member_lost_connection(struct client *client)
{
	/* Whoever does not know that he has joined, and takes his time, is a generation behind. */
	if (client->state == MEMBER_OUT)
		client->sleeps_until_ms =
			client->world->now_ms + 200 + (int64_t)random_below(&client->world->random, 700);
	if (client->state == MEMBER_JOINED)
		client->state = MEMBER_OUT;
}

bool member_idle(const struct client *client)
{
	return client->state == MEMBER_DONE;
}

void member_init(struct client *client)
{
	client->state = MEMBER_OUT;
	client->speaks_classic = client->kind == CLIENT_NEW_MEMBER && client->number % 2;
	name_itself(client);
}

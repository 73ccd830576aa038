/* world_drill.c - the stage of a drill on real clusters. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/admin_acls.h"
#include "client/admin_alter.h"
#include "exit/drill_load.h"
#include "exit/lever_told.h"
#include "exit/world_inside.h"

#define ASK_MS         10000
#define APPEAR_MS      15000
#define LOOK_AGAIN_MS  50
#define PARTITIONS_MAX 10000
#define CONFIGS_MAX    20

static enum side side_of(enum authority side)
{
	return side == AUTHORITY_TARGET ? SIDE_TARGET : SIDE_SOURCE;
}

static const char *topic_of(const struct plan_family *shadow)
{
	return (const char *)shadow->topics.at[0].source.at;
}

/* What makes writing and reading it cost what the family's topic costs.  How long it keeps records, and whether it compacts
 * them, is its own business: a rehearsal is over soon, and must find everything that it wrote. */
static bool is_copied(const char *config)
{
	static const char *const names[] = { "min.insync.replicas",
					     "max.message.bytes",
					     "compression.type",
					     "unclean.leader.election.enable",
					     "flush.messages",
					     "flush.ms",
					     "segment.bytes",
					     "message.timestamp.before.max.ms",
					     "message.timestamp.after.max.ms",
					     "message.timestamp.difference.max.ms",
					     NULL };

	for (int i = 0; names[i]; i++)
		if (strcmp(names[i], config) == 0)
			return true;
	return false;
}

static const char *const *configs_of(const struct config_list *list, struct arena *arena)
{
	const char **out = arena_array(arena, 2 * CONFIGS_MAX + 1, sizeof *out);
	int count = 0;

	for (int i = 0; out && list && i < list->count && count < CONFIGS_MAX; i++) {
		const struct config_entry *entry = &list->entries[i];

		if (entry->source != CONFIG_SOURCE_TOPIC || !entry->value || !is_copied(entry->name))
			continue;
		out[2 * count] = entry->name;
		out[2 * count + 1] = entry->value;
		count++;
	}
	return out;
}

/* ---- making ---- */

static bool can_be_written(const struct topic_info *topic, int32_t partitions)
{
	if (!topic || topic->error || topic->partition_count != partitions)
		return false;
	for (int i = 0; i < topic->partition_count; i++)
		if (topic->partitions[i].leader < 0)
			return false;
	return true;
}

/* A broker that has just made a topic may not know it yet when asked. */
static int wait_until_there(struct clusters *w, enum side side, const char *name, int32_t partitions,
			    struct fault *fault)
{
	int64_t deadline_ms = loop_now_ms(w->options.loop) + APPEAR_MS;
	struct view pattern = view_text(name);

	for (;;) {
		struct metadata_snapshot seen;
		struct arena arena;
		bool there;
		int err;

		arena_init(&arena, (size_t)16 << 20);
		err = metadata_snapshot(survey_cluster(w->survey, side), &pattern, 1, ASK_MS, &arena, &seen,
					fault);
		there = err == 0 && can_be_written(metadata_find(&seen, name), partitions);
		arena_done(&arena);
		if (err < 0 || there)
			return err;
		if (loop_now_ms(w->options.loop) > deadline_ms)
			return fault_set(fault, ERR_TIMEOUT,
					 "topic %s on the %s was made, and has no leaders yet", name,
					 side_word(side));
		err = w->world.ops->pause(&w->world, LOOK_AGAIN_MS);
		if (err < 0)
			return err;
	}
}

/* Where clusters ask, we need leave to write and read what is ours; without one nothing is lost by trying. */
static int let_us_in(struct clusters *w, struct scene *scene, enum side side, const char *topic,
		     struct fault *fault)
{
	static const int operations[] = { ACL_OPERATION_WRITE, ACL_OPERATION_READ, ACL_OPERATION_DESCRIBE };
	const struct facts_side *facts = &survey_facts(w->survey)->sides[side];
	const char *witness = scene_witness(w, scene, side);
	struct acl acls[3];
	int err;

	if (facts->acls_answer.err || facts->acls.no_authorizer || !witness)
		return 0;
	for (int i = 0; i < 3; i++)
		acls[i] = (struct acl){ .resource_type = ACL_RESOURCE_TOPIC,
					.pattern_type = ACL_PATTERN_LITERAL,
					.operation = operations[i],
					.permission = ACL_PERMISSION_ALLOW,
					.resource = topic,
					.principal = witness,
					.host = "*" };
	err = acls_create(survey_cluster(w->survey, side), acls, 3, ASK_MS, fault);
	return err == ERR_DENIED || err == ERR_UNSUPPORTED ? 0 : err;
}

static int make(struct world *world, const struct plan_family *family, const struct plan_family *shadow,
		enum authority authority, struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	enum side side = side_of(authority);
	const struct facts_side *facts;
	const struct topic_info *like;
	struct topic_spec spec = { .name = topic_of(shadow) };
	struct scene *scene;
	struct arena arena;
	int err = scene_of(w, family, &scene, fault);

	if (err < 0)
		return err;
	facts = &survey_facts(w->survey)->sides[side];
	like = facts_topic(facts, view_text(scene->names[side][0]));
	if (!like || like->error || like->partition_count < 1 || like->partition_count > PARTITIONS_MAX)
		return fault_set(fault, ERR_NOT_FOUND, "topic %s is not to be seen on the %s",
				 scene->names[side][0], side_word(side));
	arena_init(&arena, (size_t)1 << 20);
	spec.partitions = like->partition_count;
	spec.replication = (int16_t)like->partitions[0].replica_count;
	spec.configs = configs_of(facts_topic_configs(facts, view_text(like->name)), &arena);
	err = topics_create(survey_cluster(w->survey, side), &spec, 1, false, ASK_MS, &arena, fault);
	arena_done(&arena);
	err = err ? err : let_us_in(w, scene, side, spec.name, fault);
	return err ? err : wait_until_there(w, side, spec.name, spec.partitions, fault);
}

/* ---- the load ---- */

static int32_t partitions_of(struct clusters *w, struct scene *scene)
{
	const struct facts *facts = survey_facts(w->survey);
	int32_t least = PARTITIONS_MAX;

	for (int side = 0; side < SIDE_COUNT; side++) {
		const struct topic_info *like =
			facts_topic(&facts->sides[side], view_text(scene->names[side][0]));

		if (like && like->partition_count < least)
			least = like->partition_count;
	}
	return least;
}

static int begin(struct world *world, const struct plan_family *family, const struct plan_family *shadow,
		 struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	struct drill_load_options options = { .loop = w->options.loop,
					      .clusters = { survey_cluster(w->survey, SIDE_SOURCE),
							    survey_cluster(w->survey, SIDE_TARGET) },
					      .topic = topic_of(shadow),
					      .rate = (uint64_t)family->drill.rate.value,
					      .size = (uint64_t)family->drill.size.value };
	struct scene *real, *scene;
	int err = scene_of(w, family, &real, fault);

	err = err ? err : scene_of(w, shadow, &scene, fault);
	if (err < 0)
		return err;
	options.partitions = partitions_of(w, real);
	err = drill_load_new(&options, &scene->load, fault);
	if (err == 0 && map_put(&scene->levers, VIEW_LITERAL("flag"), drill_load_flag(scene->load)) < 0)
		err = fault_set(fault, ERR_MEMORY, "no memory for a drill's load");
	return err;
}

static int place(struct world *world, const struct plan_family *shadow, enum authority authority,
		 struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	enum side side = side_of(authority);
	struct group_position *at;
	struct scene *scene;
	int32_t count = 0;
	int err = scene_of(w, shadow, &scene, fault);

	at = err || !scene->load ? NULL : calloc((size_t)drill_load_partitions(scene->load) + 1, sizeof *at);
	if (!at)
		return err ? err : fault_set(fault, ERR_MEMORY, "no memory for positions");
	for (int32_t i = 0; i < drill_load_partitions(scene->load); i++)
		if (drill_load_end(scene->load, side, i))
			at[count++] = (struct group_position){ .topic = topic_of(shadow),
							       .partition = i,
							       .offset = drill_load_end(scene->load, side, i),
							       .leader_epoch = -1 };
	if (count)
		err = group_commit(survey_cluster(w->survey, side),
				   (const char *)shadow->groups.at[0].text.at, at, count, ASK_MS, fault);
	free(at);
	return err;
}

static int end(struct world *world, const struct plan_family *shadow, int64_t timeout_ms, struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	int64_t deadline_ms = loop_now_ms(w->options.loop) + timeout_ms;
	struct scene *scene;
	int err = scene_of(w, shadow, &scene, fault);

	if (err < 0)
		return err;
	drill_load_stop(scene->load);
	while (drill_load_busy(scene->load)) {
		if (loop_now_ms(w->options.loop) > deadline_ms)
			return fault_set(fault, ERR_TIMEOUT,
					 "the load's last records are not acknowledged yet");
		err = w->world.ops->pause(world, LOOK_AGAIN_MS / 10);
		if (err < 0)
			return err;
	}
	return 0;
}

static void count(struct world *world, const struct plan_family *shadow, struct drill_count *out)
{
	struct scene *scene;

	*out = (struct drill_count){ .pause_ms = -1 };
	if (scene_of((struct clusters *)world, shadow, &scene, NULL) == 0 && scene->load)
		drill_load_count(scene->load, out);
}

static void forget(struct world *world, const struct plan_family *shadow)
{
	struct clusters *w = (struct clusters *)world;
	char file[SIDE_COUNT][1024];
	struct scene *scene;

	if (scene_of(w, shadow, &scene, NULL) < 0)
		return;
	for (int side = 0; side < SIDE_COUNT; side++)
		scene_checkpoint(w, scene, (enum side)side, file[side], sizeof file[side]);
	scene_forget(w, shadow);
	for (int side = 0; side < SIDE_COUNT; side++)
		unlink(file[side]);
}

/* ---- clearing up ---- */

/* All ACLs of exactly this topic: it is ours, and so are they. */
static int strike_acls(struct cluster *cluster, const char *topic, struct fault *fault)
{
	struct acl_list list;
	struct arena arena;
	int count = 0, err;

	arena_init(&arena, (size_t)64 << 20);
	err = acls_list(cluster, ASK_MS, &arena, &list, fault);
	for (int i = 0; err == 0 && i < list.count; i++)
		if (list.at[i].resource_type == ACL_RESOURCE_TOPIC &&
		    list.at[i].pattern_type == ACL_PATTERN_LITERAL && strcmp(list.at[i].resource, topic) == 0)
			list.at[count++] = list.at[i];
	if (err == 0 && count && !list.no_authorizer)
		err = acls_delete(cluster, list.at, count, ASK_MS, NULL, fault);
	arena_done(&arena);
	/* Who may not see ACLs has made none. */
	return err == ERR_DENIED || err == ERR_UNSUPPORTED ? 0 : err;
}

static int wait_until_gone(struct clusters *w, enum side side, const char *name, struct fault *fault)
{
	int64_t deadline_ms = loop_now_ms(w->options.loop) + APPEAR_MS;
	struct view pattern = view_text(name);

	for (;;) {
		const struct topic_info *topic;
		struct metadata_snapshot seen;
		struct arena arena;
		bool gone;
		int err;

		arena_init(&arena, (size_t)16 << 20);
		err = metadata_snapshot(survey_cluster(w->survey, side), &pattern, 1, ASK_MS, &arena, &seen,
					fault);
		topic = err == 0 ? metadata_find(&seen, name) : NULL;
		gone = err == 0 && (!topic || topic->partition_count == 0);
		arena_done(&arena);
		if (err < 0 || gone)
			return err;
		if (loop_now_ms(w->options.loop) > deadline_ms)
			return fault_set(fault, ERR_TIMEOUT,
					 "topic %s on the %s was deleted, and is there still", name,
					 side_word(side));
		err = w->world.ops->pause(&w->world, LOOK_AGAIN_MS);
		if (err < 0)
			return err;
	}
}

static int strike(struct world *world, enum authority authority, const char *topic, const char *group,
		  struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	enum side side = side_of(authority);
	struct cluster *cluster = survey_cluster(w->survey, side);
	int err = group ? groups_delete(cluster, &group, 1, ASK_MS, fault) : 0;

	err = err == ERR_NOT_FOUND || err == ERR_DENIED ? 0 : err;
	err = err ? err : topics_delete(cluster, &topic, 1, ASK_MS, fault);
	err = err == ERR_NOT_FOUND ? 0 : err;
	err = err ? err : wait_until_gone(w, side, topic, fault);
	/* Last, for they are what lets us delete it. */
	return err ? err : strike_acls(cluster, topic, fault);
}

static int guard(struct world *world, const struct plan_family *family, const char *name, uint64_t epoch,
		 struct fault *fault)
{
	struct lever *lever = world->ops->lever(world, family, name);
	enum lever_guard guard;
	int err;

	if (!lever)
		return fault_set(fault, ERR_NOT_FOUND, "lever %s cannot be made from the plan", name);
	err = lever_told_guard(lever, epoch, ASK_MS, &guard, fault);
	return err ? err : guard == LEVER_GUARD_REFUSES;
}

const struct world_drill_ops world_drill = { .make = make,
					     .begin = begin,
					     .place = place,
					     .end = end,
					     .count = count,
					     .forget = forget,
					     .strike = strike,
					     .guard = guard };

/* world_clusters.c - the world of a controller: levers, looks, canaries; what it judges is in world_judge.c. */
#include <stdio.h>
#include <stdlib.h>

#include "client/canary.h"
#include "client/principal.h"
#include "client/quiet.h"
#include "exit/drill_load.h"
#include "exit/lever_acl.h"
#include "exit/lever_config.h"
#include "exit/lever_positions.h"
#include "exit/lever_quota.h"
#include "exit/lever_told.h"
#include "exit/lever_transaction.h"
#include "exit/world_inside.h"
#include "parity/leak.h"

#define FAMILY_MEMORY ((size_t)256 << 20)
#define LOOK_MEMORY   ((size_t)64 << 20)
#define TIMEOUT_MS    10000
#define DARK_MS       2000
#define USER_SIZE     5 /* of "User:", which the plan's producers begin with where a quota is asked for */

static enum side side_of(enum authority side)
{
	return side == AUTHORITY_TARGET ? SIDE_TARGET : SIDE_SOURCE;
}

/* ---- a family's place in it ---- */

static bool topics_known(const struct scene *scene)
{
	return scene->topics != NULL;
}

/*
 * A cluster that did not answer within the whole of the time-out is not waited for again at once: whoever asks for one thing
 * after the other would wait for each.
 */
static int discover(struct clusters *w, struct fault *fault)
{
	int err;

	if (w->dark.err && loop_now_ms(w->options.loop) < w->dark_until_ms)
		return fault_set(fault, w->dark.err, "%s", w->dark.text);
	w->dark = (struct fault){ 0 };
	err = survey_discover(w->survey, &w->dark);
	if (err == 0 || err == ERR_CANCELLED || err == ERR_MEMORY) {
		if (err < 0)
			fault_set(fault, err, "%s", w->dark.text);
		w->dark.err = 0;
		return err;
	}
	w->dark.err = err;
	w->dark_until_ms = loop_now_ms(w->options.loop) + DARK_MS;
	return fault_set(fault, err, "%s", w->dark.text);
}

/* Globs are over what the source has; everything else is as the plan says. */
static int resolve(struct clusters *w, struct scene *scene, struct fault *fault)
{
	struct gathering g = { .arena = &scene->arena, .plan = w->options.plan, .family = scene->family };
	int err = 0;

	if (topics_known(scene))
		return 0;
	if (!survey_facts(w->survey))
		err = discover(w, fault);
	if (err < 0)
		return err;
	g.facts = g.world = survey_facts(w->survey);
	if (gathering_resolve(&g) < 0)
		return fault_set(fault, ERR_MEMORY, "no memory for family %s", scene->name);
	if (!g.topic_count)
		return fault_set(fault, ERR_NOT_FOUND, "family %s has no topic on the source", scene->name);
	for (int side = 0; side < SIDE_COUNT; side++) {
		scene->names[side] =
			arena_array(&scene->arena, (size_t)g.topic_count + 1, sizeof *scene->names[side]);
		if (!scene->names[side])
			return fault_set(fault, ERR_MEMORY, "no memory for family %s", scene->name);
		for (int i = 0; i < g.topic_count; i++)
			scene->names[side][i] =
				(const char *)(side == SIDE_SOURCE ? g.topics[i].source : g.topics[i].target)
					.at;
	}
	scene->topic_count = g.topic_count;
	scene->topics = g.topics;
	return 0;
}

/* As the plan names them, where it does: whoever looks at one side does not wait for the other one. */
static int name_topics(struct clusters *w, struct scene *scene, enum side side, struct fault *fault)
{
	const struct plan_topics *topics = &scene->family->topics;
	const char **names;

	for (int i = 0; i < topics->count; i++)
		if (topics->at[i].glob)
			return resolve(w, scene, fault);
	if (topics_known(scene) || scene->names[side])
		return 0;
	names = arena_array(&scene->arena, (size_t)topics->count + 1, sizeof *names);
	for (int i = 0; names && i < topics->count; i++) {
		const struct plan_topic *topic = &topics->at[i];

		names[i] = arena_printf(&scene->arena, "%.*s",
					VIEW_ARGS(side == SIDE_SOURCE ? topic->source : topic->target));
		if (!names[i])
			names = NULL;
	}
	if (!names)
		return fault_set(fault, ERR_MEMORY, "no memory for family %s", scene->name);
	scene->names[side] = names;
	scene->topic_count = topics->count;
	return 0;
}

/* Finds or makes it; what its topics are may not be known. */
static int scene_find(struct clusters *w, const struct plan_family *family, struct scene **out,
		      struct fault *fault)
{
	struct scene *scene;
	int err;

	for (scene = w->scenes; scene; scene = scene->next) {
		if (scene->family == family) {
			*out = scene;
			return 0;
		}
	}
	scene = calloc(1, sizeof *scene);
	if (!scene)
		return fault_set(fault, ERR_MEMORY, "no memory for a family");
	arena_init(&scene->arena, FAMILY_MEMORY);
	scene->family = family;
	scene->name = arena_printf(&scene->arena, "%.*s", VIEW_ARGS(family->name.text));
	map_init(&scene->levers);
	err = scene->name ? asking_new(w->options.loop, w->options.plan, family, &scene->asking, fault)
			  : fault_set(fault, ERR_MEMORY, "no memory for a family");
	if (err < 0) {
		map_done(&scene->levers);
		arena_done(&scene->arena);
		free(scene);
		return err;
	}
	scene->next = w->scenes;
	w->scenes = scene;
	*out = scene;
	return 0;
}

int scene_of(struct clusters *w, const struct plan_family *family, struct scene **out, struct fault *fault)
{
	int err = scene_find(w, family, out, fault);

	return err ? err : resolve(w, *out, fault);
}

static void scene_free(struct scene *scene)
{
	follower_stop(scene);
	MAP_EACH(&scene->levers, slot)
	lever_free(slot->value);
	map_done(&scene->levers);
	drill_load_free(scene->load); /* a lever was a part of it */
	scene_forget_kept(scene);
	quiet_free(scene->quiet[SIDE_SOURCE]);
	quiet_free(scene->quiet[SIDE_TARGET]);
	asking_free(scene->asking);
	arena_done(&scene->arena);
	free(scene);
}

void scene_forget(struct clusters *w, const struct plan_family *family)
{
	for (struct scene **at = &w->scenes; *at; at = &(*at)->next) {
		struct scene *scene = *at;

		if (scene->family != family)
			continue;
		*at = scene->next;
		scene_free(scene);
		return;
	}
}

/* ---- levers ---- */

/* "NAME@source" to its two parts; false when it is not of that form. */
static bool split_side(struct scene *scene, const char *text, const char **name, enum side *side)
{
	const char *at = strrchr(text, '@');

	if (!at || (strcmp(at + 1, "source") != 0 && strcmp(at + 1, "target") != 0))
		return false;
	*side = strcmp(at + 1, "target") == 0 ? SIDE_TARGET : SIDE_SOURCE;
	*name = arena_printf(&scene->arena, "%.*s", (int)(at - text), text);
	return *name != NULL;
}

static const char **texts_of(struct scene *scene, const struct plan_names *names)
{
	const char **out = arena_array(&scene->arena, (size_t)names->count + 1, sizeof *out);

	for (int i = 0; out && i < names->count; i++) {
		out[i] = arena_printf(&scene->arena, "%.*s", VIEW_ARGS(names->at[i].text));
		if (!out[i])
			return NULL;
	}
	return out;
}

const char *scene_witness(struct clusters *w, struct scene *scene, enum side side)
{
	const char *witness = NULL;
	struct buffer name;

	buffer_init(&name, 4096);
	if (principal_guess(survey_config(w->survey, side), &name, NULL) == 0)
		witness = arena_text(&scene->arena, buffer_string(&name));
	buffer_done(&name);
	return witness;
}

/* Whoever writes: as the plan names them; a drill's load is ourselves. */
static const char **acl_principals(struct clusters *w, struct scene *scene, enum side side, int *count)
{
	const char **out;

	*count = scene->load ? 1 : scene->family->producers.count;
	if (!scene->load)
		return texts_of(scene, &scene->family->producers);
	out = arena_array(&scene->arena, 2, sizeof *out);
	if (out)
		out[0] = scene_witness(w, scene, side);
	return out && out[0] ? out : NULL;
}

static int acl_lever(struct clusters *w, struct scene *scene, enum side side, struct lever **out,
		     struct fault *fault)
{
	const struct plan_names *ids = &scene->family->levers.transactional_ids;
	int principal_count;
	const char **principals = acl_principals(w, scene, side, &principal_count),
		   **which = texts_of(scene, ids);
	struct lever_acl_options options = { .name = arena_printf(&scene->arena, "acl:%s", side_word(side)),
					     .cluster = survey_cluster(w->survey, side),
					     .principals = principals,
					     .principal_count = principal_count,
					     .topics = scene->names[side],
					     .topic_count = scene->topic_count,
					     .ids = which,
					     .id_count = ids->count };

	if (!principals || !which || !options.name)
		return fault_set(fault, ERR_MEMORY, "no memory for a lever");
	options.witness = scene_witness(w, scene, side);
	return lever_acl_new(&options, out, fault);
}

static int group_lever(struct scene *scene, const char *group, struct lever **out, struct fault *fault)
{
	const struct plan_levers *levers = &scene->family->levers;

	for (int i = 0; i < levers->group_count; i++)
		if (view_is(levers->groups[i].head.name, group))
			return lever_group_new(scene->asking, &levers->groups[i], out, fault);
	return fault_set(fault, ERR_NOT_FOUND, "the plan has no lever for group %s", group);
}

static int positions_lever(struct clusters *w, struct scene *scene, const char *group, enum side side,
			   struct lever **out, struct fault *fault)
{
	struct positions_options options = { .loop = w->options.loop,
					     .clusters = { survey_cluster(w->survey, SIDE_SOURCE),
							   survey_cluster(w->survey, SIDE_TARGET) },
					     .side = side,
					     .family = scene->family,
					     .group = group,
					     .topics = scene->topics,
					     .topic_count = scene->topic_count,
					     .memory = w->options.memory_bytes,
					     .rate = w->options.rate_bytes_per_s };

	return lever_positions_new(&options, out, fault);
}

static int config_lever(struct clusters *w, struct scene *scene, const char *name, const char *key,
			enum side side, struct lever **out, struct fault *fault)
{
	const struct plan_pairs *configs = &scene->family->levers.topic_config;

	for (int i = 0; i < configs->count; i++) {
		const char *least;

		if (!view_is(configs->at[i].name.text, key))
			continue;
		least = arena_printf(&scene->arena, "%.*s", VIEW_ARGS(configs->at[i].value.text));
		if (!least)
			return fault_set(fault, ERR_MEMORY, "no memory for a lever");
		return lever_config_new(name, survey_cluster(w->survey, side), scene->names[side],
					scene->topic_count, key, least, out, fault);
	}
	return fault_set(fault, ERR_NOT_FOUND, "the plan raises no config %s", key);
}

static int quota_lever(struct clusters *w, struct scene *scene, const char *name, enum side side,
		       struct lever **out, struct fault *fault)
{
	const struct plan_names *producers = &scene->family->producers;
	const char **users = arena_array(&scene->arena, (size_t)producers->count + 1, sizeof *users);

	if (!users)
		return fault_set(fault, ERR_MEMORY, "no memory for a lever");
	for (int i = 0; i < producers->count; i++) {
		struct view user = producers->at[i].text;

		users[i] = arena_printf(&scene->arena, "%.*s", (int)user.size - USER_SIZE,
					(const char *)user.at + USER_SIZE);
		if (!users[i])
			return fault_set(fault, ERR_MEMORY, "no memory for a lever");
	}
	return lever_quota_new(name, survey_cluster(w->survey, side), users, producers->count,
			       "producer_byte_rate", (double)scene->family->levers.quota.value, out, fault);
}

static int make_lever(struct clusters *w, struct scene *scene, const char *name, struct lever **out,
		      struct fault *fault)
{
	const struct plan_levers *levers = &scene->family->levers;
	const char *rest;
	enum side side;

	if (strcmp(name, "flag") == 0 && levers->flag.head.given)
		return lever_flag_new(scene->asking, &levers->flag, out, fault);
	if (strcmp(name, "bootstrap") == 0 && levers->bootstrap.head.given)
		return lever_bootstrap_new(scene->asking, &levers->bootstrap, out, fault);
	if (strncmp(name, "group:", 6) == 0)
		return group_lever(scene, name + 6, out, fault);
	if (strcmp(name, "acl:source") == 0 || strcmp(name, "acl:target") == 0)
		return acl_lever(w, scene, name[4] == 't' ? SIDE_TARGET : SIDE_SOURCE, out, fault);
	if ((strcmp(name, "quota:source") == 0 || strcmp(name, "quota:target") == 0) && levers->quota.given)
		return quota_lever(w, scene, name, name[6] == 't' ? SIDE_TARGET : SIDE_SOURCE, out, fault);
	if (strncmp(name, "config:", 7) == 0 && split_side(scene, name + 7, &rest, &side))
		return config_lever(w, scene, name, rest, side, out, fault);
	if (strncmp(name, "positions:", 10) == 0 && split_side(scene, name + 10, &rest, &side))
		return positions_lever(w, scene, rest, side, out, fault);
	if (strncmp(name, "transaction:", 12) == 0 && split_side(scene, name + 12, &rest, &side))
		return lever_transaction_new(name, survey_cluster(w->survey, side), &rest, 1, out, fault);
	return fault_set(fault, ERR_NOT_FOUND, "no lever has the name %s", name);
}

static bool is_told(const char *name)
{
	return strcmp(name, "flag") == 0 || strcmp(name, "bootstrap") == 0 || strncmp(name, "group:", 6) == 0;
}

static struct lever *find_lever(struct world *world, const struct plan_family *family, const char *name)
{
	struct clusters *w = (struct clusters *)world;
	struct lever *lever = NULL;
	struct scene *scene;

	if (scene_find(w, family, &scene, NULL) < 0)
		return NULL;
	lever = map_get(&scene->levers, view_text(name));
	if (lever)
		return lever;
	/* Operators are told without a cluster: where writers are held, an outage is no reason not to let them go. */
	if (!is_told(name) && resolve(w, scene, NULL) < 0)
		return NULL;
	if (make_lever(w, scene, name, &lever, NULL) < 0)
		return NULL;
	if (map_put(&scene->levers, view_text(name), lever) < 0) {
		lever_free(lever);
		return NULL;
	}
	return lever;
}

/* ---- looks ---- */

static int write_ends(const struct quiet_look *seen, struct look *out)
{
	json_t *ends = json_array();

	for (int i = 0; i < seen->partition_count; i++) {
		const struct quiet_partition *p = &seen->partitions[i];

		if (p->err || !p->level) {
			out->settled = false;
			if (!out->text[0])
				snprintf(out->text, sizeof out->text, "%s partition %d: %s", p->topic,
					 p->partition,
					 p->err ? err_text(p->err)
						: "records are not yet committed, or a transaction is open");
		}
		json_array_append_new(ends, json_pack("[s, i, I, i]", p->topic, p->partition,
						      (json_int_t)p->end, p->leader_epoch));
	}
	out->ends = ends;
	return ends ? 0 : ERR_MEMORY;
}

static int look(struct world *world, const struct plan_family *family, enum authority side,
		int64_t timeout_ms, struct look *out, struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	enum side where = side_of(side);
	struct quiet_look seen;
	struct look made = { .settled = true };
	struct scene *scene;
	struct arena arena;
	int err = scene_find(w, family, &scene, fault);

	err = err ? err : name_topics(w, scene, where, fault);
	if (err < 0)
		return err;
	if (!scene->quiet[where])
		err = quiet_new(survey_cluster(w->survey, where), scene->names[where], scene->topic_count,
				&scene->quiet[where], fault);
	arena_init(&arena, LOOK_MEMORY);
	err = err ? err
		  : quiet_look(scene->quiet[where], QUIET_TRANSACTIONS, timeout_ms, &arena, &seen, fault);
	if (err == 0)
		err = write_ends(&seen, &made);
	if (err == 0) {
		made.open_transactions = seen.transaction_count;
		if (seen.transaction_count && !made.text[0])
			snprintf(made.text, sizeof made.text, "transaction %s is open",
				 seen.transactions[0].id);
		*out = made;
	}
	arena_done(&arena);
	return err;
}

static int canary(struct world *world, const struct plan_family *family, enum authority side,
		  int64_t timeout_ms, struct canaries *out, struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	enum side where = side_of(side);
	struct canary_list list;
	struct scene *scene;
	struct arena arena;
	int err = scene_of(w, family, &scene, fault);

	if (err < 0)
		return err;
	arena_init(&arena, LOOK_MEMORY);
	err = canary_look(survey_cluster(w->survey, where), scene->names[where], scene->topic_count, NULL, 0,
			  timeout_ms, &arena, &list, fault);
	if (err == 0) {
		*out = (struct canaries){ .denied = list.denied,
					  .allowed = list.allowed,
					  .unknown = list.unknown };
		for (int i = 0; i < list.count && !out->text[0]; i++)
			if (list.at[i].answer != CANARY_DENIED)
				snprintf(out->text, sizeof out->text, "broker %d, %s partition %d: %s",
					 list.at[i].node, list.at[i].topic, list.at[i].partition,
					 canary_word(list.at[i].answer));
	}
	arena_done(&arena);
	return err;
}

/* ---- leaks ---- */

/* Whoever wrote it, as far as a broker tells: its id always, its name when it writes in transactions. */
static void name_writer(struct cluster *cluster, const struct leak_watch *leak, char *out, size_t size)
{
	const char *name = NULL;
	struct arena arena;

	arena_init(&arena, LOOK_MEMORY);
	if (leak->producer_id >= 0)
		producer_name(cluster, leak->producer_id, TIMEOUT_MS, &arena, &name, NULL);
	if (leak->producer_id < 0)
		snprintf(out, size, "a producer without an id");
	else
		snprintf(out, size, "producer %lld epoch %d%s%s", (long long)leak->producer_id,
			 leak->producer_epoch, name ? ", transactional id " : "", name ? name : "");
	arena_done(&arena);
}

static int leak(struct world *world, const struct plan_family *family, enum authority side,
		const json_t *ends, int64_t timeout_ms, char *text, size_t size, json_t **now,
		struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	struct cluster *cluster = survey_cluster(w->survey, side_of(side));
	struct leak_watch *watches = calloc(json_array_size(ends) + 1, sizeof *watches);
	char writer[300];
	json_t *end;
	size_t index;
	int found;

	if (!watches)
		return fault_set(fault, ERR_MEMORY, "no memory to look behind a fence");
	json_array_foreach(ends, index, end)
	{
		watches[index] =
			(struct leak_watch){ .topic = json_string_value(json_array_get(end, 0)),
					     .partition = (int32_t)json_integer_value(json_array_get(end, 1)),
					     .end = json_integer_value(json_array_get(end, 2)) };
	}
	found = leak_look(w->options.loop, cluster, watches, (int)json_array_size(ends), timeout_ms, fault);
	for (size_t i = 0; i < json_array_size(ends) && found > 0; i++) {
		if (!watches[i].leaked)
			continue;
		name_writer(cluster, &watches[i], writer, sizeof writer);
		snprintf(text, size,
			 "%s partition %d offset %lld on the %s, written at %lld ms by %s, behind its fence",
			 watches[i].topic, watches[i].partition, (long long)watches[i].offset,
			 authority_word(side), (long long)watches[i].timestamp, writer);
		break;
	}
	if (found > 0) {
		*now = json_deep_copy(ends);
		for (size_t i = 0; i < json_array_size(*now); i++)
			if (watches[i].now >= 0)
				json_array_set_new(json_array_get(*now, i), 2, json_integer(watches[i].now));
	}
	free(watches);
	return found;
}

/* ---- time, and telling ---- */

bool world_is_interrupted(const struct clusters *w)
{
	return w->options.interrupts && *w->options.interrupts && !w->world.finishing;
}

static int pause_for(struct world *world, int64_t ms)
{
	struct clusters *w = (struct clusters *)world;
	bool never = false;
	int err = world_is_interrupted(w)
			  ? ERR_CANCELLED
			  : loop_until(w->options.loop, &never, loop_now_ms(w->options.loop) + ms);

	return err == ERR_TIMEOUT ? 0 : err;
}

static void tell(struct world *world, const struct plan_family *family, const char *text)
{
	struct clusters *w = (struct clusters *)world;
	char name[300];

	if (!w->options.tell)
		return;
	snprintf(name, sizeof name, "%.*s", VIEW_ARGS(family->name.text));
	w->options.tell(w->options.context, name, text);
}

/* ---- calling somebody ---- */

/* Without a scene, for a scene asks the clusters, and an outage of theirs is what people are called for. */
static int page(struct world *world, const struct plan_family *family, uint64_t epoch, const char *text,
		struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	struct question question = { .kind = ASK_SET,
				     .words = { text },
				     .epoch = epoch,
				     .timeout_ms = family->page.timeout_ms.value };
	struct asking *asking = NULL;
	struct answer answer = { 0 };
	int err = asking_new(w->options.loop, w->options.plan, family, &asking, fault);

	err = err ? err : ask(asking, &family->page.call, &question, &answer, fault);
	/* The epoch is told because a PUT tells one; that a newer one was seen makes it no less of a call, if it was made. */
	if (err == 0 && answer.kind == ANSWER_OLDER)
		err = fault_set(fault, ERR_BROKER,
				"it refused the epoch, and calls are not refused for that");
	asking_free(asking);
	return err;
}

/* ---- all of it ---- */

static const struct world_ops clusters_ops = {
	.lever = find_lever,
	.look = look,
	.canary = canary,
	.judge = world_judge,
	.forecast = world_forecast,
	.level = world_level,
	.leak = leak,
	.page = page,
	.release = world_release,
	.publish = world_publish,
	.pause = pause_for,
	.drill = &world_drill,
	.scaffold = &world_scaffold,
	.tell = tell,
};

struct survey *world_survey(struct world *world)
{
	return ((struct clusters *)world)->survey;
}

bool world_is_gathering(const struct world *world)
{
	return ((const struct clusters *)world)->gathering;
}

int world_open(const struct world_options *options, struct world **out, struct fault *fault)
{
	struct clusters *w = calloc(1, sizeof *w);
	struct survey_options survey = { .plan_file = options->plan_file,
					 .timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS,
					 .memory_bytes = options->memory_bytes,
					 .rate_bytes_per_s = options->rate_bytes_per_s };
	int err;

	if (!w)
		return fault_set(fault, ERR_MEMORY, "no memory for a controller");
	w->world.ops = &clusters_ops;
	w->options = *options;
	err = survey_open(options->loop, options->plan, &survey, &w->survey, fault);
	if (err < 0) {
		world_close(&w->world);
		return err;
	}
	*out = &w->world;
	return 0;
}

void world_close(struct world *world)
{
	struct clusters *w = (struct clusters *)world;

	if (!w)
		return;
	while (w->scenes) {
		struct scene *scene = w->scenes;

		w->scenes = scene->next;
		scene_free(scene);
	}
	world_publish_done(w);
	survey_close(w->survey);
	free(w);
}

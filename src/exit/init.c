/* init.c - discover both clusters, then write the plan. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "client/config.h"
#include "exit/discover.h"
#include "exit/plan.h"
#include "exit/plan_write.h"
#include "loop/loop.h"

#define TIMEOUT_MS_USUAL 30000
#define INIT_MEMORY      ((size_t)1 << 30)

struct initing {
	const struct init_options *options;
	struct arena arena;
	struct facts facts;
};

static bool wanted(void *context, const char *topic)
{
	const struct init_options *options = context;

	for (int i = 0; i < options->topic_count; i++)
		if (glob_match(view_text(options->topics[i]), view_text(topic)))
			return true;
	return options->topic_count == 0 && strncmp(topic, "__", 2) != 0;
}

/* "kafka-old.example.org:9092" or "conf/old.properties" to "kafka-old" or "old". */
static const char *short_name(struct arena *arena, const char *cluster)
{
	const char *slash = strrchr(cluster, '/'), *from = slash ? slash + 1 : cluster;
	size_t size = 0;
	char *name;

	while (isalnum((unsigned char)from[size]) || from[size] == '-' || from[size] == '_')
		size++;
	name = arena_printf(arena, "%.*s", (int)size, from);
	return name && size && !isdigit((unsigned char)from[0]) ? name : NULL;
}

static const char *exit_name(struct initing *in)
{
	const char *source = short_name(&in->arena, in->options->source),
		   *target = short_name(&in->arena, in->options->target);

	if (in->options->exit_name)
		return in->options->exit_name;
	if (!source || !target || strcmp(source, target) == 0)
		return "source-to-target";
	return arena_printf(&in->arena, "%s-to-%s", source, target);
}

/* A path in the plan is relative to the plan; where the plan goes elsewhere, an absolute one is the safe answer. */
static const char *as_in_plan(struct initing *in, const char *cluster)
{
	bool elsewhere = in->options->plan_file && strchr(in->options->plan_file, '/');
	char *absolute;
	const char *kept;

	if (!plan_is_properties(view_text(cluster)) || cluster[0] == '/' || !elsewhere)
		return cluster;
	absolute = realpath(cluster, NULL);
	kept = absolute ? arena_text(&in->arena, absolute) : cluster;
	free(absolute);
	return kept;
}

static int discover(struct initing *in, struct loop *loop, enum side side, struct fault *fault)
{
	const char *argument = side == SIDE_SOURCE ? in->options->source : in->options->target;
	const struct cluster_config *config = NULL;
	struct cluster *cluster = NULL;
	int err = config_load(argument, &config, fault);

	if (err < 0)
		return fault_at(fault, "%s", side_word(side));
	err = cluster_new(loop, side_word(side), config, &cluster, fault);
	config_release(config);
	if (err == 0) {
		struct discovering discovering = { .cluster = cluster,
						   .address = argument,
						   .timeout_ms = in->options->timeout_ms
									 ? in->options->timeout_ms
									 : TIMEOUT_MS_USUAL,
						   .arena = &in->arena,
						   .wanted = wanted,
						   .context = (void *)in->options };

		err = discover_side(&discovering, &in->facts.sides[side], fault);
	}
	if (cluster)
		cluster_free(cluster);
	return err;
}

int init_run(struct loop *loop, const struct init_options *options, struct buffer *out,
	     struct init_summary *summary, struct fault *fault)
{
	struct initing in = { .options = options };
	struct plan_writing writing = { .topics = options->topics, .topic_count = options->topic_count };
	int err;

	arena_init(&in.arena, INIT_MEMORY);
	err = discover(&in, loop, SIDE_SOURCE, fault);
	err = err ? err : discover(&in, loop, SIDE_TARGET, fault);
	if (err == 0) {
		writing.exit_name = exit_name(&in);
		writing.source = as_in_plan(&in, options->source);
		writing.target = as_in_plan(&in, options->target);
		err = plan_write(&writing, &in.facts, out, summary, fault);
	}
	arena_done(&in.arena);
	return err;
}

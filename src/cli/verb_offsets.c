/* verb_offsets.c - `interlock offsets`: where each consumer group stands on the target, exactly, with the proof. */
#include <stdio.h>
#include <unistd.h>

#include "cli/clusters.h"
#include "cli/option_shared.h"
#include "cli/render_offsets.h"
#include "cli/selection.h"
#include "cli/session.h"
#include "cli/verbs.h"

#define SELECTION_SIZE_MAX (16u << 20)

struct offsets_settings {
	SETTINGS_COMMON;
	const char *source, *target;
	struct texts groups, topics, ignore_headers;
	const char *identity;
	bool ignore_timestamp, apply, yes;
	int64_t settle_ms, memory_bytes, rate_bytes_per_s, timeout_ms;
};

#define AT(field) offsetof(struct offsets_settings, field)

/* clang-format off */
static const struct option options[] = {
	{ .name = "source", .value = "CLUSTER", .kind = OPTION_CLUSTER, .required = true, .at = AT(source),
	  .help = "where the groups have their positions: host:port[,host:port...] or a .properties file" },
	{ .name = "target", .value = "CLUSTER", .kind = OPTION_CLUSTER, .required = true, .at = AT(target),
	  .help = "where they shall go on" },
	{ .name = "group", .value = "G", .kind = OPTION_TEXTS, .required = true, .at = AT(groups),
	  .help = "a consumer group, or a quoted glob over the source's groups such as 'billing-*'; repeats" },
	{ .name = "topic", .value = "T[=T2]", .kind = OPTION_TEXTS, .at = AT(topics),
	  .help = "only this topic, with its name on the target when that differs; repeats (all topics in which the groups have "
		  "a position unless given)" },
	{ .name = "apply", .kind = OPTION_FLAG, .at = AT(apply),
	  .help = "commit the positions on the target and read them back; only for groups without active members there" },
	{ .name = "yes", .kind = OPTION_FLAG, .at = AT(yes),
	  .help = "do not ask before --apply; needed where nobody sits at a terminal" },
	{ .name = "identity", .value = "HOW", .kind = OPTION_TEXT, .at = AT(identity), .fallback = "content",
	  .help = "what makes two records the same event: content, header:NAME or key+header:NAME" },
	{ .name = "ignore-header", .value = "NAME", .kind = OPTION_TEXTS, .at = AT(ignore_headers),
	  .help = "leave this header out when records are matched; repeats" },
	{ .name = "ignore-timestamp", .kind = OPTION_FLAG, .at = AT(ignore_timestamp),
	  .help = "do not compare timestamps when records are matched" },
	{ .name = "settle", .value = "DURATION", .kind = OPTION_DURATION, .at = AT(settle_ms), .fallback = "5s",
	  .help = "how long the target may take to show what a group has still to read" },
	TAKES_MEMORY(AT(memory_bytes)),
	TAKES_RATE(AT(rate_bytes_per_s)),
	TAKES_TIMEOUT(AT(timeout_ms), "30s"),
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock offsets --source old:9092 --target new:9092 --group billing",
	  "Where would billing go on, and is that proved?" },
	{ "interlock offsets --source old:9092 --target new:9092 --group 'search-*' --topic orders=orders.v2 --apply --yes",
	  "Commit it there, after the group was stopped on the source:" },
	{ NULL, NULL },
};
/* clang-format on */

static void progress(void *context, const char *what, double part)
{
	if (part >= 0)
		output_progress(context, "%s: %.0f %%", what, 100 * part);
	else
		output_progress(context, "%s", what);
}

static int options_of(struct output *output, const struct offsets_settings *settings, struct arena *arena,
		      struct group_map_options *out, struct fault *fault)
{
	struct topic_choice *topics = NULL;
	int err = topics_parse(&settings->topics, arena, &topics, fault);

	if (err < 0)
		return err;
	*out = (struct group_map_options){
		.groups = settings->groups.at,
		.group_count = (size_t)settings->groups.count,
		.topics = topics,
		.topic_count = (size_t)settings->topics.count,
		.ignore_headers = settings->ignore_headers.at,
		.ignore_header_count = (size_t)settings->ignore_headers.count,
		.ignore_timestamp = settings->ignore_timestamp,
		.settle_ms = settings->settle_ms,
		.memory = (uint64_t)settings->memory_bytes,
		.rate = settings->rate_bytes_per_s == OPTION_ABSENT ? 0
								    : (uint64_t)settings->rate_bytes_per_s,
		.deadline_ms = settings->timeout_ms,
		.progress = progress,
		.context = output,
	};
	return identity_parse(settings->identity, &out->identity, &out->identity_header, fault);
}

/* How many positions --apply would write. */
static size_t count_proved(const struct group_map *map)
{
	size_t count = 0;

	for (size_t index = 0; index < map->place_count; index++)
		count += map->places[index].proof != PROOF_NONE && !map->places[index].shut;
	return count;
}

/* Shows what would be written and waits for a yes.  Only where somebody sits: that was checked before. */
static bool operator_agrees(struct session *session, const struct group_map *map)
{
	struct output *output = session->output;
	char answer[16] = "";

	if (!output->json)
		render_offsets(output, map);
	fflush(output->out);
	output_progress(output, "%s", "");
	fprintf(output->err, "commit %zu positions on the target? [y/N] ", count_proved(map));
	fflush(output->err);
	return session_line(session, answer, sizeof answer) && (answer[0] == 'y' || answer[0] == 'Y');
}

static enum status apply(struct session *session, const struct offsets_settings *settings,
			 struct cluster *target, struct group_map *map)
{
	struct output *output = session->output;
	struct fault fault = { 0 };

	if (!settings->yes && !operator_agrees(session, map)) {
		if (output->json)
			render_offsets(output, map);
		output_note(output, "nothing was written");
		return STATUS_SHUT;
	}
	if (group_map_apply(session->loop, target, map, settings->timeout_ms, &fault) < 0)
		return output_fault(output, &fault);
	return render_offsets(output, map);
}

static enum status compute(struct output *output, const struct offsets_settings *settings,
			   const struct group_map_options *asked)
{
	struct fault fault = { 0 };
	struct clusters clusters;
	struct session session;
	struct group_map map;
	enum status status;
	int err;

	if (session_open(&session, output, true, &fault) < 0)
		return output_fault(output, &fault);
	if (clusters_open(&clusters, session.loop, settings->source, settings->target, &fault) < 0) {
		status = output_fault(output, &fault);
	} else {
		err = group_map_compute(session.loop, clusters.source, clusters.target, asked, &map, &fault);
		if (err == ERR_CANCELLED)
			status = output_error(output, STATUS_UNKNOWN,
					      "interrupted; nothing was decided and nothing was written");
		else if (err < 0)
			status = output_fault(output, &fault);
		else if (settings->apply)
			status = apply(&session, settings, clusters.target, &map);
		else
			status = render_offsets(output, &map);
		group_map_done(&map);
		clusters_close(&clusters);
	}
	session_close(&session);
	return status;
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct offsets_settings *settings = given;
	struct group_map_options asked;
	struct fault fault = { 0 };
	struct arena arena;
	enum status status;

	if (settings->apply && !settings->yes && !(isatty(STDIN_FILENO) && output->err_terminal))
		return output_error(output, STATUS_USAGE,
				    "--apply writes to the target, and nobody sits at a terminal to be "
				    "asked; add --yes");
	if (settings->yes && !settings->apply)
		return output_error(output, STATUS_USAGE, "--yes agrees to --apply, which is not there");
	arena_init(&arena, SELECTION_SIZE_MAX);
	if (options_of(output, settings, &arena, &asked, &fault) < 0)
		status = output_fault(output, &fault);
	else
		status = compute(output, settings, &asked);
	arena_done(&arena);
	return status;
}

const struct verb verb_offsets = {
	.name = "offsets",
	.kind = VERB_READY,
	.summary = "find where consumer groups go on at the target, with the proof, and commit it",
	.options = options,
	.settings_size = sizeof(struct offsets_settings),
	.text = "For each group and partition it computes the position on the target whose next record is "
		"the source's next record, "
		"proves it by the digests of the records around it, counts what would be skipped (must be "
		"none) and what would be "
		"read again, and says where auto.offset.reset would have put a consumer instead.\n\n"
		"Nothing is written without --apply. With it, the positions of groups that have no active "
		"member on the target are "
		"committed there and read back. A group with active members is refused, because they would "
		"overwrite the position "
		"with their own.",
	.examples = examples,
	.run = run,
};

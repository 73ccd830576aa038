/* verb_offsets.c - `interlock offsets`: where each consumer group stands on the target, exactly, with the proof. */
#include "cli/verbs.h"

struct offsets_settings {
	SETTINGS_COMMON;
	const char *source, *target;
	struct texts groups, topics, ignore_headers;
	const char *identity;
	bool ignore_timestamp, apply, yes;
	int64_t memory_bytes, rate_bytes_per_s, timeout_ms;
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
	{ .name = "memory", .value = "SIZE", .kind = OPTION_SIZE, .at = AT(memory_bytes), .fallback = "256MiB",
	  .help = "the most memory that the process may take" },
	{ .name = "rate", .value = "RATE", .kind = OPTION_RATE, .at = AT(rate_bytes_per_s),
	  .help = "read no faster than this from both clusters together (no limit unless given)" },
	{ .name = "timeout", .value = "DURATION", .kind = OPTION_DURATION, .at = AT(timeout_ms), .fallback = "30s",
	  .help = "how long a cluster may be silent before it counts as unreachable" },
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

static enum status run(struct output *output, const struct verb *verb, const void *settings,
		       const struct texts *rest)
{
	return output_error(output, STATUS_USAGE, "not in this build yet. Nothing was done");
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

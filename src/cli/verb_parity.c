/* verb_parity.c - `interlock parity`: do the topics of two clusters carry the same facts? */
#include <string.h>

#include "cli/clusters.h"
#include "cli/option_shared.h"
#include "cli/render_parity.h"
#include "cli/selection.h"
#include "cli/session.h"
#include "cli/verb_parity.h"
#include "cli/verbs.h"

#define FOLLOW_LINE_MS     10000 /* between two lines of --follow where no terminal shows it live */
#define SELECTION_SIZE_MAX (16u << 20)

static const char *const claim_words[] = { "counts",  "content", "key-order", "partition-order",
					   "offsets", "latest",  NULL };

#define AT(field) offsetof(struct parity_settings, field)

/* clang-format off */
static const struct option options[] = {
	{ .name = "source", .value = "CLUSTER", .kind = OPTION_CLUSTER, .required = true, .at = AT(source),
	  .help = "the cluster that is the truth: host:port[,host:port...] or a .properties file" },
	{ .name = "target", .value = "CLUSTER", .kind = OPTION_CLUSTER, .required = true, .at = AT(target),
	  .help = "the cluster that should carry the same records" },
	{ .name = "topic", .value = "T[=T2]", .kind = OPTION_TEXTS, .required = true, .at = AT(topics),
	  .help = "a topic, the name it has on the target when that differs, or a quoted glob over the source's topics such as "
		  "'orders*'; repeats" },
	{ .name = "claim", .value = "CLAIM", .kind = OPTION_CHOICE, .at = AT(claim), .choices = claim_words,
	  .fallback = "key-order",
	  .help = "what must hold, weakest first: counts, content, key-order, partition-order, offsets; latest stands aside "
		  "and speaks of the last value of each key of a compacted topic" },
	{ .name = "follow", .kind = OPTION_FLAG, .at = AT(follow),
	  .help = "go on as both sides grow, until --until or an interrupt; then both ends are taken as they stand and judged" },
	{ .name = "settle", .value = "DURATION", .kind = OPTION_DURATION, .at = AT(settle_ms), .fallback = "5s",
	  .help = "how long the target may take to catch up with the source's end before what is missing counts as missing" },
	{ .name = "since", .value = "TIME", .kind = OPTION_TIME, .at = AT(since_ms),
	  .help = "leave older records out: RFC 3339 or back from now such as -2h; inclusive" },
	{ .name = "until", .value = "TIME", .kind = OPTION_TIME, .at = AT(until_ms),
	  .help = "leave newer records out; exclusive. With --follow, when to end" },
	{ .name = "identity", .value = "HOW", .kind = OPTION_TEXT, .at = AT(identity), .fallback = "content",
	  .help = "what makes two records the same event: content, header:NAME or key+header:NAME" },
	{ .name = "ignore-header", .value = "NAME", .kind = OPTION_TEXTS, .at = AT(ignore_headers),
	  .help = "leave this header out of the comparison, for instance one that the copier adds; repeats" },
	{ .name = "ignore-timestamp", .kind = OPTION_FLAG, .at = AT(ignore_timestamp),
	  .help = "do not compare timestamps" },
	{ .name = "findings", .value = "N", .kind = OPTION_COUNT, .at = AT(findings), .fallback = "20",
	  .help = "how many examples of each class to show; all are counted" },
	{ .name = "checkpoint", .value = "FILE", .kind = OPTION_PATH, .at = AT(checkpoint),
	  .help = "keep the state of the comparison in FILE, and go on from there when it exists" },
	TAKES_MEMORY(AT(memory_bytes)),
	TAKES_RATE(AT(rate_bytes_per_s)),
	TAKES_TIMEOUT(AT(timeout_ms), "30s"),
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock parity --source old:9092 --target new:9092 --topic orders",
	  "Do both clusters carry the same orders, in the same order within each key?" },
	{ "interlock parity --source old.properties --target new.properties --topic 'pay*' --topic orders=orders.v2 --json",
	  "All topics that start with pay, and one that has another name on the target; for a script:" },
	{ "interlock parity --source old:9092 --target new:9092 --topic orders --since -2h --identity header:event-id",
	  "Two independent writers, matched by a header, only the last two hours:" },
	{ "interlock parity --source old:9092 --target new:9092 --topic orders --follow --checkpoint orders.state",
	  "Watch while both are written, and go on after a restart:" },
	{ NULL, NULL },
};
/* clang-format on */

struct watcher {
	struct output *output;
	bool follow;
	double shown_seconds; /* when the last line of --follow was written to a pipe */
};

/* A terminal shows one live line; a log of --follow gets a line now and then, as its output. */
static void watch(void *context, const struct parity_progress *progress)
{
	struct watcher *watcher = context;
	char glance[GLANCE_SIZE];

	output_progress(watcher->output, "%s", parity_glance(progress, glance));
	if (!watcher->follow || watcher->output->json || watcher->output->out_terminal ||
	    watcher->output->quiet)
		return;
	if ((progress->seconds - watcher->shown_seconds) * 1000 < FOLLOW_LINE_MS)
		return;
	watcher->shown_seconds = progress->seconds;
	fprintf(watcher->output->out, "%s\n", glance);
	fflush(watcher->output->out);
}

/* From what was typed to what the comparer takes; texts stay where they are, topics go into `arena`. */
static int options_of(const struct parity_settings *settings, struct arena *arena, struct parity_options *out,
		      struct fault *fault)
{
	struct topic_choice *topics = NULL;
	int err = topics_parse(&settings->topics, arena, &topics, fault);

	if (err < 0)
		return err;
	parity_options_init(out);
	err = identity_parse(settings->identity, &out->identity, &out->identity_header, fault);
	if (err < 0)
		return err;
	if ((uint64_t)settings->memory_bytes < PARITY_MEMORY_LEAST)
		return fault_set(fault, ERR_USAGE, "--memory is too small; at least %lluMiB",
				 (unsigned long long)(PARITY_MEMORY_LEAST >> 20));
	if (settings->findings > INT32_MAX)
		return fault_set(fault, ERR_USAGE, "--findings is too large; at most %d", INT32_MAX);
	if (settings->since_ms != OPTION_ABSENT && settings->until_ms != OPTION_ABSENT &&
	    settings->since_ms >= settings->until_ms)
		return fault_set(fault, ERR_USAGE,
				 "--since is not before --until, so there is nothing to compare");
	out->topics = topics;
	out->topic_count = (size_t)settings->topics.count;
	out->claim = claim_parse(claim_words[settings->claim]);
	out->settle_ms = settings->settle_ms;
	out->since_ms = settings->since_ms == OPTION_ABSENT ? PARITY_TIME_NONE : settings->since_ms;
	out->until_ms = settings->until_ms == OPTION_ABSENT ? PARITY_TIME_NONE : settings->until_ms;
	out->ignore_headers = settings->ignore_headers.at;
	out->ignore_header_count = (size_t)settings->ignore_headers.count;
	out->ignore_timestamp = settings->ignore_timestamp;
	out->follow = settings->follow;
	out->signals = true;
	out->checkpoint = settings->checkpoint;
	out->memory = (uint64_t)settings->memory_bytes;
	out->rate = settings->rate_bytes_per_s == OPTION_ABSENT ? 0 : (uint64_t)settings->rate_bytes_per_s;
	out->findings = (int)settings->findings;
	out->deadline_ms = settings->timeout_ms;
	return 0;
}

static enum status compare(struct output *output, const struct parity_settings *settings,
			   const struct parity_options *asked)
{
	struct watcher watcher = { .output = output, .follow = settings->follow };
	struct parity_report report;
	struct fault fault = { 0 };
	struct clusters clusters;
	struct session session;
	enum status status;
	int err;

	if (session_open(&session, output, false, &fault) < 0)
		return output_fault(output, &fault);
	err = clusters_open(&clusters, session.loop, settings->source, settings->target, &fault);
	if (err < 0) {
		status = output_fault(output, &fault);
	} else {
		err = parity_compare(session.loop, clusters.source, clusters.target, asked, watch, &watcher,
				     &report, &fault);
		if (err == ERR_CONFLICT) /* a checkpoint of another comparison is a wrong file, not another act */
			fault.err = ERR_CONFIG;
		status = err < 0 ? output_fault(output, &fault) : render_parity(output, &report);
		parity_report_done(&report);
		clusters_close(&clusters);
	}
	session_close(&session);
	return status;
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct parity_settings *settings = given;
	struct parity_options asked;
	struct fault fault = { 0 };
	struct arena arena;
	enum status status;

	arena_init(&arena, SELECTION_SIZE_MAX);
	if (options_of(settings, &arena, &asked, &fault) < 0)
		status = output_fault(output, &fault);
	else
		status = compare(output, settings, &asked);
	arena_done(&arena);
	return status;
}

const struct verb verb_parity = {
	.name = "parity",
	.kind = VERB_READY,
	.summary = "compare topics of two clusters, record by record, and name each difference",
	.options = options,
	.settings_size = sizeof(struct parity_settings),
	.text = "Reads both clusters and compares what committed readers see there. Nothing is written to "
		"either, and no topic is "
		"created by looking. How the records are batched, compressed and where their offsets lie "
		"does not matter, unless "
		"the claim is about it.\n\n"
		"Without --follow the comparison goes up to the ends of both logs as they stood at the "
		"start, and waits --settle for "
		"the target to catch up. One fault is one finding: LOST, DUPLICATE, PHANTOM, ABORTED_LEAK, "
		"ALTERED, META, "
		"REORDERED_KEY, REORDERED_PARTITION, MISROUTED, TORN_TXN, COMPACTED or UNREADABLE, with "
		"partition, offset, "
		"timestamp and the key's hash on each side.\n\n"
		"An interrupt ends --follow with a judgement, and a comparison without --follow as unknown, "
		"after the checkpoint is "
		"written. A second one ends at once.",
	.examples = examples,
	.run = run,
};

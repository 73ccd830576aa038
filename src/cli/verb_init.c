/* verb_init.c - `interlock init`: look at both clusters and write a plan to start from. */
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/option_shared.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "exit/init.h"

#define PLAN_SIZE_MAX (16u << 20)

struct init_settings {
	SETTINGS_COMMON;
	const char *source, *target, *plan, *name;
	struct texts topics;
	int64_t timeout_ms;
	bool force;
};

#define AT(field) offsetof(struct init_settings, field)

/* clang-format off */
static const struct option options[] = {
	{ .name = "source", .value = "CLUSTER", .kind = OPTION_CLUSTER, .required = true, .at = AT(source),
	  .help = "the cluster to leave: host:port[,host:port...] or a .properties file" },
	{ .name = "target", .value = "CLUSTER", .kind = OPTION_CLUSTER, .required = true, .at = AT(target),
	  .help = "the cluster to go to" },
	{ .name = "topic", .value = "T", .kind = OPTION_TEXTS, .at = AT(topics),
	  .help = "only this topic, or a quoted glob over the source's topics; repeats (all but internal ones unless given)" },
	{ .name = "plan", .value = "FILE", .kind = OPTION_PATH, .at = AT(plan), .fallback = "exit.yaml",
	  .help = "where the plan is written; - for standard output" },
	{ .name = "exit", .value = "NAME", .kind = OPTION_TEXT, .at = AT(name),
	  .help = "what the exit is called (made from the clusters' names unless given)" },
	{ .name = "force", .kind = OPTION_FLAG, .at = AT(force), .help = "write over a plan that is there already" },
	TAKES_TIMEOUT(AT(timeout_ms), "30s"),
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock init --source old.properties --target new.properties", "Write exit.yaml, then read it and fill in the owners:" },
	{ NULL, NULL },
};
/* clang-format on */

/* A plan holds a person's decisions: it is never written over unasked. */
static bool may_write(struct output *output, const struct init_settings *settings)
{
	if (strcmp(settings->plan, "-") == 0 || settings->force || access(settings->plan, F_OK) != 0)
		return true;
	output_error(output, STATUS_USAGE,
		     "%s is there already; --force writes over it, --plan FILE writes elsewhere",
		     settings->plan);
	return false;
}

static json_t *summary_json(const struct init_settings *settings, const struct init_summary *summary)
{
	return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "plan", settings->plan, "families",
			 summary->family_count, "topics", summary->topic_count, "groups",
			 summary->group_count, "principals", summary->principal_count, "open",
			 summary->open_count);
}

static enum status show(struct output *output, const struct init_settings *settings,
			const struct init_summary *summary, struct buffer *plan)
{
	bool to_stdout = strcmp(settings->plan, "-") == 0;
	struct paper paper;
	struct fault fault;

	if (!to_stdout && file_replace(settings->plan, buffer_bytes(plan), &fault) < 0)
		return output_error(output, STATUS_CONFIG, "%s", fault.text);
	if (output->json && !to_stdout) {
		output_json(output, summary_json(settings, summary));
		return STATUS_OPEN;
	}
	output_paper(output, &paper);
	if (to_stdout) {
		buffer_view(&paper.text, buffer_bytes(plan));
	} else {
		paper_line(&paper, "%s: %d %s with %d %s, %d %s and %d %s", settings->plan,
			   summary->family_count, summary->family_count == 1 ? "family" : "families",
			   summary->topic_count, summary->topic_count == 1 ? "topic" : "topics",
			   summary->group_count, summary->group_count == 1 ? "group" : "groups",
			   summary->principal_count,
			   summary->principal_count == 1 ? "producer" : "producers");
		if (summary->open_count)
			paper_line(&paper, "%d places are marked TODO: only you can fill them in",
				   summary->open_count);
		paper_line(&paper, "next: read it, then interlock check%s%s",
			   strcmp(settings->plan, "exit.yaml") ? " --plan " : "",
			   strcmp(settings->plan, "exit.yaml") ? settings->plan : "");
	}
	output_show(output, &paper);
	return STATUS_OPEN;
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct init_settings *settings = given;
	struct init_options asked = {
		.source = settings->source,
		.target = settings->target,
		.topics = settings->topics.at,
		.topic_count = settings->topics.count,
		.exit_name = settings->name,
		.plan_file = settings->plan,
		.timeout_ms = settings->timeout_ms,
	};
	struct init_summary summary = { 0 };
	struct fault fault = { 0 };
	struct session session;
	struct buffer plan;
	enum status status;
	int err;

	if (output->json && strcmp(settings->plan, "-") == 0)
		return output_error(output, STATUS_USAGE,
				    "--json and --plan - both want standard output; leave one out");
	if (!may_write(output, settings))
		return STATUS_USAGE;
	if (session_open(&session, output, true, &fault) < 0)
		return output_fault(output, &fault);
	buffer_init(&plan, PLAN_SIZE_MAX);
	output_progress(output, "looking at both clusters");
	err = init_run(session.loop, &asked, &plan, &summary, &fault);
	status = err < 0 ? output_fault(output, &fault) : show(output, settings, &summary, &plan);
	buffer_done(&plan);
	session_close(&session);
	return status;
}

const struct verb verb_init = {
	.name = "init",
	.kind = VERB_READY,
	.summary = "look at both clusters and write a commented plan, exit.yaml",
	.options = options,
	.settings_size = sizeof(struct init_settings),
	.text = "Discovers topics, consumer groups and the principals that may write, puts what belongs "
		"together into families, and "
		"writes the plan that a person would have written, with comments. What only a person can "
		"know is marked TODO. "
		"Nothing is changed on either cluster.",
	.examples = examples,
	.run = run,
};

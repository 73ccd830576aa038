/* verb_broker.c - `interlock broker`: a broker that speaks Kafka's protocol. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "broker/broker.h"
#include "cli/verbs.h"

struct broker_settings {
	SETTINGS_COMMON;
	const char *data, *listen, *config;
	int64_t nodes, report_ms;
	struct texts set, add_scram;
};

#define AT(field) offsetof(struct broker_settings, field)

static const struct option options[] = {
	{ .name = "data",
	  .value = "DIR",
	  .kind = OPTION_PATH,
	  .at = AT(data),
	  .required = true,
	  .help = "where everything is kept; made when it is not there" },
	{ .name = "listen",
	  .value = "HOST:PORT",
	  .kind = OPTION_TEXT,
	  .at = AT(listen),
	  .help = "where clients connect, without encryption or login; port 0 picks one; 127.0.0.1:9092 when "
		  "neither this nor the property listeners is given" },
	{ .name = "nodes",
	  .value = "N",
	  .kind = OPTION_COUNT,
	  .at = AT(nodes),
	  .fallback = "1",
	  .help = "so many virtual nodes on the one store, each with the next port and the next node.id, for "
		  "tests of "
		  "clients that want a cluster; one disk and one process all the same" },
	{ .name = "report",
	  .value = "DURATION",
	  .kind = OPTION_DURATION,
	  .at = AT(report_ms),
	  .fallback = "0s",
	  .help = "a line of numbers to standard error so often; 0s: none" },
	{ .name = "config",
	  .value = "FILE",
	  .kind = OPTION_PATH,
	  .at = AT(config),
	  .help = "a .properties file with Kafka's own names for brokers" },
	{ .name = "set",
	  .value = "KEY=VALUE",
	  .kind = OPTION_TEXTS,
	  .at = AT(set),
	  .help = "one such property; stronger than the file; repeats" },
	{ .name = "add-scram",
	  .value = "TEXT",
	  .kind = OPTION_TEXTS,
	  .at = AT(add_scram),
	  .help = "a user that may log in, kept before the first client comes: "
		  "SCRAM-SHA-256=[name=NAME,password=PASSWORD]; repeats" },
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock broker --data data --listen 127.0.0.1:9092", "A broker on this machine:" },
	{ "interlock broker --data /tmp/b --listen 127.0.0.1:0 --set auto.create.topics.enable=false",
	  "One for a test, on any free port:" },
	{ NULL, NULL },
};

/* "host:port", "[::1]:port", ":port". */
static int split(const char *listen, char *host, size_t host_size, uint16_t *port, struct fault *fault)
{
	const char *colon = strrchr(listen, ':');
	size_t size = colon ? (size_t)(colon - listen) : 0;
	char *end;
	long number;

	if (!colon || !colon[1] || size >= host_size)
		return fault_set(fault, ERR_USAGE, "--listen wants HOST:PORT, as in 127.0.0.1:9092");
	number = strtol(colon + 1, &end, 10);
	if (*end || number < 0 || number > 65535)
		return fault_set(fault, ERR_USAGE, "--listen: the port is a number from 0 to 65535");
	if (size > 1 && listen[0] == '[' && listen[size - 1] == ']')
		snprintf(host, host_size, "%.*s", (int)size - 2, listen + 1);
	else
		snprintf(host, host_size, "%.*s", (int)size, listen);
	*port = (uint16_t)number;
	return 0;
}

static void warn(void *context, const char *text)
{
	output_note(context, "%s", text);
}

static int read_properties(const struct broker_settings *settings, struct properties *properties,
			   struct output *output, struct fault *fault)
{
	int err = 0;

	if (settings->config)
		err = properties_read(properties, settings->config, warn, output, fault);
	for (int i = 0; err == 0 && i < settings->set.count; i++) {
		struct view text = view_text(settings->set.at[i]);
		const uint8_t *equals = memchr(text.at, '=', text.size);
		size_t size = equals ? (size_t)(equals - text.at) : 0;

		if (!equals)
			return fault_set(fault, ERR_USAGE, "--set wants KEY=VALUE");
		err = properties_set(properties, text_trim(view_of(text.at, size)),
				     view_of(equals + 1, text.size - size - 1), fault);
		if (err == ERR_NOT_FOUND) {
			output_note(output, "%s", fault->text);
			*fault = (struct fault){ 0 };
			err = 0;
		}
	}
	return err;
}

struct ending {
	struct loop *loop;
	bool asked;
};

static void told_to_end(void *owner, int number)
{
	struct ending *ending = owner;

	if (ending->asked)
		_Exit(128 + number); /* whoever asks twice means it; what was acknowledged is kept */
	ending->asked = true;
}

/* One line, for whoever started it and waits: the ports that were picked, a node after the other. */
static void tell(const struct broker *broker, const struct broker_options *how, FILE *out)
{
	char text[400];

	fputs("listening on", out);
	for (int i = 0; broker_listener_text(broker, i, text, sizeof text); i++)
		fprintf(out, "%s%s", i ? "," : " ", text);
	for (int i = 0; broker_node_port(broker, i); i++)
		fprintf(out, "%s%s:%u", i ? "," : " ", how->host && *how->host ? how->host : "*",
			broker_node_port(broker, i));
	fprintf(out, ", cluster %s\n", broker_cluster_id(broker));
	fflush(out);
}

static int serve(const struct broker_settings *settings, const struct broker_options *how,
		 struct output *output, struct fault *fault)
{
	struct ending ending = { 0 };
	struct signals *signals = NULL;
	struct broker *broker = NULL;
	int err = loop_new(&clock_system, 1, &ending.loop);

	if (err < 0)
		return fault_set(fault, err, "out of memory");
	err = signals_new(ending.loop, told_to_end, &ending, &signals);
	if (err == 0)
		err = broker_open(ending.loop, how, &broker, fault);
	if (err == 0) {
		tell(broker, how, output->out);
		err = loop_until(ending.loop, &ending.asked, INT64_MAX);
		broker_free(broker);
	} else if (!fault->err) {
		fault_set(fault, err, "the broker cannot start: %s", err_text(err));
	}
	signals_free(signals);
	loop_free(ending.loop);
	return err;
}

/*
 * Requests and batches come and go by the megabyte.  Left to itself the allocator maps each large one anew and gives it back,
 * and the kernel clears a page for every four kilobytes of every request: that was more work than all of ours.
 */
static void keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct broker_settings *settings = given;
	struct properties properties;
	struct fault fault = { 0 };
	const char **users = NULL;
	bool listeners = false;
	char host[256];
	struct broker_options how = { .folder = settings->data, .host = host, .properties = &properties };
	int err;

	keep_memory();
	properties_init(&properties);
	log_set_level(settings->common.quiet ? LOG_ERROR : LOG_INFO);
	err = split(settings->listen ? settings->listen : "127.0.0.1:9092", host, sizeof host, &how.port,
		    &fault);
	how.report_ms = settings->report_ms;
	how.nodes = settings->nodes > 0 && settings->nodes < 1000 ? (int)settings->nodes : 1000;
	if (err == 0)
		err = read_properties(settings, &properties, output, &fault);
	properties_value(&properties, "listeners", &listeners);
	if (err == 0 && settings->listen && listeners)
		err = fault_set(&fault, ERR_USAGE, "--listen or the property listeners: one says where");
	if (err == 0 && settings->add_scram.count > 0) {
		users = calloc((size_t)settings->add_scram.count + 1, sizeof *users);
		for (int i = 0; users && i < settings->add_scram.count; i++)
			users[i] = settings->add_scram.at[i];
		how.scram_users = users;
		err = users ? 0 : fault_set(&fault, ERR_MEMORY, "out of memory");
	}
	if (err == 0)
		err = serve(settings, &how, output, &fault);
	free(users);
	properties_done(&properties);
	return err < 0 ? output_fault(output, &fault) : STATUS_OPEN;
}

const struct verb verb_broker = {
	.name = "broker",
	.kind = VERB_READY,
	.summary = "a Kafka-compatible broker on shared storage (early: see --help)",
	.options = options,
	.settings_size = sizeof(struct broker_settings),
	.text = "Serves topics over the Kafka protocol. A write is acknowledged when it is on the disk: "
		"after a crash every "
		"acknowledged record is there. Ends in good order at SIGINT or SIGTERM; it may be killed at "
		"any moment.\n\n"
		"This is the first form of the broker, on one machine and in one process. It tells clients "
		"exactly "
		"the APIs that it "
		"has: produce (also idempotent and in transactions), fetch, topics and their configs, "
		"offsets, consumer groups "
		"of both protocols; listeners with TLS and logins by PLAIN and SCRAM, access rules. Not in "
		"this version: "
		"nodes in several processes. A "
		"replication factor of any size is accepted and kept as a label: there is one copy, on the "
		"disk under --data.\n\n"
		"A property that has no effect in this version is told at the start, and is not an error.",
	.examples = examples,
	.run = run,
};

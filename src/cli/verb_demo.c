/* verb_demo.c - `interlock demo`: a whole exit on this machine. */
#include <stdio.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/verbs.h"
#include "demo/demo.h"

struct demo_settings {
	SETTINGS_COMMON;
	const char *keep;
};

#define AT(field) offsetof(struct demo_settings, field)

static const struct option options[] = {
	{ .name = "keep",
	  .value = "DIR",
	  .kind = OPTION_PATH,
	  .at = AT(keep),
	  .help = "play in this folder, new or empty, and leave everything there: plan, journal, "
		  "checkpoints, "
		  "runbook, the data of both brokers" },
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock demo", "See what an exit looks like:" },
	{ "interlock demo --keep exit && interlock verify exit/interlock.db",
	  "And look at its journal afterwards:" },
	{ NULL, NULL },
};

static json_t *json_of(const struct tally *tally)
{
	json_t *sides = json_object();

	for (int side = 0; side < SIDES; side++) {
		const struct side_tally *s = &tally->sides[side];

		json_object_set_new(sides, side_words[side],
				    json_pack("{s:I, s:I, s:I, s:I, s:I}", "orders", (json_int_t)s->orders,
					      "lost", (json_int_t)s->missing, "doubled",
					      (json_int_t)s->doubled, "reordered", (json_int_t)s->reordered,
					      "planted", (json_int_t)s->others));
	}
	return json_pack("{s:s, s:I, s:I, s:I, s:o}", "verdict", "open", "orders", (json_int_t)tally->begun,
			 "acknowledged", (json_int_t)tally->acknowledged, "unread",
			 (json_int_t)tally->unread, "sides", sides);
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct demo_settings *settings = given;
	struct tally tally = { 0 };
	struct fault fault = { 0 };
	char program[4096];
	ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
	struct demo_options how = { .out = output->json ? output->err : output->out,
				    .color = output->json ? output->err_color : output->out_color,
				    .program = program,
				    .keep = settings->keep };
	FILE *nowhere = NULL;
	int err;

	if (size <= 0)
		return output_error(output, STATUS_UNKNOWN, "the path of this program is not known");
	program[size] = 0;
	if (output->quiet) {
		nowhere = fopen("/dev/null", "w");
		how.out = nowhere ? nowhere : how.out;
		how.color = false;
	}
	err = demo_play(&how, &tally, &fault);
	if (nowhere)
		fclose(nowhere);
	if (err == ERR_CANCELLED)
		return output_error(output, STATUS_UNKNOWN,
				    "interrupted; everything that it started has ended");
	if (err < 0)
		return output_fault(output, &fault);
	if (output->json)
		output_json(output, json_of(&tally));
	return STATUS_OPEN;
}

const struct verb verb_demo = {
	.name = "demo",
	.kind = VERB_READY,
	.summary = "a whole exit on this machine, with nothing else installed",
	.options = options,
	.settings_size = sizeof(struct demo_settings),
	.text = "Plays an exit in about half a minute: two brokers of Interlock's own, a shop that writes "
		"each order to "
		"both and never stops, a group that reads. The gates open one by one; an order that one side "
		"alone has "
		"shuts one; a drill; authority crosses; a business counter drifts apart and a stop condition "
		"brings the "
		"family back; it crosses again; the way back is closed, the scaffold goes, the final runbook "
		"is written, "
		"and `verify` audits the journal. At the end both logs are held against the shop's own "
		"ledger.\n\n"
		"Everything that one would type is shown as it is typed, and is this program run again. "
		"Brokers and "
		"applications live in this process, listen on 127.0.0.1 on ports that are free, and end with "
		"it, also at "
		"SIGINT and SIGTERM. With --json the story goes to standard error.",
	.examples = examples,
	.run = run,
};

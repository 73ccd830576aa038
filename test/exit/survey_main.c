/*
 * survey_main.c - a survey, from the command line: for tests of what a controller does with it.
 *
 *	exit_survey PLAN source|target LOOKS GATE...
 *
 * Looks at the plan's first family LOOKS times, a line of input before each look but the first, with the given side as
 * the reference.  Prints a line a look: the gates, the reasons, the boundary, the context's number.  After each look it
 * judges once more under one moment, writes the basis and the evidence down as bytes, and judges from them again.
 */
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "exit/basis.h"
#include "exit/survey.h"

#define ITEMS_MAX 1000

struct disk {
	struct buffer bytes[ITEMS_MAX];
	struct sha256 ids[ITEMS_MAX];
	int count;
};

static int find(void *context, const struct sha256 *id, struct view *bytes)
{
	struct disk *disk = context;

	for (int i = 0; i < disk->count; i++)
		if (sha256_equal(disk->ids[i], *id)) {
			*bytes = buffer_bytes(&disk->bytes[i]);
			return 0;
		}
	return ERR_NOT_FOUND;
}

/* What the journal would hold is enough to come to the same answer. */
static int audit(const struct surveyed *surveyed, const struct judging *judging,
		 const struct judgement *judgement, struct fault *fault)
{
	static struct disk disk;
	struct judgement again;
	struct basis basis;
	struct buffer bytes;
	struct arena arena;
	int err;

	arena_init(&arena, 256 << 20);
	buffer_init(&bytes, BASIS_SIZE_MAX);
	for (disk.count = 0; disk.count < surveyed->log.count && disk.count < ITEMS_MAX; disk.count++) {
		buffer_init(&disk.bytes[disk.count], EVIDENCE_SIZE_MAX);
		evidence_write(surveyed->log.items[disk.count], &disk.bytes[disk.count]);
		disk.ids[disk.count] = surveyed->log.items[disk.count]->id;
	}
	err = basis_of(judging, surveyed->gates, judgement, &arena, &basis);
	err = err ? err : basis_write(&basis, &bytes);
	err = err ? err : basis_read(buffer_bytes(&bytes), &arena, &basis, fault);
	err = err ? err : basis_audit(&basis, judging->family, find, &disk, &arena, &again, fault);
	for (int i = 0; i < disk.count; i++)
		buffer_done(&disk.bytes[i]);
	buffer_done(&bytes);
	arena_done(&arena);
	return err;
}

static json_t *reasons_of(const struct gate_result *gate)
{
	json_t *reasons = json_object();

	for (int i = 0; i < gate->result_count; i++) {
		const struct rule_result *result = &gate->results[i];
		struct buffer text;

		if (result->verdict == VERDICT_OPEN)
			continue;
		buffer_init(&text, 1 << 16);
		rule_result_text(result, true, &text);
		for (int e = 0; result->evidence && e < result->evidence->excluded_count; e++)
			buffer_printf(&text, "; %.*s: %.*s", VIEW_ARGS(result->evidence->excluded[e].what),
				      VIEW_ARGS(result->evidence->excluded[e].why));
		json_object_set_new(reasons, rule_result_code(result), json_string(buffer_string(&text)));
		buffer_done(&text);
	}
	return reasons;
}

static void print(const struct survey *survey, const struct surveyed *surveyed, const struct judgement *now)
{
	json_t *line = json_object(), *gates = json_object(), *reasons = json_object();

	for (int gate = 0; gate < GATE_COUNT; gate++) {
		if (!(surveyed->gates & 1u << gate))
			continue;
		json_object_set_new(gates, gate_word((enum gate)gate),
				    json_string(verdict_word(surveyed->results[gate].verdict)));
		json_object_set_new(reasons, gate_word((enum gate)gate),
				    reasons_of(&surveyed->results[gate]));
	}
	json_object_set_new(line, "verdict", json_string(verdict_word(surveyed->verdict)));
	json_object_set_new(line, "now", json_string(verdict_word(now->verdict)));
	json_object_set_new(line, "gates", gates);
	json_object_set_new(line, "reasons", reasons);
	json_object_set_new(line, "context", json_integer((json_int_t)survey_context(survey).number));
	json_object_set_new(line, "target_only_records",
			    json_integer(surveyed->boundary.target_only_records));
	json_object_set_new(line, "clean_until", json_integer(surveyed->boundary.clean_until_ms));
	json_dumpf(line, stdout, JSON_SORT_KEYS);
	putchar('\n');
	fflush(stdout);
	json_decref(line);
}

static int look(struct survey *survey, const struct plan *plan, const struct survey_request *request,
		struct fault *fault)
{
	struct surveyed *surveyed = NULL;
	struct judgement now;
	struct judging judging;
	int err = survey_family(survey, &plan->families[0], request, &surveyed, fault);

	err = err ? err : survey_judge(survey, surveyed, request, &judging, &now, fault);
	err = err ? err : audit(surveyed, &judging, &now, fault);
	if (err == 0)
		print(survey, surveyed, &now);
	surveyed_free(surveyed);
	return err;
}

int main(int argc, char **argv)
{
	struct history history = { 0 };
	struct survey_request request = { .history = &history };
	struct survey_options options = { 0 };
	struct plan_faults faults;
	struct plan *plan = NULL;
	struct survey *survey = NULL;
	struct fault fault = { 0 };
	struct loop *loop;
	char line[100];
	int err;

	if (argc < 4 || loop_new(&clock_system, 1, &loop) < 0)
		return 64;
	request.reference = strcmp(argv[2], "target") == 0 ? SIDE_TARGET : SIDE_SOURCE;
	request.authority = request.reference == SIDE_TARGET ? 3 : 1;
	request.stage = request.reference == SIDE_TARGET ? VIEW_LITERAL("TARGET") : VIEW_LITERAL("OBSERVING");
	for (int i = 4; i < argc; i++)
		request.gates |= 1u << gate_find(view_text(argv[i]));
	plan_faults_init(&faults, argv[1]);
	err = plan_load(argv[1], &faults, &plan);
	err = err ? err : survey_open(loop, plan, &options, &survey, &fault);
	for (int i = 0; i < atoi(argv[3]) && !err; i++) {
		if (i && !fgets(line, sizeof line, stdin))
			break;
		if (i)
			err = survey_discover(survey, &fault);
		err = err ? err : look(survey, plan, &request, &fault);
	}
	if (err < 0)
		fprintf(stderr, "%s: %s\n", err_text(err), fault.text);
	survey_close(survey);
	plan_free(plan);
	plan_faults_done(&faults);
	loop_free(loop);
	return err < 0;
}

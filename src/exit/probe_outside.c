/* probe_outside.c - positions that are kept outside Kafka: where they stand, and where they go on. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "exit/probe.h"

const char *probe_outside_name(const struct plan_probe *outside, struct arena *arena)
{
	const struct {
		const char *kind;
		const struct plan_text *name;
	} kinds[] = {
		{ "flink", &outside->flink },
		{ "connect", &outside->connect },
		{ "streams", &outside->streams },
		{ "other", &outside->name },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].name->text.at)
			return arena_printf(arena, "%s:%.*s", kinds[i].kind, VIEW_ARGS(kinds[i].name->text));
	return arena_text(arena, "other:");
}

/* ---- reading JSON ---- */

static int wrong(struct fault *fault, const char *what)
{
	return fault_set(
		fault, ERR_MALFORMED,
		"%s; each of \"positions\" is like {\"topic\": \"orders\", \"partition\": 0, \"source\": "
		"120, \"target\": 118}",
		what);
}

/* An offset, or -1 where there is none. */
static int read_offset(const json_t *entry, const char *name, int64_t *out, struct fault *fault)
{
	const json_t *value = json_object_get(entry, name);

	*out = -1;
	if (!value || json_is_null(value))
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return wrong(fault, "an offset of \"positions\" is not a whole number from 0 on");
	*out = json_integer_value(value);
	return 0;
}

static void put_position(struct probe_outside *out, enum side side, struct view topic, int32_t partition,
			 int64_t offset)
{
	if (offset >= 0)
		out->positions[out->position_count++] = (struct position){ .side = (uint8_t)side,
									   .topic = topic,
									   .partition = partition,
									   .leader_epoch = -1,
									   .start = offset,
									   .end = offset,
									   .stable = -1,
									   .high_watermark = -1 };
}

static int read_position(const json_t *entry, enum side reference, struct arena *arena,
			 struct probe_outside *out, struct fault *fault)
{
	const json_t *name = json_object_get(entry, "topic"),
		     *partition = json_object_get(entry, "partition");
	int64_t source, target;
	struct view topic;
	int err;

	if (!json_is_string(name) || json_string_length(name) == 0 || json_string_length(name) > 249)
		return wrong(fault, "one of \"positions\" names no topic");
	if (!json_is_integer(partition) || json_integer_value(partition) < 0 ||
	    json_integer_value(partition) > INT32_MAX)
		return wrong(fault, "one of \"positions\" names no partition");
	err = read_offset(entry, "source", &source, fault);
	err = err ? err : read_offset(entry, "target", &target, fault);
	if (err < 0)
		return err;
	topic = arena_copy(arena, view_of(json_string_value(name), json_string_length(name)));
	if (!topic.at)
		return fault_set(fault, ERR_MEMORY, "no memory for outside positions");
	put_position(out, SIDE_SOURCE, topic, (int32_t)json_integer_value(partition), source);
	put_position(out, SIDE_TARGET, topic, (int32_t)json_integer_value(partition), target);
	out->missing += (reference == SIDE_SOURCE ? target : source) < 0;
	return 0;
}

/* A partition that stands twice would have two places. */
static int none_twice(struct probe_outside *out, struct fault *fault)
{
	if (out->position_count)
		qsort(out->positions, (size_t)out->position_count, sizeof *out->positions,
		      evidence_position_order);
	for (int i = 1; i < out->position_count; i++)
		if (evidence_position_order(&out->positions[i - 1], &out->positions[i]) == 0)
			return wrong(fault, "a partition stands twice in \"positions\"");
	return 0;
}

static int read_positions(const json_t *list, enum side reference, struct arena *arena,
			  struct probe_outside *out, struct fault *fault)
{
	size_t count = json_array_size(list);
	int err = 0;

	if (!json_is_array(list))
		return wrong(fault, "\"positions\" is not a list");
	if (count > PROBE_PARTITIONS_MAX)
		return fault_set(fault, ERR_LIMIT, "\"positions\" has %zu entries, and at most %d are read",
				 count, PROBE_PARTITIONS_MAX);
	out->positions = arena_array(arena, 2 * count + 1, sizeof *out->positions);
	if (!out->positions)
		return fault_set(fault, ERR_MEMORY, "no memory for outside positions");
	for (size_t i = 0; i < count && !err; i++)
		err = read_position(json_array_get(list, i), reference, arena, out, fault);
	return err ? err : none_twice(out, fault);
}

int probe_outside_read(struct view json, enum side reference, struct arena *arena, struct probe_outside *out,
		       struct fault *fault)
{
	json_t *root =
		json.at ? json_loadb((const char *)json.at, json.size, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const json_t *positions = json_object_get(root, "positions");
	struct probe_outside made = *out;
	/* The place in the job's own words: a number, a savepoint. */
	int err = answer_member(json, side_word(!reference), made.place, fault);

	if (positions)
		err = err ? err : read_positions(positions, reference, arena, &made, fault);
	made.translated = made.missing == 0 && (made.place[0] || made.position_count > 0);
	json_decref(root);
	if (err == 0)
		*out = made;
	return err;
}

/* ---- asking ---- */

static int ask_where(struct asking *asking, const struct plan_probe *outside, const char *control,
		     uint64_t epoch, struct answer *out, struct fault *fault)
{
	struct question question = { ASK_GET, { control }, epoch, outside->timeout_ms.value };

	return ask(asking, &outside->checkpoint, &question, out, fault);
}

/* With the control it must stand elsewhere. */
static int ask_control(struct asking *asking, const struct plan_probe *outside, uint64_t epoch,
		       const char *where, struct fault *fault)
{
	char *control = view_string(outside->control.text);
	struct answer answer;
	int err;

	if (!control)
		return outside->control.text.at ? fault_set(fault, ERR_MEMORY, "no memory for a control") : 0;
	err = ask_where(asking, outside, control, epoch, &answer, fault);
	if (err == ERR_CANCELLED || err == ERR_MEMORY) {
		free(control);
		return err;
	}
	if (err < 0)
		fault_at(fault, "its control %s gave no answer", control);
	else if (strcmp(answer.text, where) == 0)
		fault_set(fault, ERR_CHECKSUM,
			  "with its control %s it still answers the same: a probe that cannot come out wrong "
			  "proves nothing",
			  control);
	err = err < 0 || strcmp(answer.text, where) == 0 ? ERR_CHECKSUM : 0;
	free(control);
	if (err < 0 && fault)
		fault->err = err;
	return err;
}

int probe_outside(struct asking *asking, const struct plan_probe *outside, enum side reference,
		  uint64_t epoch, struct arena *arena, struct probe_outside *out, struct fault *fault)
{
	struct probe_outside made = { .controlled = outside->control.text.at != NULL };
	struct answer answer;
	int err = ask_where(asking, outside, NULL, epoch, &answer, fault);

	if (err < 0)
		return err;
	memcpy(made.text, answer.text, sizeof made.text);
	err = probe_outside_read(answer.json, reference, arena, &made, fault);
	err = err ? err : ask_control(asking, outside, epoch, made.text, fault);
	if (err == 0)
		*out = made;
	return err;
}

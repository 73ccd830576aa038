/*
 * render_parity.c - what a comparison found.
 *
 * For people: the verdict first, a line a topic, the reasons, then examples of each class with the place on each side.
 * For machines: the object of docs/json.md.  Classes without a finding are left out of both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/json.h"
#include "cli/render_parity.h"

#define NAME_SIZE 600

static enum ink ink_of(enum parity_verdict verdict)
{
	return ink_of_verdict(parity_verdict_word(verdict));
}

/* "orders", or "orders=orders.v2" when it has another name on the target. */
static void topic_name(const struct topic_report *topic, char out[NAME_SIZE])
{
	if (strcmp(topic->name[SOURCE], topic->name[TARGET]) == 0)
		snprintf(out, NAME_SIZE, "%s", topic->name[SOURCE]);
	else
		snprintf(out, NAME_SIZE, "%s=%s", topic->name[SOURCE], topic->name[TARGET]);
}

/* "LOST 2, META 1", "none", or that there is nothing to differ from. */
static void classes_text(const struct topic_report *topic, char *out, size_t size)
{
	size_t used = 0;

	if (topic->partitions[SOURCE] < 0 || topic->partitions[TARGET] < 0) {
		snprintf(out, size, "missing on the %s", topic->partitions[SOURCE] < 0 ? "source" : "target");
		return;
	}
	snprintf(out, size, "none");
	for (int class = 0; class < FINDING_CLASSES && used < size; class ++) {
		char count[UNIT_TEXT_SIZE];

		if (topic->findings[class])
			used += (size_t)snprintf(out + used, size - used, "%s%s %s", used ? ", " : "",
						 finding_word((enum finding_class) class),
						 count_text(topic->findings[class], count));
	}
}

/* "4", "3 / 6" when they differ, "3 / -" when one side does not have the topic. */
static void partitions_cell(struct table *table, const struct topic_report *topic)
{
	int32_t source = topic->partitions[SOURCE], target = topic->partitions[TARGET];

	if (source == target)
		table_cell(table, INK_PLAIN, "%d", source);
	else if (source < 0)
		table_cell(table, INK_BAD, "- / %d", target);
	else if (target < 0)
		table_cell(table, INK_BAD, "%d / -", source);
	else
		table_cell(table, INK_PLAIN, "%d / %d", source, target);
}

static void topics_table(struct paper *paper, const struct parity_report *report)
{
	struct table table;

	table_init(&table, "lrrrrll", 2);
	table_head(&table, "topic", "partitions", "source", "target", "matched", "proved", "differences",
		   NULL);
	for (size_t index = 0; index < report->topic_count; index++) {
		const struct topic_report *topic = &report->topics[index];
		const char *proved = claim_word(topic->proved);
		char name[NAME_SIZE], classes[400], count[UNIT_TEXT_SIZE];

		topic_name(topic, name);
		classes_text(topic, classes, sizeof classes);
		table_name(&table, INK_PLAIN, view_text(name));
		partitions_cell(&table, topic);
		table_cell(&table, INK_PLAIN, "%s", count_text(topic->records[SOURCE], count));
		table_cell(&table, INK_PLAIN, "%s", count_text(topic->records[TARGET], count));
		table_cell(&table, INK_PLAIN, "%s", count_text(topic->matched, count));
		table_cell(&table, INK_PLAIN, "%s", proved ? proved : "nothing");
		table_cell(&table, INK_PLAIN, "%s", classes);
	}
	table_print(&table, paper);
	table_done(&table);
}

static void reasons_table(struct paper *paper, const struct parity_report *report)
{
	struct table table;

	table_init(&table, "ll", 2);
	for (int shut = 1; shut >= 0; shut--) {
		for (size_t index = 0; index < report->reason_count; index++) {
			const struct parity_reason *reason = &report->reasons[index];
			char *text = NULL;

			if (reason->shut != shut)
				continue;
			if (asprintf(&text, "%s%s%s (%s)", reason->topic ? reason->topic : "",
				     reason->topic ? ": " : "", reason->text, reason->code) < 0)
				text = NULL;
			table_cell(&table, shut ? INK_BAD : INK_DOUBT, "%s", shut ? "shut" : "unknown");
			table_name(&table, INK_PLAIN, view_text(text ? text : reason->text));
			free(text);
		}
	}
	if (table.count) {
		paper_gap(paper);
		table_print(&table, paper);
	}
	table_done(&table);
}

static void place_cell(struct table *table, const struct record_place *place)
{
	if (place->known)
		table_cell(table, INK_PLAIN, "%d @ %lld", place->partition, (long long)place->offset);
	else
		table_cell(table, INK_DIM, "-");
}

/* One moment when both sides agree on it or only one has it; otherwise both. */
static void times_cell(struct table *table, const struct finding *finding)
{
	const struct record_place *source = &finding->place[SOURCE], *target = &finding->place[TARGET];
	const struct record_place *one = source->known ? source : target;
	char text[UNIT_TEXT_SIZE];

	if (one->timestamp < 0)
		table_cell(table, INK_DIM, "-");
	else if (source->known && target->known && source->timestamp != target->timestamp)
		table_cell(table, INK_PLAIN, "%s (target %+lld ms)", time_text(source->timestamp, text),
			   (long long)(target->timestamp - source->timestamp));
	else
		table_cell(table, INK_PLAIN, "%s", time_text(one->timestamp, text));
}

static void examples_table(struct paper *paper, const struct topic_report *topic)
{
	char name[NAME_SIZE], count[UNIT_TEXT_SIZE];
	struct table table;
	uint64_t total = 0;

	for (int class = 0; class < FINDING_CLASSES; class ++)
		total += topic->findings[class];
	topic_name(topic, name);
	paper_ink(paper, INK_PLAIN, "\n  ");
	paper_safe(paper, view_text(name));
	paper_line(paper, ": %zu of %s differences, each as partition @ offset", topic->example_count,
		   count_text(total, count));
	table_init(&table, "lllll", 2);
	table_head(&table, "class", "source", "target", "key's hash", "time", NULL);
	for (size_t index = 0; index < topic->example_count; index++) {
		const struct finding *finding = &topic->examples[index];
		const struct record_place *one =
			&finding->place[finding->place[SOURCE].known ? SOURCE : TARGET];

		table_cell(&table, INK_PLAIN, "%s", finding_word(finding->class));
		place_cell(&table, &finding->place[SOURCE]);
		place_cell(&table, &finding->place[TARGET]);
		if (one->keyed)
			table_cell(&table, INK_PLAIN, "%016llx", (unsigned long long)one->key);
		else
			table_cell(&table, INK_DIM, "no key");
		times_cell(&table, finding);
	}
	table_print(&table, paper);
	table_done(&table);
}

static void notes(struct paper *paper, const struct parity_report *report)
{
	const struct parity_speed *speed = &report->speed;
	char first[UNIT_TEXT_SIZE], second[UNIT_TEXT_SIZE], third[UNIT_TEXT_SIZE];

	paper_gap(paper);
	for (size_t index = 0; index < report->normaliser_count; index++) {
		paper_ink(paper, INK_PLAIN, "  not compared: ");
		paper_safe(paper, view_text(report->normalisers[index].name));
		paper_line(paper, " (%s records)", count_text(report->normalisers[index].records, first));
	}
	for (size_t index = 0; index < report->topic_count; index++) {
		if (!report->topics[index].unidentified)
			continue;
		paper_ink(paper, INK_PLAIN, "  ");
		paper_safe(paper, view_text(report->topics[index].name[SOURCE]));
		paper_line(paper, ": %s records without the declared identity were matched by content",
			   count_text(report->topics[index].unidentified, first));
	}
	paper_ink(paper, INK_DIM, "  %s read in %s, CPU %.2f s, peak memory %s",
		  size_text(speed->bytes_read, first),
		  duration_text((int64_t)(speed->seconds * 1000), second), speed->cpu_seconds,
		  size_text(speed->peak_rss_bytes, third));
	if (report->passes > 1)
		paper_ink(paper, INK_DIM, ", %d passes because of --memory", report->passes);
	paper_gap(paper);
}

void parity_paper(struct paper *paper, const struct parity_report *report)
{
	const char *asked = claim_word(report->asked), *proved = claim_word(report->proved);

	paper_ink(paper, INK_PLAIN, "parity: ");
	paper_ink(paper, ink_of(report->verdict), "%s", parity_verdict_word(report->verdict));
	paper_line(paper, "   claim %s, proved %s\n", asked ? asked : "none", proved ? proved : "nothing");
	topics_table(paper, report);
	reasons_table(paper, report);
	for (size_t index = 0; index < report->topic_count; index++)
		if (report->topics[index].example_count)
			examples_table(paper, &report->topics[index]);
	notes(paper, report);
}

static json_t *claim_json(enum claim claim)
{
	const char *word = claim_word(claim);

	return word ? json_string(word) : json_null();
}

static json_t *place_json(const struct record_place *place)
{
	char key[17];

	if (!place->known)
		return json_null();
	snprintf(key, sizeof key, "%016llx", (unsigned long long)place->key);
	return json_pack("{s:i, s:I, s:o, s:o}", "partition", (int)place->partition, "offset",
			 (json_int_t)place->offset, "timestamp",
			 place->timestamp < 0 ? json_null() : json_integer(place->timestamp), "key",
			 place->keyed ? json_string(key) : json_null());
}

static json_t *covered_json(const struct covered *covered)
{
	if (!covered->known)
		return json_null();
	return json_pack("[I, I]", (json_int_t)covered->from, (json_int_t)covered->until);
}

static json_t *partitions_json(int32_t count)
{
	return count < 0 ? json_null() : json_integer(count);
}

static json_t *topic_json(const struct topic_report *topic)
{
	json_t *ranges = json_array(), *findings = json_object(), *examples = json_array();

	for (size_t index = 0; index < topic->range_count; index++) {
		const struct partition_report *range = &topic->ranges[index];

		json_array_append_new(ranges, json_pack("{s:i, s:o, s:o}", "partition", (int)range->partition,
							"source", covered_json(&range->covered[SOURCE]),
							"target", covered_json(&range->covered[TARGET])));
	}
	for (int class = 0; class < FINDING_CLASSES; class ++)
		if (topic->findings[class])
			json_object_set_new(findings, finding_word((enum finding_class) class),
					    json_count(topic->findings[class]));
	for (size_t index = 0; index < topic->example_count; index++) {
		const struct finding *finding = &topic->examples[index];

		json_array_append_new(examples,
				      json_pack("{s:s, s:o, s:o}", "class", finding_word(finding->class),
						"source", place_json(&finding->place[SOURCE]), "target",
						place_json(&finding->place[TARGET])));
	}
	return json_pack("{s:o, s:o, s:{s:o, s:o}, s:{s:o, s:o, s:o}, s:{s:o, s:o}, s:o, s:o, s:o, s:o, s:o}",
			 "source", json_words(topic->name[SOURCE]), "target", json_words(topic->name[TARGET]),
			 "partitions", "source", partitions_json(topic->partitions[SOURCE]), "target",
			 partitions_json(topic->partitions[TARGET]), "records", "source",
			 json_count(topic->records[SOURCE]), "target", json_count(topic->records[TARGET]),
			 "matched", json_count(topic->matched), "bytes", "source",
			 json_count(topic->bytes[SOURCE]), "target", json_count(topic->bytes[TARGET]),
			 "unidentified", json_count(topic->unidentified), "proved", claim_json(topic->proved),
			 "ranges", ranges, "findings", findings, "examples", examples);
}

json_t *parity_json(const struct parity_report *report)
{
	json_t *reasons = json_array(), *topics = json_array(), *normalisers = json_array();

	for (size_t index = 0; index < report->reason_count; index++) {
		const struct parity_reason *reason = &report->reasons[index];

		json_array_append_new(reasons, json_pack("{s:s, s:o, s:s, s:o}", "code", reason->code,
							 "topic", json_words(reason->topic), "verdict",
							 reason->shut ? "shut" : "unknown", "text",
							 json_words(reason->text)));
	}
	for (size_t index = 0; index < report->topic_count; index++)
		json_array_append_new(topics, topic_json(&report->topics[index]));
	for (size_t index = 0; index < report->normaliser_count; index++)
		json_array_append_new(normalisers,
				      json_pack("{s:o, s:o}", "name",
						json_words(report->normalisers[index].name), "records",
						json_count(report->normalisers[index].records)));
	return json_pack("{s:s, s:{s:o, s:o}, s:o, s:o, s:o, s:{s:f, s:f, s:o, s:o, s:i}, s:o, s:o}",
			 "verdict", parity_verdict_word(report->verdict), "claim", "asked",
			 claim_json(report->asked), "proved", claim_json(report->proved), "reasons", reasons,
			 "topics", topics, "normalisers", normalisers, "speed", "seconds",
			 report->speed.seconds, "cpu_seconds", report->speed.cpu_seconds, "bytes_read",
			 json_count(report->speed.bytes_read), "peak_rss_bytes",
			 json_count(report->speed.peak_rss_bytes), "passes", report->passes, "started",
			 json_time(report->started_ms), "ended", json_time(report->ended_ms));
}

static const char *stage_word(enum parity_stage stage)
{
	switch (stage) {
	case STAGE_LOOKING: return "looking at both clusters";
	case STAGE_READING: return "reading";
	case STAGE_SETTLING: return "waiting for the target to settle";
	case STAGE_FOLLOWING: return "following";
	case STAGE_RESOLVING: return "naming what differs";
	case STAGE_DONE: return "done";
	}
	return "";
}

char *parity_glance(const struct parity_progress *progress, char out[GLANCE_SIZE])
{
	uint64_t read = progress->records[SOURCE] + progress->records[TARGET];
	uint64_t expected = progress->records_expected[SOURCE] + progress->records_expected[TARGET];
	uint64_t pending = progress->pending[SOURCE] + progress->pending[TARGET];
	uint64_t bytes = progress->bytes[SOURCE] + progress->bytes[TARGET];
	char count[UNIT_TEXT_SIZE], waiting[UNIT_TEXT_SIZE], rate[UNIT_TEXT_SIZE];
	int used = snprintf(out, GLANCE_SIZE, "%s", stage_word(progress->stage));

	if (progress->stage == STAGE_LOOKING)
		return out;
	if (progress->passes > 1)
		used += snprintf(out + used, GLANCE_SIZE - (size_t)used, " (pass %d of %d)", progress->pass,
				 progress->passes);
	if (progress->stage == STAGE_READING && expected)
		used += snprintf(out + used, GLANCE_SIZE - (size_t)used, " %d %%",
				 read >= expected ? 100 : (int)(100.0 * (double)read / (double)expected));
	used += snprintf(out + used, GLANCE_SIZE - (size_t)used,
			 ": %s records matched, %s waiting for a twin", count_text(progress->matched, count),
			 count_text(pending, waiting));
	if (progress->stage == STAGE_FOLLOWING || progress->stage == STAGE_SETTLING)
		snprintf(out + used, GLANCE_SIZE - (size_t)used,
			 "; partitions: %u settled, %u hot, %u open, %u diverged", progress->partitions_level,
			 progress->partitions_hot, progress->partitions_open, progress->partitions_diverged);
	else if (progress->seconds > 0.2)
		snprintf(out + used, GLANCE_SIZE - (size_t)used, ", %s/s",
			 size_text((uint64_t)((double)bytes / progress->seconds), rate));
	return out;
}

enum status render_parity(struct output *output, const struct parity_report *report)
{
	struct paper paper;

	if (output->json) {
		output_json(output, parity_json(report));
	} else {
		output_paper(output, &paper);
		parity_paper(&paper, report);
		output_show(output, &paper);
	}
	switch (report->verdict) {
	case PARITY_OPEN: return STATUS_OPEN;
	case PARITY_SHUT: return STATUS_SHUT;
	case PARITY_UNKNOWN: break;
	}
	return STATUS_UNKNOWN;
}

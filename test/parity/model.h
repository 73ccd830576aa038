/*
 * model.h - records as a test thinks of them: an array that is written as a log, changed, and written again.
 */
#ifndef TEST_PARITY_MODEL_H
#define TEST_PARITY_MODEL_H

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "parity/sample.h"

#define MODEL_MAX 40000

struct model_record {
	struct sample_record is;
	char key[24], value[40], header[24];
};

struct model {
	struct model_record *at;
	int count;
};

static inline void model_init(struct model *model)
{
	model->at = calloc(MODEL_MAX, sizeof *model->at);
	model->count = 0;
	assert_non_null(model->at);
}

static inline void model_done(struct model *model)
{
	free(model->at);
}

/* Texts live in the record, so a record that moved points to its own again. */
static inline void model_mend(struct model_record *record)
{
	if (record->is.key)
		record->is.key = record->key;
	if (record->is.value)
		record->is.value = record->value;
	if (record->is.header_value)
		record->is.header_value = record->header;
}

static inline void model_copy(struct model *to, const struct model *from)
{
	to->count = from->count;
	memcpy(to->at, from->at, (size_t)from->count * sizeof *to->at);
	for (int i = 0; i < to->count; i++)
		model_mend(&to->at[i]);
}

/* Room for one record at `index`; what is there moves back. */
static inline struct model_record *model_insert(struct model *model, int index)
{
	memmove(model->at + index + 1, model->at + index, (size_t)(model->count - index) * sizeof *model->at);
	model->count++;
	for (int i = index; i < model->count; i++)
		model_mend(&model->at[i]);
	return &model->at[index];
}

static inline void model_remove(struct model *model, int index)
{
	memmove(model->at + index, model->at + index + 1,
		(size_t)(model->count - index - 1) * sizeof *model->at);
	model->count--;
	for (int i = index; i < model->count; i++)
		model_mend(&model->at[i]);
}

static inline void model_swap(struct model *model, int a, int b)
{
	struct model_record record = model->at[a];

	model->at[a] = model->at[b];
	model->at[b] = record;
	model_mend(&model->at[a]);
	model_mend(&model->at[b]);
}

/* Where record `index` stands in its partition, when no offset was left out. */
static inline int64_t model_offset(const struct model *model, int index)
{
	int64_t offset = 0;

	for (int i = 0; i < index; i++)
		offset += model->at[i].is.partition == model->at[index].is.partition;
	return offset;
}

/* A stream as an application writes it: keys that stay in their partition, some payloads that repeat. */
static inline void model_fill(struct model *model, struct random *r, int count, int keys, int partitions,
			      int repeats)
{
	model->count = count;
	for (int i = 0; i < count; i++) {
		struct model_record *record = &model->at[i];
		int key = (int)random_below(r, (uint64_t)keys);

		memset(record, 0, sizeof *record);
		snprintf(record->key, sizeof record->key, "key-%d", key);
		if ((int)random_below(r, 100) < repeats)
			snprintf(record->value, sizeof record->value, "heartbeat");
		else
			snprintf(record->value, sizeof record->value, "value-%d-%llx", i,
				 (unsigned long long)random_below(r, 1u << 30));
		record->is = (struct sample_record){ .partition = key % partitions,
						     .timestamp = 1700000000000 + i * 10,
						     .key = record->key,
						     .value = record->value };
	}
}

/* Writes without transactions. */
static inline void model_write(const struct model *model, struct sample_log *log)
{
	for (int i = 0; i < model->count; i++)
		sample_add(log, &model->at[i].is);
	sample_flush(log);
	assert_int_equal(log->err, 0);
}

/* Compares two models, written differently, and leaves the report. */
static inline void model_compare(const struct sample_run *run, const struct model *source,
				 const struct model *target, int source_partitions, int target_partitions,
				 struct parity_report *report)
{
	struct sample_log logs[2];
	struct random r;

	random_seed(&r, run->chance);
	sample_init(&logs[SOURCE], SOURCE, source_partitions);
	sample_init(&logs[TARGET], TARGET, target_partitions);
	if (run->chance) {
		logs[SOURCE].batch_records = 1 + (int)random_below(&r, 40);
		logs[TARGET].batch_records = 1 + (int)random_below(&r, 40);
		logs[SOURCE].codec = (enum codec)random_below(&r, CODEC_COUNT);
		logs[TARGET].codec = (enum codec)random_below(&r, CODEC_COUNT);
	}
	model_write(source, &logs[SOURCE]);
	model_write(target, &logs[TARGET]);
	parity_report_init(report, run->claim);
	assert_int_equal(sample_compare(run, logs, report), 0);
	sample_done(&logs[SOURCE]);
	sample_done(&logs[TARGET]);
}

static inline uint64_t found(const struct parity_report *report, enum finding_class class)
{
	return report->topics[0].findings[class];
}

static inline uint64_t found_all(const struct parity_report *report)
{
	uint64_t all = 0;

	for (int class = 0; class < FINDING_CLASSES; class ++)
		all += report->topics[0].findings[class];
	return all;
}

static inline const struct finding *example(const struct parity_report *report, enum finding_class class)
{
	for (size_t i = 0; i < report->topics[0].example_count; i++)
		if (report->topics[0].examples[i].class == class)
			return &report->topics[0].examples[i];
	return NULL;
}

static inline void print_findings(const struct parity_report *report)
{
	for (size_t i = 0; i < report->topics[0].example_count; i++) {
		const struct finding *f = &report->topics[0].examples[i];

		print_message("  %s source %d/%lld target %d/%lld\n", finding_word(f->class),
			      f->place[0].known ? f->place[0].partition : -1,
			      f->place[0].known ? (long long)f->place[0].offset : -1,
			      f->place[1].known ? f->place[1].partition : -1,
			      f->place[1].known ? (long long)f->place[1].offset : -1);
	}
	for (size_t i = 0; i < report->reason_count; i++)
		print_message("  %s: %s\n", report->reasons[i].code, report->reasons[i].text);
}

#endif

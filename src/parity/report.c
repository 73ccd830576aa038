/* report.c - the report's own memory, its words, and the rule that makes a verdict of reasons. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "parity/report.h"

static const char *const claim_words[] = {
	[CLAIM_COUNTS] = "counts",       [CLAIM_CONTENT] = "content",
	[CLAIM_KEY_ORDER] = "key-order", [CLAIM_PARTITION_ORDER] = "partition-order",
	[CLAIM_OFFSETS] = "offsets",     [CLAIM_LATEST] = "latest",
};

/* The class, and the sentence that follows the number: one, and more. */
static const struct {
	const char *word, *one, *more;
} classes[FINDING_CLASSES] = {
	[FINDING_LOST] = { "LOST", "record of the source is not on the target",
			   "records of the source are not on the target" },
	[FINDING_DUPLICATE] = { "DUPLICATE", "record is on the target more often than on the source",
				"records are on the target more often than on the source" },
	[FINDING_PHANTOM] = { "PHANTOM", "record of the target has no origin on the source",
			      "records of the target have no origin on the source" },
	[FINDING_ABORTED_LEAK] = { "ABORTED_LEAK",
				   "record of the target comes from a transaction that the source aborted",
				   "records of the target come from transactions that the source aborted" },
	[FINDING_ALTERED] = { "ALTERED", "record has another key or value on the target",
			      "records have another key or value on the target" },
	[FINDING_META] = { "META", "record has other headers, timestamp or null-ness on the target",
			   "records have other headers, timestamp or null-ness on the target" },
	[FINDING_REORDERED_KEY] = { "REORDERED_KEY", "record is out of order within its key",
				    "records are out of order within their keys" },
	[FINDING_REORDERED_PARTITION] = { "REORDERED_PARTITION",
					  "record is out of order within its partition",
					  "records are out of order within their partitions" },
	[FINDING_MISROUTED] = { "MISROUTED", "record is in another partition than its key's",
				"records are in other partitions than their keys'" },
	[FINDING_TORN_TXN] = { "TORN_TXN", "committed transaction of the source is only partly on the target",
			       "committed transactions of the source are only partly on the target" },
	[FINDING_COMPACTED] = { "COMPACTED", "key has another last value on the target",
				"keys have other last values on the target" },
	[FINDING_UNREADABLE] = { "UNREADABLE", "batch fails its checksum or cannot be decoded",
				 "batches fail their checksums or cannot be decoded" },
};

const char *parity_verdict_word(enum parity_verdict verdict)
{
	return verdict == PARITY_OPEN ? "open" : verdict == PARITY_SHUT ? "shut" : "unknown";
}

const char *claim_word(enum claim claim)
{
	return claim_words[claim];
}

const char *finding_word(enum finding_class class)
{
	return classes[class].word;
}

enum claim claim_parse(const char *word)
{
	for (int i = CLAIM_COUNTS; i <= CLAIM_LATEST; i++)
		if (!strcmp(claim_words[i], word))
			return (enum claim)i;
	return CLAIM_NONE;
}

void parity_report_init(struct parity_report *report, enum claim asked)
{
	*report = (struct parity_report){ .verdict = PARITY_UNKNOWN, .asked = asked, .passes = 1 };
}

void parity_report_done(struct parity_report *report)
{
	for (size_t i = 0; i < report->reason_count; i++) {
		free(report->reasons[i].topic);
		free(report->reasons[i].text);
	}
	for (size_t i = 0; i < report->topic_count; i++) {
		free(report->topics[i].name[SOURCE]);
		free(report->topics[i].name[TARGET]);
		free(report->topics[i].ranges);
		free(report->topics[i].examples);
	}
	for (size_t i = 0; i < report->normaliser_count; i++)
		free(report->normalisers[i].name);
	free(report->reasons);
	free(report->topics);
	free(report->normalisers);
	parity_report_init(report, report->asked);
}

/* Room for one more element behind `count`; NULL when memory is out.  The array has grown only when this
 * succeeds. */
static void *one_more(void *array, size_t count, size_t size)
{
	/* Powers of two: grow when count is one. */
	return count & (count - 1) ? array : realloc(array, (count ? count * 2 : 1) * size);
}

struct topic_report *parity_report_topic(struct parity_report *report, const char *source, const char *target)
{
	struct topic_report *topics = one_more(report->topics, report->topic_count, sizeof *topics);
	struct topic_report *topic;

	if (!topics)
		return NULL;
	report->topics = topics;
	topic = &topics[report->topic_count];
	*topic =
		(struct topic_report){ .name = { strdup(source), strdup(target) }, .partitions = { -1, -1 } };
	if (!topic->name[SOURCE] || !topic->name[TARGET]) {
		free(topic->name[SOURCE]);
		free(topic->name[TARGET]);
		return NULL;
	}
	report->topic_count++;
	return topic;
}

int parity_report_reason(struct parity_report *report, bool shut, const char *code, const char *topic,
			 const char *format, ...)
{
	struct parity_reason *reasons, *reason;
	va_list args;
	int size;

	for (size_t i = 0; i < report->reason_count; i++) {
		reason = &report->reasons[i];
		if (!strcmp(reason->code, code) &&
		    !strcmp(reason->topic ? reason->topic : "", topic ? topic : ""))
			return 0;
	}
	reasons = one_more(report->reasons, report->reason_count, sizeof *reasons);
	if (!reasons)
		return ERR_MEMORY;
	report->reasons = reasons;
	reason = &reasons[report->reason_count];
	*reason = (struct parity_reason){ .shut = shut };
	snprintf(reason->code, sizeof reason->code, "%s", code);
	va_start(args, format);
	size = vasprintf(&reason->text, format, args);
	va_end(args);
	if (size < 0)
		return ERR_MEMORY;
	if (topic && !(reason->topic = strdup(topic))) {
		free(reason->text);
		return ERR_MEMORY;
	}
	report->reason_count++;
	return 0;
}

int parity_report_normaliser(struct parity_report *report, const char *name, uint64_t records)
{
	struct normaliser *normalisers;
	char *copy;

	for (size_t i = 0; i < report->normaliser_count; i++) {
		if (!strcmp(report->normalisers[i].name, name)) {
			report->normalisers[i].records += records;
			return 0;
		}
	}
	normalisers = one_more(report->normalisers, report->normaliser_count, sizeof *normalisers);
	if (!normalisers)
		return ERR_MEMORY;
	report->normalisers = normalisers;
	copy = strdup(name);
	if (!copy)
		return ERR_MEMORY;
	normalisers[report->normaliser_count++] = (struct normaliser){ copy, records };
	return 0;
}

/* `latest` stands aside: every topic proved it, or nothing is proved. */
static enum claim weaker(enum claim a, enum claim b)
{
	return a < b ? a : b;
}

static int judge_topic(struct parity_report *report, const struct topic_report *topic)
{
	int err = 0;

	for (int class = 0; class < FINDING_CLASSES && err == 0; class ++) {
		uint64_t count = topic->findings[class];
		char code[40];

		if (!count)
			continue;
		snprintf(code, sizeof code, "PARITY_%s", classes[class].word);
		/* What the source cannot show proves nothing against the target. */
		err = parity_report_reason(report, class != FINDING_UNREADABLE || topic->unreadable[TARGET],
					   code, topic->name[SOURCE], "%llu %s", (unsigned long long)count,
					   count == 1 ? classes[class].one : classes[class].more);
	}
	return err;
}

int parity_report_judge(struct parity_report *report)
{
	enum claim proved = report->asked == CLAIM_LATEST ? CLAIM_LATEST : CLAIM_OFFSETS;
	bool shut = false;

	for (size_t i = 0; i < report->topic_count; i++) {
		int err = judge_topic(report, &report->topics[i]);

		if (err < 0)
			return err;
		proved = weaker(proved, report->topics[i].proved);
	}
	for (size_t i = 0; i < report->reason_count; i++)
		shut |= report->reasons[i].shut;
	report->verdict = shut ? PARITY_SHUT : report->reason_count ? PARITY_UNKNOWN : PARITY_OPEN;
	report->proved = report->topic_count ? proved : CLAIM_NONE;
	report->proved_known = true;
	return 0;
}

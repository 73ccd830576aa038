/*
 * report.h - what a comparison found: the verdict, its reasons, and per topic the counts, findings and examples.
 *
 * One struct holds all that `interlock parity --json` prints (design, "The command line"), so that the table for people,
 * the object for machines and the evidence of a gate are three renderings of the same facts.  The report owns all its
 * text.  Only the comparer writes it; a reader may keep it after the comparison is gone.
 */
#ifndef PARITY_REPORT_H
#define PARITY_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which cluster: an index, everywhere in this floor. */
enum log_side { SOURCE, TARGET };

static inline enum log_side log_other(enum log_side side)
{
	return side == SOURCE ? TARGET : SOURCE;
}

enum parity_verdict { PARITY_OPEN, PARITY_SHUT, PARITY_UNKNOWN };

/* Weakest first; `latest` stands aside.  CLAIM_NONE is what is proved when nothing is. */
enum claim {
	CLAIM_NONE,
	CLAIM_COUNTS,
	CLAIM_CONTENT,
	CLAIM_KEY_ORDER,
	CLAIM_PARTITION_ORDER,
	CLAIM_OFFSETS,
	CLAIM_LATEST,
};

enum finding_class {
	FINDING_LOST,
	FINDING_DUPLICATE,
	FINDING_PHANTOM,
	FINDING_ABORTED_LEAK,
	FINDING_ALTERED,
	FINDING_META,
	FINDING_REORDERED_KEY,
	FINDING_REORDERED_PARTITION,
	FINDING_MISROUTED,
	FINDING_TORN_TXN,
	FINDING_COMPACTED,
	FINDING_UNREADABLE,
	FINDING_CLASSES,
};

/* Where one record (or batch, or transaction) stands in one log. */
struct record_place {
	bool known;		/* false: there is none on this side; the JSON has null */
	bool keyed;		/* has a key, and `key` is its hash */
	int32_t partition;
	int64_t offset;
	int64_t timestamp;	/* milliseconds since 1970; -1 when the record has none */
	uint64_t key;		/* hash under the seed of this comparison; shown as 16 hex digits */
};

struct finding {
	enum finding_class class;
	struct record_place place[2];	/* by enum log_side */
};

/* Half-open, in offsets: what was covered of one partition.  A side without this partition has known == false. */
struct covered {
	bool known;
	int64_t from, until;
};

struct partition_report {
	int32_t partition;
	struct covered covered[2];
};

struct topic_report {
	char *name[2];		/* by enum log_side; they differ only when the topic was renamed */
	int32_t partitions[2];	/* -1: the topic does not exist on this side */
	uint64_t records[2];	/* committed data records that were read (an unreadable batch counts by its header) */
	uint64_t bytes[2];	/* keys, values, header names and header values, without ignored headers */
	uint64_t matched;	/* pairs that are the same record */
	uint64_t behind;	/* of the source, not on the target, and no finding: see options.goes_on */
	uint64_t unidentified;	/* records of both sides without the declared identity */
	uint64_t findings[FINDING_CLASSES];
	uint64_t unreadable[2];	/* batches; both sides together are findings[FINDING_UNREADABLE] */
	enum claim proved;	/* strongest level that holds for what was covered of this topic */
	struct partition_report *ranges;	/* by partition */
	size_t range_count;
	struct finding *examples;	/* at most `findings` of the options for each class; by class, partition, offset */
	size_t example_count;
};

struct parity_reason {
	char code[40];		/* PARITY_LOST, COVERAGE_HOLE, UNREACHABLE, ... */
	char *topic;		/* the source's name; NULL when it is about no topic */
	char *text;		/* a sentence for an operator */
	bool shut;		/* proves a difference; otherwise a cause of not knowing */
};

/* A declared or discovered blind spot, and how many records of both sides it touched. */
struct normaliser {
	char *name;		/* "ignore-header:trace", "ignore-timestamp", "log-append-time:orders", "varint", "legacy-format" */
	uint64_t records;
};

struct parity_speed {
	double seconds, cpu_seconds;	/* of this process */
	uint64_t bytes_read;		/* from both clusters, as fetched */
	uint64_t peak_rss_bytes;
};

struct parity_report {
	enum parity_verdict verdict;
	enum claim asked, proved;
	bool proved_known;	/* false until judged */
	struct parity_reason *reasons;
	size_t reason_count;
	struct topic_report *topics;
	size_t topic_count;
	struct normaliser *normalisers;
	size_t normaliser_count;
	struct parity_speed speed;
	int passes;		/* how often the logs were read because memory is bounded; usually 1 */
	int64_t started_ms, ended_ms;	/* wall clock */
};

void parity_report_init(struct parity_report *report, enum claim asked);
void parity_report_done(struct parity_report *report);

/* Adds a topic with nothing known yet; NULL when memory is out.  The pointer holds until the next add. */
struct topic_report *parity_report_topic(struct parity_report *report, const char *source, const char *target);

/* Adds a reason; a second one with the same code and topic is dropped.  `topic` may be NULL.  0 or ERR_MEMORY. */
int parity_report_reason(struct parity_report *report, bool shut, const char *code, const char *topic,
			 const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Adds `records` to the normaliser `name`, which appears with its first call.  0 or ERR_MEMORY. */
int parity_report_normaliser(struct parity_report *report, const char *name, uint64_t records);

/*
 * Adds one reason PARITY_<class> for each class found, and sets verdict and proved from reasons and topics: shut when
 * any reason proves a difference, else unknown when there is any reason, else open.
 */
int parity_report_judge(struct parity_report *report);

/* "open", "shut", "unknown"; "key-order"; "REORDERED_KEY".  claim_word(CLAIM_NONE) is NULL. */
const char *parity_verdict_word(enum parity_verdict verdict);
const char *claim_word(enum claim claim);
const char *finding_word(enum finding_class class);

/* The claim that `word` names, or CLAIM_NONE. */
enum claim claim_parse(const char *word);

#endif

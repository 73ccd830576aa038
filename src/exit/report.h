/*
 * report.h - what one check came to: per family six gates, each with its verdict, its reasons and its
 * evidence.
 *
 * A report is plain data for a program to show (a table for people, JSON for machines).  Every text in it is
 * owned by the report, free of secrets, and may hold names from the clusters as they are: whoever writes to a
 * terminal passes them through text_safe().  A pointer that may be NULL says so.
 */
#ifndef EXIT_REPORT_H
#define EXIT_REPORT_H

#include "base/arena.h"
#include "exit/verdict.h"

/* Why a gate is not open; or, with `pull` open, something to know although it is. */
struct report_reason {
	const char *code;    /* "PARITY_LOST", "EVIDENCE_STALE": stable, for machines */
	enum verdict pull;   /* shut or unknown: what it makes of the gate; open: a note */
	bool waived;         /* would be shut, but a waiver stands; shown as WAIVED */
	const char *rule;    /* "parity.lost" */
	const char *subject; /* the topic, group or principal; NULL when it is the family */
	const char *text;    /* one sentence */
	const char *who;     /* who can mend it: "owner", "source operator", "target operator", "interlock" */
};

/* One piece of evidence that a verdict rests on, already worded. */
struct report_evidence {
	const char *claim;       /* "parity.faults" */
	const char *subject;     /* NULL when it is the family */
	const char *text;        /* "998 of 1,000 records matched, LOST 2" */
	const char *status;      /* "ok", "partial", "instrument error" */
	const char *id;          /* 64 hexadecimal digits: the SHA-256 of its canonical bytes */
	uint64_t covered, total; /* of what the claim is about; total 0 when coverage has no meaning */
	uint64_t samples;
	int64_t began_ms, ended_ms; /* wall time */
};

struct report_gate {
	enum gate gate;
	enum verdict verdict;
	bool measured;                   /* false: this version does not measure it yet */
	int open, shut, unknown, waived; /* how its rules came out; `waived` are among `open` */
	const char *summary; /* one short line, for the table: "2 topics, 2,000 records, all equal" */
	const struct report_reason *reasons; /* shut first, then unknown, then notes */
	int reason_count;
	const struct report_evidence *evidence;
	int evidence_count;
	const char *const *not_asked; /* what the class declines: "rollback.drill: not asked for" */
	int not_asked_count;
	const char *const *unchecked; /* what these rules do not check, said plainly */
	int unchecked_count;
};

struct report_family {
	const char *name, *class_name, *pattern;
	bool rehearsal;                /* its class is `rehearsal` or like it: mark all output */
	const char *stage, *authority; /* as the journal has them; NULL: it has never heard of this family */
	uint64_t epoch;                /* of authority; 1 when it never moved */
	enum verdict verdict;          /* over the gates that were asked for */
	int topic_count, group_count, producer_count;
	struct report_gate gates[GATE_COUNT];
};

/* One cluster as it was found. */
struct report_side {
	const char *name;       /* "source", "target" */
	const char *address;    /* the bootstrap addresses; no secret */
	const char *cluster_id; /* NULL when not known */
	const char *software; /* what its features and versions amount to: "Kafka 4.0 or later"; NULL when not
				 known */
	int broker_count, topic_count, group_count;
};

struct report {
	struct arena arena;
	const char *exit_name, *plan_file;
	unsigned gates;       /* the gates asked for, a bit each: 1u << GATE_PARITY */
	enum verdict verdict; /* all families, over the gates asked for */
	bool rehearsal;       /* any family is one */
	int64_t at_ms;        /* wall time when it was judged */
	double seconds;       /* that it took */
	struct report_side source, target;
	struct report_family *families;
	int family_count;
	const char *const *notes; /* about the exit as a whole: what could not be read, open items */
	int note_count;
};

/* NULL is silent. */
void report_free(struct report *report);

#endif

/*
 * rule.h - one rule of a gate, as data, and how it is judged.
 *
 * A rule needs a claim, about the family or about each of its topics, groups or principals.  It says which values
 * prove it and which disprove it; the two ranges must not meet, and what lies in neither is unknown.  A rule without
 * valid evidence is unknown, never skipped.  Judging is pure: facts and the time come in, an answer goes out.
 */
#ifndef EXIT_RULE_H
#define EXIT_RULE_H

#include "exit/evidence_log.h"
#include "exit/fresh.h"
#include "exit/verdict.h"
#include "exit/waiver.h"

enum rule_scope { RULE_FAMILY, RULE_EACH_TOPIC, RULE_EACH_GROUP, RULE_EACH_PRINCIPAL, RULE_SCOPE_COUNT };

/* Both ends belong to it; none of it when low > high. */
struct rule_range {
	int64_t low, high;
};

#define RULE_ZERO     ((struct rule_range){ 0, 0 })
#define RULE_SOME     ((struct rule_range){ 1, INT64_MAX })
#define RULE_UP_TO(n) ((struct rule_range){ 0, (n) })
#define RULE_PAST(n)  ((struct rule_range){ (n) + 1, INT64_MAX })

#define RULE_CONTROLS_MAX 4

struct rule {
	const char *name; /* "parity.lost" */
	enum gate gate;
	enum rule_scope scope;
	const char *claim;        /* of the evidence it needs */
	const char *value, *unit; /* which value of it */
	struct rule_range success, failure;
	int coverage_permille_min; /* 1000: all of it */
	uint64_t samples_min;
	struct fresh_limits fresh;
	const char *controls[RULE_CONTROLS_MAX + 1]; /* claims of controls that must hold; ends with NULL */
	int64_t control_age_ms_max;
	bool measured;    /* false: this version has no way to measure it, so it is unknown */
	bool no_limit;    /* the plan names none, and there is no safe one: unknown, whatever was measured */
	bool hard;        /* cannot be waived */
	bool sticky;      /* one failure inside the window stays, whatever came after */
	bool heals;       /* but for a later item, see rule_heals() */
	bool advisory;    /* shown, never counted */
	const char *code; /* when it is shut: "PARITY_LOST" */
	const char *text; /* when it is shut: "%" stands for the value, "{record|records}" for one or many */
	const char *who;  /* who can mend it */
	const char *unchecked; /* what it does not check; NULL */
};

/* 0, or ERR_CONFIG: the ranges meet or are upside down, a name is missing, a limit is negative. */
int rule_check(const struct rule *rule, struct fault *fault);

/* Names that a rule must hold for, one by one.  `declared` false: nobody said, which is not the same as none. */
struct rule_subjects {
	const struct view *at;
	int count;
	bool declared;
};

/* All that a judgement rests on. */
struct rule_facts {
	struct view family;
	const struct evidence_log *log;
	int window; /* index in the log from which failures stick; a new window is an owner's act */
	struct fresh_now now;
	struct rule_subjects subjects[RULE_SCOPE_COUNT]; /* that of RULE_FAMILY is not read */
	const struct waiver *waivers;
	int waiver_count;
	struct view stage; /* for waivers: "OBSERVING" */
	/*
	 * Whether every item of the log is what its id says, and in its place.  Looked for once by whoever judges a whole
	 * family; else by each gate, and each item again by each rule that uses it.
	 */
	enum { LOG_NOT_LOOKED_AT, LOG_WHOLE, LOG_CHANGED } log_is;
};

/* Why a rule came out as it did. */
enum rule_why {
	RULE_NOT_MEASURED,
	RULE_PROVED,
	RULE_DISPROVED,
	RULE_WAIVED,
	RULE_MISSING,    /* no evidence */
	RULE_CHANGED,    /* the evidence is not what its id says */
	RULE_LOG_BROKEN, /* evidence was taken from the log, or put in */
	RULE_INSTRUMENT, /* the measurement failed */
	RULE_STALE,      /* `staleness` says how */
	RULE_NO_VALUE,   /* the item lacks the value, or has another unit */
	RULE_CONTROL,    /* the instrument was not shown to work */
	RULE_PARTIAL,
	RULE_COVERAGE,
	RULE_SAMPLES,
	RULE_NEITHER,    /* a value that neither proves nor disproves */
	RULE_NO_SUBJECT, /* nobody said what it is about */
	RULE_NO_LIMIT,   /* the plan names no limit for it and there is no safe default */
};

struct rule_result {
	const struct rule *rule;
	struct view subject; /* VIEW_NULL: the family */
	enum verdict verdict;
	enum rule_why why;
	enum staleness staleness;        /* with RULE_STALE */
	const struct evidence *evidence; /* that it was judged on; NULL when there is none */
	const struct waiver *waiver;     /* that made it open; NULL */
	enum waiver_refusal refusal;     /* why the nearest waiver did not; WAIVER_NONE when there was none */
	int64_t value;
};

/* Judges one rule for one subject (VIEW_NULL for the family).  `whole` is evidence_log_whole() of the facts' log. */
void rule_judge(const struct rule *rule, struct view subject, const struct rule_facts *facts, bool whole,
		struct rule_result *out);

/*
 * What was missing may come late, and is missing no more.  True when `item` takes back the failure that `failed` was under
 * this rule: it is about the same, of the same plan and authority, whole, a success, and saw all that `failed` had seen
 * (each range that was read, and what lies behind it).  Controls are not looked at; judging does.
 */
bool rule_heals(const struct rule *rule, const struct evidence *failed, const struct evidence *item);

/* "EVIDENCE_MISSING", "WAIVED", the rule's own code when it is shut, ...: stable, for machines. */
const char *rule_result_code(const struct rule_result *result);

/* Appends the reason as a sentence for people; `says` adds what the evidence itself says. */
void rule_result_text(const struct rule_result *result, bool says, struct buffer *out);

#endif

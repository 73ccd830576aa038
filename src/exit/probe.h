/*
 * probe.h - what the clusters cannot tell and the operator can: counters, outside positions, dashboards, alerts, pages.
 *
 * A probe is a command or an address (ask.h) that answers with a number, perhaps with a unit, or with yes or no (a number
 * above zero is yes, 0 is no), or with an object of JSON.  One that does not answer, or answers with something else, is
 * unknown: an error here, never a no and never a yes.
 *
 * **The control.**  A probe that says the same whatever is so proves nothing.  So the plan may name a `control`: a value
 * that goes behind the command as one more argument (to an address as ?control=VALUE), and with which the answer must
 * come out *wrong*:
 *
 *	a number (counter, return)     another number, by more than the tolerance
 *	a yes or no (dashboard, alert) no
 *	a position (outside)           another position
 *
 * `control: 2000-01-01` of a counter of today's revenue; `control: no-such-dashboard`.  The control is asked each time,
 * right after the answer that it vouches for; where it comes out right, or does not come, the answer counts for nothing
 * (ERR_CHECKSUM).  A probe without a control is used, and said to be without.
 *
 * All calls block as ask() does, and return its errors.
 */
#ifndef EXIT_PROBE_H
#define EXIT_PROBE_H

#include "exit/ask.h"
#include "exit/evidence.h"

/* How one thing is asked: what every kind of probe of the plan boils down to. */
struct probing {
	struct asking *asking;
	const struct plan_exec *exec;
	struct view control; /* VIEW_NULL: the plan names none */
	uint64_t epoch;      /* of the present authority, for INTERLOCK_EPOCH */
	int64_t timeout_ms;  /* for each question */
};

/* Of a probe of the plan with one command: its `probe`. */
struct probing probing_of(struct asking *asking, const struct plan_probe *probe, uint64_t epoch);
/* Of `return:`: how far the copier that feeds the way back is behind. */
struct probing probing_of_return(struct asking *asking, const struct plan_return *back, uint64_t epoch);

int probe_number(const struct probing *probing, struct quantity *out, struct fault *fault);
int probe_yes(const struct probing *probing, bool *out, struct fault *fault);

/* Runs `fire`, `remove` or `restore` (the word is for an address).  0: it was done, as far as it says. */
int probe_do(struct asking *asking, const struct plan_exec *exec, const char *word, uint64_t epoch,
	     int64_t timeout_ms, struct fault *fault);

/*
 * Has the alert been seen to fire?  It must be silent (or have a control), is made to fire, and is looked at until it
 * does.  0: seen.  ERR_TIMEOUT: not within `wait_ms`.  ERR_CONFLICT: it fires already and has no control, so a test would
 * show nothing.  ERR_UNSUPPORTED: no `fire`.  People are called by this: only for who was told to.
 */
int probe_alert(struct asking *asking, const struct plan_probe *alert, uint64_t epoch, int64_t wait_ms,
		struct fault *fault);

/* Is there a page at this address (an on-call schedule, a runbook)?  0: it answered with a status of 200 to 299. */
int probe_page(struct asking *asking, struct view url, int64_t timeout_ms, struct fault *fault);

/*
 * A counter, on both sides, while both go on counting.  The reference is asked, then the other side, then the reference
 * again: the other side must show a number that the reference showed or passed meanwhile, give or take the tolerance.  It
 * is asked again until it does, or until `settle_ms` have passed.
 */
struct probe_counter {
	struct quantity low, high; /* that the reference showed */
	struct quantity other;     /* that the other side showed last */
	int64_t apart_millionths;  /* how far outside of low and high; 0: inside */
	bool different;            /* farther than the tolerance */
	bool controlled;
};

/* `epoch` as above.  ERR_MALFORMED also when the sides count in different units. */
int probe_counter(struct asking *asking, const struct plan_probe *counter, enum side reference,
		  uint64_t epoch, int64_t settle_ms, struct probe_counter *out, struct fault *fault);

/*
 * A position that is kept outside Kafka.  The answer is where it stands on the reference; and where it goes on at the
 * other side, if that is settled, in JSON: {"value": "savepoint-17", "target": "savepoint-17-moved"}, or partition by
 * partition: {"value": 17, "positions": [{"topic": "orders", "partition": 0, "source": 120, "target": 118}]}.  A plain
 * answer is a position that has no place yet.  While authority is on the target, the place to go on is "source".
 */
struct probe_outside {
	char text[ANSWER_TEXT_SIZE_MAX + 1], place[ANSWER_TEXT_SIZE_MAX + 1]; /* "" where it was not said */
	struct position *positions; /* two a partition, one where only one side is known; from the arena */
	int position_count;
	int missing; /* partitions among "positions" without a place on the other side */
	bool translated, controlled;
};

#define PROBE_PARTITIONS_MAX 1000

/* `arena` for the positions.  ERR_MALFORMED, ERR_LIMIT for what the JSON says. */
int probe_outside(struct asking *asking, const struct plan_probe *outside, enum side reference,
		  uint64_t epoch, struct arena *arena, struct probe_outside *out, struct fault *fault);

/* What an outside position is called: "flink:billing-job", "other:warehouse". */
const char *probe_outside_name(const struct plan_probe *outside, struct arena *arena);

/* Reads "target" (or "source") and "positions" of the JSON of an answer; pure, for probe_outside() and the fuzzer. */
int probe_outside_read(struct view json, enum side reference, struct arena *arena, struct probe_outside *out,
		       struct fault *fault);

#endif

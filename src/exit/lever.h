/*
 * lever.h - a thing that can be observed, set and set back: a flag, an ACL, a topic config, a group's application.
 *
 * A lever stands at a *value*: one canonical line, so that two of them are equal when their bytes are ("source",
 * "running target", the sorted list of deny bindings that exist).  A *word* ("hold", "stop", "start target") says what is
 * wanted; aim() makes a value of it.  What the journal remembers is values: undo is set() with the value observed
 * before, and so touches nothing that was not ours.
 *
 * A command is not a detection: set() says at most that it was asked.  It is so when a following observe() shows it.
 *
 * Calls block, at the top level of the loop and never in a callback, no longer than `timeout_ms` (a lever may have a
 * shorter limit of its own).  One call at a time.
 */
#ifndef EXIT_LEVER_H
#define EXIT_LEVER_H

#include "base/buffer.h"
#include "base/err.h"

/* A value is no longer than this; what would be is ERR_LIMIT. */
#define LEVER_VALUE_SIZE_MAX (1024 * 1024)

struct lever;

struct lever_ops {
	/*
	 * Appends what the lever stands at now.  ERR_STALE: its parts disagree (brokers that have not all learnt it yet),
	 * and `value` says how.  Any other error: it cannot be told, and nothing was appended.
	 */
	int (*observe)(struct lever *lever, int64_t timeout_ms, struct buffer *value, struct fault *fault);

	/*
	 * Appends the value that `word` amounts to for a lever that stands at `before`.  Asks nobody.  ERR_USAGE: no word of
	 * this lever's.
	 */
	int (*aim)(struct lever *lever, const char *word, const char *before, struct buffer *value,
		   struct fault *fault);

	/*
	 * Asks for `value` under `epoch`.  0 says that it was asked for and acknowledged.  ERR_DENIED: refused, and nothing has
	 * changed.  ERR_CONFLICT: a newer epoch was seen there, and nothing has changed.  ERR_USAGE: no value of this lever's;
	 * nobody was asked.  ERR_BROKER: answered, and the answer is that it failed; of a lever that is `told` another try is
	 * worth a moment, and waiting is worth nothing.  ERR_STALE: answered, and not all of its parts have it yet; it is to be
	 * asked for again.  Anything else: not known.  After these three it may or may not be so, now or later.
	 */
	int (*set)(struct lever *lever, const char *value, uint64_t epoch, int64_t timeout_ms,
		   struct fault *fault);

	/*
	 * Whether nothing is in flight any more under `epoch`: LEVER_DRAINED, LEVER_WAITS, ERR_UNSUPPORTED when the plan
	 * gives no way to ask, ERR_CONFLICT as above; anything else: not known.  NULL: a lever that is never asked.
	 */
	int (*drained)(struct lever *lever, uint64_t epoch, int64_t timeout_ms, struct fault *fault);

	/* Appends the command or the call for `word` ("get" too), as a person would type or understand it. */
	void (*describe)(const struct lever *lever, const char *word, struct buffer *out);

	void (*free)(struct lever *lever);
};

enum { LEVER_DRAINED, LEVER_WAITS };

/* What every lever begins with. */
struct lever {
	const struct lever_ops *ops;
	const char *name; /* "flag", "acl:source", "group:billing"; the lever's own */
	bool told; /* one instance answers for all: what it acknowledged is so, and no part of it learns later */
};

static inline int lever_observe(struct lever *lever, int64_t timeout_ms, struct buffer *value,
				struct fault *fault)
{
	return lever->ops->observe(lever, timeout_ms, value, fault);
}

static inline int lever_aim(struct lever *lever, const char *word, const char *before, struct buffer *value,
			    struct fault *fault)
{
	return lever->ops->aim(lever, word, before, value, fault);
}

static inline int lever_set(struct lever *lever, const char *value, uint64_t epoch, int64_t timeout_ms,
			    struct fault *fault)
{
	return lever->ops->set(lever, value, epoch, timeout_ms, fault);
}

/* ERR_UNSUPPORTED for a lever that is never asked. */
int lever_drained(struct lever *lever, uint64_t epoch, int64_t timeout_ms, struct fault *fault);

static inline void lever_describe(const struct lever *lever, const char *word, struct buffer *out)
{
	lever->ops->describe(lever, word, out);
}

/* NULL is silent. */
void lever_free(struct lever *lever);

#endif

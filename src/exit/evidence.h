/*
 * evidence.h - one measured fact, its canonical bytes, and its id.
 *
 * An item says what was found (values with units), about what (claim, subject), where (positions with leader epochs),
 * when (wall and monotonic time and the boot they belong to), how much of it was looked at (coverage, samples), by
 * which method, and under which plan, context and authority.  Its id is the SHA-256 of its bytes, so that an item
 * that was changed afterwards, its date included, is no longer that item.
 *
 * There is exactly one encoding of an item: lists are sorted, numbers are whole.  A fraction is given in a unit that
 * makes it whole ("permille", "bytes"), for two machines must come to the same bytes.
 */
#ifndef EXIT_EVIDENCE_H
#define EXIT_EVIDENCE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/err.h"
#include "exit/sha256.h"

/* Zero is the one that proves nothing. */
enum evidence_status {
	EVIDENCE_INSTRUMENT_ERROR, /* the measurement itself failed: its values mean nothing */
	EVIDENCE_PARTIAL,          /* what was seen is true, but not all was seen */
	EVIDENCE_OK,
};

enum evidence_kind {
	EVIDENCE_MEASUREMENT = 1, /* of the clusters */
	EVIDENCE_CONTROL = 2, /* of the instrument: does it find what was planted, and nothing in nothing? */
	EVIDENCE_PROBE = 3,   /* the operator's own answer */
};

/* A moment on three clocks.  `boot` is zero when it is not known; monotonic times of two boots cannot be compared. */
struct moment {
	int64_t wall_ms, monotonic_ms;
	uint8_t boot[16];
};

/*
 * A thing that changes by steps: `number` grows by one at each change that is seen, `hash` is of what it is now.
 * Both must be equal: a configuration that was changed and changed back is not the one that was measured.
 */
struct epoch {
	uint64_t number;
	struct sha256 hash;
};

struct epochs {
	struct epoch plan, context;
	uint64_t authority;
};

struct evidence_value {
	struct view name; /* "LOST" */
	struct view unit; /* "records", "bytes", "ms", "permille" */
	int64_t number;
};

enum side { SIDE_SOURCE, SIDE_TARGET, SIDE_COUNT };

/* "source", "target". */
const char *side_word(enum side side);

/* What was read of one partition, or (with a group) where a group stands in it.  -1 where it is not known. */
struct position {
	uint8_t side;             /* enum side */
	struct view topic, group; /* group VIEW_NULL: a range that was read */
	int32_t partition, leader_epoch;
	int64_t start, end; /* half-open; of a group: start == end, the committed offset */
	int64_t stable, high_watermark;
};

/* What was left out of the coverage, and why; or what was done to records before they were compared. */
struct evidence_remark {
	struct view what, why;
	uint64_t count;
};

struct evidence_artefact {
	struct view name;
	struct sha256 digest;
};

struct evidence {
	enum evidence_kind kind;
	enum evidence_status status;
	struct view claim;   /* "parity.faults" */
	struct view subject; /* the topic, group or principal; empty: the family */
	struct view family;
	struct view method, version; /* "join", "0.1.0" */
	struct view collector;       /* who measured */
	struct view text;            /* one line for people; why, when the status is not ok */
	struct moment began, ended;
	uint64_t covered, total; /* coverage; total 0: nothing there to cover */
	uint64_t samples, traffic_bytes;
	struct epochs epochs;
	struct evidence_value *values; /* sorted by name, each name once */
	int value_count;
	struct position *positions; /* sorted by side, topic, partition, group; each once */
	int position_count;
	struct evidence_remark *excluded, *normalisers; /* sorted by what, why */
	int excluded_count, normaliser_count;
	struct evidence_artefact *artefacts; /* raw material; sorted by name */
	int artefact_count;
	struct sha256 *parents; /* items that this one was made from; sorted */
	int parent_count;
	struct sha256 id; /* set by evidence_seal(); not part of the bytes */
};

/* By side, topic, partition, then group: for qsort(). */
int evidence_position_order(const void *a, const void *b);

#define EVIDENCE_SIZE_MAX (8 * 1024 * 1024)

/*
 * Sorts the lists, and sets the id.  ERR_MALFORMED when a name stands twice in a list or is missing where it must
 * stand; ERR_LIMIT when its bytes would pass EVIDENCE_SIZE_MAX; ERR_MEMORY.
 */
int evidence_seal(struct evidence *item, struct fault *fault);

/* True when the id is the hash of what the item says now. */
bool evidence_intact(const struct evidence *item);

/* Appends the canonical bytes.  ERR_MALFORMED when the lists are not sorted: seal first. */
int evidence_write(const struct evidence *item, struct buffer *out);

/*
 * Reads canonical bytes back, and sets the id from them.  Anything but the one encoding is ERR_MALFORMED.  Texts are
 * views of `bytes`, lists come from the arena.
 */
int evidence_read(struct view bytes, struct arena *arena, struct evidence *out, struct fault *fault);

/* The same for whoever has held the bytes against their hash by now: that is the id, and is not reckoned again. */
int evidence_read_as(struct view bytes, const struct sha256 *id, struct arena *arena, struct evidence *out,
		     struct fault *fault);

/* The value of that name, or NULL. */
const struct evidence_value *evidence_value(const struct evidence *item, struct view name);

/* "ok", "partial", "instrument error". */
const char *evidence_status_word(enum evidence_status status);

#endif

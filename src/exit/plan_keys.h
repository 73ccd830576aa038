/*
 * plan_keys.h - every key that exit.yaml may have, in one table: its type, unit, default and meaning.
 *
 * The reader walks it, and the reference page of the plan is written from it, so that neither can know a key that the
 * other does not.
 */
#ifndef EXIT_PLAN_KEYS_H
#define EXIT_PLAN_KEYS_H

#include "base/buffer.h"
#include "exit/plan.h"

enum plan_type {
	/* into struct plan_text */
	PLAN_TEXT,
	PLAN_NAME, /* letters, digits, '.', '_', '-' */
	PLAN_PATH,
	PLAN_CLUSTER,
	PLAN_STATE, /* a path, or postgres://... */
	PLAN_URL,
	PLAN_OWNER,
	PLAN_IDENTITY,
	/* into struct plan_number */
	PLAN_YES_NO,
	PLAN_COUNT,
	PLAN_DURATION,
	PLAN_SIZE,
	PLAN_RATE,     /* bytes a second */
	PLAN_PACE,     /* records a second: 1000/s */
	PLAN_PERCENT,  /* permille */
	PLAN_MONEY,    /* millionths of the currency */
	PLAN_DECIMAL,  /* millionths */
	PLAN_REQUIRED, /* the word `required` */
	PLAN_CLAIM,
	PLAN_PATTERN,
	PLAN_ACTION,
	PLAN_ORDER,
	/* into a type of their own */
	PLAN_EXEC,
	PLAN_NAMES,
	PLAN_TOPICS,
	PLAN_FREEZES,
	PLAN_PAIRS,
	/* mappings: `section` of the key says what may be in them */
	PLAN_MAP,
	PLAN_LIST,  /* a list of mappings: pointer, then count */
	PLAN_NAMED, /* a mapping from names to mappings: pointer, then count */
};

enum {
	KEY_NEEDED = 1, /* must stand in its section */
	KEY_NONE = 2,   /* may be `none`: not asked for */
	KEY_SAME =
		4, /* PLAN_MAP whose keys belong to the struct that it stands in; `offset`, unless 0, is its head */
};

/* What a struct of the plan is called, and how large it is. */
struct plan_section {
	const char *name;  /* in the table */
	const char *title; /* for people: "a family" */
	size_t size;
};

struct plan_key {
	const char *section, *key;
	enum plan_type type;
	unsigned flags;
	size_t offset;         /* in the section's struct */
	const char *inner;     /* the section of a mapping */
	const char *usual;     /* default, as it would be written; NULL: none */
	const char *rehearsal; /* what the class `rehearsal` has instead; NULL: the same */
	const char *help;
};

extern const struct plan_key plan_keys[];         /* ends with section == NULL */
extern const struct plan_section plan_sections[]; /* ends with name == NULL */

const struct plan_section *plan_section(const char *name);

/* NULL when the section has no such key. */
const struct plan_key *plan_key(const char *section, struct view key);

/* "a duration, like 500ms, 5s, 10m, 2h or 7d" */
const char *plan_type_text(enum plan_type type);

/* Appends the reference of all keys as Markdown, a table for each section. */
void plan_keys_document(struct buffer *out);

#endif

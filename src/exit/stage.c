/* stage.c - the table of stages. */
#include <assert.h>

#include "exit/stage.h"

#define BIT(stage) (1u << (stage))

static const char *const stage_words[] = { "PLANNED", "OBSERVING", "ARMED",  "FENCING", "QUIET",   "LEVEL",
					   "DECIDED", "OPENING",   "TARGET", "SEALED",  "RETIRED", NULL };
static const char *const overlay_words[] = { "", "HELD", "UNKNOWN", NULL };
static const char *const authority_words[] = { "source", "none", "target", NULL };

/* What may follow while nothing moves. */
static const uint16_t at_rest[STAGE_COUNT] = {
	[STAGE_PLANNED] = BIT(STAGE_OBSERVING), [STAGE_OBSERVING] = BIT(STAGE_ARMED),
	[STAGE_ARMED] = BIT(STAGE_OBSERVING),   [STAGE_TARGET] = BIT(STAGE_SEALED),
	[STAGE_SEALED] = BIT(STAGE_RETIRED),
};

/* On the way to the target, and on the way back to the source: they differ only in where they begin and end. */
static const uint16_t to_target[STAGE_COUNT] = {
	[STAGE_ARMED] = BIT(STAGE_FENCING),   [STAGE_FENCING] = BIT(STAGE_QUIET),
	[STAGE_QUIET] = BIT(STAGE_LEVEL),     [STAGE_LEVEL] = BIT(STAGE_DECIDED),
	[STAGE_DECIDED] = BIT(STAGE_OPENING), [STAGE_OPENING] = BIT(STAGE_TARGET),
};
static const uint16_t to_source[STAGE_COUNT] = {
	[STAGE_TARGET] = BIT(STAGE_FENCING),  [STAGE_FENCING] = BIT(STAGE_QUIET),
	[STAGE_QUIET] = BIT(STAGE_LEVEL),     [STAGE_LEVEL] = BIT(STAGE_DECIDED),
	[STAGE_DECIDED] = BIT(STAGE_OPENING), [STAGE_OPENING] = BIT(STAGE_OBSERVING),
};

/* A crossing that was given up ends where it came from; past the decision it cannot be given up. */
static const uint16_t back_from_target[STAGE_COUNT] = {
	[STAGE_ARMED] = BIT(STAGE_OBSERVING),
	[STAGE_FENCING] = BIT(STAGE_OBSERVING),
	[STAGE_QUIET] = BIT(STAGE_OBSERVING),
	[STAGE_LEVEL] = BIT(STAGE_OBSERVING),
};
static const uint16_t back_from_source[STAGE_COUNT] = {
	[STAGE_FENCING] = BIT(STAGE_TARGET),
	[STAGE_QUIET] = BIT(STAGE_TARGET),
	[STAGE_LEVEL] = BIT(STAGE_TARGET),
};

static int find(const char *const words[], struct view word)
{
	for (int i = 0; words[i]; i++)
		if (words[i][0] && view_is(word, words[i]))
			return i;
	return -1;
}

const char *stage_word(enum stage stage)
{
	return (unsigned)stage < STAGE_COUNT ? stage_words[stage] : NULL;
}

const char *overlay_word(enum overlay overlay)
{
	return overlay == OVERLAY_NONE || (unsigned)overlay >= OVERLAY_COUNT ? NULL : overlay_words[overlay];
}

const char *authority_word(enum authority authority)
{
	return (unsigned)authority < AUTHORITY_COUNT ? authority_words[authority] : NULL;
}

int stage_find(struct view word)
{
	return find(stage_words, word);
}

int overlay_find(struct view word)
{
	return find(overlay_words, word);
}

int authority_find(struct view word)
{
	return find(authority_words, word);
}

bool stage_is_crossing(enum stage stage)
{
	return stage >= STAGE_FENCING && stage <= STAGE_OPENING;
}

bool stage_is_decided(enum stage stage)
{
	return stage == STAGE_DECIDED || stage == STAGE_OPENING;
}

bool stage_may_follow(enum stage from, enum stage to, enum authority moving, bool returning)
{
	const uint16_t *table = moving == AUTHORITY_NONE     ? at_rest
				: moving == AUTHORITY_TARGET ? (returning ? back_from_target : to_target)
							     : (returning ? back_from_source : to_source);

	if ((unsigned)from >= STAGE_COUNT || (unsigned)to >= STAGE_COUNT ||
	    (unsigned)moving >= AUTHORITY_COUNT)
		return false;
	return table[from] & BIT(to);
}

/*
 * sim_points.c - every place where a controller may die, each once: calm stories, and the crash table held against them.
 * And every order to a lever, lost once.
 */
#include <stdio.h>

#include "crash_table.h"
#include "exit/step.h"
#include "sim.h"

#define ROWS (int)(sizeof crash_table / sizeof crash_table[0])

/* Groups that move first, and last; a dual write with every lever, and a switch of addresses. */
static const struct {
	int pattern;
	uint64_t seed;
} worlds[] = { { 1, 1 }, { 1, 2 }, { 4, 3 } };

static const char *const stories[] = { "forward", "back", "abort", "retire" };

struct playing {
	int met[2][sizeof crash_table / sizeof crash_table[0]];
	int runs, broken;
};

static int row_of(const char *what)
{
	for (int i = 0; i < ROWS; i++)
		if (strcmp(crash_table[i].what, what) == 0)
			return i;
	return -1;
}

static void want_row(struct playing *p, const char *of, const char *word)
{
	char what[SIM_LABEL_SIZE];

	snprintf(what, sizeof what, "%s %s", of, word);
	if (row_of(what) < 0) {
		printf("crash_table.h has no row for %s\n", what);
		p->broken++;
	}
}

static void want_rows(struct playing *p)
{
	for (int kind = 1; kind < FRAME_KINDS; kind++)
		if (kind != FRAME_STAGE)
			want_row(p, "frame", frame_kind_word((enum frame_kind)kind));
	for (int stage = 0; stage < STAGE_COUNT; stage++)
		want_row(p, "stage", stage_word((enum stage)stage));
	for (int phase = 0; phase < PHASE_COUNT; phase++)
		want_row(p, "effect", phase_word((enum step_phase)phase));
}

static void meet(struct playing *p, const char *label)
{
	bool after = strncmp(label, "after ", 6) == 0;
	int row = row_of(label + (after ? 6 : 7));

	if (row >= 0) {
		p->met[after][row]++;
		return;
	}
	printf("crash_table.h has no row for '%s'\n", label);
	p->broken++;
}

static void play(struct playing *p, const struct sim_options *base, const char *end)
{
	struct sim_options options = *base;
	char why[1500], label[SIM_LABEL_SIZE], came_to[40];

	options.crash_label = label;
	options.end = came_to;
	for (options.crash_at = 1; p->broken < 10; options.crash_at++) {
		label[0] = came_to[0] = 0;
		p->runs++;
		if (sim_run(&options, why, NULL)) {
			printf("killed %s, %s of pattern %d: %s\n", label, options.story, options.pattern, why);
			p->broken++;
		} else if (label[0] && strcmp(came_to, end) != 0) {
			printf("killed %s, %s of pattern %d: it came to %s, and without that to %s\n", label,
			       options.story, options.pattern, came_to, end);
			p->broken++;
		}
		if (!label[0])
			return; /* the story has no more points */
		meet(p, label);
	}
}

/*
 * Each order to a lever gets lost once, or the answer to it: a connection that broke.  Whoever can give up may do so; that
 * nobody knows any more where it stands is no end for that.
 */
static void lose(struct playing *p, const struct sim_options *base, bool answer)
{
	struct sim_options options = *base;
	char why[1500], label[SIM_LABEL_SIZE], lost[SIM_LABEL_SIZE], came_to[40];

	options.crash_label = label;
	options.lost_label = lost;
	options.lose_answer = answer;
	options.end = came_to;
	for (options.lose_at = 1; p->broken < 10; options.lose_at++) {
		lost[0] = came_to[0] = 0;
		p->runs++;
		if (sim_run(&options, why, NULL)) {
			printf("%s of %s lost, %s of pattern %d: %s\n", answer ? "the answer" : "the order", lost,
			       options.story, options.pattern, why);
			p->broken++;
		} else if (strstr(came_to, overlay_word(OVERLAY_UNKNOWN))) {
			printf("%s of %s lost, %s of pattern %d: it came to %s\n", answer ? "the answer" : "the order",
			       lost, options.story, options.pattern, came_to);
			p->broken++;
		}
		if (!lost[0])
			return;
	}
}

static void check_met(struct playing *p)
{
	for (int i = 0; i < ROWS; i++) {
		bool met = p->met[0][i] && p->met[1][i];

		if (met == crash_table[i].played)
			continue;
		printf("crash_table.h: '%s' says that it is %splayed, and nobody died %s it\n", crash_table[i].what,
		       crash_table[i].played ? "" : "not ", p->met[0][i] ? "after" : "before");
		p->broken++;
	}
}

int sim_points(void)
{
	struct playing p = { 0 };

	want_rows(&p);
	for (size_t w = 0; w < sizeof worlds / sizeof worlds[0]; w++) {
		for (size_t s = 0; s < sizeof stories / sizeof stories[0]; s++) {
			char why[1500], end[40] = "", label[SIM_LABEL_SIZE];
			struct sim_options options = { .seed = worlds[w].seed, .calm = true,
						       .pattern = worlds[w].pattern, .story = stories[s],
						       .end = end, .crash_label = label };

			if (sim_run(&options, why, NULL)) {
				printf("%s of pattern %d: %s\n", options.story, options.pattern, why);
				return 1;
			}
			play(&p, &options, end);
			lose(&p, &options, false);
			lose(&p, &options, true);
		}
	}
	check_met(&p);
	printf("%d runs, %d broken\n", p.runs, p.broken);
	return p.broken ? 1 : 0;
}

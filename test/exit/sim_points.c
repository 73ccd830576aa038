/* sim_points.c - every place where a controller may die. */
#include <stdio.h>

#include "sim.h"

int sim_points(void)
{
	struct sim_options options = { .seed = 1, .calm = true, .story = "forward" };
	char why[1500], label[100] = "", end[40] = "";
	uint64_t calls = 0;
	int broken = 0;

	for (options.pattern = 0; options.pattern < 6; options.pattern++) {
		static const char *const stories[] = { "forward", "back", "abort" };
		for (int s = 0; s < 3; s++) {
			options.story = stories[s];
			options.crash_label = label;
			options.end = end;
			options.calls = &calls;
			options.crash_at = 0;
			if (sim_run(&options, why, NULL)) {
				printf("pattern %d %s: %s\n", options.pattern, stories[s], why);
				broken++;
				continue;
			}
			printf("pattern %d %s: %llu calls, %s\n", options.pattern, stories[s], (unsigned long long)calls, end);
		}
	}
	return broken ? 1 : 0;
}

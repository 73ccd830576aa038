/* sim_core.c - simulated time: events in order, chance from the seed, and the places where a controller may die. */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

bool sim_chance(struct sim *sim, int ppm)
{
	if (sim->options.calm || sim->now >= sim->faults_until || !ppm)
		return false;
	return random_below(&sim->chance, 1000000) < (uint64_t)ppm;
}

int sim_below(struct sim *sim, int limit)
{
	return (int)random_below(&sim->chance, (uint64_t)limit);
}

static void mix(struct sim *sim, const char *text)
{
	for (; *text; text++)
		sim->hash = (sim->hash ^ (uint8_t)*text) * 0x100000001b3u;
}

void sim_trace(struct sim *sim, const char *format, ...)
{
	char text[1200];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	mix(sim, text);
	if (sim->options.trace)
		printf("%9lld  %*s%s\n", (long long)sim->now, 4 * sim->depth, "", text);
}

void sim_fail(struct sim *sim, const char *format, ...)
{
	va_list list;

	if (sim->broken)
		return;
	va_start(list, format);
	vsnprintf(sim->why, sizeof sim->why, format, list);
	va_end(list);
	for (int i = 0; i < SIM_PARTITIONS; i++) {
		const struct sim_instance *in = &sim->instances[i];

		sim_trace(sim, "instance %d: mode %d (%llu) record %d for side %d%s, sent %d %d, heard %d %d", i,
			  in->mode, (unsigned long long)in->epoch, in->id, in->side, in->busy ? ", busy" : "",
			  in->sent[0], in->sent[1], in->acked[0], in->acked[1]);
	}
	sim_trace(sim, "BROKEN: %s", sim->why);
	sim->broken = true;
}

/* ---- events: a heap, earliest first; the order of their making breaks ties ---- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_at(struct sim *sim, int64_t in_ms, void (*fire)(struct sim *, int64_t, int64_t), int64_t a, int64_t b)
{
	struct sim_event event = { sim->now + in_ms, sim->order++, fire, a, b };
	int i = sim->event_count;

	if (i == SIM_EVENTS_MAX) {
		sim_fail(sim, "the simulator has more events than it has room for");
		return;
	}
	sim->event_count++;
	for (; i > 0 && before(&event, &sim->events[(i - 1) / 2]); i = (i - 1) / 2)
		sim->events[i] = sim->events[(i - 1) / 2];
	sim->events[i] = event;
}

static struct sim_event pop(struct sim *sim)
{
	struct sim_event first = sim->events[0], last = sim->events[--sim->event_count];
	int i = 0;

	for (;;) {
		int child = 2 * i + 1;

		if (child >= sim->event_count)
			break;
		if (child + 1 < sim->event_count && before(&sim->events[child + 1], &sim->events[child]))
			child++;
		if (before(&last, &sim->events[child]))
			break;
		sim->events[i] = sim->events[child];
		i = child;
	}
	sim->events[i] = last;
	return first;
}

void sim_pass(struct sim *sim, int64_t ms)
{
	int64_t until = sim->now + ms;

	while (!sim->broken && sim->event_count && sim->events[0].at <= until) {
		struct sim_event event = pop(sim);

		if (event.at > sim->now)
			sim->now = event.at;
		event.fire(sim, event.a, event.b);
	}
	if (until > sim->now)
		sim->now = until;
	/* A wait that has no end would hang us too. */
	if (sim->now > SIM_NOW_MAX)
		sim_fail(sim, "liveness: somebody still waits after %d hours", SIM_NOW_MAX / 3600000);
}

/* ---- a controller's calls ---- */

/* It lies here, in the middle of a call, while the other one finds its beat standing still. */
static void lie_still(struct sim_controller *k)
{
	struct sim *sim = k->sim;
	int64_t until = sim->now + 2000 + sim_below(sim, 20000);

	sim_trace(sim, "%s is paused", k->holder);
	sim->depth++;
	k->paused = true;
	sim_controller_until(&sim->all[1 - k->index], until);
	k->paused = false;
	sim->depth--;
	sim_trace(sim, "%s wakes up", k->holder);
}

int sim_call(struct sim_controller *k, const char *what, const char *more)
{
	struct sim *sim = k->sim;

	if (k->dead || sim->broken)
		return ERR_CANCELLED;
	if (!sim_chance(sim, sim->crash_ppm)) {
		if (sim->controllers > 1 && !sim->depth && !sim->steady && sim_chance(sim, sim->pause_ppm))
			lie_still(k);
		return 0;
	}
	sim_trace(sim, "%s dies: %s %s", k->holder, what, more);
	k->dead = true;
	return ERR_CANCELLED;
}

int sim_point(struct sim_controller *k, const char *point, const char *what)
{
	struct sim *sim = k->sim;

	if (k->dead || sim->broken)
		return ERR_CANCELLED;
	if (sim->options.calm && ++sim->point == sim->options.crash_at) {
		sim_trace(sim, "%s dies: %s %s", k->holder, point, what);
		snprintf(sim->options.crash_label, SIM_LABEL_SIZE, "%s %s", point, what);
		k->dead = true;
		return ERR_CANCELLED;
	}
	return sim_call(k, point, what);
}

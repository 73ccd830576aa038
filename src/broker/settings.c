/* settings.c - waits for the store to keep what was set. */
#include "broker/settings.h"

#define FIRST_WAIT_MS 10000

struct settings *settings_begin(struct request *request, void *response,
				void (*done)(struct settings *settings, int failed))
{
	struct settings *settings = arena_take(&request->arena, sizeof *settings);

	if (settings)
		*settings = (struct settings){ request, response, done, 1, 0 };
	return settings;
}

void settings_end(struct settings *settings)
{
	if (--settings->waiting == 0)
		settings->done(settings, settings->failed);
}

static void put_done(void *context, int err, const struct fault *fault)
{
	struct settings *settings = context;

	settings->failed += err < 0;
	settings_end(settings);
}

void settings_put(struct settings *settings, const char *kind, struct view name, struct view value)
{
	settings->waiting++;
	if (store_setting_put(settings->request->broker->store, view_text(kind), name, value, put_done,
			      settings) < 0) {
		settings->failed++;
		settings->waiting--;
	}
}

struct first {
	bool done;
	int err;
};

static void first_done(void *context, int err, const struct fault *fault)
{
	struct first *first = context;

	first->done = true;
	first->err = err;
}

int setting_put_now(struct broker *broker, const struct broker_options *options, const char *kind,
		    struct view name, struct view value)
{
	struct first first = { 0 };
	int err = store_setting_put(broker->store, view_text(kind), name, value, first_done, &first);

	for (int64_t until = loop_now_ms(broker->loop) + FIRST_WAIT_MS;
	     err == 0 && !first.done && loop_now_ms(broker->loop) < until;) {
		if (options->step)
			options->step(options->step_context);
		else
			store_wait(broker->store, 100);
		store_poll(broker->store);
	}
	return err < 0 ? err : first.done ? first.err : ERR_TIMEOUT;
}

/* settings.c - waits for the store to keep what was set. */
#include "broker/settings.h"

#define FIRST_WAIT_MS 10000

struct settings *settings_begin(struct request *request, void *response,
				void (*done)(struct settings *settings, int failed))
{
	struct settings *settings = arena_take(&request->arena, sizeof *settings);

	if (settings)
		*settings = (struct settings){ .request = request, .response = response, .done = done };
	return settings;
}

static void put_done(void *context, int err, const struct fault *fault)
{
	struct settings *settings = context;

	settings->failed += err < 0 ? settings->count : 0;
	settings->done(settings, settings->failed);
}

void settings_end(struct settings *settings)
{
	int err = settings->failed  ? ERR_MEMORY
		  : settings->count ? store_settings_put(settings->request->broker->store, settings->all,
							 settings->count, put_done, settings)
				    : 0;

	if (err < 0 || !settings->count)
		put_done(settings, err, NULL);
}

/* One more place at the end; NULL when the arena is full. */
static struct store_setting *next_place(struct settings *settings)
{
	if (settings->count == settings->capacity) {
		int capacity = settings->capacity ? 2 * settings->capacity : 16;
		struct store_setting *all =
			arena_array(&settings->request->arena, (size_t)capacity, sizeof *all);

		if (!all)
			return NULL;
		if (settings->count)
			memcpy(all, settings->all, (size_t)settings->count * sizeof *all);
		settings->all = all;
		settings->capacity = capacity;
	}
	return &settings->all[settings->count];
}

void settings_put(struct settings *settings, const char *kind, struct view name, struct view value)
{
	struct arena *arena = &settings->request->arena;
	struct store_setting *one = next_place(settings);

	if (one)
		*one = (struct store_setting){ view_text(kind), arena_copy(arena, name),
					       value.at ? arena_copy(arena, value) : VIEW_NULL };
	if (one && one->name.at && (one->value.at || !value.at))
		settings->count++;
	else
		settings->failed++;
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

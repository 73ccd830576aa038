/* group_config.c - the table of configs of groups, and what was set for each. */
#include <stdlib.h>

#include "base/buffer.h"
#include "broker/group_config.h"

const struct group_config group_config_table[GROUP_CONFIGS] = {
	[GROUP_CONFIG_SESSION] = { "consumer.session.timeout.ms", "group.consumer.session.timeout.ms",
				   "group.consumer.min.session.timeout.ms",
				   "group.consumer.max.session.timeout.ms" },
	[GROUP_CONFIG_HEARTBEAT] = { "consumer.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms",
				     "group.consumer.min.heartbeat.interval.ms",
				     "group.consumer.max.heartbeat.interval.ms" },
};

int group_config_find(struct view name)
{
	for (int i = 0; i < GROUP_CONFIGS; i++)
		if (view_is(name, group_config_table[i].name))
			return i;
	return -1;
}

struct view group_config_own(const struct broker *broker, struct view group, enum group_config_place place)
{
	struct view text = store_setting(broker->store, GROUP_CONFIG_KIND, group);
	struct view name = view_text(group_config_table[place].name);

	while (text.size > 0) {
		const uint8_t *end = memchr(text.at, '\n', text.size);
		size_t size = end ? (size_t)(end - text.at) : text.size;

		if (size > name.size && text.at[name.size] == '=' && memcmp(text.at, name.at, name.size) == 0)
			return view_of(text.at + name.size + 1, size - name.size - 1);
		text = end ? view_of(end + 1, text.size - size - 1) : VIEW_NULL;
	}
	return VIEW_NULL;
}

static int64_t property(const struct broker *broker, const char *name)
{
	bool given;

	return strtoll(properties_value(&broker->properties, name, &given), NULL, 10);
}

static int64_t number(const struct broker *broker, struct view own, enum group_config_place place)
{
	int64_t value;

	if (own.at && config_value_fits(CONFIG_INT, own, 1, INT32_MAX, &value))
		return value;
	return property(broker, group_config_table[place].fallback);
}

int64_t group_config_value(const struct broker *broker, struct view group, enum group_config_place place)
{
	return number(broker, group_config_own(broker, group, place), place);
}

int group_config_check(const struct broker *broker, const struct view own[GROUP_CONFIGS], struct fault *fault)
{
	int64_t value;

	for (int i = 0; i < GROUP_CONFIGS; i++) {
		const struct group_config *config = &group_config_table[i];

		if (!own[i].at)
			continue;
		if (!config_value_fits(CONFIG_INT, own[i], 1, INT32_MAX, &value))
			return fault_set(fault, ERR_CONFIG,
					 "Invalid value for configuration %s: not a number of type INT",
					 config->name);
		if (value < property(broker, config->least))
			return fault_set(fault, ERR_CONFIG, "%s must be greater than or equal to %s",
					 config->name, config->least);
		if (value > property(broker, config->most))
			return fault_set(fault, ERR_CONFIG, "%s must be less than or equal to %s",
					 config->name, config->most);
	}
	if (number(broker, own[GROUP_CONFIG_SESSION], GROUP_CONFIG_SESSION) <=
	    number(broker, own[GROUP_CONFIG_HEARTBEAT], GROUP_CONFIG_HEARTBEAT))
		return fault_set(fault, ERR_CONFIG,
				 "consumer.session.timeout.ms must be greater than "
				 "consumer.heartbeat.interval.ms");
	return 0;
}

int group_config_put(struct broker *broker, struct view group, const struct view own[GROUP_CONFIGS],
		     store_done *done, void *context)
{
	struct buffer text;
	int err;

	buffer_init(&text, 4096);
	for (int i = 0; i < GROUP_CONFIGS; i++) {
		if (!own[i].at)
			continue;
		buffer_text(&text, group_config_table[i].name);
		buffer_text(&text, "=");
		buffer_view(&text, own[i]);
		buffer_text(&text, "\n");
	}
	err = text.err;
	if (err == 0)
		err = store_setting_put(broker->store, GROUP_CONFIG_KIND, group,
					text.size ? buffer_bytes(&text) : VIEW_NULL, done, context);
	buffer_done(&text);
	return err;
}

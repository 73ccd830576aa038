/* broker_config.c - what changes while it runs. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "broker/broker_config.h"
#include "broker/topic_config.h"

/* Besides those that topics take their defaults from. */
static const char *const dynamic[] = {
	"max.connections",
	"max.connections.per.ip",
	"max.connections.per.ip.overrides",
	"max.connection.creation.rate",
	"producer.id.expiration.ms",
	"interlock.max.connections.per.principal",
};

/*
 * The topic config whose default this property is, or -1.  Of several in different units (log.retention.ms, .minutes, .hours) only
 * the first changes, as in Kafka.
 */
static int topic_config_of(const char *name)
{
	for (int i = 0; topic_config_table[i].name; i++)
		if (topic_config_table[i].synonyms[0] && strcmp(topic_config_table[i].synonyms[0], name) == 0)
			return i;
	return -1;
}

bool broker_config_dynamic(int place)
{
	const char *name = property_table[place].name;

	for (size_t i = 0; i < sizeof dynamic / sizeof *dynamic; i++)
		if (strcmp(dynamic[i], name) == 0)
			return true;
	return topic_config_of(name) >= 0;
}

struct view broker_config_name(struct arena *arena, const char *id, int place)
{
	return view_text(arena_printf(arena, "%s/%s", id ? id : "", property_table[place].name));
}

/* " a b c " as "a, b, c". */
static const char *words_text(struct arena *arena, const char *words)
{
	struct buffer out;
	const char *text;

	buffer_init(&out, 400);
	for (const char *at = words + 1; *at;) {
		size_t size = strcspn(at, " ");

		buffer_text(&out, out.size ? ", " : "");
		buffer_put(&out, at, size);
		at += size + 1;
	}
	text = arena_text(arena, buffer_string(&out));
	buffer_done(&out);
	return text;
}

const char *broker_config_check(struct arena *arena, int place, struct view value)
{
	int of_topics = topic_config_of(property_table[place].name);
	struct fault fault = { 0 };
	char text[400];
	const char *wrong;

	if (value.size > 4096 || (value.size && memchr(value.at, 0, value.size)))
		return arena_printf(arena, "Invalid value for configuration %s: too long",
				    property_table[place].name);
	wrong = property_check(place, value, text, sizeof text);
	if (wrong)
		return arena_text(arena, wrong);
	if (of_topics < 0 || topic_config_check(of_topics, value, &fault) == 0)
		return NULL;
	if (topic_config_table[of_topics].words)
		return arena_printf(
			arena, "Invalid value %.*s for configuration %s: String must be one of: %s",
			(int)(value.size > 100 ? 100 : value.size), (const char *)value.at,
			property_table[place].name, words_text(arena, topic_config_table[of_topics].words));
	return arena_text(arena, fault.text);
}

static bool take_over(struct broker *broker, const char *id, int place, enum config_source source)
{
	char name[200];
	struct view value;
	char *text;
	bool changed;

	snprintf(name, sizeof name, "%s/%s", id, property_table[place].name);
	value = store_setting(broker->store, VIEW_LITERAL(BROKER_CONFIG_KIND), view_text(name));
	text = view_string(value);
	changed = properties_change(&broker->properties, place, source, text);
	free(text);
	return changed;
}

static void tell_topics(struct broker *broker)
{
	for (struct store_topic *topic = store_topic_next(broker->store, NULL); topic;
	     topic = store_topic_next(broker->store, topic)) {
		int err = topic->owner ? topic_state_load(broker, topic) : 0;

		if (err < 0)
			log_line(LOG_ERROR, "broker: topic '%s' goes on with the configs that it had: %s",
				 topic->name, err_text(err));
	}
}

void broker_configs_apply(struct broker *broker)
{
	bool topics = false;
	char id[16];

	snprintf(id, sizeof id, "%d", (int)broker->properties.node_id);
	for (int i = 0; property_table[i].name; i++) {
		bool changed;

		if (!broker_config_dynamic(i))
			continue;
		changed = take_over(broker, "", i, CONFIG_SOURCE_DYNAMIC_DEFAULT);
		if (broker->node_wish == 1)
			changed |= take_over(broker, id, i, CONFIG_SOURCE_DYNAMIC_BROKER);
		topics |= changed && topic_config_of(property_table[i].name) >= 0;
	}
	store_producer_expiry(broker->store, broker->properties.producer_expiry_ms);
	if (topics)
		tell_topics(broker);
}

/* topic_config.c - the table of topic configs, and the values that hold. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "broker/recompress.h"
#include "broker/topic_config.h"
#include "wire/compress.h"

#define MOST INT64_MAX

#define CONFIG_VERSION  1
#define HOUR_MS         3600000
#define STATE_BYTES_MAX ((size_t)2 << 20)
#define VALUE_SIZE_MAX  4096

/* clang-format off */
const struct topic_config topic_config_table[] = {
	{ "cleanup.policy", CONFIG_LIST, "delete", { "log.cleanup.policy" }, .words = " delete compact " },
	{ "compression.gzip.level", CONFIG_INT, "-1", { NULL }, .least = -1, .most = 9 },
	{ "compression.lz4.level", CONFIG_INT, "9", { NULL }, .least = 1, .most = 17 },
	{ "compression.type", CONFIG_STRING, "producer", { "compression.type" },
	  .words = " uncompressed zstd lz4 snappy gzip producer " },
	{ "compression.zstd.level", CONFIG_INT, "3", { NULL }, .least = -131072, .most = 22 },
	{ "delete.retention.ms", CONFIG_LONG, "86400000", { "log.cleaner.delete.retention.ms" }, .most = MOST },
	{ "file.delete.delay.ms", CONFIG_LONG, "60000", { "log.segment.delete.delay.ms" }, .most = MOST },
	{ "flush.messages", CONFIG_LONG, "9223372036854775807", { "log.flush.interval.messages" }, .least = 1, .most = MOST },
	{ "flush.ms", CONFIG_LONG, "9223372036854775807", { "log.flush.interval.ms" }, .most = MOST },
	{ "follower.replication.throttled.replicas", CONFIG_LIST, "", { NULL } },
	{ "index.interval.bytes", CONFIG_INT, "4096", { "log.index.interval.bytes" }, .most = INT32_MAX },
	{ "leader.replication.throttled.replicas", CONFIG_LIST, "", { NULL } },
	{ "local.retention.bytes", CONFIG_LONG, "-2", { NULL }, .least = -2, .most = MOST },
	{ "local.retention.ms", CONFIG_LONG, "-2", { NULL }, .least = -2, .most = MOST },
	{ "max.compaction.lag.ms", CONFIG_LONG, "9223372036854775807", { "log.cleaner.max.compaction.lag.ms" },
	  .least = 1, .most = MOST },
	{ "max.message.bytes", CONFIG_INT, "1048588", { "message.max.bytes" }, .most = INT32_MAX },
	{ "message.timestamp.after.max.ms", CONFIG_LONG, "3600000", { "log.message.timestamp.after.max.ms" }, .most = MOST },
	{ "message.timestamp.before.max.ms", CONFIG_LONG, "9223372036854775807", { "log.message.timestamp.before.max.ms" },
	  .most = MOST },
	{ "message.timestamp.type", CONFIG_STRING, "CreateTime", { "log.message.timestamp.type" },
	  .words = " CreateTime LogAppendTime " },
	{ "min.cleanable.dirty.ratio", CONFIG_DOUBLE, "0.5", { "log.cleaner.min.cleanable.ratio" }, .most = 1 },
	{ "min.compaction.lag.ms", CONFIG_LONG, "0", { "log.cleaner.min.compaction.lag.ms" }, .most = MOST },
	{ "min.insync.replicas", CONFIG_INT, "1", { "min.insync.replicas" }, .least = 1, .most = INT32_MAX },
	{ "preallocate", CONFIG_BOOLEAN, "false", { "log.preallocate" } },
	{ "remote.log.copy.disable", CONFIG_BOOLEAN, "false", { NULL } },
	{ "remote.log.delete.on.disable", CONFIG_BOOLEAN, "false", { NULL } },
	{ "remote.storage.enable", CONFIG_BOOLEAN, "false", { NULL } },
	{ "retention.bytes", CONFIG_LONG, "-1", { "log.retention.bytes" }, .least = -1, .most = MOST },
	{ "retention.ms", CONFIG_LONG, "604800000", { "log.retention.ms", "log.retention.minutes", "log.retention.hours" },
	  { 1, 60000, HOUR_MS }, .least = -1, .most = MOST },
	{ "segment.bytes", CONFIG_INT, "1073741824", { "log.segment.bytes" }, .least = 1048576, .most = INT32_MAX },
	{ "segment.index.bytes", CONFIG_INT, "10485760", { "log.index.size.max.bytes" }, .least = 4, .most = INT32_MAX },
	{ "segment.jitter.ms", CONFIG_LONG, "0", { "log.roll.jitter.ms", "log.roll.jitter.hours" }, { 1, HOUR_MS }, .most = MOST },
	{ "segment.ms", CONFIG_LONG, "604800000", { "log.roll.ms", "log.roll.hours" }, { 1, HOUR_MS }, .least = 1, .most = MOST },
	{ "unclean.leader.election.enable", CONFIG_BOOLEAN, "false", { "unclean.leader.election.enable" } },
	{ NULL },
};
/* clang-format on */
#define COUNT (sizeof topic_config_table / sizeof *topic_config_table - 1)
_Static_assert(COUNT <= TOPIC_CONFIGS_MAX, "more room for topic configs");

int topic_config_find(struct view name)
{
	for (int i = 0; topic_config_table[i].name; i++)
		if (view_is(name, topic_config_table[i].name))
			return i;
	return -1;
}

static bool word_known(const char *words, struct view word)
{
	char spaced[64];

	if (word.size + 3 > sizeof spaced || memchr(word.at, ' ', word.size))
		return false;
	snprintf(spaced, sizeof spaced, " %.*s ", VIEW_ARGS(word));
	return strstr(words, spaced) != NULL;
}

static bool words_known(const struct topic_config *config, struct view value)
{
	if (config->type != CONFIG_LIST)
		return word_known(config->words, value);
	while (value.size > 0) {
		const uint8_t *comma = memchr(value.at, ',', value.size);
		size_t size = comma ? (size_t)(comma - value.at) : value.size;

		if (!word_known(config->words, view_of(value.at, size)))
			return false;
		if (!comma)
			break;
		value = view_of(comma + 1, value.size - size - 1);
	}
	return true;
}

int topic_config_check(int place, struct view value, struct fault *fault)
{
	const struct topic_config *config = &topic_config_table[place];
	int64_t number;

	if (!value.at)
		return fault_set(fault, ERR_CONFIG, "Null value not supported for topic configs: %s",
				 config->name);
	if (value.size > VALUE_SIZE_MAX || memchr(value.at, 0, value.size))
		return fault_set(fault, ERR_CONFIG, "Invalid value for configuration %s: too long",
				 config->name);
	if (!config_value_fits(config->type, value, config->least, config->most, &number) ||
	    (config->words && !words_known(config, value)))
		return fault_set(fault, ERR_CONFIG, "Invalid value %.*s for configuration %s",
				 (int)(value.size > 100 ? 100 : value.size), (const char *)value.at,
				 config->name);
	return 0;
}

/* A synonym's value in the unit of the topic's. */
static void scale(const char *text, int64_t by, struct topic_config_value *out)
{
	int64_t n;

	out->text = text;
	if (by <= 1)
		return;
	n = strtoll(text, NULL, 10);
	snprintf(out->made, sizeof out->made, "%lld", n < 0 ? -1LL : (long long)(n * by));
	out->text = out->made;
}

void topic_config_value(const struct broker *broker, const struct topic_state *state, int place,
			struct topic_config_value *out)
{
	const struct topic_config *config = &topic_config_table[place];

	if (state && state->own[place]) {
		out->text = state->own[place];
		out->source = CONFIG_SOURCE_TOPIC;
		return;
	}
	for (int i = 0; i < TOPIC_CONFIG_SYNONYMS_MAX && config->synonyms[i]; i++) {
		int property = property_find(view_text(config->synonyms[i]));

		for (enum config_source source = CONFIG_SOURCE_DYNAMIC_BROKER; source < CONFIG_SOURCE_DEFAULT;
		     source++) {
			const char *text = properties_value_of(&broker->properties, property, source);

			if (!text)
				continue;
			scale(text, config->scales[i], out);
			out->source = source;
			return;
		}
	}
	out->text = config->fallback;
	out->source = CONFIG_SOURCE_DEFAULT;
}

int topic_config_write(const char *const own[], int16_t replication_factor, struct buffer *out)
{
	buffer_i8(out, CONFIG_VERSION);
	buffer_i16(out, replication_factor);
	for (size_t i = 0; i < COUNT; i++) {
		if (!own[i])
			continue;
		buffer_i16(out, (int16_t)strlen(topic_config_table[i].name));
		buffer_text(out, topic_config_table[i].name);
		buffer_i16(out, (int16_t)strlen(own[i]));
		buffer_text(out, own[i]);
	}
	return out->err;
}

static int read_own(struct topic_state *state, struct view bytes)
{
	struct cursor c = cursor_over(bytes);

	state->replication_factor = 1;
	if (bytes.size == 0)
		return 0;
	if (cursor_i8(&c) != CONFIG_VERSION)
		return ERR_UNSUPPORTED;
	state->replication_factor = cursor_i16(&c);
	while (cursor_left(&c) > 0 && !c.fault) {
		struct view name = cursor_view(&c, (size_t)(uint16_t)cursor_i16(&c));
		struct view value = cursor_view(&c, (size_t)(uint16_t)cursor_i16(&c));
		int place = c.fault ? -1 : topic_config_find(name);

		if (place >= 0 && !(state->own[place] = (const char *)arena_copy(&state->arena, value).at))
			return ERR_MEMORY;
	}
	return c.fault ? ERR_MALFORMED : 0;
}

static int64_t number_of(const struct broker *broker, const struct topic_state *state, const char *name)
{
	struct topic_config_value value;

	topic_config_value(broker, state, topic_config_find(view_text(name)), &value);
	return value.text ? strtoll(value.text, NULL, 10) : 0;
}

static bool says(const struct broker *broker, const struct topic_state *state, const char *name,
		 const char *word)
{
	struct topic_config_value value;

	topic_config_value(broker, state, topic_config_find(view_text(name)), &value);
	return value.text && strstr(value.text, word);
}

/* min.cleanable.dirty.ratio in percent, at least 1: 0 asks for compaction of whatever is new. */
static int32_t dirty_percent(const struct broker *broker, const struct topic_state *state)
{
	struct topic_config_value value;
	double ratio;

	topic_config_value(broker, state, topic_config_find(view_text("min.cleanable.dirty.ratio")), &value);
	ratio = value.text ? strtod(value.text, NULL) : 0.5;
	return ratio < 0.01 ? 1 : ratio > 1 ? 100 : (int32_t)(ratio * 100);
}

/* Snappy has no levels. */
static void read_compression(const struct broker *broker, struct topic_state *state)
{
	static const char *const levels[] = { NULL, "compression.gzip.level", NULL, "compression.lz4.level",
					      "compression.zstd.level" };
	struct topic_config_value value;

	topic_config_value(broker, state, topic_config_find(VIEW_LITERAL("compression.type")), &value);
	state->codec = recompress_codec(value.text);
	state->level = state->codec >= 0 && levels[state->codec]
			       ? (int)number_of(broker, state, levels[state->codec])
			       : CODEC_LEVEL_DEFAULT;
}

int topic_state_load(struct broker *broker, struct store_topic *topic)
{
	struct topic_state *state = calloc(1, sizeof *state);
	struct store_log_options log;
	int err;

	if (!state)
		return ERR_MEMORY;
	arena_init(&state->arena, STATE_BYTES_MAX);
	err = read_own(state, topic->config);
	if (err < 0) {
		arena_done(&state->arena);
		free(state);
		return err;
	}
	topic_state_free(topic);
	topic->owner = state;
	state->internal = topic_name_internal(view_text(topic->name));
	state->compact = says(broker, state, "cleanup.policy", "compact");
	state->log_append_time = says(broker, state, "message.timestamp.type", "LogAppendTime");
	state->batch_size_max = number_of(broker, state, "max.message.bytes");
	state->before_max_ms = number_of(broker, state, "message.timestamp.before.max.ms");
	state->after_max_ms = number_of(broker, state, "message.timestamp.after.max.ms");
	read_compression(broker, state);
	state->deletes = says(broker, state, "cleanup.policy", "delete");
	log = (struct store_log_options){
		.retention_ms = state->deletes ? number_of(broker, state, "retention.ms") : -1,
		.retention_bytes = state->deletes ? number_of(broker, state, "retention.bytes") : -1,
		.batch_size_max = (int32_t)state->batch_size_max,
		.log_append_time = state->log_append_time,
		.compact = state->compact,
		.delete_retention_ms = number_of(broker, state, "delete.retention.ms"),
		.min_compaction_lag_ms = number_of(broker, state, "min.compaction.lag.ms"),
		.min_dirty_percent = dirty_percent(broker, state),
	};
	store_topic_log_options(topic, &log);
	return 0;
}

void topic_state_free(struct store_topic *topic)
{
	struct topic_state *state = topic->owner;

	if (!state)
		return;
	arena_done(&state->arena);
	free(state);
	topic->owner = NULL;
}

bool topic_name_legal(struct view name)
{
	if (name.size == 0 || name.size > STORE_TOPIC_NAME_MAX || view_is(name, ".") || view_is(name, ".."))
		return false;
	for (size_t i = 0; i < name.size; i++) {
		uint8_t c = name.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}

bool topic_name_internal(struct view name)
{
	return view_is(name, "__consumer_offsets") || view_is(name, "__transaction_state");
}

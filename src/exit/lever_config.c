/* lever_config.c - one config of some topics, read from every broker. */
#include "exit/lever_config.h"

#include <stdlib.h>
#include <string.h>

#include "client/admin_alter.h"
#include "exit/lever_value.h"

struct lever_config {
	struct lever lever;
	struct cluster *cluster;
	struct arena arena;
	const char *key, *setting;
	const char **topics; /* in order, each once */
	int64_t *lives_by;   /* each of them, at the last look; the least that a broker tells */
	int count;
};

#define NOT_KNOWN INT64_MIN

/* -1 is no limit.  Anything that is no whole number is not known. */
static int64_t number_of(const char *text)
{
	char *end = NULL;
	int64_t number = text ? strtoll(text, &end, 10) : 0;

	if (!text || end == text || *end)
		return NOT_KNOWN;
	return number < 0 ? INT64_MAX : number;
}

/* All sights of one topic, or the first failure. */
static int sights(const struct lever_config *l, const char *topic, int64_t deadline_ms, struct arena *arena,
		  struct config_sight **out, int *count, struct fault *fault)
{
	int err = topic_config_seen(l->cluster, topic, l->key, lever_left_ms(l->cluster, deadline_ms), arena,
				    out, count, fault);

	for (int n = 0; err == 0 && n < *count; n++) {
		if ((*out)[n].err < 0) {
			err = (*out)[n].err;
			if (fault)
				*fault = (*out)[n].fault;
		} else if ((*out)[n].entry.source == CONFIG_SOURCE_TOPIC && !(*out)[n].entry.value) {
			err = fault_set(fault, ERR_UNSUPPORTED,
					"%s: %s of topic %s is secret, and could not be set back",
					l->lever.name, l->key, topic);
		}
	}
	return err;
}

/* What each of `nodes` sees of all topics; a broker that came or went in between makes the look stale. */
static int config_observe(struct lever *lever, int64_t timeout_ms, struct buffer *value, struct fault *fault)
{
	const struct lever_config *l = (struct lever_config *)lever;
	int64_t deadline_ms = lever_deadline_ms(l->cluster, timeout_ms);
	json_t **rows = NULL;
	int32_t *nodes = NULL;
	struct buffer *texts;
	struct arena arena;
	int brokers = 0, err = 0;

	arena_init(&arena, (size_t)256 << 20);
	for (int t = 0; t < l->count; t++)
		l->lives_by[t] = NOT_KNOWN;
	for (int t = 0; err == 0 && t < l->count; t++) {
		struct config_sight *seen;
		int count;

		err = sights(l, l->topics[t], deadline_ms, &arena, &seen, &count, fault);
		if (err == 0 && t == 0) {
			rows = arena_array(&arena, (size_t)count, sizeof *rows);
			nodes = arena_array(&arena, (size_t)count, sizeof *nodes);
			for (int n = 0; rows && nodes && n < count; n++, brokers++) {
				rows[n] = json_array();
				nodes[n] = seen[n].node;
			}
			err = brokers < count ? fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY)) : 0;
		}
		for (int n = 0; err == 0 && n < count; n++) {
			bool own = seen[n].entry.source == CONFIG_SOURCE_TOPIC;
			int64_t lives_by = number_of(seen[n].entry.value);

			if (n == 0 || lives_by < l->lives_by[t])
				l->lives_by[t] = lives_by;
			if (count != brokers || nodes[n] != seen[n].node)
				err = fault_set(fault, ERR_STALE, "%s: brokers came or went meanwhile",
						lever->name);
			else
				json_array_append_new(rows[n], json_pack("[s,s?]", l->topics[t],
									 own ? seen[n].entry.value : NULL));
		}
	}
	texts = err == 0 ? arena_array(&arena, (size_t)brokers, sizeof *texts) : NULL;
	if (err == 0 && !texts)
		err = fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	for (int n = 0; texts && n < brokers; n++) {
		int put;

		buffer_init(&texts[n], LEVER_VALUE_SIZE_MAX + 1);
		put = lever_value_put(rows[n], &texts[n], fault);
		rows[n] = NULL;
		err = err < 0 ? err : put;
	}
	if (err == 0)
		err = lever_value_agree(lever->name, nodes, texts, brokers, value, fault);
	for (int n = 0; n < brokers; n++) {
		if (texts)
			buffer_done(&texts[n]);
		json_decref(rows[n]);
	}
	arena_done(&arena);
	return err;
}

static int config_aim(struct lever *lever, const char *word, const char *before, struct buffer *value,
		      struct fault *fault)
{
	const struct lever_config *l = (struct lever_config *)lever;
	int64_t least = number_of(l->setting);
	json_t *was, *rows;
	int err;

	if (strcmp(word, "raise") != 0)
		return fault_set(fault, ERR_USAGE, "%s: '%s' is not raise", lever->name, word);
	err = lever_value_read(lever->name, before, &was, fault);
	if (err < 0)
		return err;
	rows = json_array();
	for (int t = 0; rows && t < l->count && !err; t++) {
		const char *own = lever_value_text(json_array_get(was, (size_t)t), 1);

		if (l->lives_by[t] == NOT_KNOWN)
			err = fault_set(fault, ERR_UNSUPPORTED,
					"%s: what topic %s lives by is not told as a number, so it cannot be "
					"raised",
					lever->name, l->topics[t]);
		json_array_append_new(
			rows, json_pack("[s,s?]", l->topics[t], l->lives_by[t] < least ? l->setting : own));
	}
	json_decref(was);
	if (err < 0) {
		json_decref(rows);
		return err;
	}
	return lever_value_put(rows, value, fault);
}

static int config_set(struct lever *lever, const char *value, uint64_t epoch, int64_t timeout_ms,
		      struct fault *fault)
{
	const struct lever_config *l = (struct lever_config *)lever;
	int64_t deadline_ms = lever_deadline_ms(l->cluster, timeout_ms);
	json_t *rows;
	int err = lever_value_read(lever->name, value, &rows, fault);
	bool fits = err == 0 && (int)json_array_size(rows) == l->count;

	(void)epoch;
	if (err < 0)
		return err;
	for (int t = 0; fits && t < l->count; t++) {
		const json_t *row = json_array_get(rows, (size_t)t);
		const char *topic = lever_value_text(row, 0);

		fits = topic && strcmp(topic, l->topics[t]) == 0 &&
		       (lever_value_text(row, 1) || json_is_null(json_array_get(row, 1)));
	}
	if (!fits)
		err = fault_set(fault, ERR_USAGE, "%s: not a value of this lever: %.200s", lever->name,
				value);
	for (int t = 0; err == 0 && t < l->count; t++) {
		err = topic_config_set(l->cluster, l->topics[t], l->key,
				       lever_value_text(json_array_get(rows, (size_t)t), 1),
				       lever_left_ms(l->cluster, deadline_ms), fault);
		err = lever_partly(err, t > 0, fault);
	}
	json_decref(rows);
	return err;
}

static void describe_topic(const struct lever_config *l, const char *topic, const char *own,
			   struct buffer *out)
{
	buffer_printf(out, "%skafka-configs --bootstrap-server %s --topic %s --alter --%s-config %s%s%s",
		      out->size ? "; " : "", cluster_name(l->cluster), topic, own ? "add" : "delete", l->key,
		      own ? "=" : "", own ? own : "");
}

/* A word, or a value: what the lever is to be set back to. */
static void config_describe(const struct lever *lever, const char *word, struct buffer *out)
{
	const struct lever_config *l = (const struct lever_config *)lever;
	bool raise = strcmp(word, "raise") == 0, get = strcmp(word, "get") == 0;
	json_t *rows = NULL;

	if (!raise && !get && (word[0] != '[' || lever_value_read(lever->name, word, &rows, NULL) < 0)) {
		buffer_printf(out, "each topic's own %s as it was before, or none", l->key);
		return;
	}
	for (int t = 0; t < l->count; t++) {
		if (get)
			buffer_printf(out,
				      "%skafka-configs --bootstrap-server %s --topic %s --describe --all",
				      t ? "; " : "", cluster_name(l->cluster), l->topics[t]);
		else if (!raise)
			describe_topic(l, l->topics[t], lever_value_text(json_array_get(rows, (size_t)t), 1),
				       out);
		else if (l->lives_by[t] < number_of(l->setting))
			describe_topic(l, l->topics[t], l->setting, out);
	}
	if (raise && !out->size)
		buffer_printf(out, "nothing: each topic lives by a %s of at least %s", l->key, l->setting);
	json_decref(rows);
}

static void config_free(struct lever *lever)
{
	struct lever_config *l = (struct lever_config *)lever;

	arena_done(&l->arena);
	free(l);
}

int lever_config_new(const char *name, struct cluster *cluster, const char *const *topics, int count,
		     const char *key, const char *setting, struct lever **out, struct fault *fault)
{
	static const struct lever_ops ops = { config_observe, config_aim,      config_set,
					      NULL,           config_describe, config_free };
	struct lever_config *l;
	int err;

	if (count < 1 || count > LEVER_CONFIG_TOPICS_MAX)
		return fault_set(fault, ERR_LIMIT, "%s: %d topics; from 1 to %d", name, count,
				 LEVER_CONFIG_TOPICS_MAX);
	l = calloc(1, sizeof *l);
	if (!l)
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	l->lever.ops = &ops;
	l->cluster = cluster;
	arena_init(&l->arena, (size_t)16 << 20);
	l->lever.name = arena_text(&l->arena, name);
	l->key = arena_text(&l->arena, key);
	l->setting = arena_text(&l->arena, setting);
	err = l->lever.name && l->key && l->setting
		      ? 0
		      : fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	if (err == 0)
		err = lever_names(name, topics, count, &l->arena, &l->topics, &l->count, fault);
	if (err == 0)
		l->lives_by = arena_array(&l->arena, (size_t)l->count, sizeof *l->lives_by);
	if (err == 0 && !l->lives_by)
		err = fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	for (int t = 0; err == 0 && t < l->count; t++)
		l->lives_by[t] = NOT_KNOWN;
	if (err < 0) {
		config_free(&l->lever);
		return err;
	}
	*out = &l->lever;
	return 0;
}

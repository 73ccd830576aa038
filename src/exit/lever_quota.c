/* lever_quota.c - one quota of some users, read from every broker. */
#include "exit/lever_quota.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/admin_alter.h"
#include "exit/lever_value.h"

struct lever_quota {
	struct lever lever;
	struct cluster *cluster;
	struct arena arena;
	const char *key;
	double limit;
	const char **users; /* in order, each once */
	int count;
};

static struct quota quota_of(const struct lever_quota *l, const char *user, double value)
{
	struct quota quota = { .entity_count = 1, .key = l->key, .value = value };

	quota.entities[0] = (struct quota_entity){ "user", user };
	return quota;
}

/* A number as text that reads back as the same number. */
static json_t *row_of(const char *user, bool there, double value)
{
	char text[40];

	snprintf(text, sizeof text, "%.17g", value);
	return json_pack("[s,s?]", user, there ? text : NULL);
}

static int quota_observe(struct lever *lever, int64_t timeout_ms, struct buffer *value, struct fault *fault)
{
	const struct lever_quota *l = (struct lever_quota *)lever;
	int64_t deadline_ms = lever_deadline_ms(l->cluster, timeout_ms);
	json_t *rows = json_array();
	struct arena arena;
	int err = 0;

	arena_init(&arena, (size_t)64 << 20);
	for (int u = 0; err == 0 && u < l->count; u++) {
		struct quota quota = quota_of(l, l->users[u], 0);
		struct quota_sight *seen;
		int count;

		err = quota_seen(l->cluster, &quota, lever_left_ms(l->cluster, deadline_ms), &arena, &seen,
				 &count, fault);
		for (int n = 0; err == 0 && n < count; n++) {
			if (seen[n].err < 0) {
				err = seen[n].err;
				if (fault)
					*fault = seen[n].fault;
			} else if (seen[n].there != seen[0].there || seen[n].value != seen[0].value) {
				buffer_printf(value, "%s: broker %d has %s %g, broker %d %s %g", l->users[u],
					      seen[0].node, seen[0].there ? "a quota of" : "no quota,",
					      seen[0].value, seen[n].node, seen[n].there ? "one of" : "none,",
					      seen[n].value);
				err = fault_set(fault, ERR_STALE, "%s: the brokers do not agree yet",
						lever->name);
			}
		}
		if (err == 0)
			json_array_append_new(rows, row_of(l->users[u], seen[0].there, seen[0].value));
	}
	arena_done(&arena);
	if (err < 0) {
		json_decref(rows);
		return err;
	}
	return lever_value_put(rows, value, fault);
}

/* The row's number; false when it is none of ours. */
static bool row_read(const struct lever_quota *l, const json_t *rows, int index, bool *there, double *number)
{
	const json_t *row = json_array_get(rows, (size_t)index);
	const char *user = lever_value_text(row, 0), *text = lever_value_text(row, 1);
	char *end = NULL;

	if (!user || strcmp(user, l->users[index]) != 0 || (!text && !json_is_null(json_array_get(row, 1))))
		return false;
	*there = text != NULL;
	*number = text ? strtod(text, &end) : 0;
	return !text || (end != text && *end == '\0' && isfinite(*number) && *number > 0);
}

static int quota_aim(struct lever *lever, const char *word, const char *before, struct buffer *value,
		     struct fault *fault)
{
	const struct lever_quota *l = (struct lever_quota *)lever;
	json_t *was, *rows;
	int err;

	if (strcmp(word, "limit") != 0)
		return fault_set(fault, ERR_USAGE, "%s: '%s' is not limit", lever->name, word);
	err = lever_value_read(lever->name, before, &was, fault);
	if (err < 0)
		return err;
	rows = json_array();
	for (int u = 0; rows && u < l->count; u++) {
		double own = 0;
		bool there = false, tighter = row_read(l, was, u, &there, &own) && there && own < l->limit;

		json_array_append_new(rows, row_of(l->users[u], true, tighter ? own : l->limit));
	}
	json_decref(was);
	return lever_value_put(rows, value, fault);
}

static int quota_set_value(struct lever *lever, const char *value, uint64_t epoch, int64_t timeout_ms,
			   struct fault *fault)
{
	const struct lever_quota *l = (struct lever_quota *)lever;
	int64_t deadline_ms = lever_deadline_ms(l->cluster, timeout_ms);
	json_t *rows;
	bool there;
	double number;
	int err = lever_value_read(lever->name, value, &rows, fault);
	bool fits = err == 0 && (int)json_array_size(rows) == l->count;

	(void)epoch;
	if (err < 0)
		return err;
	for (int u = 0; fits && u < l->count; u++)
		fits = row_read(l, rows, u, &there, &number);
	if (!fits)
		err = fault_set(fault, ERR_USAGE, "%s: not a value of this lever: %.200s", lever->name,
				value);
	for (int u = 0; err == 0 && u < l->count; u++) {
		struct quota quota;

		row_read(l, rows, u, &there, &number);
		quota = quota_of(l, l->users[u], number);
		err = quota_set(l->cluster, &quota, !there, lever_left_ms(l->cluster, deadline_ms), fault);
		err = lever_partly(err, u > 0, fault);
	}
	json_decref(rows);
	return err;
}

/* A word, or a value: what the lever is to be set back to. */
static void quota_describe(const struct lever *lever, const char *word, struct buffer *out)
{
	const struct lever_quota *l = (const struct lever_quota *)lever;
	bool limit = strcmp(word, "limit") == 0, get = strcmp(word, "get") == 0;
	json_t *rows = NULL;

	if (!limit && !get && (word[0] != '[' || lever_value_read(lever->name, word, &rows, NULL) < 0)) {
		buffer_printf(out, "each user's own %s as it was before, or none", l->key);
		return;
	}
	for (int u = 0; u < l->count; u++) {
		bool there = limit;
		double number = l->limit;

		if (!limit && !get)
			row_read(l, rows, u, &there, &number);
		buffer_printf(out, "%skafka-configs --bootstrap-server %s --user %s %s", u ? "; " : "",
			      cluster_name(l->cluster), l->users[u],
			      get     ? "--describe"
			      : there ? "--alter --add-config "
				      : "--alter --delete-config ");
		if (!get)
			buffer_text(out, l->key);
		if (!get && there)
			buffer_printf(out, "=%.17g", number);
	}
	json_decref(rows);
}

static void quota_free(struct lever *lever)
{
	struct lever_quota *l = (struct lever_quota *)lever;

	arena_done(&l->arena);
	free(l);
}

int lever_quota_new(const char *name, struct cluster *cluster, const char *const *users, int count,
		    const char *key, double limit, struct lever **out, struct fault *fault)
{
	static const struct lever_ops ops = { quota_observe, quota_aim,      quota_set_value,
					      NULL,          quota_describe, quota_free };
	struct lever_quota *l;
	int err;

	if (count < 1 || count > LEVER_QUOTA_USERS_MAX)
		return fault_set(fault, ERR_LIMIT, "%s: %d users; from 1 to %d", name, count,
				 LEVER_QUOTA_USERS_MAX);
	if (!isfinite(limit) || limit <= 0)
		return fault_set(fault, ERR_USAGE, "%s: a limit is more than nothing", name);
	l = calloc(1, sizeof *l);
	if (!l)
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	l->lever.ops = &ops;
	l->cluster = cluster;
	l->limit = limit;
	arena_init(&l->arena, (size_t)16 << 20);
	l->lever.name = arena_text(&l->arena, name);
	l->key = arena_text(&l->arena, key);
	err = l->lever.name && l->key ? 0 : fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	if (err == 0)
		err = lever_names(name, users, count, &l->arena, &l->users, &l->count, fault);
	if (err < 0) {
		quota_free(&l->lever);
		return err;
	}
	*out = &l->lever;
	return 0;
}

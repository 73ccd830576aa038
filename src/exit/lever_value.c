/* lever_value.c - rows to one line and back, with jansson; what brokers see, side by side. */
#include "exit/lever_value.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/cluster.h"
#include "exit/lever.h"

int lever_value_put(json_t *rows, struct buffer *out, struct fault *fault)
{
	char *text = rows ? json_dumps(rows, JSON_COMPACT) : NULL;

	json_decref(rows);
	if (!text)
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	if (strlen(text) > LEVER_VALUE_SIZE_MAX) {
		free(text);
		return fault_set(fault, ERR_LIMIT, "a value of more than %d bytes", LEVER_VALUE_SIZE_MAX);
	}
	buffer_text(out, text);
	free(text);
	return out->err < 0 ? fault_set(fault, out->err, "%s", err_text(out->err)) : 0;
}

int lever_value_read(const char *lever, const char *value, json_t **out, struct fault *fault)
{
	json_error_t error;
	json_t *rows = json_loads(value, JSON_REJECT_DUPLICATES, &error);
	const json_t *row;
	size_t index;

	if (!json_is_array(rows)) {
		json_decref(rows);
		return fault_set(fault, ERR_USAGE, "%s: not a value of this lever: %.200s", lever, value);
	}
	json_array_foreach(rows, index, row)
	{
		if (!json_is_array(row)) {
			json_decref(rows);
			return fault_set(fault, ERR_USAGE, "%s: not a value of this lever: %.200s", lever,
					 value);
		}
	}
	*out = rows;
	return 0;
}

const char *lever_value_text(const json_t *row, size_t column)
{
	return json_string_value(json_array_get(row, column));
}

int lever_value_agree(const char *lever, const int32_t *nodes, struct buffer *texts, int count,
		      struct buffer *out, struct fault *fault)
{
	bool agree = true;

	for (int i = 1; i < count; i++)
		agree &= strcmp(buffer_string(&texts[i]), buffer_string(&texts[0])) == 0;
	if (agree) {
		buffer_text(out, buffer_string(&texts[0]));
		return out->err < 0 ? fault_set(fault, out->err, "%s", err_text(out->err)) : 0;
	}
	for (int i = 0; i < count; i++)
		buffer_printf(out, "%sbroker %d: %s", i ? "; " : "", nodes[i], buffer_string(&texts[i]));
	return fault_set(fault, ERR_STALE, "%s: the brokers do not agree yet", lever);
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int lever_names(const char *lever, const char *const *names, int count, struct arena *arena,
		const char ***out, int *out_count, struct fault *fault)
{
	const char **at = arena_array(arena, (size_t)count, sizeof *at);
	int kept = 0;

	for (int i = 0; at && i < count; i++) {
		if (!text_is_utf8(view_text(names[i])))
			return fault_set(fault, ERR_USAGE, "%s: a name that is no text in UTF-8: %s", lever,
					 names[i]);
		at[i] = arena_text(arena, names[i]);
		if (!at[i])
			at = NULL;
	}
	if (!at)
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	if (count > 1)
		qsort(at, (size_t)count, sizeof *at, text_order);
	for (int i = 0; i < count; i++)
		if (kept == 0 || strcmp(at[kept - 1], at[i]) != 0)
			at[kept++] = at[i];
	*out = at;
	*out_count = kept;
	return 0;
}

int64_t lever_deadline_ms(const struct cluster *cluster, int64_t timeout_ms)
{
	return loop_now_ms(cluster_loop(cluster)) + timeout_ms;
}

int64_t lever_left_ms(const struct cluster *cluster, int64_t deadline_ms)
{
	int64_t left_ms = deadline_ms - loop_now_ms(cluster_loop(cluster));

	return left_ms > 1 ? left_ms : 1;
}

int lever_partly(int err, bool changed, struct fault *fault)
{
	if (!changed || (err != ERR_DENIED && err != ERR_USAGE))
		return err;
	if (fault)
		fault->err = ERR_BROKER;
	return ERR_BROKER;
}

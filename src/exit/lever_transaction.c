/* lever_transaction.c - who has each transactional id, and taking it over. */
#include "exit/lever_transaction.h"

#include <stdlib.h>
#include <string.h>

#include "client/admin_fence.h"
#include "exit/lever_value.h"

struct lever_transaction {
	struct lever lever;
	struct cluster *cluster;
	struct arena arena;
	const char **ids; /* in order, each once */
	int count;
};

/* Whose an id is. */
enum holder { HELD_BY_PRODUCER, HELD_BY_US, HELD_BY_NOBODY };

static int look(const struct lever_transaction *l, const char *id, int64_t deadline_ms, enum holder *holder,
		int32_t *timeout_ms, struct fault *fault)
{
	struct transaction_identity identity = { 0 };
	struct arena arena;
	int err;

	arena_init(&arena, (size_t)16 << 20);
	err = transaction_look(l->cluster, id, lever_left_ms(l->cluster, deadline_ms), &arena, &identity,
			       fault);
	arena_done(&arena);
	if (err < 0 && err != ERR_NOT_FOUND)
		return err;
	*timeout_ms = identity.timeout_ms;
	*holder = err == ERR_NOT_FOUND                               ? HELD_BY_NOBODY
		  : identity.timeout_ms == LEVER_TRANSACTION_MARK_MS ? HELD_BY_US
								     : HELD_BY_PRODUCER;
	return 0;
}

static json_t *row_of(const char *id, enum holder holder, int32_t timeout_ms)
{
	return holder == HELD_BY_PRODUCER ? json_pack("[s,i]", id, timeout_ms)
	       : holder == HELD_BY_US     ? json_pack("[s,s]", id, "fenced")
					  : json_pack("[s,s]", id, "none");
}

static int transaction_observe(struct lever *lever, int64_t timeout_ms, struct buffer *value,
			       struct fault *fault)
{
	const struct lever_transaction *l = (struct lever_transaction *)lever;
	int64_t deadline_ms = lever_deadline_ms(l->cluster, timeout_ms);
	json_t *rows = json_array();

	for (int i = 0; i < l->count; i++) {
		enum holder holder;
		int32_t its_ms;
		int err = look(l, l->ids[i], deadline_ms, &holder, &its_ms, fault);

		if (err < 0) {
			json_decref(rows);
			return err;
		}
		json_array_append_new(rows, row_of(l->ids[i], holder, its_ms));
	}
	return lever_value_put(rows, value, fault);
}

/* The rows must be those of our ids, in order: what was observed of this lever. */
static int rows_read(const struct lever_transaction *l, const char *value, json_t **out, struct fault *fault)
{
	json_t *rows;
	int err = lever_value_read(l->lever.name, value, &rows, fault);
	bool fits = err == 0 && (int)json_array_size(rows) == l->count;

	for (int i = 0; err == 0 && fits && i < l->count; i++) {
		const json_t *row = json_array_get(rows, (size_t)i);
		const char *id = lever_value_text(row, 0), *word = lever_value_text(row, 1);
		json_int_t number = json_integer_value(json_array_get(row, 1));

		fits = id && strcmp(id, l->ids[i]) == 0 &&
		       (word ? strcmp(word, "fenced") == 0 || strcmp(word, "none") == 0
			     : number > 0 && number <= INT32_MAX);
	}
	if (err == 0 && !fits) {
		json_decref(rows);
		return fault_set(fault, ERR_USAGE, "%s: not a value of this lever: %.200s", l->lever.name,
				 value);
	}
	if (err == 0)
		*out = rows;
	return err;
}

static bool row_is(const json_t *row, const char *word)
{
	const char *text = lever_value_text(row, 1);

	return text && strcmp(text, word) == 0;
}

static int transaction_aim(struct lever *lever, const char *word, const char *before, struct buffer *value,
			   struct fault *fault)
{
	const struct lever_transaction *l = (struct lever_transaction *)lever;
	json_t *rows, *aimed;
	int err;

	if (strcmp(word, "fence") != 0)
		return fault_set(fault, ERR_USAGE, "%s: '%s' is not one of fence", lever->name, word);
	err = rows_read(l, before, &rows, fault);
	if (err < 0)
		return err;
	aimed = json_array();
	for (int i = 0; aimed && i < l->count; i++)
		json_array_append_new(
			aimed,
			row_of(l->ids[i],
			       row_is(json_array_get(rows, (size_t)i), "none") ? HELD_BY_NOBODY : HELD_BY_US,
			       0));
	json_decref(rows);
	return lever_value_put(aimed, value, fault);
}

static int one_set(const struct lever_transaction *l, const json_t *row, int64_t deadline_ms, bool *changed,
		   struct fault *fault)
{
	const char *id = lever_value_text(row, 0);
	bool fence = row_is(row, "fenced");
	struct transaction_identity identity;
	enum holder holder;
	int32_t its_ms;
	int err;

	if (row_is(row, "none"))
		return 0;
	err = look(l, id, deadline_ms, &holder, &its_ms, fault);
	/* Taken already; or let go of, or somebody's own again: not ours to take a second time. */
	if (err < 0 || (fence && holder == HELD_BY_US) || (!fence && holder != HELD_BY_US))
		return err;
	err = transaction_fence(l->cluster, id,
				fence ? LEVER_TRANSACTION_MARK_MS
				      : (int32_t)json_integer_value(json_array_get(row, 1)),
				lever_left_ms(l->cluster, deadline_ms), &identity, fault);
	*changed |= err == 0;
	return err;
}

static int transaction_set(struct lever *lever, const char *value, uint64_t epoch, int64_t timeout_ms,
			   struct fault *fault)
{
	const struct lever_transaction *l = (struct lever_transaction *)lever;
	int64_t deadline_ms = lever_deadline_ms(l->cluster, timeout_ms);
	bool changed = false;
	json_t *rows;
	int err = rows_read(l, value, &rows, fault);

	(void)epoch;
	if (err < 0)
		return err;
	for (int i = 0; err == 0 && i < l->count; i++)
		err = one_set(l, json_array_get(rows, (size_t)i), deadline_ms, &changed, fault);
	json_decref(rows);
	return lever_partly(err, changed, fault);
}

static void transaction_describe(const struct lever *lever, const char *word, struct buffer *out)
{
	const struct lever_transaction *l = (const struct lever_transaction *)lever;

	buffer_text(out, strcmp(word, "get") == 0 ? "DescribeTransactions of" : "InitProducerId for");
	for (int i = 0; i < l->count; i++)
		buffer_printf(out, "%s %s", i ? "," : "", l->ids[i]);
	buffer_printf(out, " at the coordinators of %s", cluster_name(l->cluster));
}

static void transaction_free(struct lever *lever)
{
	struct lever_transaction *l = (struct lever_transaction *)lever;

	arena_done(&l->arena);
	free(l);
}

int lever_transaction_new(const char *name, struct cluster *cluster, const char *const *ids, int count,
			  struct lever **out, struct fault *fault)
{
	static const struct lever_ops ops = { transaction_observe,  transaction_aim, transaction_set, NULL,
					      transaction_describe, transaction_free };
	struct lever_transaction *l;
	int err;

	if (count > LEVER_TRANSACTION_IDS_MAX)
		return fault_set(fault, ERR_LIMIT, "%s: more than %d transactional ids", name,
				 LEVER_TRANSACTION_IDS_MAX);
	l = calloc(1, sizeof *l);
	if (!l)
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	l->lever.ops = &ops;
	l->cluster = cluster;
	arena_init(&l->arena, (size_t)16 << 20);
	l->lever.name = arena_text(&l->arena, name);
	err = l->lever.name ? 0 : fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	if (err == 0)
		err = lever_names(name, ids, count, &l->arena, &l->ids, &l->count, fault);
	if (err < 0) {
		transaction_free(&l->lever);
		return err;
	}
	*out = &l->lever;
	return 0;
}

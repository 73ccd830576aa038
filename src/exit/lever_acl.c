/* lever_acl.c - candidates, and the set of them that exists. */
#include "exit/lever_acl.h"

#include <stdlib.h>
#include <string.h>

#include "client/cluster.h"
#include "exit/lever_acl_inside.h"
#include "exit/lever_value.h"

static int candidate_order(const void *a, const void *b)
{
	return acl_order(a, b);
}

static bool is_witness(const struct lever_acl *l, const struct acl *acl)
{
	return l->options.witness && strcmp(acl->principal, l->options.witness) == 0;
}

static int candidate_find(const struct lever_acl *l, const struct acl *acl)
{
	const struct acl *at =
		bsearch(acl, l->candidates, (size_t)l->candidate_count, sizeof *acl, candidate_order);

	return at ? (int)(at - l->candidates) : -1;
}

/* ---- values ---- */

/* A set of candidates as the lever's value. */
static int set_put(const struct lever_acl *l, const bool *set, struct buffer *out, struct fault *fault)
{
	json_t *rows = json_array();

	for (int i = 0; rows && i < l->candidate_count; i++) {
		const struct acl *at = &l->candidates[i];

		if (set[i] && json_array_append_new(rows, json_pack("[s,s,s]", at->principal,
								    acl_resource_name(at->resource_type),
								    at->resource)) < 0) {
			json_decref(rows);
			return fault_set(fault, ERR_USAGE, "%s: %s or %s is no text in UTF-8", l->lever.name,
					 at->principal, at->resource);
		}
	}
	return lever_value_put(rows, out, fault);
}

static struct acl binding(int type, const char *resource, const char *principal)
{
	return (struct acl){ .resource_type = type,
			     .pattern_type = ACL_PATTERN_LITERAL,
			     .operation = ACL_OPERATION_WRITE,
			     .permission = ACL_PERMISSION_DENY,
			     .resource = resource,
			     .principal = principal,
			     .host = "*" };
}

static int set_read(const struct lever_acl *l, const char *value, bool *set, struct fault *fault)
{
	json_t *rows;
	const json_t *row;
	size_t index;
	int err = lever_value_read(l->lever.name, value, &rows, fault);

	if (err < 0)
		return err;
	memset(set, 0, (size_t)l->candidate_count * sizeof *set);
	json_array_foreach(rows, index, row)
	{
		const char *principal = lever_value_text(row, 0), *type = lever_value_text(row, 1);
		const char *resource = lever_value_text(row, 2);
		int at = -1;

		if (principal && type && resource) {
			bool topic = strcmp(type, acl_resource_name(ACL_RESOURCE_TOPIC)) == 0;
			struct acl acl = binding(topic ? ACL_RESOURCE_TOPIC : ACL_RESOURCE_TRANSACTIONAL_ID,
						 resource, principal);

			if (topic || strcmp(type, acl_resource_name(ACL_RESOURCE_TRANSACTIONAL_ID)) == 0)
				at = candidate_find(l, &acl);
		}
		if (at < 0) {
			err = fault_set(fault, ERR_USAGE,
					"%s: never to be changed by this lever: row %zu of %.200s",
					l->lever.name, index + 1, value);
			break;
		}
		set[at] = true;
	}
	json_decref(rows);
	return err;
}

/* ---- the lever ---- */

static int sight_put(const struct lever_acl *l, const struct acl_sight *sight, struct buffer *out,
		     struct fault *fault)
{
	bool *set = calloc((size_t)l->candidate_count + 1, sizeof *set);
	int err;

	if (!set)
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	for (int a = 0; a < sight->list.count; a++) {
		int at = candidate_find(l, &sight->list.at[a]);

		if (at >= 0)
			set[at] = true;
	}
	err = set_put(l, set, out, fault);
	free(set);
	return err;
}

static int sights_agree(const struct lever_acl *l, const struct acl_sight *sights, int count,
			struct arena *arena, struct buffer *value, struct fault *fault)
{
	struct buffer *texts = arena_array(arena, (size_t)count, sizeof *texts);
	int32_t *nodes = arena_array(arena, (size_t)count, sizeof *nodes);
	int err = 0;

	if (!texts || !nodes)
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	for (int i = 0; i < count; i++) {
		if (sights[i].err < 0) {
			if (fault)
				*fault = sights[i].fault;
			return sights[i].err;
		}
		if (sights[i].list.no_authorizer)
			return fault_set(fault, ERR_UNSUPPORTED,
					 "%s: broker %d has no authorizer: ACLs bind nobody", l->lever.name,
					 sights[i].node);
	}
	for (int i = 0; i < count; i++)
		buffer_init(&texts[i], LEVER_VALUE_SIZE_MAX + 1);
	for (int i = 0; i < count && err == 0; i++) {
		nodes[i] = sights[i].node;
		err = sight_put(l, &sights[i], &texts[i], fault);
	}
	if (err == 0)
		err = lever_value_agree(l->lever.name, nodes, texts, count, value, fault);
	for (int i = 0; i < count; i++)
		buffer_done(&texts[i]);
	return err;
}

static int acl_observe(struct lever *lever, int64_t timeout_ms, struct buffer *value, struct fault *fault)
{
	const struct lever_acl *l = lever_acl_of(lever);
	struct acl_sight *sights;
	struct arena arena;
	int count, err;

	arena_init(&arena, (size_t)256 << 20);
	err = acls_seen(l->options.cluster, l->filters, l->filter_count, timeout_ms, &arena, &sights, &count,
			fault);
	if (err == 0)
		err = sights_agree(l, sights, count, &arena, value, fault);
	arena_done(&arena);
	return err;
}

static int acl_aim(struct lever *lever, const char *word, const char *before, struct buffer *value,
		   struct fault *fault)
{
	const struct lever_acl *l = lever_acl_of(lever);
	bool *set = calloc((size_t)l->candidate_count + 1, sizeof *set);
	bool deny = strcmp(word, "deny") == 0, canary = strcmp(word, "canary") == 0;
	int err = 0;

	if (!set)
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	if (!deny && !canary && strcmp(word, "allow") != 0)
		err = fault_set(fault, ERR_USAGE, "%s: '%s' is not one of deny, allow, canary", lever->name,
				word);
	if (err == 0 && canary && !l->options.witness)
		err = fault_set(fault, ERR_USAGE, "%s: there is no witness to rehearse with", lever->name);
	if (err == 0 && canary)
		err = set_read(l, before, set, fault);
	for (int i = 0; i < l->candidate_count; i++)
		set[i] |= deny || (canary && is_witness(l, &l->candidates[i]));
	if (err == 0)
		err = set_put(l, set, value, fault);
	free(set);
	return err;
}

/* The candidates in (or not in) the set, the witness's behind all others. */
static int bindings_pick(const struct lever_acl *l, const bool *set, bool in, struct acl *out)
{
	int count = 0;

	for (int witness = 0; witness < 2; witness++)
		for (int i = 0; i < l->candidate_count; i++)
			if (set[i] == in && is_witness(l, &l->candidates[i]) == witness)
				out[count++] = l->candidates[i];
	return count;
}

static int acl_set(struct lever *lever, const char *value, uint64_t epoch, int64_t timeout_ms,
		   struct fault *fault)
{
	const struct lever_acl *l = lever_acl_of(lever);
	int64_t deadline_ms = lever_deadline_ms(l->options.cluster, timeout_ms);
	bool *set = calloc((size_t)l->candidate_count + 1, sizeof *set);
	struct acl *bindings = calloc((size_t)l->candidate_count + 1, sizeof *bindings);
	bool changed = false;
	int count, err;

	(void)epoch;
	if (!set || !bindings)
		err = fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	else
		err = set_read(l, value, set, fault);
	if (err == 0) {
		count = bindings_pick(l, set, true, bindings);
		changed = count > 0;
		if (count > 0)
			err = acls_create(l->options.cluster, bindings, count, timeout_ms, fault);
	}
	if (err == 0) {
		count = bindings_pick(l, set, false, bindings);
		if (count > 0)
			err = acls_delete(l->options.cluster, bindings, count,
					  lever_left_ms(l->options.cluster, deadline_ms), NULL, fault);
		err = lever_partly(err, changed, fault); /* the first half was done */
	}
	free(bindings);
	free(set);
	return err;
}

static void acl_describe(const struct lever *lever, const char *word, struct buffer *out)
{
	const struct lever_acl *l = (const struct lever_acl *)lever;
	bool get = strcmp(word, "get") == 0, canary = strcmp(word, "canary") == 0;

	buffer_printf(out, "kafka-acls --bootstrap-server %s %s", cluster_name(l->options.cluster),
		      get                          ? "--list"
		      : strcmp(word, "allow") == 0 ? "--remove --force"
						   : "--add");
	for (int i = 0; i < l->options.principal_count && !canary; i++)
		buffer_printf(out, get ? " --principal %s" : " --deny-principal %s",
			      l->options.principals[i]);
	if (l->options.witness && !get)
		buffer_printf(out, " --deny-principal %s", l->options.witness);
	if (!get)
		buffer_text(out, " --operation Write");
	for (int i = 0; i < l->options.topic_count; i++)
		buffer_printf(out, " --topic %s", l->options.topics[i]);
	for (int i = 0; i < l->options.id_count && !canary; i++)
		buffer_printf(out, " --transactional-id %s", l->options.ids[i]);
}

static void acl_free(struct lever *lever)
{
	struct lever_acl *l = lever_acl_of(lever);

	arena_done(&l->arena);
	free(l);
}

/* ---- making one ---- */

static int texts_copy(struct arena *arena, const char *const **at, int count)
{
	const char **copy = arena_array(arena, (size_t)count, sizeof *copy);

	for (int i = 0; copy && i < count; i++) {
		copy[i] = arena_text(arena, (*at)[i]);
		if (!copy[i])
			return ERR_MEMORY;
	}
	*at = copy;
	return copy ? 0 : ERR_MEMORY;
}

static int options_copy(struct lever_acl *l, const struct lever_acl_options *options)
{
	l->options = *options;
	l->lever.name = arena_text(&l->arena, options->name);
	if (!l->options.canary)
		l->options.canary = options->cluster;
	if (options->witness)
		l->options.witness = arena_text(&l->arena, options->witness);
	if (!l->lever.name || (options->witness && !l->options.witness) ||
	    texts_copy(&l->arena, &l->options.principals, options->principal_count) < 0 ||
	    texts_copy(&l->arena, &l->options.topics, options->topic_count) < 0)
		return ERR_MEMORY;
	return texts_copy(&l->arena, &l->options.ids, options->id_count);
}

static void principal_add(struct lever_acl *l, const char *principal, bool ids)
{
	struct acl *filter = &l->filters[l->filter_count++];

	*filter = binding(ACL_RESOURCE_ANY, NULL, principal);
	for (int t = 0; t < l->options.topic_count; t++)
		l->candidates[l->candidate_count++] =
			binding(ACL_RESOURCE_TOPIC, l->options.topics[t], principal);
	/* Not for the witness: we may have to take the ids over ourselves, and the topics prove enough. */
	for (int i = 0; i < l->options.id_count && ids; i++)
		l->candidates[l->candidate_count++] =
			binding(ACL_RESOURCE_TRANSACTIONAL_ID, l->options.ids[i], principal);
}

static int candidates_make(struct lever_acl *l)
{
	const struct lever_acl_options *o = &l->options;
	size_t most = ((size_t)o->principal_count + 1) * ((size_t)o->topic_count + (size_t)o->id_count);
	int kept = 0;

	l->candidates = arena_array(&l->arena, most, sizeof *l->candidates);
	l->filters = arena_array(&l->arena, (size_t)o->principal_count + 1, sizeof *l->filters);
	if (!l->candidates || !l->filters)
		return ERR_MEMORY;
	for (int p = 0; p < o->principal_count; p++)
		principal_add(l, o->principals[p], true);
	if (o->witness)
		principal_add(l, o->witness, false);
	if (l->candidate_count > 1)
		qsort(l->candidates, (size_t)l->candidate_count, sizeof *l->candidates, candidate_order);
	for (int i = 0; i < l->candidate_count;
	     i++) /* the witness may be of the family, a topic named twice */
		if (kept == 0 || acl_order(&l->candidates[kept - 1], &l->candidates[i]) != 0)
			l->candidates[kept++] = l->candidates[i];
	l->candidate_count = kept;
	return 0;
}

int lever_acl_new(const struct lever_acl_options *options, struct lever **out, struct fault *fault)
{
	static const struct lever_ops ops = { acl_observe, acl_aim, acl_set, NULL, acl_describe, acl_free };
	struct lever_acl *l;
	struct buffer all;
	bool *none;
	int err;

	if (((int64_t)options->principal_count + 1) * ((int64_t)options->topic_count + options->id_count) >
	    LEVER_ACL_CANDIDATES_MAX)
		return fault_set(fault, ERR_LIMIT, "%s: more than %d bindings of principals and resources",
				 options->name, LEVER_ACL_CANDIDATES_MAX);
	l = calloc(1, sizeof *l);
	if (!l)
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	l->lever.ops = &ops;
	arena_init(&l->arena, (size_t)64 << 20);
	err = options_copy(l, options);
	if (err == 0)
		err = candidates_make(l);
	if (err < 0)
		fault_set(fault, err, "%s", err_text(err));
	/* What cannot be written down now must not come to light in a crossing. */
	none = calloc((size_t)l->candidate_count + 1, sizeof *none);
	for (int i = 0; none && i < l->candidate_count; i++)
		none[i] = true;
	buffer_init(&all, LEVER_VALUE_SIZE_MAX + 1);
	if (err == 0)
		err = none ? set_put(l, none, &all, fault)
			   : fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	buffer_done(&all);
	free(none);
	if (err < 0) {
		acl_free(&l->lever);
		return err;
	}
	*out = &l->lever;
	return 0;
}

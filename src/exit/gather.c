/* gather.c - drafts, and what a family is made of on these clusters. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "exit/acl_rights.h"
#include "exit/gather.h"
#include "exit/mirror.h"

#define DRAFT_TEXT_MAX 1500

struct moment gathering_now(const struct gathering *g)
{
	struct moment moment = { clock_wall_ms(g->clock), clock_monotonic_ms(g->clock), { 0 } };

	memcpy(moment.boot, g->boot, sizeof moment.boot);
	return moment;
}

const char *gathering_side(const struct gathering *g, enum side side)
{
	return side_word(g->mirrored ? !side : side);
}

/* ---- drafts ---- */

static struct view kept(struct draft *d, const char *text)
{
	struct view copy = arena_copy(d->g->arena, view_text(text));

	if (text && !copy.at)
		d->err = ERR_MEMORY;
	return copy;
}

void draft_begin(struct draft *d, struct gathering *g, const char *claim, struct view subject,
		 const char *method)
{
	*d = (struct draft){ .g = g };
	d->item = (struct evidence){
		.kind = EVIDENCE_MEASUREMENT,
		.status = EVIDENCE_OK,
		.claim = view_text(claim),
		.subject = arena_copy(g->arena, subject),
		.family = g->family->name.text,
		.method = view_text(method),
		.version = VIEW_LITERAL(INTERLOCK_VERSION),
		.collector = VIEW_LITERAL("interlock"),
		.began = gathering_now(g),
		.covered = 1,
		.total = 1,
		.samples = 1,
		.epochs = g->epochs,
		.values = d->values,
		.excluded = d->excluded,
		.normalisers = d->normalisers,
	};
	if (subject.at && !d->item.subject.at)
		d->err = ERR_MEMORY;
	buffer_init(&d->text, 64 * 1024);
}

void draft_of_facts(struct draft *d)
{
	d->of_facts = true;
	d->item.began = d->g->facts->began;
}

void draft_of_then(struct draft *d, int64_t wall_ms)
{
	if (wall_ms > gathering_now(d->g).wall_ms + FRESH_SKEW_MS_MAX) {
		draft_exclude(d, "EVIDENCE_CLOCK", "it is dated in the future: check the clocks");
		return;
	}
	d->dated = true;
	d->item.began = d->item.ended = (struct moment){ .wall_ms = wall_ms };
}

void draft_of_world(struct draft *d)
{
	d->of_world = true;
}

void draft_value(struct draft *d, const char *name, const char *unit, int64_t number)
{
	if (d->item.value_count == DRAFT_LIST_MAX) {
		d->err = ERR_LIMIT;
		return;
	}
	d->values[d->item.value_count++] =
		(struct evidence_value){ view_text(name), view_text(unit), number };
}

void draft_position(struct draft *d, const struct position *position)
{
	if (d->item.position_count == d->position_capacity) {
		int capacity = d->position_capacity ? 2 * d->position_capacity : 16;
		struct position *at = arena_array(d->g->arena, (size_t)capacity, sizeof *at);

		if (!at) {
			d->err = ERR_MEMORY;
			return;
		}
		if (d->item.position_count)
			memcpy(at, d->item.positions, (size_t)d->item.position_count * sizeof *at);
		d->item.positions = at;
		d->position_capacity = capacity;
	}
	d->item.positions[d->item.position_count] = *position;
	if (d->g->mirrored && !d->of_world)
		d->item.positions[d->item.position_count].side = !position->side;
	d->item.position_count++;
}

/* Lists of evidence hold nothing twice: a second remark with the same words is counted in the first. */
static void remark(struct draft *d, struct evidence_remark *list, int *count, const char *what,
		   const char *why, uint64_t n)
{
	for (int i = 0; i < *count; i++) {
		if (view_is(list[i].what, what) && view_is(list[i].why, why)) {
			list[i].count += n;
			return;
		}
	}
	if (*count == DRAFT_LIST_MAX) {
		list[DRAFT_LIST_MAX - 1].count += n;
		return;
	}
	list[*count] = (struct evidence_remark){ kept(d, what), kept(d, why), n };
	++*count;
}

/* The words of the format change places in a mirrored gathering, those of its arguments do not. */
__attribute__((format(printf, 4, 0))) static void words(const struct draft *d, char *out, size_t size,
							const char *format, va_list args)
{
	char mirrored[1000];

	if (!d->g->mirrored || d->of_world) {
		vsnprintf(out, size, format, args);
		return;
	}
	mirror_words(format, mirrored, sizeof mirrored);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	vsnprintf(out, size, mirrored, args);
#pragma GCC diagnostic pop
}

void draft_exclude(struct draft *d, const char *what, const char *why, ...)
{
	char text[1000];
	va_list args;

	va_start(args, why);
	words(d, text, sizeof text, why, args);
	va_end(args);
	remark(d, d->excluded, &d->item.excluded_count, what, text, 1);
	if (d->item.status == EVIDENCE_OK)
		d->item.status = EVIDENCE_PARTIAL;
}

void draft_normaliser(struct draft *d, const char *what, uint64_t count)
{
	remark(d, d->normalisers, &d->item.normaliser_count, what, "", count);
}

void draft_say(struct draft *d, const char *format, ...)
{
	char text[1000];
	va_list args;

	if (d->full)
		return;
	va_start(args, format);
	words(d, text, sizeof text, format, args);
	va_end(args);
	if (d->text.size)
		buffer_text(&d->text, "; ");
	d->full = d->text.size + strlen(text) > DRAFT_TEXT_MAX;
	buffer_text(&d->text, d->full ? "and more" : text);
}

/* Lists of the draft lie in the draft; those of the item must outlive it. */
static void *moved(struct draft *d, const void *at, int count, size_t size)
{
	void *copy = count ? arena_array(d->g->arena, (size_t)count, size) : NULL;

	if (count && !copy)
		d->err = ERR_MEMORY;
	else if (count)
		memcpy(copy, at, (size_t)count * size);
	return copy;
}

int draft_end(struct draft *d, struct fault *fault)
{
	struct evidence *item = arena_take(d->g->arena, sizeof *item);
	struct moment now = gathering_now(d->g);
	int err;

	d->item.values = moved(d, d->values, d->item.value_count, sizeof *d->values);
	d->item.excluded = moved(d, d->excluded, d->item.excluded_count, sizeof *d->excluded);
	d->item.normalisers = moved(d, d->normalisers, d->item.normaliser_count, sizeof *d->normalisers);
	d->item.text = kept(d, buffer_string(&d->text));
	if (!d->dated)
		d->item.ended = d->of_facts ? d->g->facts->ended : now;
	buffer_done(&d->text);
	if (!item || d->err)
		return fault_set(fault, d->err ? d->err : ERR_MEMORY,
				 "evidence for %.*s could not be written down: %s", VIEW_ARGS(d->item.claim),
				 err_text(d->err ? d->err : ERR_MEMORY));
	*item = d->item;
	err = evidence_seal(item, fault);
	if (err == 0)
		err = evidence_log_append(d->g->log, item, &now);
	if (err < 0 && fault && !fault->text[0])
		fault_set(fault, err, "evidence for %.*s could not be kept: %s", VIEW_ARGS(item->claim),
			  err_text(err));
	return err;
}

/* ---- a family on these clusters ---- */

static int resolve_topics(struct gathering *g)
{
	const struct metadata_snapshot *source = &g->world->sides[SIDE_SOURCE].metadata;
	int most = g->family->topics.count + source->topic_count;

	g->topics = arena_array(g->arena, (size_t)most + 1, sizeof *g->topics);
	if (!g->topics)
		return ERR_MEMORY;
	g->topic_count = 0;
	for (int i = 0; i < g->family->topics.count; i++) {
		const struct plan_topic *topic = &g->family->topics.at[i];

		if (!topic->glob) {
			/* Copies end with a NUL; of `orders=orders.v2` the first name does not. */
			struct gather_topic named = { arena_copy(g->arena, topic->source),
						      arena_copy(g->arena, topic->target) };

			if (!named.source.at || !named.target.at)
				return ERR_MEMORY;
			g->topics[g->topic_count++] = named;
			continue;
		}
		for (int j = 0; j < source->topic_count; j++) {
			struct view name = view_text(source->topics[j].name);

			if (facts_topic_is_internal(&source->topics[j]) || !glob_match(topic->source, name))
				continue;
			name = arena_copy(g->arena, name);
			if (!name.at)
				return ERR_MEMORY;
			g->topics[g->topic_count++] = (struct gather_topic){ name, name };
		}
	}
	for (int i = 0; g->mirrored && i < g->topic_count; i++)
		g->topics[i] = (struct gather_topic){ g->topics[i].target, g->topics[i].source };
	return 0;
}

static bool has_principal(const struct gathering *g, struct view principal)
{
	for (int i = 0; i < g->principal_count; i++)
		if (view_equal(g->principals[i], principal))
			return true;
	return false;
}

/* An ACL of the source that speaks of a topic or group of this family, and not of everything there is. */
static bool speaks_of_family(const struct gathering *g, const struct acl *acl)
{
	if (strcmp(acl->resource, "*") == 0 && acl->pattern_type == ACL_PATTERN_LITERAL)
		return false;
	for (int i = 0; i < g->topic_count; i++)
		if (acl_touches(acl, ACL_RESOURCE_TOPIC, (const char *)g->topics[i].source.at))
			return true;
	for (int i = 0; i < g->family->groups.count; i++)
		if (acl_touches(acl, ACL_RESOURCE_GROUP, (const char *)g->family->groups.at[i].text.at))
			return true;
	return false;
}

/*
 * Whose rights matter: the producers that the plan names, and everybody whom an ACL of the source lets at the family's
 * topics or groups by name.  Where the source lets everybody in and the target does not, or where no ACL names anybody
 * (its writers may be super users, whom no broker tells), only the plan can say.
 */
static int resolve_principals(struct gathering *g)
{
	const struct facts_side *source = &g->facts->sides[SIDE_SOURCE],
				*target = &g->facts->sides[SIDE_TARGET];
	int most = g->family->producers.count + source->acls.count;

	g->principals = arena_array(g->arena, (size_t)most + 1, sizeof *g->principals);
	if (!g->principals)
		return ERR_MEMORY;
	g->principal_count = 0;
	for (int i = 0; i < g->family->producers.count; i++)
		g->principals[g->principal_count++] = g->family->producers.at[i].text;
	for (int i = 0; i < source->acls.count; i++) {
		const struct acl *acl = &source->acls.at[i];
		struct view principal = view_text(acl->principal);

		if (acl->permission != ACL_PERMISSION_ALLOW || has_principal(g, principal) ||
		    !speaks_of_family(g, acl))
			continue;
		principal = arena_copy(g->arena, principal);
		if (!principal.at)
			return ERR_MEMORY;
		g->principals[g->principal_count++] = principal;
	}
	g->principals_known = !source->acls_answer.err && !target->acls_answer.err;
	if (target->acls.no_authorizer && !target->acls_answer.err)
		g->principals_known = true; /* nobody can lack a right where nobody is asked for one */
	else if (!g->family->producers.given && (source->acls.no_authorizer || !g->principal_count))
		g->principals_known = false;
	return 0;
}

int gathering_resolve(struct gathering *g)
{
	int err = resolve_topics(g);

	return err ? err : resolve_principals(g);
}

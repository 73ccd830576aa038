/*
 * evidence.c - the one encoding of a measured fact.
 *
 *	"ILE1"                          four bytes: what this is, and the version of the encoding
 *	kind, status                    one byte each
 *	claim, subject, family, method, version, collector, text
 *	began, ended                    wall ms, monotonic ms (8 bytes each), boot (16 bytes)
 *	covered, total, samples, traffic
 *	plan, context                   number (8), hash (32)
 *	authority                       number (8)
 *	values, positions, excluded, normalisers, artefacts, parents
 *
 * Integers are big-endian; a text is its size (4 bytes) and its bytes; a list is its count (4 bytes) and its elements
 * in order.  Nothing is optional, nothing has a second spelling, and nothing follows.
 */
#include <assert.h>
#include <stdlib.h>

#include "exit/canon.h"
#include "exit/evidence.h"

static const uint8_t head[4] = { 'I', 'L', 'E', '1' };

/* The least bytes that an element of each list takes, to hold a count from outside against the bytes left. */
enum {
	VALUE_SIZE_MIN = 4 + 4 + 8,
	POSITION_SIZE_MIN = 1 + 4 + 1 + 4 + 4 + 4 + 4 * 8,
	REMARK_SIZE_MIN = 4 + 4 + 8,
	ARTEFACT_SIZE_MIN = 4 + SHA256_SIZE,
};

const char *side_word(enum side side)
{
	assert(side < SIDE_COUNT);
	return side == SIDE_SOURCE ? "source" : "target";
}

const char *evidence_status_word(enum evidence_status status)
{
	static const char *const words[] = { "instrument error", "partial", "ok" };

	assert(status <= EVIDENCE_OK);
	return words[status];
}

/* ---- order ---- */

static int by_name(const void *a, const void *b)
{
	return view_compare(((const struct evidence_value *)a)->name,
			    ((const struct evidence_value *)b)->name);
}

int evidence_position_order(const void *a, const void *b)
{
	const struct position *x = a, *y = b;
	int order = (x->side > y->side) - (x->side < y->side);

	if (!order)
		order = view_compare(x->topic, y->topic);
	if (!order)
		order = (x->partition > y->partition) - (x->partition < y->partition);
	return order ? order : view_compare(x->group, y->group);
}

static int by_remark(const void *a, const void *b)
{
	const struct evidence_remark *x = a, *y = b;
	int order = view_compare(x->what, y->what);

	return order ? order : view_compare(x->why, y->why);
}

static int by_artefact(const void *a, const void *b)
{
	return view_compare(((const struct evidence_artefact *)a)->name,
			    ((const struct evidence_artefact *)b)->name);
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_SIZE);
}

typedef int compare_fn(const void *a, const void *b);

static void sort(void *at, int count, size_t size, compare_fn *compare)
{
	if (count > 1)
		qsort(at, (size_t)count, size, compare);
}

/* Sorted, and nothing twice. */
static bool in_order(const void *at, int count, size_t size, compare_fn *compare)
{
	for (int i = 1; i < count; i++)
		if (compare((const char *)at + (size_t)(i - 1) * size, (const char *)at + (size_t)i * size) >=
		    0)
			return false;
	return true;
}

static bool all_in_order(const struct evidence *item)
{
	return in_order(item->values, item->value_count, sizeof *item->values, by_name) &&
	       in_order(item->positions, item->position_count, sizeof *item->positions,
			evidence_position_order) &&
	       in_order(item->excluded, item->excluded_count, sizeof *item->excluded, by_remark) &&
	       in_order(item->normalisers, item->normaliser_count, sizeof *item->normalisers, by_remark) &&
	       in_order(item->artefacts, item->artefact_count, sizeof *item->artefacts, by_artefact) &&
	       in_order(item->parents, item->parent_count, sizeof *item->parents, by_hash);
}

/* What must stand in every item, whoever made it. */
static bool makes_sense(const struct evidence *item)
{
	if (item->kind < EVIDENCE_MEASUREMENT || item->kind > EVIDENCE_PROBE || item->status > EVIDENCE_OK)
		return false;
	if (!item->claim.size || !item->method.size || !item->version.size || item->covered > item->total)
		return false;
	for (int i = 0; i < item->value_count; i++)
		if (!item->values[i].name.size)
			return false;
	for (int i = 0; i < item->position_count; i++)
		if (item->positions[i].side >= SIDE_COUNT || !item->positions[i].topic.size)
			return false;
	return true;
}

/* ---- writing ---- */

static void put_position(struct buffer *out, const struct position *p)
{
	buffer_i8(out, (int8_t)p->side);
	canon_put_text(out, p->topic);
	buffer_i8(out, p->group.at != NULL);
	canon_put_text(out, p->group);
	buffer_i32(out, p->partition);
	buffer_i32(out, p->leader_epoch);
	buffer_i64(out, p->start);
	buffer_i64(out, p->end);
	buffer_i64(out, p->stable);
	buffer_i64(out, p->high_watermark);
}

static void put_remarks(struct buffer *out, const struct evidence_remark *at, int count)
{
	buffer_i32(out, count);
	for (int i = 0; i < count; i++) {
		canon_put_text(out, at[i].what);
		canon_put_text(out, at[i].why);
		buffer_i64(out, (int64_t)at[i].count);
	}
}

int evidence_write(const struct evidence *item, struct buffer *out)
{
	if (!makes_sense(item) || !all_in_order(item))
		return ERR_MALFORMED;
	buffer_put(out, head, sizeof head);
	buffer_i8(out, (int8_t)item->kind);
	buffer_i8(out, (int8_t)item->status);
	canon_put_text(out, item->claim);
	canon_put_text(out, item->subject);
	canon_put_text(out, item->family);
	canon_put_text(out, item->method);
	canon_put_text(out, item->version);
	canon_put_text(out, item->collector);
	canon_put_text(out, item->text);
	canon_put_moment(out, &item->began);
	canon_put_moment(out, &item->ended);
	buffer_i64(out, (int64_t)item->covered);
	buffer_i64(out, (int64_t)item->total);
	buffer_i64(out, (int64_t)item->samples);
	buffer_i64(out, (int64_t)item->traffic_bytes);
	canon_put_epochs(out, &item->epochs);
	buffer_i32(out, item->value_count);
	for (int i = 0; i < item->value_count; i++) {
		canon_put_text(out, item->values[i].name);
		canon_put_text(out, item->values[i].unit);
		buffer_i64(out, item->values[i].number);
	}
	buffer_i32(out, item->position_count);
	for (int i = 0; i < item->position_count; i++)
		put_position(out, &item->positions[i]);
	put_remarks(out, item->excluded, item->excluded_count);
	put_remarks(out, item->normalisers, item->normaliser_count);
	buffer_i32(out, item->artefact_count);
	for (int i = 0; i < item->artefact_count; i++) {
		canon_put_text(out, item->artefacts[i].name);
		canon_put_hash(out, item->artefacts[i].digest);
	}
	buffer_i32(out, item->parent_count);
	for (int i = 0; i < item->parent_count; i++)
		canon_put_hash(out, item->parents[i]);
	return out->err;
}

/* The hash of what the item says now. */
static int hash_now(const struct evidence *item, struct sha256 *out)
{
	struct buffer bytes;
	int err;

	buffer_init(&bytes, EVIDENCE_SIZE_MAX);
	err = evidence_write(item, &bytes);
	if (err == 0)
		*out = sha256_of(buffer_bytes(&bytes));
	buffer_done(&bytes);
	return err;
}

int evidence_seal(struct evidence *item, struct fault *fault)
{
	struct sha256 id;
	int err;

	sort(item->values, item->value_count, sizeof *item->values, by_name);
	sort(item->positions, item->position_count, sizeof *item->positions, evidence_position_order);
	sort(item->excluded, item->excluded_count, sizeof *item->excluded, by_remark);
	sort(item->normalisers, item->normaliser_count, sizeof *item->normalisers, by_remark);
	sort(item->artefacts, item->artefact_count, sizeof *item->artefacts, by_artefact);
	sort(item->parents, item->parent_count, sizeof *item->parents, by_hash);
	err = hash_now(item, &id);
	if (err < 0)
		return fault_set(fault, err, "evidence for %.*s could not be sealed: %s",
				 VIEW_ARGS(item->claim),
				 err == ERR_MALFORMED ? "a name is missing or stands twice" : err_text(err));
	item->id = id;
	return 0;
}

bool evidence_intact(const struct evidence *item)
{
	struct sha256 id;

	return hash_now(item, &id) == 0 && sha256_equal(id, item->id);
}

const struct evidence_value *evidence_value(const struct evidence *item, struct view name)
{
	for (int i = 0; i < item->value_count; i++)
		if (view_equal(item->values[i].name, name))
			return &item->values[i];
	return NULL;
}

/* ---- reading ---- */

static void take_position(struct canon_reader *r, struct position *p)
{
	bool has_group;

	p->side = (uint8_t)cursor_i8(&r->c);
	p->topic = canon_take_text(&r->c);
	has_group = cursor_i8(&r->c) != 0;
	p->group = canon_take_text(&r->c);
	if (!has_group)
		p->group = VIEW_NULL;
	p->partition = cursor_i32(&r->c);
	p->leader_epoch = cursor_i32(&r->c);
	p->start = cursor_i64(&r->c);
	p->end = cursor_i64(&r->c);
	p->stable = cursor_i64(&r->c);
	p->high_watermark = cursor_i64(&r->c);
}

static struct evidence_remark *take_remarks(struct canon_reader *r, int *count)
{
	struct evidence_remark *at = canon_take_list(r, REMARK_SIZE_MIN, sizeof *at, count);

	for (int i = 0; i < *count; i++) {
		at[i].what = canon_take_text(&r->c);
		at[i].why = canon_take_text(&r->c);
		at[i].count = cursor_u64(&r->c);
	}
	return at;
}

static void take_lists(struct canon_reader *r, struct evidence *item)
{
	item->values = canon_take_list(r, VALUE_SIZE_MIN, sizeof *item->values, &item->value_count);
	for (int i = 0; i < item->value_count; i++) {
		item->values[i].name = canon_take_text(&r->c);
		item->values[i].unit = canon_take_text(&r->c);
		item->values[i].number = cursor_i64(&r->c);
	}
	item->positions =
		canon_take_list(r, POSITION_SIZE_MIN, sizeof *item->positions, &item->position_count);
	for (int i = 0; i < item->position_count; i++)
		take_position(r, &item->positions[i]);
	item->excluded = take_remarks(r, &item->excluded_count);
	item->normalisers = take_remarks(r, &item->normaliser_count);
	item->artefacts =
		canon_take_list(r, ARTEFACT_SIZE_MIN, sizeof *item->artefacts, &item->artefact_count);
	for (int i = 0; i < item->artefact_count; i++) {
		item->artefacts[i].name = canon_take_text(&r->c);
		item->artefacts[i].digest = canon_take_hash(&r->c);
	}
	item->parents = canon_take_list(r, SHA256_SIZE, sizeof *item->parents, &item->parent_count);
	for (int i = 0; i < item->parent_count; i++)
		item->parents[i] = canon_take_hash(&r->c);
}

static bool is_written_as(const struct evidence *item, struct view bytes)
{
	struct buffer again;
	bool same;

	buffer_init(&again, EVIDENCE_SIZE_MAX);
	buffer_room(&again, bytes.size); /* at once: it will be as many */
	same = evidence_write(item, &again) == 0 && view_equal(buffer_bytes(&again), bytes);
	buffer_done(&again);
	return same;
}

int evidence_read(struct view bytes, struct arena *arena, struct evidence *out, struct fault *fault)
{
	struct sha256 id = { 0 };
	struct evidence item;
	int err;

	if (bytes.size <= EVIDENCE_SIZE_MAX)
		id = sha256_of(bytes);
	err = evidence_read_as(bytes, &id, arena, &item, fault);
	if (err == 0)
		*out = item;
	return err;
}

int evidence_read_as(struct view bytes, const struct sha256 *id, struct arena *arena, struct evidence *out,
		     struct fault *fault)
{
	struct canon_reader r = { cursor_over(bytes), arena };
	struct evidence item = { 0 };
	const uint8_t *magic;

	if (bytes.size > EVIDENCE_SIZE_MAX)
		return fault_set(fault, ERR_LIMIT, "evidence of %zu bytes is larger than any that is written",
				 bytes.size);
	magic = cursor_take(&r.c, sizeof head);
	if (!magic || memcmp(magic, head, sizeof head) != 0)
		return fault_set(fault, ERR_MALFORMED, "these bytes are not evidence");
	item.kind = (enum evidence_kind)(uint8_t)cursor_i8(&r.c);
	item.status = (enum evidence_status)(uint8_t)cursor_i8(&r.c);
	item.claim = canon_take_text(&r.c);
	item.subject = canon_take_text(&r.c);
	item.family = canon_take_text(&r.c);
	item.method = canon_take_text(&r.c);
	item.version = canon_take_text(&r.c);
	item.collector = canon_take_text(&r.c);
	item.text = canon_take_text(&r.c);
	item.began = canon_take_moment(&r.c);
	item.ended = canon_take_moment(&r.c);
	item.covered = cursor_u64(&r.c);
	item.total = cursor_u64(&r.c);
	item.samples = cursor_u64(&r.c);
	item.traffic_bytes = cursor_u64(&r.c);
	item.epochs = canon_take_epochs(&r.c);
	take_lists(&r, &item);
	if (r.c.fault)
		return fault_set(fault, ERR_MALFORMED, "evidence ends early or lies about its size: %s",
				 r.c.fault);
	/* Written again it must give the very same bytes: no second spelling, nothing behind the end. */
	if (cursor_left(&r.c) || !is_written_as(&item, bytes))
		return fault_set(fault, ERR_MALFORMED, "evidence for %.*s is not in its one encoding",
				 VIEW_ARGS(item.claim));
	item.id = *id;
	*out = item;
	return 0;
}

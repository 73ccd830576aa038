/*
 * basis.c - "ILB1", then in order: family, stage, reference, gates, now (moment, epochs, ends), subjects of each scope,
 * waivers, window, rules, head, ids, the verdict, that of each gate.  Integers are big-endian; a list is its count (4
 * bytes) and its elements; nothing is optional and nothing follows.
 */
#include "exit/basis.h"
#include "exit/canon.h"

static const uint8_t head[4] = { 'I', 'L', 'B', '1' };

/* The least bytes that an element of each list takes. */
enum {
	END_SIZE_MIN = 1 + 4 + 4 + 4 + 8,
	TEXT_SIZE_MIN = 4,
	WAIVER_SIZE_MIN = 5 * 4 + 1 + SHA256_SIZE + 4 * 8,
};

int basis_of(const struct judging *judging, unsigned gates, const struct judgement *judgement,
	     struct arena *arena, struct basis *out)
{
	struct sha256 *ids = arena_array(arena, (size_t)judging->log->count + 1, sizeof *ids);
	struct basis basis = { .family = judging->family->name.text,
			       .stage = judging->stage,
			       .reference = judging->reference,
			       .gates = gates ? gates : GATES_ALL,
			       .now = judging->now,
			       .waivers = judging->waivers,
			       .waiver_count = judging->waiver_count,
			       .window = judging->window,
			       .rules = judgement->rules.hash,
			       .head = judging->log->head,
			       .evidence_count = judging->log->count,
			       .verdict = judgement->verdict };

	if (!ids)
		return ERR_MEMORY;
	memcpy(basis.subjects, judging->subjects, sizeof basis.subjects);
	for (int i = 0; i < judging->log->count; i++)
		ids[i] = judging->log->items[i]->id;
	for (int gate = 0; gate < GATE_COUNT; gate++)
		basis.by_gate[gate] = judgement->gates[gate].verdict;
	basis.evidence = ids;
	*out = basis;
	return 0;
}

/* ---- writing ---- */

static void put_waiver(struct buffer *out, const struct waiver *waiver)
{
	canon_put_text(out, waiver->rule);
	buffer_i8(out, waiver->subject.at != NULL);
	canon_put_text(out, waiver->subject);
	canon_put_hash(out, waiver->evidence);
	buffer_i64(out, waiver->value_max);
	canon_put_text(out, waiver->reason);
	canon_put_text(out, waiver->owner);
	canon_put_text(out, waiver->second);
	canon_put_text(out, waiver->stage);
	buffer_i64(out, (int64_t)waiver->authority);
	buffer_i64(out, waiver->granted_ms);
	buffer_i64(out, waiver->expires_ms);
}

static void put_now(struct buffer *out, const struct fresh_now *now)
{
	canon_put_moment(out, &now->moment);
	canon_put_epochs(out, &now->epochs);
	buffer_i32(out, now->end_count);
	for (int i = 0; i < now->end_count; i++) {
		buffer_i8(out, (int8_t)now->ends[i].side);
		canon_put_text(out, now->ends[i].topic);
		buffer_i32(out, now->ends[i].partition);
		buffer_i32(out, now->ends[i].leader_epoch);
		buffer_i64(out, now->ends[i].end);
	}
}

int basis_write(const struct basis *basis, struct buffer *out)
{
	buffer_put(out, head, sizeof head);
	canon_put_text(out, basis->family);
	canon_put_text(out, basis->stage);
	buffer_i8(out, (int8_t)basis->reference);
	buffer_i32(out, (int32_t)basis->gates);
	put_now(out, &basis->now);
	for (int scope = 0; scope < RULE_SCOPE_COUNT; scope++) {
		const struct rule_subjects *subjects = &basis->subjects[scope];

		buffer_i8(out, subjects->declared);
		buffer_i32(out, subjects->count);
		for (int i = 0; i < subjects->count; i++)
			canon_put_text(out, subjects->at[i]);
	}
	buffer_i32(out, basis->waiver_count);
	for (int i = 0; i < basis->waiver_count; i++)
		put_waiver(out, &basis->waivers[i]);
	buffer_i32(out, basis->window);
	canon_put_hash(out, basis->rules);
	canon_put_hash(out, basis->head);
	buffer_i32(out, basis->evidence_count);
	for (int i = 0; i < basis->evidence_count; i++)
		canon_put_hash(out, basis->evidence[i]);
	buffer_i8(out, (int8_t)basis->verdict);
	for (int gate = 0; gate < GATE_COUNT; gate++)
		buffer_i8(out, (int8_t)basis->by_gate[gate]);
	return out->err;
}

/* ---- reading ---- */

static void take_now(struct canon_reader *r, struct fresh_now *now)
{
	struct position *ends;

	now->moment = canon_take_moment(&r->c);
	now->epochs = canon_take_epochs(&r->c);
	ends = canon_take_list(r, END_SIZE_MIN, sizeof *ends, &now->end_count);
	for (int i = 0; i < now->end_count; i++) {
		ends[i].side = (uint8_t)cursor_i8(&r->c);
		ends[i].topic = canon_take_text(&r->c);
		ends[i].partition = cursor_i32(&r->c);
		ends[i].leader_epoch = cursor_i32(&r->c);
		ends[i].end = cursor_i64(&r->c);
	}
	now->ends = ends;
}

static void take_subjects(struct canon_reader *r, struct rule_subjects *subjects)
{
	struct view *at;

	subjects->declared = cursor_i8(&r->c) != 0;
	at = canon_take_list(r, TEXT_SIZE_MIN, sizeof *at, &subjects->count);
	for (int i = 0; i < subjects->count; i++)
		at[i] = canon_take_text(&r->c);
	subjects->at = at;
}

static void take_waiver(struct canon_reader *r, struct waiver *waiver)
{
	bool has_subject;

	waiver->rule = canon_take_text(&r->c);
	has_subject = cursor_i8(&r->c) != 0;
	waiver->subject = canon_take_text(&r->c);
	if (!has_subject)
		waiver->subject = VIEW_NULL;
	waiver->evidence = canon_take_hash(&r->c);
	waiver->value_max = cursor_i64(&r->c);
	waiver->reason = canon_take_text(&r->c);
	waiver->owner = canon_take_text(&r->c);
	waiver->second = canon_take_text(&r->c);
	waiver->stage = canon_take_text(&r->c);
	waiver->authority = cursor_u64(&r->c);
	waiver->granted_ms = cursor_i64(&r->c);
	waiver->expires_ms = cursor_i64(&r->c);
}

static void take_all(struct canon_reader *r, struct basis *basis)
{
	struct waiver *waivers;
	struct sha256 *ids;

	basis->family = canon_take_text(&r->c);
	basis->stage = canon_take_text(&r->c);
	basis->reference = (enum side)(uint8_t)cursor_i8(&r->c);
	basis->gates = cursor_u32(&r->c);
	take_now(r, &basis->now);
	for (int scope = 0; scope < RULE_SCOPE_COUNT; scope++)
		take_subjects(r, &basis->subjects[scope]);
	waivers = canon_take_list(r, WAIVER_SIZE_MIN, sizeof *waivers, &basis->waiver_count);
	for (int i = 0; i < basis->waiver_count; i++)
		take_waiver(r, &waivers[i]);
	basis->waivers = waivers;
	basis->window = cursor_i32(&r->c);
	basis->rules = canon_take_hash(&r->c);
	basis->head = canon_take_hash(&r->c);
	ids = canon_take_list(r, SHA256_SIZE, sizeof *ids, &basis->evidence_count);
	for (int i = 0; i < basis->evidence_count; i++)
		ids[i] = canon_take_hash(&r->c);
	basis->evidence = ids;
	basis->verdict = (enum verdict)(uint8_t)cursor_i8(&r->c);
	for (int gate = 0; gate < GATE_COUNT; gate++)
		basis->by_gate[gate] = (enum verdict)(uint8_t)cursor_i8(&r->c);
}

static bool makes_sense(const struct basis *basis)
{
	if (basis->reference >= SIDE_COUNT || basis->gates & ~GATES_ALL || basis->window < 0 ||
	    basis->verdict > VERDICT_SHUT || !basis->family.size)
		return false;
	for (int gate = 0; gate < GATE_COUNT; gate++)
		if (basis->by_gate[gate] > VERDICT_SHUT)
			return false;
	for (int i = 0; i < basis->now.end_count; i++)
		if (basis->now.ends[i].side >= SIDE_COUNT)
			return false;
	return true;
}

int basis_read(struct view bytes, struct arena *arena, struct basis *out, struct fault *fault)
{
	struct canon_reader r = { cursor_over(bytes), arena };
	struct basis basis = { 0 };
	const uint8_t *magic = cursor_take(&r.c, sizeof head);
	struct buffer again;
	bool same;

	if (bytes.size > BASIS_SIZE_MAX || !magic || memcmp(magic, head, sizeof head) != 0)
		return fault_set(fault, ERR_MALFORMED, "these bytes are not the basis of a verdict");
	take_all(&r, &basis);
	if (r.c.fault)
		return fault_set(fault, ERR_MALFORMED,
				 "the basis of a verdict ends early or lies about its size: %s", r.c.fault);
	buffer_init(&again, BASIS_SIZE_MAX);
	same = makes_sense(&basis) && basis_write(&basis, &again) == 0 &&
	       view_equal(buffer_bytes(&again), bytes);
	buffer_done(&again);
	if (!same)
		return fault_set(fault, ERR_MALFORMED, "the basis of a verdict is not in its one encoding");
	*out = basis;
	return 0;
}

/* ---- judging again ---- */

/* Each id is the hash of the bytes that the item was read from: an item that bears it needs no second hash. */
static int collect(const struct basis *basis, basis_give_fn *give, void *context, struct evidence_log *log,
		   struct fault *fault)
{
	for (int i = 0; i < basis->evidence_count; i++) {
		const struct evidence *item;
		char id[SHA256_TEXT_SIZE];
		int err = give(context, &basis->evidence[i], &item, fault);

		if (err < 0)
			return err;
		if (!sha256_equal(item->id, basis->evidence[i]))
			return fault_set(fault, ERR_MALFORMED,
					 "evidence %s of family %.*s is not what its id says",
					 sha256_text(basis->evidence[i], id), VIEW_ARGS(basis->family));
		err = evidence_log_append(log, item, &basis->now.moment);
		if (err < 0)
			return fault_set(fault, err, "evidence %s of family %.*s is dated after the verdict",
					 sha256_text(basis->evidence[i], id), VIEW_ARGS(basis->family));
	}
	if (!sha256_equal(log->head, basis->head))
		return fault_set(fault, ERR_CONFLICT,
				 "the evidence of family %.*s is not in the order of its log",
				 VIEW_ARGS(basis->family));
	return 0;
}

static int compare(const struct basis *basis, const struct judgement *made, struct fault *fault)
{
	if (!sha256_equal(made->rules.hash, basis->rules))
		return fault_set(fault, ERR_CONFLICT, "family %.*s was judged by other rules than the plan's",
				 VIEW_ARGS(basis->family));
	for (int gate = 0; gate < GATE_COUNT; gate++)
		if (made->gates[gate].verdict != basis->by_gate[gate])
			return fault_set(
				fault, ERR_STALE,
				"family %.*s: gate %s was said to be %s, and from its evidence is %s",
				VIEW_ARGS(basis->family), gate_word((enum gate)gate),
				verdict_word(basis->by_gate[gate]), verdict_word(made->gates[gate].verdict));
	if (made->verdict != basis->verdict)
		return fault_set(fault, ERR_STALE, "family %.*s: the verdict was said to be %s, and is %s",
				 VIEW_ARGS(basis->family), verdict_word(basis->verdict),
				 verdict_word(made->verdict));
	return 0;
}

int basis_audit_log(const struct basis *basis, const struct plan_family *family, const struct rules *rules,
		    basis_give_fn *give, void *context, struct arena *arena, struct evidence_log *log_out,
		    struct judgement *out, struct fault *fault)
{
	struct judging judging = { .family = family,
				   .reference = basis->reference,
				   .log_whole = true, /* collect() saw to it */
				   .window = basis->window,
				   .now = basis->now,
				   .stage = basis->stage,
				   .waivers = basis->waivers,
				   .waiver_count = basis->waiver_count,
				   .rules = rules };
	struct judgement made = { 0 };
	struct evidence_log log;
	int err;

	if (!view_equal(family->name.text, basis->family))
		return fault_set(fault, ERR_CONFLICT, "the verdict is on family %.*s, not on %.*s",
				 VIEW_ARGS(basis->family), VIEW_ARGS(family->name.text));
	memcpy(judging.subjects, basis->subjects, sizeof judging.subjects);
	evidence_log_init(&log);
	judging.log = &log;
	err = collect(basis, give, context, &log, fault);
	err = err ? err : judge_family(&judging, basis->gates, arena, &made, fault);
	err = err ? err : compare(basis, &made, fault);
	if (err < 0) {
		evidence_log_done(&log);
		return err;
	}
	*log_out = log;
	*out = made;
	return 0;
}

struct reading {
	const struct basis *basis;
	basis_find_fn *find;
	void *context;
	struct arena *arena;
};

static int give_read(void *context, const struct sha256 *id, const struct evidence **out, struct fault *fault)
{
	struct reading *reading = context;
	struct evidence *item = arena_take(reading->arena, sizeof *item);
	char text[SHA256_TEXT_SIZE];
	struct view bytes;
	int err = item ? reading->find(reading->context, id, &bytes) : ERR_MEMORY;

	if (err < 0)
		return fault_set(fault, err == ERR_MEMORY ? err : ERR_NOT_FOUND,
				 "evidence %s of family %.*s is not there: %s", sha256_text(*id, text),
				 VIEW_ARGS(reading->basis->family), err_text(err));
	err = evidence_read(bytes, reading->arena, item, fault);
	if (err == 0)
		*out = item;
	return err;
}

int basis_audit(const struct basis *basis, const struct plan_family *family, basis_find_fn *find,
		void *context, struct arena *arena, struct judgement *out, struct fault *fault)
{
	struct reading reading = { basis, find, context, arena };
	struct evidence_log log;
	int err = basis_audit_log(basis, family, NULL, give_read, &reading, arena, &log, out, fault);

	if (err == 0)
		evidence_log_done(&log);
	return err;
}

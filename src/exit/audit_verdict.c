/*
 * audit_verdict.c - the plan in force, and each verdict made again.
 *
 * A VERDICT frame holds when its basis is what the journal knew then (family, side, stage, epochs, waivers), when the
 * evidence that the basis names is there and comes to the same gates, and when the frame says exactly that.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exit/audit_inside.h"
#include "exit/basis.h"
#include "exit/verdict_body.h"

/* ---- the plan ---- */

static bool same_families(const struct plan *plan, const json_t *body)
{
	json_t *names = json_object_get(body, "families");

	if ((int)json_array_size(names) != plan->family_count)
		return false;
	for (int i = 0; i < plan->family_count; i++)
		if (!view_equal(view_text(json_string_value(json_array_get(names, (size_t)i))),
				plan->families[i].name.text))
			return false;
	return true;
}

/* Of exactly the owners for whom the plan names a file. */
static bool same_keys(const struct plan *plan, const json_t *body)
{
	json_t *keys = json_object_get(body, "keys");

	if ((int)json_object_size(keys) != plan->signing.keys.count)
		return false;
	for (int i = 0; i < plan->signing.keys.count; i++) {
		struct view owner = plan->signing.keys.at[i].name.text;
		char name[300];

		snprintf(name, sizeof name, "%.*s", VIEW_ARGS(owner));
		if (!body_text(keys, name))
			return false;
	}
	return true;
}

static void read_plan(struct auditing *a, const struct frame *frame, const json_t *body, struct view text)
{
	struct plan_faults faults;
	struct sha256 hash = { 0 };
	unsigned long long number = frame->sequence;
	int err;

	plan_faults_init(&faults, "the plan in the journal");
	err = plan_parse(text, "", &faults, &a->plan);
	body_hash(body, "plan", &hash);
	if (err < 0)
		audit_found(a, AUDIT_UNDECIDED, frame->sequence,
			    "frame %llu (PLAN): this version cannot read the plan: %s", number,
			    faults.count ? faults.at[0].text : err_text(err));
	else if (!sha256_equal(hash, a->plan->hash) || !same_families(a->plan, body) ||
		 !same_keys(a->plan, body) ||
		 !view_equal(view_text(body_text(body, "exit")), a->plan->exit.text))
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			    "frame %llu (PLAN): says another exit, other families or keys, or another hash "
			    "than the "
			    "plan that it "
			    "names",
			    number);
	plan_faults_done(&faults);
}

int audit_plan(struct auditing *a, const struct frame *frame, const json_t *body)
{
	struct sha256 text = { 0 };
	struct buffer bytes;
	int err;

	plan_free(a->plan);
	a->plan = NULL;
	memset(a->rules, 0, sizeof a->rules);
	arena_reset(&a->bound);
	body_hash(body, "plan", &a->out->plan);
	snprintf(a->out->exit, sizeof a->out->exit, "%s",
		 body_text(body, "exit") ? body_text(body, "exit") : "");
	if (!body_hash(body, "text", &text)) {
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence, "frame %llu (PLAN): names no text",
			    (unsigned long long)frame->sequence);
		return 0;
	}
	buffer_init(&bytes, PLAN_SIZE_MAX + 1);
	err = audit_blob(a, frame, text, "the plan", &bytes);
	if (err == 0)
		read_plan(a, frame, body, buffer_bytes(&bytes));
	buffer_done(&bytes);
	return err < 0 ? err : 0;
}

const struct plan_family *audit_family(const struct auditing *a, const json_t *body)
{
	const char *name = body_text(body, "family");

	return a->plan && name ? plan_family(a->plan, view_text(name)) : NULL;
}

/* ---- evidence ---- */

struct finding {
	struct auditing *a;
	const struct frame *frame;
	int recorded; /* what audit_blob() returned for an item that is not there */
};

static struct audit_kept *place_of(const struct auditing *a, const struct sha256 *id)
{
	return &a->kept[(id->bytes[0] | id->bytes[1] << 8) % AUDIT_KEPT_COUNT];
}

/* Between two verdicts, for the one under way may rest on any of it. */
static void forget_when_much(struct auditing *a)
{
	if (a->kept_in.used < AUDIT_KEPT_SIZE_MAX)
		return;
	memset(a->kept, 0, AUDIT_KEPT_COUNT * sizeof *a->kept);
	arena_reset(&a->kept_in);
}

/* Large ones are read anew for each verdict, and so are those that come when there is no room. */
static bool may_keep(const struct auditing *a, struct view bytes)
{
	return bytes.size <= AUDIT_KEPT_ITEM_MAX && a->kept_in.used < AUDIT_KEPT_SIZE_MAX;
}

/* The store has held the bytes against their hash. */
static int read_item(struct auditing *a, const struct sha256 *id, struct view bytes,
		     const struct evidence **out, struct fault *fault)
{
	bool keep = may_keep(a, bytes);
	struct arena *arena = keep ? &a->kept_in : &a->arena;
	struct evidence *item = arena_take(arena, sizeof *item);
	struct view copy = item ? arena_copy(arena, bytes) : VIEW_NULL;
	int err;

	if (!copy.at)
		return fault_set(fault, ERR_MEMORY, "no memory for evidence");
	err = evidence_read_as(copy, id, arena, item, fault);
	if (err < 0)
		return err;
	if (keep)
		*place_of(a, id) = (struct audit_kept){ *id, item };
	*out = item;
	return 0;
}

static bool is_kept(const struct auditing *a, const struct sha256 *id)
{
	const struct audit_kept *place = place_of(a, id);

	return place->item && sha256_equal(place->id, *id);
}

/* What cannot be read, or not be kept, is asked for again by itself, and then said. */
static int keep_item(void *context, const struct sha256 *id, struct view bytes)
{
	struct auditing *a = context;
	const struct evidence *item;
	int err = may_keep(a, bytes) && !is_kept(a, id) ? read_item(a, id, bytes, &item, NULL) : 0;

	return err == ERR_MEMORY ? err : 0;
}

/* What a verdict rests on and is not kept, in one question.  A failure shows when each is asked for. */
static void keep_ahead(struct auditing *a, const struct basis *basis)
{
	struct journal_store *store = a->options->store;
	struct sha256 wanted[AUDIT_AHEAD_COUNT];
	int count = 0;

	for (int i = 0; i < basis->evidence_count && count < AUDIT_AHEAD_COUNT; i++)
		if (!is_kept(a, &basis->evidence[i]))
			wanted[count++] = basis->evidence[i];
	if (store->ops->blobs_get && count > 1)
		store->ops->blobs_get(store, wanted, count, keep_item, a, NULL);
}

/* What was read under its hash once may be believed again. */
static int give(void *context, const struct sha256 *id, const struct evidence **out, struct fault *fault)
{
	struct finding *finding = context;
	struct buffer item;
	int err;

	if (is_kept(finding->a, id)) {
		*out = place_of(finding->a, id)->item;
		return 0;
	}
	buffer_init(&item, EVIDENCE_SIZE_MAX);
	err = audit_blob(finding->a, finding->frame, *id, "an item of evidence", &item);
	if (err == 0) {
		err = read_item(finding->a, id, buffer_bytes(&item), out, fault);
	} else {
		finding->recorded = err;
		err = ERR_NOT_FOUND;
	}
	buffer_done(&item);
	return err;
}

/* ---- the frame ---- */

static bool same_waivers(const struct basis *basis, const json_t *family)
{
	struct waiver waivers[VERDICT_WAIVERS_MAX];
	struct basis known = *basis;
	struct buffer a, b;
	bool same;

	known.waivers = waivers;
	known.waiver_count = verdict_waivers(family, waivers);
	buffer_init(&a, BASIS_SIZE_MAX);
	buffer_init(&b, BASIS_SIZE_MAX);
	same = basis_write(basis, &a) == 0 && basis_write(&known, &b) == 0 &&
	       view_equal(buffer_bytes(&a), buffer_bytes(&b));
	buffer_done(&a);
	buffer_done(&b);
	return same;
}

/* What the basis claims to be about must be what the journal knew then; NULL: it is. */
static const char *unlike(const struct auditing *a, const struct basis *basis, const struct standing *now,
			  const json_t *body)
{
	const json_t *plan = json_object_get(a->state.root, "plan");
	enum side reference = now->authority == AUTHORITY_TARGET ? SIDE_TARGET : SIDE_SOURCE;

	if (!view_equal(basis->family, view_text(now->name)))
		return "rests on a judgement of another family";
	if (!sha256_equal(basis->now.epochs.plan.hash, a->plan->hash) ||
	    basis->now.epochs.plan.number != (uint64_t)body_number(plan, "number"))
		return "rests on a judgement under another plan";
	if (basis->now.epochs.authority != (uint64_t)body_number(body, "authority"))
		return "rests on a judgement under another authority epoch";
	if (basis->reference != reference)
		return "holds the side that has authority against the other one";
	if (!view_equal(basis->stage, view_text(stage_word(now->stage))))
		return "rests on a judgement in another stage";
	return same_waivers(basis, now->json) ? NULL : "rests on other waivers than were granted";
}

/* Sentences may be worded anew from one version to the next; all else must be the same. */
static void forget_wording(json_t *body)
{
	json_t *reason;
	size_t index;

	json_object_del(body, "family");
	json_array_foreach(json_object_get(body, "reasons"), index, reason)
	{
		json_object_del(reason, "text");
		json_object_del(reason, "who");
	}
}

static bool is_made_again(const json_t *body, json_t *made)
{
	json_t *family = json_object_get(body, "family");
	bool same = family && json_object_set(made, "family", family) == 0 && json_equal(body, made);

	json_object_del(made, "family");
	return same;
}

static void compare(struct auditing *a, const struct frame *frame, const json_t *body, json_t *made)
{
	static const char *const keys[] = { "verdict", "gates",     "valid_until", "boundary",
					    "reasons", "authority", "input" };
	json_t *said;

	if (is_made_again(body, made))
		return; /* to the letter, as one finds it who has the same version */
	said = json_deep_copy(body);

	forget_wording(said);
	forget_wording(made);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (!json_equal(json_object_get(said, keys[i]), json_object_get(made, keys[i])))
			audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
				    "frame %llu (VERDICT): its '%s' is not what its evidence comes to",
				    (unsigned long long)frame->sequence, keys[i]);
	if (!json_equal(said, made))
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			    "frame %llu (VERDICT): says more than its evidence comes to",
			    (unsigned long long)frame->sequence);
	json_decref(said);
}

/* Bound once a plan: a long journal has many verdicts on few families. */
static int rules_of(struct auditing *a, const struct plan_family *family, enum side reference,
		    const struct rules **out, struct fault *fault)
{
	struct rules **all = &a->rules[reference], *rules;
	int err = 0;

	if (!*all)
		*all = arena_array(&a->bound, (size_t)a->plan->family_count, sizeof **all);
	if (!*all)
		return fault_set(fault, ERR_MEMORY, "no memory for rules");
	rules = &(*all)[family - a->plan->families];
	if (!rules->at)
		err = rules_bind(family, reference, &a->bound, rules, fault);
	*out = rules;
	return err;
}

static int judge_again(struct auditing *a, const struct frame *frame, const json_t *body,
		       const struct basis *basis, struct sha256 input, const struct plan_family *family)
{
	struct finding finding = { a, frame, 0 };
	unsigned long long number = frame->sequence;
	struct judgement judged;
	struct evidence_log log;
	struct fault fault = { 0 };
	const struct rules *rules = NULL;
	json_t *made;
	int err = rules_of(a, family, basis->reference, &rules, &fault);

	if (err == 0 && !sha256_equal(rules->hash, basis->rules)) {
		audit_found(a, AUDIT_UNDECIDED, frame->sequence,
			    "frame %llu (VERDICT): was judged by other rules than this version has; use the "
			    "version that wrote it",
			    number);
		return 0;
	}
	if (err == 0)
		keep_ahead(a, basis);
	err = err ? err
		  : basis_audit_log(basis, family, rules, give, &finding, &a->arena, &log, &judged, &fault);
	if (finding.recorded)
		return finding.recorded < 0 ? finding.recorded : 0;
	if (err == ERR_MEMORY)
		return fault_set(a->fault, err, "frame %llu: no memory to judge again", number);
	if (err < 0) {
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence, "frame %llu (VERDICT): %s", number,
			    fault.text);
		return 0;
	}
	made = verdict_body(&judged, &log, input, basis->now.epochs.authority, basis->now.moment.wall_ms);
	evidence_log_done(&log);
	if (!made)
		return fault_set(a->fault, ERR_MEMORY, "frame %llu: no memory to judge again", number);
	compare(a, frame, body, made);
	json_decref(made);
	a->out->verdicts++;
	return 0;
}

static int hold_against(struct auditing *a, const struct frame *frame, const json_t *body,
			const struct standing *now, struct sha256 input, struct view bytes)
{
	const struct plan_family *family = audit_family(a, body);
	unsigned long long number = frame->sequence;
	struct fault fault = { 0 };
	struct basis basis;
	const char *wrong;
	int err = basis_read(bytes, &a->arena, &basis, &fault);

	if (err == ERR_MALFORMED || (err == 0 && !family)) {
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence, "frame %llu (VERDICT): %s", number,
			    err ? fault.text : "is on a family that the plan in force does not name");
		return 0;
	}
	if (err < 0)
		return fault_set(a->fault, err, "%s", fault.text);
	wrong = unlike(a, &basis, now, body);
	if (wrong) {
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence, "frame %llu (VERDICT): %s", number,
			    wrong);
		return 0;
	}
	return judge_again(a, frame, body, &basis, input, family);
}

/* What does not change is judged again and again on the same grounds. */
static int read_basis(struct auditing *a, const struct frame *frame, struct sha256 input)
{
	int err;

	if (a->basis.size && sha256_equal(a->basis_id, input))
		return 0;
	buffer_reset(&a->basis);
	err = audit_blob(a, frame, input, "what the verdict rests on", &a->basis);
	if (err)
		buffer_reset(&a->basis);
	a->basis_id = input;
	return err;
}

int audit_verdict(struct auditing *a, const struct frame *frame, const json_t *body)
{
	struct sha256 input;
	int err;

	/* What the frame must say to stand there at all is for state_apply() to refuse. */
	if (!a->now || !body_hash(body, "input", &input))
		return 0;
	if (!a->plan) {
		audit_found(a, AUDIT_UNDECIDED, frame->sequence,
			    "frame %llu (VERDICT): cannot be made again without the plan",
			    (unsigned long long)frame->sequence);
		return 0;
	}
	forget_when_much(a);
	err = read_basis(a, frame, input);
	if (err == 0)
		err = hold_against(a, frame, body, a->now, input, buffer_bytes(&a->basis));
	arena_reset(&a->arena);
	return err < 0 ? err : 0;
}

/*
 * audit.c - one walk over all frames; the state is folded by the same function that the controller uses.
 *
 * Order of what is looked at, a frame: bytes and checksum, chain and rules of its kind (state_apply), then what it rests on:
 * the plan for a PLAN, the evidence for a VERDICT, the rights for an ANSWER, the signature for a CHECKPOINT.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exit/act.h"
#include "exit/audit.h"
#include "exit/basis.h"
#include "exit/note.h"
#include "exit/plan.h"
#include "exit/state.h"

#define PLAN_MEMORY ((size_t)256 << 20)

/* A checkpoint's frame stands right behind what it signs, but for acts that owners wrote meanwhile: never so many. */
#define RECENT 1024

struct auditing {
	struct journal_store *store;
	struct state state;
	struct plan *plan;
	struct sha256 plan_hash; /* of `plan` */
	struct note *notes;      /* by size */
	int note_count, note_next;
	uint8_t key[NOTE_KEY_SIZE]; /* that signs this journal's checkpoints; zero before the first */
	bool has_key;
	struct sha256 recent[RECENT]; /* hashes of the last frames, by sequence */
	struct audit *out;
	struct fault *fault;
};

const char *audit_word(enum audit_answer answer)
{
	static const char *const words[] = { "intact", "undecided", "torn", "tampered", "not reproducible" };

	return words[answer];
}

/* Ends the walk: the frame does not hold, or it cannot be told. */
static int ends(struct auditing *a, enum audit_answer answer, uint64_t at, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static int ends(struct auditing *a, enum audit_answer answer, uint64_t at, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(a->out->text, sizeof a->out->text, format, list);
	va_end(list);
	a->out->answer = answer;
	a->out->at = at;
	return ERR_CANCELLED;
}

/* A blob, or the end of the walk: missing is not tampered, but nothing can be proved without it. */
static int fetch(struct auditing *a, const struct frame *frame, struct sha256 hash, const char *what,
		 struct buffer *out)
{
	struct fault why = { 0 };
	int err = a->store->ops->blob_get(a->store, hash, out, &why);

	if (err == ERR_MEMORY)
		return err;
	if (err == ERR_CHECKSUM)
		return ends(a, AUDIT_TAMPERED, frame->sequence, "frame %llu: %s is not what its hash says",
			    (unsigned long long)frame->sequence, what);
	if (err < 0)
		return ends(a, AUDIT_UNDECIDED, frame->sequence, "frame %llu: %s is not in the journal: %s",
			    (unsigned long long)frame->sequence, what, why.text);
	return 0;
}

/* ---- the plan in force ---- */

static int look_at_plan(struct auditing *a, const struct frame *frame, const json_t *body)
{
	struct sha256 text_hash, said;
	struct plan_faults faults;
	struct plan *plan = NULL;
	struct buffer text;
	int err;

	if (!body_hash(body, "text", &text_hash) || !body_hash(body, "plan", &said))
		return ends(a, AUDIT_TAMPERED, frame->sequence, "frame %llu: a plan without its text",
			    (unsigned long long)frame->sequence);
	buffer_init(&text, PLAN_SIZE_MAX);
	plan_faults_init(&faults, "the plan in the journal");
	err = fetch(a, frame, text_hash, "the text of the plan", &text);
	if (err == 0) {
		err = plan_parse(buffer_bytes(&text), "", &faults, &plan);
		if (err == ERR_CONFIG)
			err = ends(a, AUDIT_UNDECIDED, frame->sequence,
				   "frame %llu: this version does not read the plan in force",
				   (unsigned long long)frame->sequence);
		else if (err == 0 && !sha256_equal(plan->hash, said))
			err = ends(a, AUDIT_TAMPERED, frame->sequence,
				   "frame %llu: its plan is another than it says",
				   (unsigned long long)frame->sequence);
	}
	if (err == 0) {
		plan_free(a->plan);
		a->plan = plan;
	} else {
		plan_free(plan);
	}
	snprintf(a->out->exit, sizeof a->out->exit, "%s",
		 body_text(body, "exit") ? body_text(body, "exit") : "");
	plan_faults_done(&faults);
	buffer_done(&text);
	return err;
}

/* ---- verdicts ---- */

struct finding {
	struct auditing *a;
	struct arena *arena;
	int err;
};

static int find_evidence(void *context, const struct sha256 *id, struct view *bytes)
{
	struct finding *finding = context;
	struct buffer item;
	int err;

	buffer_init(&item, EVIDENCE_SIZE_MAX);
	err = finding->a->store->ops->blob_get(finding->a->store, *id, &item, NULL);
	if (err == 0) {
		*bytes = arena_copy(finding->arena, buffer_bytes(&item));
		err = bytes->at ? 0 : ERR_MEMORY;
	}
	buffer_done(&item);
	return err;
}

static int verdict_differs(struct auditing *a, const struct frame *frame, const json_t *body,
			   const struct judgement *judged)
{
	const json_t *gates = json_object_get(body, "gates");

	for (int gate = 0; gate < GATE_COUNT; gate++) {
		const char *said = body_text(gates, gate_word((enum gate)gate));
		const char *is = verdict_word(judged->gates[gate].verdict);

		if (!said || strcmp(said, is) != 0)
			return ends(a, AUDIT_IRREPRODUCIBLE, frame->sequence,
				    "frame %llu: it says that gate %s is %s, and its evidence comes to %s",
				    (unsigned long long)frame->sequence, gate_word((enum gate)gate),
				    said ? said : "nothing", is);
	}
	return 0;
}

/* Judged again from the bytes that it names, under the plan that was in force. */
static int look_at_verdict(struct auditing *a, const struct frame *frame, const json_t *body)
{
	const char *name = body_text(body, "family");
	const struct plan_family *family = a->plan && name ? plan_family(a->plan, view_text(name)) : NULL;
	struct fault why = { 0 };
	struct judgement judged;
	struct buffer bytes;
	struct basis basis;
	struct arena arena;
	struct sha256 input;
	int err;

	if (!family || !body_hash(body, "input", &input))
		return ends(a, AUDIT_TAMPERED, frame->sequence,
			    "frame %llu: a verdict about no family of the plan in force",
			    (unsigned long long)frame->sequence);
	buffer_init(&bytes, BASIS_SIZE_MAX);
	arena_init(&arena, PLAN_MEMORY);
	err = fetch(a, frame, input, "what the verdict rests on", &bytes);
	if (err == 0) {
		struct finding finding = { a, &arena, 0 };

		err = basis_read(buffer_bytes(&bytes), &arena, &basis, &why);
		err = err ? err : basis_audit(&basis, family, find_evidence, &finding, &arena, &judged, &why);
		if (err == ERR_NOT_FOUND)
			err = ends(a, AUDIT_UNDECIDED, frame->sequence, "frame %llu: evidence is missing: %s",
				   (unsigned long long)frame->sequence, why.text);
		else if (err < 0 && err != ERR_MEMORY)
			err = ends(a, err == ERR_STALE ? AUDIT_IRREPRODUCIBLE : AUDIT_TAMPERED,
				   frame->sequence, "frame %llu: %s", (unsigned long long)frame->sequence,
				   why.text);
		else if (err == 0)
			err = verdict_differs(a, frame, body, &judged);
	}
	arena_done(&arena);
	buffer_done(&bytes);
	a->out->verdicts++;
	return err;
}

/* ---- acts ---- */

/* Looked at before the answer takes the act out of the state: what was done must have been asked for by someone who may. */
static int look_at_answer(struct auditing *a, const struct frame *frame, const json_t *body)
{
	const json_t *acts = json_object_get(a->state.root, "acts"), *act;
	const char *result = body_text(body, "result"), *name;
	const struct plan_family *family;
	struct fault why = { 0 };
	char key[24];
	int kind;

	snprintf(key, sizeof key, "%lld", (long long)body_number(body, "act"));
	act = json_object_get(acts, key);
	name = body_text(act, "family");
	if (!act || !result || strcmp(result, "refused") == 0)
		return 0; /* state_apply() has its own opinion of the first two */
	family = a->plan && name ? plan_family(a->plan, view_text(name)) : NULL;
	kind = act_find(view_text(body_text(act, "act") ? body_text(act, "act") : ""));
	if (!family || kind < 0 ||
	    act_allowed(family, (enum act)kind, view_text(body_text(act, "by") ? body_text(act, "by") : ""),
			&why) < 0)
		return ends(a, AUDIT_TAMPERED, frame->sequence,
			    "frame %llu: an act that nobody could ask for was carried out: %s",
			    (unsigned long long)frame->sequence, why.text);
	a->out->acts++;
	return 0;
}

/* ---- checkpoints, the journal's own and those from outside ---- */

static int look_at_checkpoint(struct auditing *a, const struct frame *frame, const json_t *body)
{
	const char *text = body_text(body, "note");
	struct fault why = { 0 };
	struct sha256 head;
	struct note note;

	if (!text || !body_hash(body, "head", &head) || note_read(view_text(text), &note, &why) < 0)
		return ends(a, AUDIT_TAMPERED, frame->sequence, "frame %llu: %s",
			    (unsigned long long)frame->sequence,
			    why.text[0] ? why.text : "a checkpoint without its note");
	if (note.size != (uint64_t)body_number(body, "size") || !sha256_equal(note.root, head) ||
	    strcmp(note.exit, a->out->exit) != 0)
		return ends(a, AUDIT_TAMPERED, frame->sequence, "frame %llu: its note is of something else",
			    (unsigned long long)frame->sequence);
	if (note.size >= frame->sequence || frame->sequence - note.size >= RECENT ||
	    !sha256_equal(head, a->recent[note.size % RECENT]))
		return ends(a, AUDIT_TAMPERED, frame->sequence,
			    "frame %llu: it signs another frame %llu than the one that stands there",
			    (unsigned long long)frame->sequence, (unsigned long long)note.size);
	if (a->has_key && memcmp(a->key, note.key, NOTE_KEY_SIZE) != 0)
		return ends(a, AUDIT_TAMPERED, frame->sequence,
			    "frame %llu: the checkpoint is signed with another key than those before",
			    (unsigned long long)frame->sequence);
	memcpy(a->key, note.key, NOTE_KEY_SIZE);
	a->has_key = true;
	a->out->checkpoints++;
	return 0;
}

static int note_order(const void *a, const void *b)
{
	const struct note *one = a, *two = b;

	return one->size < two->size ? -1 : one->size > two->size;
}

static int read_notes(struct auditing *a, const struct audit_notes *notes)
{
	struct view rest = notes->text;

	while (rest.size) {
		struct fault why = { 0 };
		struct note note, *grown;
		int taken = note_read(rest, &note, &why);

		if (taken < 0)
			return ends(a, AUDIT_UNDECIDED, 0, "%s: %s", notes->name, why.text);
		if (a->note_count == AUDIT_NOTES_MAX)
			return ends(a, AUDIT_UNDECIDED, 0, "%s: more than %d notes", notes->name,
				    AUDIT_NOTES_MAX);
		grown = realloc(a->notes, ((size_t)a->note_count + 1) * sizeof *grown);
		if (!grown)
			return ERR_MEMORY;
		a->notes = grown;
		a->notes[a->note_count++] = note;
		rest = view_of(rest.at + taken, rest.size - (size_t)taken);
	}
	return 0;
}

/* Each note from outside must find the frame that it vouches for. */
static int hold_against_notes(struct auditing *a, const struct frame *frame)
{
	while (a->note_next < a->note_count && a->notes[a->note_next].size == frame->sequence) {
		const struct note *note = &a->notes[a->note_next++];

		if (!sha256_equal(note->root, frame->hash))
			return ends(a, AUDIT_TAMPERED, frame->sequence,
				    "frame %llu is another than the one that a note from outside vouches "
				    "for: the journal was rewritten",
				    (unsigned long long)frame->sequence);
		a->out->notes++;
	}
	return 0;
}

/* ---- the walk ---- */

static int look_before(struct auditing *a, const struct frame *frame, const json_t *body)
{
	return frame->kind == FRAME_ANSWER ? look_at_answer(a, frame, body) : 0;
}

static int look_after(struct auditing *a, const struct frame *frame, const json_t *body)
{
	switch (frame->kind) {
	case FRAME_PLAN: return look_at_plan(a, frame, body);
	case FRAME_VERDICT: return look_at_verdict(a, frame, body);
	case FRAME_CHECKPOINT: return look_at_checkpoint(a, frame, body);
	case FRAME_DECISION: a->out->decisions++; return 0;
	default: return 0;
	}
}

static int walk(void *context, int64_t sequence, struct view bytes)
{
	struct auditing *a = context;
	struct fault why = { 0 };
	struct frame frame;
	json_t *body;
	int err = frame_read(bytes, &frame, &why);

	if (err == ERR_UNSUPPORTED)
		return ends(a, AUDIT_UNDECIDED, (uint64_t)sequence, "%s", why.text);
	if (err < 0)
		return ends(a, AUDIT_TAMPERED, (uint64_t)sequence, "%s", why.text);
	body = frame_body_read(&frame, &why);
	err = body ? look_before(a, &frame, body)
		   : ends(a, AUDIT_TAMPERED, (uint64_t)sequence, "%s", why.text);
	if (err == 0) {
		err = state_apply(&a->state, &frame, &why);
		if (err < 0 && err != ERR_MEMORY)
			err = ends(a, AUDIT_TAMPERED, (uint64_t)sequence, "%s", why.text);
	}
	err = err ? err : look_after(a, &frame, body);
	err = err ? err : hold_against_notes(a, &frame);
	json_decref(body);
	if (err == 0) {
		a->recent[frame.sequence % RECENT] = frame.hash;
		a->out->frames = frame.sequence;
		a->out->head = frame.hash;
	}
	return err;
}

static int walk_all(struct auditing *a)
{
	struct fault why = { 0 };
	int err = a->store->ops->read(a->store, 1, walk, a, &why);

	if (err == ERR_MEMORY || err == ERR_CANCELLED)
		return err;
	if (err < 0) {
		enum audit_answer answer =
			err == ERR_CHECKSUM || err == ERR_MALFORMED ? AUDIT_TAMPERED : AUDIT_UNDECIDED;

		return ends(a, answer, a->out->frames + 1, "behind frame %llu: %s",
			    (unsigned long long)a->out->frames, why.text);
	}
	if (a->note_next < a->note_count)
		return ends(
			a, AUDIT_TORN, a->out->frames + 1,
			"a note from outside vouches for frame %llu, and the journal ends with frame %llu",
			(unsigned long long)a->notes[a->note_count - 1].size,
			(unsigned long long)a->out->frames);
	return 0;
}

int audit_run(struct journal_store *store, const struct audit_notes *notes, int note_count, struct audit *out,
	      struct fault *fault)
{
	struct audit made = { .answer = AUDIT_INTACT };
	struct auditing *a = calloc(1, sizeof *a);
	int err;

	err = a ? state_init(&a->state) : ERR_MEMORY;

	if (a) {
		a->store = store;
		a->out = &made;
		a->fault = fault;
	}
	for (int i = 0; i < note_count && !err; i++)
		err = read_notes(a, &notes[i]);
	if (err == 0 && a->note_count)
		qsort(a->notes, (size_t)a->note_count, sizeof *a->notes, note_order);
	err = err ? err : walk_all(a);
	if (a) {
		state_done(&a->state);
		plan_free(a->plan);
		free(a->notes);
		free(a);
	}
	if (err == ERR_MEMORY)
		return fault_set(fault, err, "no memory for an audit");
	*out = made;
	return 0;
}

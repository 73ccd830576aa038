/* audit.c - the walk: chain, rules of each kind, head and end; what each kind names is looked at by its own function. */
#include <stdio.h>
#include <stdlib.h>

#include "exit/audit_ahead.h"
#include "exit/audit_inside.h"
#include "exit/basis.h"

#define VERDICT_MEMORY ((size_t)512 << 20)
#define RULES_MEMORY   ((size_t)512 << 20) /* of PLAN_FAMILIES_MAX families */

const char *audit_word(enum audit_answer answer)
{
	static const char *const words[] = { "intact", "undecided", "not reproducible", "torn", "tampered" };

	return words[answer];
}

/* Nothing that was found is hidden by what is worse. */
static void add_remark(struct auditing *a, const char *text)
{
	if (a->out->remark_count == AUDIT_REMARKS_MAX)
		a->out->remarks_left_off++;
	else
		snprintf(a->out->remarks[a->out->remark_count++], sizeof a->out->remarks[0], "%s", text);
}

void audit_found(struct auditing *a, enum audit_answer answer, uint64_t frame, const char *format, ...)
{
	char text[AUDIT_TEXT_SIZE];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	if (answer <= a->out->answer) {
		add_remark(a, text);
		return;
	}
	if (a->out->answer != AUDIT_INTACT)
		add_remark(a, a->out->text);
	a->out->answer = answer;
	a->out->frame = frame;
	memcpy(a->out->text, text, sizeof text);
}

void audit_remark(struct auditing *a, const char *format, ...)
{
	char text[AUDIT_TEXT_SIZE];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	add_remark(a, text);
}

int audit_blob(struct auditing *a, const struct frame *frame, struct sha256 hash, const char *what,
	       struct buffer *out)
{
	struct fault fault = { 0 };
	int err = a->options->store->ops->blob_get(a->options->store, hash, out, &fault);
	char text[SHA256_TEXT_SIZE];

	if (err == 0)
		return 0;
	sha256_text(hash, text);
	if (err == ERR_NOT_FOUND)
		audit_found(a, AUDIT_UNDECIDED, frame->sequence,
			    "frame %llu (%s): %s is missing: nothing is kept under %s",
			    (unsigned long long)frame->sequence, frame_kind_word(frame->kind), what, text);
	else if (err == ERR_CHECKSUM)
		audit_found(a, AUDIT_TAMPERED, frame->sequence,
			    "frame %llu (%s): %s was changed: what is kept under %s has another hash, or "
			    "cannot be read",
			    (unsigned long long)frame->sequence, frame_kind_word(frame->kind), what, text);
	else if (err == ERR_LIMIT)
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			    "frame %llu (%s): %s is larger than any may be",
			    (unsigned long long)frame->sequence, frame_kind_word(frame->kind), what);
	else
		return fault_set(a->fault, err, "%s", fault.text);
	return 1;
}

/* The state itself was held against the hash; its bytes must be there too, for whoever opens the journal. */
static int check_snapshot(struct auditing *a, const struct frame *frame, const json_t *body)
{
	struct sha256 hash = { 0 };
	struct buffer bytes;
	int err;

	buffer_init(&bytes, STATE_SIZE_MAX);
	err = body_hash(body, "state", &hash) ? audit_blob(a, frame, hash, "the snapshot", &bytes) : 0;
	buffer_done(&bytes);
	return err < 0 ? err : 0;
}

static int look(struct auditing *a, const struct audit_read *read)
{
	const struct frame *frame = &read->frame;
	const json_t *body = read->body;

	switch (frame->kind) {
	case FRAME_PLAN: return audit_plan(a, frame, body);
	case FRAME_VERDICT: return audit_verdict(a, frame, body);
	case FRAME_SNAPSHOT: return check_snapshot(a, frame, body);
	case FRAME_INTENT:
	case FRAME_OBSERVATION:
	case FRAME_OUTCOME: audit_effect(a, frame, body); return 0;
	case FRAME_ACT:
	case FRAME_ANSWER:
	case FRAME_MOVE:
	case FRAME_DRILL: audit_acts(a, frame, body); return 0;
	case FRAME_STAGE: audit_stage(a, frame, body); return 0;
	case FRAME_CHECKPOINT: return audit_checkpoint(a, frame, body, read->has_note ? &read->note : NULL);
	default: return 0;
	}
}

#define STOP 1 /* nothing behind this frame can be judged */

/* A frame that cannot stand where it stands ends the walk: there is no state behind it. */
static int cannot_stand(struct auditing *a, uint64_t sequence, int err, const struct fault *fault)
{
	if (err == ERR_MEMORY)
		return fault_set(a->fault, err, "%s", fault->text);
	audit_found(a, err == ERR_UNSUPPORTED ? AUDIT_UNDECIDED : AUDIT_TAMPERED, sequence, "%s",
		    fault->text);
	return STOP;
}

static int pass(void *context, const struct audit_read *read)
{
	struct auditing *a = context;
	const struct frame *frame = &read->frame;
	const char *name = body_text(read->body, "family");
	uint64_t sequence = (uint64_t)read->sequence;
	struct fault fault = { 0 };
	struct standing now;
	int err;

	if (read->err < 0) {
		fault = *read->fault;
		fault_at(&fault, "in place %llu", (unsigned long long)sequence);
		return cannot_stand(a, sequence, read->err, &fault);
	}
	/* What a frame names is held against the state before it, and only if it follows from that. */
	if (frame->sequence != a->state.sequence + 1 || !sha256_equal(frame->previous, a->state.head))
		return cannot_stand(a, sequence, state_apply(&a->state, frame, &fault), &fault);
	if (!read->body)
		return cannot_stand(a, sequence, ERR_MALFORMED, read->fault);
	a->now = name && state_family(&a->state, name, &now) ? &now : NULL;
	err = look(a, read);
	if (err == 0) {
		err = state_apply_body(&a->state, frame, read->body, a->now, &fault);
		err = err ? cannot_stand(a, sequence, err, &fault) : 0;
	}
	if (err)
		return err;
	a->out->frames = frame->sequence;
	a->out->head = frame->hash;
	a->last[frame->sequence % AUDIT_LAST_COUNT] = frame->hash;
	if (a->head.sequence == read->sequence && !sha256_equal(a->head.last, frame->hash))
		audit_found(a, AUDIT_TAMPERED, frame->sequence,
			    "frame %llu is not the one that the journal's head names as its last",
			    (unsigned long long)sequence);
	audit_notes_pass(a, frame);
	return 0;
}

static bool is_damage(int err)
{
	return err == ERR_CHECKSUM || err == ERR_MALFORMED || err == ERR_LIMIT;
}

static int read_head(struct auditing *a)
{
	struct fault fault = { 0 };
	int err = a->options->store->ops->head(a->options->store, &a->head, &fault);

	if (err == 0)
		return 0;
	a->head.sequence = -1;
	if (!is_damage(err))
		return fault_set(a->fault, err, "%s", fault.text);
	audit_found(a, AUDIT_TAMPERED, 0, "%s", fault.text);
	return 0;
}

/* Frames may have come while we read, and then the head has moved with them. */
static int check_end(struct auditing *a)
{
	int64_t last = (int64_t)a->out->frames;
	int err;

	if (a->head.sequence > last) {
		audit_found(a, AUDIT_TORN, (uint64_t)last + 1,
			    "frame %lld is missing: the journal's head names frame %lld as the last, and "
			    "frame %lld is",
			    (long long)last + 1, (long long)a->head.sequence, (long long)last);
		return 0;
	}
	/* Nothing contradicts a journal that was emptied, and nothing speaks for it. */
	if (!last && !a->head.sequence)
		audit_found(a, AUDIT_UNDECIDED, 0,
			    "no frame is in it: nothing was written down yet, or all of it was taken away");
	if (a->head.sequence < 0 || a->head.sequence == last)
		return 0;
	err = read_head(a);
	if (err == 0 && a->head.sequence >= 0 && a->head.sequence < last)
		audit_found(a, AUDIT_TAMPERED, (uint64_t)a->head.sequence + 1,
			    "frame %lld stands behind frame %lld, which the journal's head names as the last",
			    (long long)a->head.sequence + 1, (long long)a->head.sequence);
	return err;
}

/* What the store gives is walked a batch later; what it cannot give comes behind all that it gave. */
static int read_all(struct auditing *a, struct fault *fault)
{
	struct audit_ahead *ahead = audit_ahead_new(pass, a);
	int err, walked;

	if (!ahead)
		return fault_set(fault, ERR_MEMORY, "no memory to read ahead");
	err = a->options->store->ops->read(a->options->store, 1, audit_ahead_put, ahead, fault);
	if (err == 0 || (is_damage(err) && !a->fault->err)) {
		walked = audit_ahead_flush(ahead);
		err = walked ? walked : err;
	}
	audit_ahead_free(ahead);
	return err;
}

static int walk(struct auditing *a)
{
	struct fault fault = { 0 };
	int err = read_head(a);

	if (err < 0)
		return err;
	audit_notes_begin(a);
	err = read_all(a, &fault);
	if (err < 0 && a->fault && a->fault->err == err)
		return err; /* one of ours, with its sentence */
	if (err < 0 && !is_damage(err))
		return fault_set(a->fault, err, "%s", fault.text[0] ? fault.text : err_text(err));
	if (err < 0)
		audit_found(a, AUDIT_TAMPERED, a->out->frames + 1, "%s", fault.text);
	if (err == 0)
		err = check_end(a);
	if (err < 0 && !is_damage(err))
		return err;
	audit_notes_end(a, err == 0);
	return 0;
}

int audit_journal(const struct audit_options *options, struct audit *out, struct fault *fault)
{
	struct fault own = { 0 };
	struct auditing a = { .options = options, .out = out, .fault = &own, .last_key = -1 };
	int err;

	*out = (struct audit){ 0 };
	a.last = calloc(AUDIT_LAST_COUNT, sizeof *a.last);
	a.kept = calloc(AUDIT_KEPT_COUNT, sizeof *a.kept);
	err = a.last && a.kept ? state_init(&a.state) : ERR_MEMORY;
	if (err < 0) {
		free(a.last);
		free(a.kept);
		return fault_set(fault, err, "no memory for the state of the journal");
	}
	arena_init(&a.arena, VERDICT_MEMORY);
	arena_init(&a.bound, RULES_MEMORY);
	arena_init(&a.kept_in, AUDIT_KEPT_MEMORY);
	buffer_init(&a.basis, BASIS_SIZE_MAX);
	err = walk(&a);
	plan_free(a.plan);
	arena_done(&a.arena);
	arena_done(&a.bound);
	state_done(&a.state);
	arena_done(&a.kept_in);
	buffer_done(&a.basis);
	free(a.kept);
	free(a.last);
	if (err < 0 && fault)
		*fault = own;
	return err;
}

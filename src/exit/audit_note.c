/* audit_note.c - checkpoints: those that the journal says were published, and those that others kept outside. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "exit/audit_inside.h"

int audit_read_notes(struct view text, const char *from, struct audit_outside **notes, int *count,
		     struct fault *fault)
{
	int number = 0;

	while (text.size) {
		struct audit_outside *grown, one = { .from = from };
		int taken = note_read(text, &one.note, fault);

		number++;
		if (taken < 0)
			return fault_at(fault, "%s: note %d", from, number);
		if (*count == AUDIT_NOTES_MAX)
			return fault_set(fault, ERR_LIMIT, "%s: more than %d notes", from, AUDIT_NOTES_MAX);
		/* Doubled at each power of two. */
		grown = *count & (*count - 1)
				? *notes
				: realloc(*notes, (*count ? (size_t)*count * 2 : 1) * sizeof **notes);
		if (!grown)
			return fault_set(fault, ERR_MEMORY, "no memory for notes");
		*notes = grown;
		grown[(*count)++] = one;
		text = view_of(text.at + taken, text.size - (size_t)taken);
	}
	return 0;
}

/* ---- in the journal ---- */

static void follow_key(struct auditing *a, const struct frame *frame, const struct note *note)
{
	struct buffer hex;

	if (a->has_key && memcmp(a->key, note->key, NOTE_KEY_SIZE) != 0) {
		buffer_init(&hex, 200);
		text_hex(&hex, view_of(note->key, NOTE_KEY_SIZE));
		audit_remark(a,
			     "from frame %llu on checkpoints are signed by another key, %s: ask its holder "
			     "whether it is his",
			     (unsigned long long)frame->sequence, buffer_string(&hex));
		buffer_done(&hex);
	}
	memcpy(a->key, note->key, NOTE_KEY_SIZE);
	a->has_key = true;
}

static int one(void *context, int64_t sequence, struct view bytes)
{
	*(struct sha256 *)context = sha256_of(bytes);
	return 1; /* one is enough */
}

/* The hash of a frame that was passed; read again when that is long ago. */
static int hash_at(struct auditing *a, const struct frame *frame, uint64_t sequence, struct sha256 *out)
{
	struct fault fault = { 0 };
	int err;

	if (frame->sequence - sequence < AUDIT_LAST_COUNT) {
		*out = a->last[sequence % AUDIT_LAST_COUNT];
		return 0;
	}
	err = a->options->store->ops->read(a->options->store, (int64_t)sequence, one, out, &fault);
	return err == 1 ? 0 : err < 0 ? fault_set(a->fault, err, "%s", fault.text) : ERR_NOT_FOUND;
}

/* What its note says must be what the frame says, and be for a frame before it. */
static bool is_for(const struct auditing *a, const struct frame *frame, const json_t *body,
		   const struct note *note)
{
	struct sha256 head;

	return body_hash(body, "head", &head) && sha256_equal(head, note->root) &&
	       body_count(body, "size") == note->size && strcmp(note->exit, a->out->exit) == 0 &&
	       note->size > 0 && note->size < frame->sequence;
}

/* Each once: where in a topic a note lies does not make it another holder. */
static void name_holder(struct audit *out, const char *holder)
{
	const char *offset = strstr(holder, ", offset ");
	char name[AUDIT_HOLDER_SIZE_MAX];

	snprintf(name, sizeof name, "%.*s", (int)(offset ? offset - holder : (ptrdiff_t)strlen(holder)),
		 holder);
	for (int i = 0; i < out->holder_count; i++)
		if (strcmp(out->holders[i], name) == 0)
			return;
	if (out->holder_count == AUDIT_HOLDERS_MAX)
		out->holders_left_off++;
	else
		memcpy(out->holders[out->holder_count++], name, sizeof name);
}

int audit_checkpoint(struct auditing *a, const struct frame *frame, const json_t *body,
		     const struct note *read)
{
	const char *text = body_text(body, "note");
	unsigned long long number = frame->sequence;
	struct fault fault = { 0 };
	json_t *holder;
	struct sha256 root;
	struct note note;
	size_t index;
	int err;

	if (read) {
		note = *read;
	} else if (!text || note_read(view_text(text), &note, &fault) < 0) {
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence, "frame %llu (CHECKPOINT): %s", number,
			    text ? fault.text : "holds no note");
		return 0;
	}
	if (!is_for(a, frame, body, &note)) {
		audit_found(
			a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			"frame %llu (CHECKPOINT): its note is for another exit, size or root than it says",
			number);
		return 0;
	}
	err = hash_at(a, frame, note.size, &root);
	if (err < 0)
		return err;
	if (!sha256_equal(note.root, root)) {
		audit_found(a, AUDIT_TAMPERED, note.size,
			    "frame %llu (CHECKPOINT): its note was signed for another frame %llu than the "
			    "one that is there",
			    number, (unsigned long long)note.size);
		return 0;
	}
	follow_key(a, frame, &note);
	a->out->checkpoints++;
	json_array_foreach(json_object_get(body, "holders"), index, holder)
	{
		if (json_is_string(holder))
			name_holder(a->out, json_string_value(holder));
	}
	return 0;
}

/* ---- from outside ---- */

static int by_size(const void *a, const void *b)
{
	const struct audit_outside *x = a, *y = b;

	return x->note.size < y->note.size ? -1 : x->note.size > y->note.size;
}

void audit_notes_begin(struct auditing *a)
{
	if (a->options->note_count)
		qsort(a->options->notes, (size_t)a->options->note_count, sizeof *a->options->notes, by_size);
}

static const struct audit_outside *next(const struct auditing *a)
{
	return a->next_note < a->options->note_count ? &a->options->notes[a->next_note] : NULL;
}

void audit_notes_pass(struct auditing *a, const struct frame *frame)
{
	const struct audit_outside *outside;

	while ((outside = next(a)) && outside->note.size <= frame->sequence) {
		a->next_note++;
		if (strcmp(outside->note.exit, a->out->exit) != 0)
			a->out->notes_of_others++;
		else if (outside->note.size == frame->sequence &&
			 sha256_equal(outside->note.root, frame->hash))
			a->out->notes_held++;
		else
			audit_found(a, AUDIT_TAMPERED, outside->note.size,
				    "frame %llu is not the one that %s has a note of: the journal was "
				    "rewritten from there on, "
				    "or before",
				    (unsigned long long)outside->note.size, outside->from);
	}
}

void audit_notes_end(struct auditing *a)
{
	const struct audit_outside *outside;

	while ((outside = next(a))) {
		a->next_note++;
		if (strcmp(outside->note.exit, a->out->exit) != 0)
			a->out->notes_of_others++;
		else
			audit_found(a, AUDIT_TORN, a->out->frames + 1,
				    "frame %llu is missing: %s has a note of %llu frames, and there are %llu",
				    (unsigned long long)a->out->frames + 1, outside->from,
				    (unsigned long long)outside->note.size,
				    (unsigned long long)a->out->frames);
	}
	if (a->options->note_count && !a->out->notes_held)
		audit_found(a, AUDIT_UNDECIDED, 0, "none of the %d notes from outside is of exit '%s'",
			    a->options->note_count, a->out->exit);
}

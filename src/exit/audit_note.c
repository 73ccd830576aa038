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
		struct audit_outside *grown, one = { .from = from, .place = number };
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

/* Its place among those that the journal names; -1 when it is none of them. */
static int key_find(const struct auditing *a, const uint8_t key[NOTE_KEY_SIZE])
{
	for (int i = 0; i < a->key_count && i < AUDIT_KEYS_MAX; i++)
		if (memcmp(a->keys[i], key, NOTE_KEY_SIZE) == 0)
			return i;
	return -1;
}

static void follow_key(struct auditing *a, const struct frame *frame, const struct note *note)
{
	int found = key_find(a, note->key);
	struct buffer hex;

	if (a->key_count && (found < 0 || found != a->last_key)) {
		buffer_init(&hex, 200);
		text_hex(&hex, view_of(note->key, NOTE_KEY_SIZE));
		audit_remark(a,
			     "from frame %llu on checkpoints are signed by another key, %s: ask its holder "
			     "whether it is his",
			     (unsigned long long)frame->sequence, buffer_string(&hex));
		buffer_done(&hex);
	}
	if (found < 0 && a->key_count < AUDIT_KEYS_MAX)
		memcpy(a->keys[a->key_count], note->key, NOTE_KEY_SIZE);
	if (found < 0)
		found = a->key_count;
	if (found == a->key_count && a->key_count <= AUDIT_KEYS_MAX)
		a->key_count++;
	a->last_key = found;
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

/*
 * ---- from outside ----
 *
 * Whoever may write to a topic may put a note there that he signed himself.  It says nothing about the journal, but neither
 * may it be passed over for the sole reason that the journal does not name its key: who rewrites all of a journal signs the
 * new one with a key of his own, and then the true notes are the strangers.  A place to which things are only added settles
 * it: what was put there first of all was put there by the controller, before anybody had a reason to.  So where the first
 * note holds and its key is one that the journal names, notes by other keys are passed over, and named.
 */

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

static void find_rewritten(struct auditing *a, const struct audit_outside *outside)
{
	audit_found(a, AUDIT_TAMPERED, outside->note.size,
		    "frame %llu is not the one that %s has a note of: the journal was rewritten from there "
		    "on, or before",
		    (unsigned long long)outside->note.size, outside->from);
}

static void find_torn(struct auditing *a, const struct audit_outside *outside)
{
	audit_found(a, AUDIT_TORN, a->out->frames + 1,
		    "frame %llu is missing: %s has a note of %llu frames, and there are %llu",
		    (unsigned long long)a->out->frames + 1, outside->from,
		    (unsigned long long)outside->note.size, (unsigned long long)a->out->frames);
}

static struct audit_outside *next(const struct auditing *a)
{
	return a->next_note < a->options->note_count ? &a->options->notes[a->next_note] : NULL;
}

void audit_notes_pass(struct auditing *a, const struct frame *frame)
{
	struct audit_outside *outside;

	while ((outside = next(a)) && outside->note.size <= frame->sequence) {
		a->next_note++;
		if (strcmp(outside->note.exit, a->out->exit) != 0)
			a->out->notes_of_others++;
		else if (outside->note.size == frame->sequence &&
			 sha256_equal(outside->note.root, frame->hash))
			a->out->notes_held++;
		else if (key_find(a, outside->note.key) >= 0)
			find_rewritten(a, outside);
		else
			outside->differs = true; /* a later frame may name its key */
	}
}

/* One that holds notes by a foreign key which differ, or reach beyond the end. */
struct place {
	const char *name;
	bool ours; /* what was put there first is this journal's, so they are passed over */
	int count;
	const struct audit_outside *first; /* by the number of its frame */
	bool inside;                       /* that frame is there, and is another one */
};

static bool begins_as_ours(const struct auditing *a, const char *name)
{
	if (a->key_count > AUDIT_KEYS_MAX)
		return false;
	for (int i = 0; i < a->options->note_count; i++) {
		const struct audit_outside *first = &a->options->notes[i];

		if (first->place == 0 && first->from == name)
			return strcmp(first->note.exit, a->out->exit) == 0 && !first->differs &&
			       first->note.size <= a->out->frames && key_find(a, first->note.key) >= 0;
	}
	return false;
}

/* NULL: no memory, and then every note there counts. */
static struct place *place_of(struct auditing *a, const char *name, struct place **places, int *count)
{
	struct place *grown;

	for (int i = 0; i < *count; i++)
		if ((*places)[i].name == name)
			return &(*places)[i];
	grown = realloc(*places, ((size_t)*count + 1) * sizeof **places);
	if (!grown)
		return NULL;
	*places = grown;
	grown[*count] = (struct place){ .name = name, .ours = begins_as_ours(a, name) };
	return &grown[(*count)++];
}

/* All that one holder has is one sentence: who was first there, the journal or somebody else, a person must find out. */
static void tell_foreign(struct auditing *a, const struct place *place)
{
	unsigned long long number = place->first->note.size;
	struct buffer hex;

	buffer_init(&hex, 200);
	text_hex(&hex, view_of(place->first->note.key, NOTE_KEY_SIZE));
	if (place->ours) {
		audit_remark(a,
			     "%s has %d checkpoint%s that the journal contradicts, signed by a key that "
			     "neither the "
			     "journal nor the first checkpoint there has (%s): passed over; somebody else "
			     "may write there",
			     place->name, place->count, place->count == 1 ? "" : "s", buffer_string(&hex));
		a->out->notes_foreign += place->count;
	} else {
		audit_found(a, place->inside ? AUDIT_TAMPERED : AUDIT_TORN,
			    place->inside ? number : a->out->frames + 1,
			    "%s has %d checkpoint%s that the journal contradicts, the first of frame %llu, "
			    "signed by a "
			    "key that the journal does not have (%s), and does not begin with one of this "
			    "journal's. "
			    "Either the journal was rewritten or cut back as a whole, or somebody else wrote "
			    "there before "
			    "its controller did: ask who holds that key, and hold the journal against "
			    "another holder",
			    place->name, place->count, place->count == 1 ? "" : "s", number,
			    buffer_string(&hex));
	}
	buffer_done(&hex);
}

void audit_notes_end(struct auditing *a, bool whole)
{
	struct place *places = NULL;
	int count = 0;

	for (int i = 0; i < a->options->note_count; i++) {
		const struct audit_outside *outside = &a->options->notes[i];
		bool beyond = i >= a->next_note;
		struct place *place;

		if (beyond && whole && strcmp(outside->note.exit, a->out->exit) != 0) {
			a->out->notes_of_others++;
			continue;
		}
		if (!outside->differs && !(beyond && whole))
			continue;
		place = key_find(a, outside->note.key) < 0 ? place_of(a, outside->from, &places, &count)
							   : NULL;
		if (place) {
			place->inside = place->count++ ? place->inside : !beyond;
			place->first = place->first ? place->first : outside;
		} else if (beyond) {
			find_torn(a, outside);
		} else {
			find_rewritten(a, outside);
		}
	}
	for (int i = 0; i < count; i++)
		tell_foreign(a, &places[i]);
	free(places);
	if (!whole)
		return;
	if (a->options->note_count && !a->out->notes_held)
		audit_found(a, AUDIT_UNDECIDED, 0, "none of the %d notes from outside is of exit '%s'",
			    a->options->note_count, a->out->exit);
}

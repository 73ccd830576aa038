/*
 * audit_ahead.h - what can be said of frames by themselves, found out on another core while the walk is at those before them.
 *
 *	the walk's thread		fills one batch  ->  walks the batch before  ->  fills ...
 *	a thread of its own		        reads the batch that was handed over
 *
 * To read a frame is to hold it against its checksum, hash it, read its body, and check the signature of the note in it.  None of
 * that asks the store or the state.  What it found is taken in order, so that the walk comes to the same answers as without it.
 * Where no thread can be had, the walk's own does the work.
 */
#ifndef EXIT_AUDIT_AHEAD_H
#define EXIT_AUDIT_AHEAD_H

#include "exit/frame.h"
#include "exit/note.h"

struct audit_ahead;

/* One frame, read.  It holds while it is walked. */
struct audit_read {
	int64_t sequence; /* its place in the store */
	struct view bytes;
	struct frame frame;
	int err;                   /* of frame_read() */
	json_t *body;              /* NULL: it has none that can be read */
	const struct fault *fault; /* why, for both; nothing behind such a frame is read */
	bool has_note;             /* of a CHECKPOINT frame: `note` is in it, and its signature holds */
	struct note note;
};

/* Each frame in order, on the thread that calls; anything but 0 ends the walk and comes back. */
typedef int audit_walk_fn(void *context, const struct audit_read *read);

/* NULL when memory is out. */
struct audit_ahead *audit_ahead_new(audit_walk_fn *walk, void *context);
void audit_ahead_free(struct audit_ahead *ahead); /* NULL is silent */

/* One more frame, whose bytes are copied: a journal_each.  What `walk` returned, for a frame of now or of before; ERR_MEMORY. */
int audit_ahead_put(void *ahead, int64_t sequence, struct view bytes);

/* Walks all that were put and not walked yet. */
int audit_ahead_flush(struct audit_ahead *ahead);

#endif

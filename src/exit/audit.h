/*
 * audit.h - is a journal true?  Every frame, every verdict, every checkpoint, derived again.
 *
 * Nothing is asked of a cluster, and no clock is read: what the journal holds is enough, or it is said what is missing.  A
 * journal whose keeper rewrote it from some frame on is whole in itself; only a note that left the house shows that, so the
 * answer says how many notes from outside it was held against.
 */
#ifndef EXIT_AUDIT_H
#define EXIT_AUDIT_H

#include "exit/journal_store.h"

enum audit_answer {
	AUDIT_INTACT,
	AUDIT_UNDECIDED,      /* something that it takes is missing or cannot be read; `text` says what */
	AUDIT_TORN,           /* a note vouches for more frames than there are */
	AUDIT_TAMPERED,       /* a frame does not hold, or is another than a note vouches for */
	AUDIT_IRREPRODUCIBLE, /* a verdict does not come out as its frame says */
};

#define AUDIT_NOTES_MAX 100000

/* Notes of holders outside, one text with any number of them behind each other. */
struct audit_notes {
	const char *name; /* of the file, for faults */
	struct view text;
};

struct audit {
	enum audit_answer answer;
	uint64_t frames; /* that hold */
	uint64_t verdicts, checkpoints, decisions, acts;
	uint64_t notes;     /* from outside, each found to be a prefix */
	uint64_t at;        /* the first frame that does not hold; 0 for none */
	char text[1200];    /* why */
	struct sha256 head; /* of the last frame that holds */
	char exit[300];
};

/*
 * Walks it all.  0 and an answer, whatever it is; ERR_MEMORY.  Blobs are read from the store; memory does not grow with the
 * number of frames, but with the notes.
 */
int audit_run(struct journal_store *store, const struct audit_notes *notes, int note_count, struct audit *out,
	      struct fault *fault);

/* "intact", "undecided", "torn", "tampered", "not reproducible". */
const char *audit_word(enum audit_answer answer);

#endif

/*
 * audit.h - is a journal true?  Every frame is read once and held against the rules; every verdict is made again from
 * the evidence and the plan that the journal keeps; and notes that others kept outside are held against the whole.
 *
 * Nothing is asked but the journal's store.  A journal vouches for itself only as far as its hashes go: who rewrites all
 * of it from some frame on leaves a chain that holds, and only a note from outside shows it.
 */
#ifndef EXIT_AUDIT_H
#define EXIT_AUDIT_H

#include "exit/journal_store.h"
#include "exit/note.h"
#include "exit/plan.h"

/* From the best to the worst; what is found later never makes an answer better, and stands among the remarks. */
enum audit_answer {
	AUDIT_INTACT,
	AUDIT_UNDECIDED,        /* something that it rests on is missing, or from a newer version */
	AUDIT_NOT_REPRODUCIBLE, /* the chain holds, and something in it does not follow from what it names */
	AUDIT_TORN,             /* frames at the end are missing */
	AUDIT_TAMPERED,         /* damaged, changed, or rewritten */
};

/* "intact", "undecided", "not reproducible", "torn", "tampered". */
const char *audit_word(enum audit_answer answer);

#define AUDIT_NOTES_MAX   1000000 /* from outside */
#define AUDIT_REMARKS_MAX 20
#define AUDIT_TEXT_SIZE   1200

#define AUDIT_HOLDERS_MAX     20
#define AUDIT_HOLDER_SIZE_MAX 300

/* A note from outside, and the place that held it. */
struct audit_outside {
	struct note note;
	const char *from;
	int64_t place; /* in it: 0 for what was put there first, before all others */

	bool differs; /* private: the journal says otherwise, and whether that counts is told at the end */
};

struct audit_options {
	struct journal_store *store; /* of journal_store_open_any() */
	struct audit_outside *notes; /* put in order of their sizes */
	int note_count;
};

struct audit {
	enum audit_answer answer;
	uint64_t frames; /* that hold, from the first on */
	uint64_t verdicts, acts,
		checkpoints; /* made again; carried out and looked at; signatures that hold */
	int notes_held;      /* from outside, that are a prefix of this journal */
	int notes_of_others; /* from outside, of another exit: passed over */
	int notes_foreign; /* from outside, in this exit's name and by a key that it does not have: the same */
	uint64_t frame;    /* the first that does not hold; 0: none, or not one frame */
	char text[AUDIT_TEXT_SIZE]; /* why; empty when intact */
	char exit[NOTE_EXIT_SIZE_MAX];
	struct sha256 head; /* of the last frame that holds */
	struct sha256 plan; /* the hash of the one in force; zero: none */
	char remarks[AUDIT_REMARKS_MAX]
		    [AUDIT_TEXT_SIZE]; /* what else does not hold, and what should be known */
	int remark_count, remarks_left_off;
	/* Who was given checkpoints, as the journal says: "topic __interlock on the source", "file x".  Nobody has asked them. */
	char holders[AUDIT_HOLDERS_MAX][AUDIT_HOLDER_SIZE_MAX];
	int holder_count, holders_left_off;
};

/*
 * Walks all of it.  0 and what was found, of whatever kind; an error when the walk itself could not be made (ERR_MEMORY,
 * ERR_NETWORK, ERR_IO, ERR_TIMEOUT ...).
 */
int audit_journal(const struct audit_options *options, struct audit *out, struct fault *fault);

/*
 * Reads notes that stand one after another in `text`, as a file that checkpoints are appended to has them, and appends
 * them to `notes` (grown with realloc; the caller frees it).  `from` must outlive them.  ERR_MALFORMED and ERR_CHECKSUM
 * name the note that is none; ERR_LIMIT past AUDIT_NOTES_MAX.
 */
int audit_read_notes(struct view text, const char *from, struct audit_outside **notes, int *count,
		     struct fault *fault);

#endif

/*
 * frame.h - one frame of the journal: what it says, when, under which lease, and the hash of the frame before.
 *
 * The bytes are described atop frame.c.  The body is canonical JSON (keys sorted, no blanks, whole numbers only), so
 * that two machines come to the same bytes, and a person can read it.
 */
#ifndef EXIT_FRAME_H
#define EXIT_FRAME_H

#include <jansson.h>

#include "exit/evidence.h"
#include "exit/sha256.h"

#define FRAME_HEAD_SIZE     96
#define FRAME_BODY_SIZE_MAX (1024 * 1024 - FRAME_HEAD_SIZE)

enum frame_kind {
	FRAME_PLAN = 1,    /* a plan came into force: a new plan epoch */
	FRAME_LEASE,       /* a controller took or gave up the lease */
	FRAME_VERDICT,     /* the gates of a family were judged */
	FRAME_ACT,         /* an owner asks for something */
	FRAME_ANSWER,      /* what became of the act */
	FRAME_MOVE,        /* a crossing begins: attempt, direction, the act behind it */
	FRAME_STAGE,       /* a family goes from one stage to another, or is held or released */
	FRAME_INTENT,      /* an effect is about to be tried */
	FRAME_OBSERVATION, /* what a lever was seen to stand at after it */
	FRAME_OUTCOME,     /* done, not done, or unknown */
	FRAME_QUIET,       /* silence is proved; the ends of the fenced side */
	FRAME_LEVEL,       /* the other side holds everything up to those ends */
	FRAME_DECISION,    /* authority moves */
	FRAME_RETURN,      /* a crossing is given up before its decision */
	FRAME_CHECKPOINT,  /* a signed root, and who holds it */
	FRAME_SNAPSHOT,    /* the state as all frames before make it: where a reader may begin */
	FRAME_DRILL,       /* a rehearsal ended */
	FRAME_LEAK,        /* a record behind the fence */
	FRAME_SCAFFOLD,    /* a temporary thing was registered, removed, or found absent */
	FRAME_NOTE,        /* what an auditor should know: a torn tail was cut, a clock jumped */
	FRAME_PAGE,        /* somebody was called, or could not be, because a family stays held */
	FRAME_KINDS,
};

struct frame {
	enum frame_kind kind;
	uint64_t sequence; /* from 1 */
	struct moment moment;
	uint64_t lease;         /* under which it was written; 0: an owner's act, which needs none */
	struct sha256 previous; /* of the frame before; zero for the first */
	struct view body;
	struct sha256 hash; /* of all its bytes; not part of them */
};

/* "INTENT" ...; NULL for none. */
const char *frame_kind_word(enum frame_kind kind);

/* Appends the bytes and sets frame->hash.  ERR_LIMIT for a body past FRAME_BODY_SIZE_MAX, ERR_MEMORY. */
int frame_write(struct frame *frame, struct buffer *out);

/*
 * Reads one whole frame; `body` is a view of `bytes`.  ERR_MALFORMED, ERR_CHECKSUM, ERR_UNSUPPORTED (a newer format),
 * each with a sentence that names the sequence.
 */
int frame_read(struct view bytes, struct frame *out, struct fault *fault);

/* Appends `body` as canonical JSON.  ERR_MALFORMED when it holds a fraction, ERR_MEMORY. */
int frame_body_write(const json_t *body, struct buffer *out);

/* The body as an object; NULL with a sentence when it is none, or not canonical. */
json_t *frame_body_read(const struct frame *frame, struct fault *fault);

#endif

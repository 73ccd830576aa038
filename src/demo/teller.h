/*
 * teller.h - tells the story: scenes, sentences, and this very program run as an operator would type it.
 */
#ifndef DEMO_TELLER_H
#define DEMO_TELLER_H

#include <jansson.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/err.h"
#include "loop/loop.h"

struct teller {
	FILE *out;
	bool color;
	struct loop *loop;
	const char *program; /* the path of this program */
	const char *folder;  /* where commands run */
};

/* "== text", with room around it. */
void tell_scene(struct teller *teller, const char *text);

/* An indented sentence. */
void tell(struct teller *teller, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line of its own, as somebody types it. */
void tell_typed(struct teller *teller, const char *const *words, const char *behind);

/*
 * `interlock words...`, its output to the reader, all of it or the first `lines_max` lines (0: all).  ERR_INTERNAL, with a
 * sentence, when it ends with another status than `expected`; ERR_CANCELLED when the loop is stopped.
 */
int teller_run(struct teller *teller, const char *const *words, int expected, int lines_max,
	       struct fault *fault);

/* The same without a word to the reader; what it prints is appended to `out`. */
int teller_ask(struct teller *teller, const char *const *words, struct buffer *out, struct fault *fault);

/* A command that goes on beside the play. */
struct beside;
int teller_begin(struct teller *teller, const char *const *words, struct beside **out, struct fault *fault);
int teller_wait(struct teller *teller, struct beside *beside, int64_t timeout_ms, struct fault *fault);
void teller_end(struct beside *beside); /* kills it when it still runs; NULL is silent */

#endif

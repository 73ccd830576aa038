/*
 * ask.h - asking the operator's own command or HTTP address, and what may be made of the answer.
 *
 * A command runs without a shell, in the plan's folder, in an environment that has PATH, HOME, LANG, the plan's `env:`
 * and INTERLOCK_EXIT, INTERLOCK_FAMILY, INTERLOCK_EPOCH, and nothing else.  Its first line, trimmed, is the answer; its
 * exit status says what kind: 0 an answer, 75 it still waits, 76 the epoch is older than one it has seen.  At the time
 * limit its whole process group is killed; a child of its own that it leaves behind is not waited for and not killed.
 *
 * An address is asked by GET and told by PUT, in JSON: {"value": "source"}; PUT adds "epoch".  `drained` is a GET with
 * ?epoch=N that gives {"drained": true}.  200 is an answer, 409 an older epoch.  No redirect is followed, for what is
 * told to one host is not told to another.
 *
 * Anything else (another status, a signal, silence, too much, what cannot be read) is *unknown*: never a no, never a
 * yes.  Values of `env:` may be ${env:NAME} or ${file:PATH} (relative to the plan): such a value is a secret, and is cut
 * out of every sentence here.
 */
#ifndef EXIT_ASK_H
#define EXIT_ASK_H

#include "base/buffer.h"
#include "base/err.h"
#include "exit/answer.h"
#include "exit/plan.h"
#include "loop/loop.h"

#define ASK_OUTPUT_SIZE_MAX 65536 /* bytes of each output, or of a body; more is unknown */
#define QUESTION_WORDS_MAX  4

enum question_kind {
	ASK_GET, /* what is it?  A word (a probe's control) goes behind the command, or into ?control= */
	ASK_SET, /* be it so: words go behind the command, or joined into "value" */
	ASK_DO,  /* do it: nothing goes behind the command; the word ("fire", "remove") is for addresses */
	ASK_DRAINED, /* is nothing under way any more? */
	ASK_PAGE,    /* an address alone: is there such a page?  What it says does not matter */
};

struct question {
	enum question_kind kind;
	const char *words[QUESTION_WORDS_MAX + 1]; /* ends with NULL */
	uint64_t epoch;
	int64_t timeout_ms;
};

/* Who asks: an exit, a family, a folder, an environment. */
struct asking;

/*
 * Plan and family outlive it; `family` may be NULL.  Secrets are looked up once, here: ERR_CONFIG names the entry of
 * `env:` whose value cannot be had, and never a value.  ERR_MEMORY.
 */
int asking_new(struct loop *loop, const struct plan *plan, const struct plan_family *family,
	       struct asking **out, struct fault *fault);
void asking_free(struct asking *asking); /* NULL is silent */

/*
 * Asks, and waits for the answer.  0 when there is one that means something; its kind is then not ANSWER_UNKNOWN, and
 * ANSWER_WAITS only for ASK_DRAINED, ANSWER_OLDER only for ASK_SET and ASK_DRAINED.  Else ANSWER_UNKNOWN and why:
 * ERR_TIMEOUT, ERR_STALE (of ASK_SET alone: it answered that it has not come about yet), ERR_LIMIT (too much), ERR_NOT_FOUND
 * (no such command: nobody was asked), ERR_NETWORK, ERR_TLS, ERR_MALFORMED (it cannot be read), ERR_BROKER (a status that means
 * nothing, or failure), ERR_CANCELLED (loop_stop()), ERR_CONFIG.  `out` is always filled; its `json` holds until the next
 * question.  Must not be called from a callback.
 */
int ask(struct asking *asking, const struct plan_exec *exec, const struct question *question,
	struct answer *out, struct fault *fault);

/* Lets time pass, for who asks again and again.  0, or ERR_CANCELLED. */
int asking_wait(struct asking *asking, int64_t wait_ms);
int64_t asking_now_ms(const struct asking *asking); /* monotonic */

/*
 * Appends a text of the operator's making as it may be shown: no control characters, and a mark in place of each secret
 * of `env:` of at least four bytes.
 */
void asking_show(const struct asking *asking, struct view text, struct buffer *out);

/* Appends what is asked, as a person would type it: "./flag set hold", "PUT https://flags/orders {...}". */
void ask_describe(const struct plan_exec *exec, const struct question *question, struct buffer *out);

#endif

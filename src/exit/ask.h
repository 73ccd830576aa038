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
 * yes.  The values of the plan's `env:` that came from ${env:NAME} or ${file:PATH} are cut out of all that is handed on.
 */
#ifndef EXIT_ASK_H
#define EXIT_ASK_H

#include "base/buffer.h"
#include "base/err.h"
#include "exit/plan.h"
#include "loop/loop.h"

#define ASK_OUTPUT_SIZE_MAX  65536
#define ANSWER_TEXT_SIZE_MAX 1000

enum question_kind {
	ASK_GET,
	ASK_SET,
	ASK_DRAINED,
};

struct question {
	enum question_kind kind;
	const char *word; /* of ASK_SET: "hold", "start target"; blanks part it into arguments of a command */
	uint64_t epoch;
	int64_t timeout_ms;
};

enum answer_kind {
	ANSWER_UNKNOWN,
	ANSWER_GIVEN, /* `text` is the answer; of ASK_DRAINED: it is drained */
	ANSWER_WAITS,
	ANSWER_OLDER, /* refused: a newer epoch was seen there */
};

struct answer {
	enum answer_kind kind;
	int status;                          /* exit status or HTTP status; -1 when there is none */
	bool json;                           /* `text` is an object of JSON */
	char text[ANSWER_TEXT_SIZE_MAX + 1]; /* printable UTF-8, one line; may be empty */
	int64_t took_us;
};

/* Who asks: an exit, a family, a folder, an environment. */
struct asking;

/*
 * `family` may be NULL.  Both outlive it.  ERR_CONFIG names the entry of `env:` whose value cannot be had, and never
 * a value; ERR_MEMORY.
 */
int asking_new(struct loop *loop, const struct plan *plan, const struct plan_family *family,
	       struct asking **out, struct fault *fault);
void asking_free(struct asking *asking); /* NULL is silent */

/*
 * Asks, and waits for the answer.  0 when there is one that means something; `out->kind` is then not ANSWER_UNKNOWN.
 * Else ANSWER_UNKNOWN and why: ERR_TIMEOUT, ERR_LIMIT, ERR_NOT_FOUND (no such command: nobody was asked), ERR_NETWORK,
 * ERR_TLS, ERR_MALFORMED (it cannot be read), ERR_BROKER (a status of its own), ERR_CANCELLED.  `out` is always filled.
 * Must not be called from a callback.
 */
int ask(struct asking *asking, const struct plan_exec *exec, const struct question *question,
	struct answer *out, struct fault *fault);

/* Appends what is asked, as a person would type it: "./flag set hold", "PUT https://flags/orders". No password. */
void ask_describe(const struct plan_exec *exec, const struct question *question, struct buffer *out);

/*
 * What the text of an answer is: its first line trimmed (or, where an address spoke, the body).  The one door for bytes
 * of the operator's making.  ERR_MALFORMED when it is not printable UTF-8, or longer than ANSWER_TEXT_SIZE_MAX.
 */
int answer_read(struct view output, struct answer *out, struct fault *fault);

#endif

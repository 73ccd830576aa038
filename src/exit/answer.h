/*
 * answer.h - what an operator's command or address has answered, read from bytes of his making.
 *
 * An answer is a word or a number, perhaps with a unit: a line of plain text, `source` or `12.5 ms`, or an object of
 * JSON, {"value": "source"}, {"value": 12.5, "unit": "ms"}, {"drained": true}.  What is neither is malformed, and so
 * unknown.  Pure: bytes in, an answer out.
 */
#ifndef EXIT_ANSWER_H
#define EXIT_ANSWER_H

#include "base/err.h"
#include "base/view.h"

#define ANSWER_TEXT_SIZE_MAX 1000 /* bytes of a word or a number */
#define ANSWER_UNIT_SIZE_MAX 31

enum answer_kind {
	ANSWER_UNKNOWN,
	ANSWER_GIVEN, /* `text` is the answer; to ASK_DRAINED: it is drained; to ASK_SET: it was taken */
	ANSWER_WAITS, /* to ASK_DRAINED: not drained yet */
	ANSWER_OLDER, /* refused: a newer epoch was seen there */
};

struct answer {
	enum answer_kind kind;
	int status; /* exit status or HTTP status; -1 when there is none */
	int64_t took_us;
	char text[ANSWER_TEXT_SIZE_MAX +
		  1]; /* one line of UTF-8 without control characters; "" when there is none */
	char unit[ANSWER_UNIT_SIZE_MAX +
		  1]; /* of JSON; a unit behind a number of plain text is part of `text` */
	struct view
		json; /* the object that it was read from, else VIEW_NULL; lies in the bytes that were read */
	bool says_drained, drained; /* of JSON */
};

/*
 * Each sets `text`, `unit`, `json`, `says_drained` and `drained`, and leaves the rest alone; all of `out` is left alone
 * after ERR_MALFORMED.  The fault quotes nothing of the bytes: they may hold a secret.
 */

/* Of a command: the first line, trimmed.  One that begins with a brace must be an object of JSON. */
int answer_read_output(struct view output, struct answer *out, struct fault *fault);

/* Of an address: the whole body, which must be an object of JSON. */
int answer_read_body(struct view body, struct answer *out, struct fault *fault);

/*
 * Another member of the JSON of an answer that was read well, as text under the same limits.  "" when it is not there, is
 * null, or says nothing; ERR_MALFORMED when it is neither text nor number.
 */
int answer_member(struct view json, const char *name, char out[ANSWER_TEXT_SIZE_MAX + 1],
		  struct fault *fault);

/* A number with a unit, to a millionth. */
struct quantity {
	int64_t millionths;
	char unit[ANSWER_UNIT_SIZE_MAX + 1]; /* "" when it has none */
};

/*
 * `12`, `-3.25`, `12 ms`, `30%`: digits with at most one point, then perhaps a unit that does not begin like a number.  What
 * lies behind the sixth decimal is rounded.  ERR_MALFORMED: no such number (`1e6`, `1,000`, `nan` are none); ERR_LIMIT:
 * past nine million million, where millionths no longer fit.
 */
int answer_quantity(const struct answer *answer, struct quantity *out, struct fault *fault);

/* yes, true, and numbers above zero; no, false and zero.  Anything else is ERR_MALFORMED. */
int answer_yes(const struct answer *answer, bool *out, struct fault *fault);

/* Writes "12.5 ms" into `out` and returns it. */
#define QUANTITY_TEXT_SIZE 80
char *quantity_text(const struct quantity *quantity, char out[QUANTITY_TEXT_SIZE]);

#endif

/*
 * state_make.h - frames put into a state as a journal would put them, for tests.
 *
 * Bodies are written as text with ' for ", and made canonical.  In them
 *
 *	$E  $E1   the epoch of family orders, and the next one		$A  $A1   its attempt, and the next one
 *	$V        the hash of its last verdict				$Q  $L    its proofs of silence and of being level
 *	$I        the last intent					$C        the last act
 *	$N        the sequence of the frame itself			$H        some hash
 */
#ifndef TEST_EXIT_STATE_MAKE_H
#define TEST_EXIT_STATE_MAKE_H

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "exit/state.h"

#define STATE_MADE_MS 1700000000000LL
#define SOME_HASH     "0101010101010101010101010101010101010101010101010101010101010101"

struct made_state {
	struct state state;
	struct fault fault;
	uint64_t lease, act;
	int64_t wall_ms;
	void (*wrote)(struct made_state *made, const struct frame *frame, struct view bytes); /* or NULL */
};

static inline uint64_t last_intent(const struct standing *now)
{
	struct intent intent = { 0 };

	for (int i = 0; state_intent_at(now, i, &intent); i++)
		;
	return intent.sequence;
}

/* What stands for `mark` in a body. */
static inline void state_mark(const struct made_state *made, const char *mark, char out[80])
{
	struct standing now = { 0 };
	bool next = mark[1] == '1';
	uint64_t number = 0;

	state_family(&made->state, "orders", &now);
	switch (mark[0]) {
	case 'E': number = now.epoch + next; break;
	case 'A': number = now.attempt + next; break;
	case 'Q': number = now.quiet; break;
	case 'L': number = now.level; break;
	case 'I': number = last_intent(&now); break;
	case 'C': number = made->act; break;
	case 'N': number = made->state.sequence + 1; break;
	case 'V': sha256_text(now.verdict.hash, out); return;
	case 'H': memcpy(out, SOME_HASH, sizeof SOME_HASH); return;
	default: assert(!"a mark that stands for something");
	}
	snprintf(out, 80, "%llu", (unsigned long long)number);
}

static inline json_t *state_body(const struct made_state *made, const char *text)
{
	char out[4000], value[80];
	size_t size = 0;
	json_t *json;

	for (; *text && size < sizeof out - 100; text++) {
		if (*text != '$') {
			out[size++] = *text == '\'' ? '"' : *text;
			continue;
		}
		state_mark(made, text + 1, value);
		size += (size_t)snprintf(out + size, 80, "%s", value);
		text += text[2] == '1' && strchr("EA", text[1]) ? 2 : 1;
	}
	json = json_loadb(out, size, JSON_REJECT_DUPLICATES, NULL);
	assert(json);
	return json;
}

/* The next frame, with this body as its bytes; what state_apply() says. */
static inline int state_put_bytes(struct made_state *made, enum frame_kind kind, struct view body)
{
	struct frame frame = { .kind = kind,
			       .sequence = made->state.sequence + 1,
			       .moment = { .wall_ms = made->wall_ms },
			       .lease = kind == FRAME_ACT ? 0 : made->lease,
			       .previous = made->state.head,
			       .body = body };
	struct buffer bytes;
	int err;

	buffer_init(&bytes, FRAME_HEAD_SIZE + FRAME_BODY_SIZE_MAX);
	assert(frame_write(&frame, &bytes) == 0);
	made->fault = (struct fault){ 0 };
	err = state_apply(&made->state, &frame, &made->fault);
	if (err == 0 && kind == FRAME_ACT)
		made->act = made->state.sequence;
	if (err == 0 && made->wrote)
		made->wrote(made, &frame, buffer_bytes(&bytes));
	buffer_done(&bytes);
	return err;
}

/* Takes `json` over. */
static inline int state_put_json(struct made_state *made, enum frame_kind kind, json_t *json)
{
	struct buffer body;
	int err;

	assert(json);
	buffer_init(&body, FRAME_BODY_SIZE_MAX);
	assert(frame_body_write(json, &body) == 0);
	err = state_put_bytes(made, kind, buffer_bytes(&body));
	buffer_done(&body);
	json_decref(json);
	return err;
}

static inline int state_put(struct made_state *made, enum frame_kind kind, const char *text)
{
	return state_put_json(made, kind, state_body(made, text));
}

#define LEASE_TAKEN "{'event':'taken','number':1,'holder':'h'}"
#define PLAN_ORDERS "{'exit':'e','plan':'$H','number':1,'families':['orders']}"

/* Lease 1 is held, and the plan has one family, orders. */
static inline void state_begin(struct made_state *made)
{
	*made = (struct made_state){ .lease = 1, .wall_ms = STATE_MADE_MS };
	assert(state_init(&made->state) == 0);
	assert(state_put(made, FRAME_LEASE, LEASE_TAKEN) == 0);
	assert(state_put(made, FRAME_PLAN, PLAN_ORDERS) == 0);
}

#endif

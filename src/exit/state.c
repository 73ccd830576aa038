/* state.c - what the state says, typed; and the state as bytes. */
#include <assert.h>

#include "exit/state_inside.h"

/* ---- reading ---- */

enum verdict state_verdict(const char *word)
{
	if (word && strcmp(word, "open") == 0)
		return VERDICT_OPEN;
	return word && strcmp(word, "shut") == 0 ? VERDICT_SHUT : VERDICT_UNKNOWN;
}

bool state_family(const struct state *state, const char *name, struct standing *out)
{
	json_t *json = json_object_get(json_object_get(state->root, "families"), name);
	struct standing now = { .name = name, .json = json };
	json_t *verdict = json_object_get(json, "verdict"), *gates = json_object_get(verdict, "gates");
	int overlay;

	if (!json)
		return false;
	now.stage = (enum stage)body_word(json, "stage", stage_find);
	overlay = body_word(json, "overlay", overlay_find);
	now.overlay = overlay < 0 ? OVERLAY_NONE : (enum overlay)overlay;
	now.cause = body_text(json, "cause");
	now.authority = (enum authority)body_word(json, "authority", authority_find);
	now.moving = (enum authority)body_word(json, "moving", authority_find);
	now.returning = json_is_true(json_object_get(json, "returning"));
	now.of = body_text(json, "of");
	now.epoch = body_count(json, "epoch");
	now.attempt = body_count(json, "attempt");
	now.act = body_count(json, "act");
	now.since_ms = body_number(json, "since");
	now.deadline_ms = body_number(json, "deadline");
	now.pause_ms = json_object_get(json, "pause_ms") ? body_number(json, "pause_ms") : -1;
	now.crossed_ms = body_number(json, "crossed");
	now.verdict.sequence = body_count(verdict, "sequence");
	body_hash(verdict, "hash", &now.verdict.hash);
	now.verdict.verdict = state_verdict(body_text(verdict, "verdict"));
	for (int gate = 0; gate < GATE_COUNT; gate++)
		now.verdict.gates[gate] = state_verdict(body_text(gates, gate_word((enum gate)gate)));
	now.verdict.wall_ms = body_number(verdict, "wall");
	now.verdict.valid_until_ms = body_number(verdict, "valid_until");
	now.verdict.authority = body_count(verdict, "authority");
	now.quiet = body_count(json_object_get(json, "quiet"), "sequence");
	now.level = body_count(json_object_get(json, "level"), "sequence");
	*out = now;
	return true;
}

const char *outcome_word(enum outcome outcome)
{
	static const char *const words[] = { NULL, "done", "not done", "unknown" };

	return words[outcome];
}

enum outcome state_outcome(const char *word)
{
	for (int outcome = OUTCOME_DONE; word && outcome <= OUTCOME_UNKNOWN; outcome++)
		if (strcmp(word, outcome_word((enum outcome)outcome)) == 0)
			return (enum outcome)outcome;
	return OUTCOME_OPEN;
}

/* Kept as a list, oldest first. */
bool state_intent_at(const struct standing *family, int index, struct intent *out)
{
	json_t *json = json_array_get(json_object_get(family->json, "intents"), (size_t)index);

	if (!json)
		return false;
	*out = (struct intent){ body_count(json, "sequence"), body_count(json, "attempt"),
				body_count(json, "epoch"),    body_text(json, "step"),
				body_text(json, "lever"),     body_text(json, "word"),
				body_text(json, "before"),    body_text(json, "desired"),
				body_text(json, "failed"),       state_outcome(body_text(json, "result")) };
	return true;
}

bool state_intent(const struct standing *family, const char *step, struct intent *out)
{
	struct intent each;
	bool found = false;

	for (int i = 0; state_intent_at(family, i, &each); i++) {
		if (strcmp(each.step, step) == 0) {
			*out = each;
			found = true;
		}
	}
	return found;
}

const char *state_standing(const struct standing *family, const char *lever)
{
	return body_text(json_object_get(family->json, "standing"), lever);
}

/* ---- the whole ---- */

int state_init(struct state *state)
{
	*state = (struct state){ .root = json_pack("{s:{}, s:{}}", "acts", "families") };
	return state->root ? 0 : ERR_MEMORY;
}

void state_done(struct state *state)
{
	json_decref(state->root);
	*state = (struct state){ 0 };
}

int state_write(const struct state *state, struct buffer *out)
{
	return frame_body_write(state->root, out);
}

int state_hash(const struct state *state, struct sha256 *out)
{
	struct buffer bytes;
	int err;

	buffer_init(&bytes, STATE_SIZE_MAX);
	err = state_write(state, &bytes);
	if (err == 0)
		*out = sha256_of(buffer_bytes(&bytes));
	buffer_done(&bytes);
	return err;
}

int state_restore(struct state *state, const struct frame *snapshot, struct view bytes, struct fault *fault)
{
	json_t *body = frame_body_read(snapshot, fault), *root;
	struct sha256 said;
	bool right = body && snapshot->kind == FRAME_SNAPSHOT && body_hash(body, "state", &said) &&
		     sha256_equal(said, sha256_of(bytes));

	json_decref(body);
	root = right ? json_loadb((const char *)bytes.at, bytes.size, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (!json_is_object(root)) {
		json_decref(root);
		return fault_set(fault, ERR_MALFORMED, "frame %llu: the snapshot is not what it says it is",
				 (unsigned long long)snapshot->sequence);
	}
	json_decref(state->root);
	*state = (struct state){ root, snapshot->sequence, snapshot->hash };
	return 0;
}

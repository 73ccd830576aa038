/* countdown_read.c - the last verdict, its evidence, and who has moved already; then countdown_make(). */
#include <stdio.h>

#include "exit/basis.h"
#include "exit/countdown_read.h"
#include "exit/window.h"

#define EVIDENCE_MEMORY_MAX ((size_t)256 << 20)

struct finding {
	struct journal *journal;
	struct arena *arena;
};

static int find_item(void *context, const struct sha256 *id, struct view *bytes)
{
	struct finding *finding = context;
	struct buffer item;
	int err;

	buffer_init(&item, EVIDENCE_SIZE_MAX);
	err = journal_blob_get(finding->journal, *id, &item, NULL);
	if (err == 0)
		*bytes = arena_copy(finding->arena, buffer_bytes(&item));
	if (err == 0 && item.size && !bytes->at)
		err = ERR_MEMORY;
	buffer_done(&item);
	return err;
}

/* Judges the last verdict again, for it keeps words and no rules.  The fault says why it cannot be. */
static int judge_again(struct journal *journal, const struct plan_family *family, const struct standing *now,
		       struct arena *arena, struct judgement *out, struct fault *fault)
{
	struct finding finding = { journal, arena };
	struct sha256 input;
	struct basis basis;
	struct buffer bytes;
	int err;

	if (!now->json || !body_hash(json_object_get(now->json, "verdict"), "input", &input))
		return fault_set(fault, ERR_NOT_FOUND,
				 "nothing was judged yet; `interlock run` does, all the time");
	buffer_init(&bytes, BASIS_SIZE_MAX);
	err = journal_blob_get(journal, input, &bytes, fault);
	err = err ? err : basis_read(arena_copy(arena, buffer_bytes(&bytes)), arena, &basis, fault);
	buffer_done(&bytes);
	return err ? err : basis_audit(&basis, family, find_item, &finding, arena, out, fault);
}

static int find_moved(const struct state *state, const struct plan *plan, int64_t now_ms, struct arena *arena,
		      struct countdown_moved *out)
{
	int count = 0;

	for (int i = 0; i < plan->family_count; i++) {
		const struct plan_family *family = &plan->families[i];
		char name[300], text[WINDOW_TEXT_SIZE];
		struct standing standing;
		bool watched;

		snprintf(name, sizeof name, "%.*s", VIEW_ARGS(family->name.text));
		if (!state_family(state, name, &standing) || standing.authority != AUTHORITY_TARGET)
			continue;
		watched = window_is_over(&standing, family, now_ms, text, sizeof text);
		out[count++] = (struct countdown_moved){ family->name.text, watched,
							 arena_printf(arena, "%s", text) };
	}
	return count;
}

static json_t *text_of(struct view text)
{
	return text.at ? json_stringn((const char *)text.at, text.size) : json_null();
}

static json_t *items_of(const struct countdown *made, enum countdown_when when)
{
	json_t *items = json_array();

	for (int i = 0; i < made->count; i++) {
		const struct countdown_item *item = &made->items[i];

		if (item->when == when)
			json_array_append_new(items, json_pack("{s:s, s:s, s:o, s:s?, s:s?}", "must",
							       item->must, "state", verdict_word(item->state),
							       "owner", text_of(item->owner), "why",
							       item->why, "code", item->code));
	}
	return items;
}

static json_t *write_down(const struct plan_family *family, const struct countdown *made,
			  const struct standing *now, int64_t now_ms, bool judged, bool fresh,
			  const char *why)
{
	enum verdict state = made->state[COUNTDOWN_HOUR];
	json_t *times = json_array();

	if (!fresh && state == VERDICT_OPEN)
		state = VERDICT_UNKNOWN;
	for (int when = 0; when < COUNTDOWN_COUNT; when++)
		json_array_append_new(times, json_pack("{s:s, s:s, s:o}", "when",
						       countdown_word((enum countdown_when)when), "state",
						       verdict_word(made->state[when]), "items",
						       items_of(made, (enum countdown_when)when)));
	return json_pack("{s:o, s:s, s:o, s:b, s:s?, s:o, s:o}", "family", text_of(family->name.text),
			 "state", verdict_word(state), "judged",
			 judged ? json_integer(now->verdict.wall_ms) : json_null(), "fresh", fresh, "why",
			 why, "window", window_told(family, now, now_ms), "times", times);
}

int countdown_read(struct journal *journal, const struct plan *plan, const struct plan_family *family,
		   json_t **out, struct fault *fault)
{
	int64_t now_ms = clock_wall_ms(journal_clock(journal));
	struct countdown_moved *moved;
	struct judgement judged = { 0 };
	struct standing now = { 0 };
	struct countdown made;
	struct fault why = { 0 };
	struct arena arena;
	char name[300];
	bool known, fresh;
	int err;

	snprintf(name, sizeof name, "%.*s", VIEW_ARGS(family->name.text));
	state_family(journal_state(journal), name, &now);
	arena_init(&arena, EVIDENCE_MEMORY_MAX);
	moved = arena_array(&arena, (size_t)plan->family_count + 1, sizeof *moved);
	err = moved ? judge_again(journal, family, &now, &arena, &judged, &why) : ERR_MEMORY;
	known = err == 0;
	fresh = known && now.verdict.valid_until_ms >= now_ms && now.verdict.authority == now.epoch;
	if (err != ERR_MEMORY)
		err = countdown_make(family, known ? judged.gates : NULL, moved,
				     find_moved(journal_state(journal), plan, now_ms, &arena, moved), &arena,
				     &made);
	if (err == 0) {
		if (known && now.stage >= STAGE_SEALED)
			fault_set(&why, ERR_CONFLICT,
				  "the family is %s: it has moved for good, and nothing is counted down any "
				  "more",
				  stage_word(now.stage));
		*out = write_down(family, &made, &now, now_ms, known, fresh, why.text[0] ? why.text : NULL);
		err = *out ? 0 : ERR_MEMORY;
	}
	arena_done(&arena);
	return err ? fault_set(fault, err, "no memory for a countdown") : 0;
}

/*
 * world_judge.c - gathers for a family, judges all gates under one moment, and keeps in the journal what it rests on.
 *
 * The VERDICT frame names a blob (basis.h) that names the evidence by ids; each item's bytes are a blob of their own.  With
 * them an auditor comes to the same answer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exit/basis.h"
#include "exit/history_read.h"
#include "exit/verdict_body.h"
#include "exit/world_inside.h"

#define KEPT_MAX 10000

struct kept {
	struct arena arena;
	struct evidence item;
};

/* ---- what earlier judgements leave ---- */

static void kept_free(struct kept *kept)
{
	arena_done(&kept->arena);
	free(kept);
}

void scene_forget_kept(struct scene *scene)
{
	for (int i = 0; i < scene->kept_count; i++)
		kept_free(scene->kept[i]);
	free(scene->kept);
	scene->kept = NULL;
	scene->kept_count = 0;
}

static bool is_kept(const struct scene *scene, const struct evidence *item)
{
	for (int i = 0; i < scene->kept_count; i++)
		if (sha256_equal(scene->kept[i]->item.id, item->id))
			return true;
	return false;
}

/* A copy that outlives the judgement it came from. */
static int keep_bytes(struct scene *scene, struct view bytes, struct fault *fault)
{
	struct kept **grown, *kept = calloc(1, sizeof *kept);
	int err;

	grown = kept ? realloc(scene->kept, ((size_t)scene->kept_count + 1) * sizeof *grown) : NULL;
	if (!grown) {
		free(kept);
		return fault_set(fault, ERR_MEMORY, "no memory to keep evidence");
	}
	scene->kept = grown;
	arena_init(&kept->arena, EVIDENCE_SIZE_MAX * 4);
	err = evidence_read(arena_copy(&kept->arena, bytes), &kept->arena, &kept->item, fault);
	if (err < 0) {
		kept_free(kept);
		return err;
	}
	scene->kept[scene->kept_count++] = kept;
	return 0;
}

/* It takes back what is kept; and nothing that is kept has done so already. */
static bool takes_back(const struct scene *scene, const struct rules *rules, const struct evidence *item)
{
	for (int i = 0; i < scene->kept_count; i++) {
		const struct evidence *failed = &scene->kept[i]->item;
		bool done = !judge_heals(rules, failed, item);

		for (int j = i + 1; j < scene->kept_count && !done; j++)
			done = judge_heals(rules, failed, &scene->kept[j]->item);
		if (!done)
			return true;
	}
	return false;
}

static int keep_what_sticks(struct scene *scene, const struct surveyed *surveyed, struct fault *fault)
{
	int err = 0;

	for (int i = 0; i < surveyed->log.count && !err && scene->kept_count < KEPT_MAX; i++) {
		const struct evidence *item = surveyed->log.items[i];
		struct buffer bytes;

		if (is_kept(scene, item) || !(judge_sticks(&surveyed->rules, item) ||
					      takes_back(scene, &surveyed->rules, item)))
			continue;
		buffer_init(&bytes, EVIDENCE_SIZE_MAX);
		err = evidence_write(item, &bytes);
		err = err ? err : keep_bytes(scene, buffer_bytes(&bytes), fault);
		buffer_done(&bytes);
	}
	return err;
}

/* After a restart: what the last verdict saw, as far as it sticks. */
static int recall(struct clusters *w, struct scene *scene, const json_t *state, struct fault *fault)
{
	struct buffer bytes;
	struct basis basis;
	struct arena arena;
	struct rules rules;
	struct sha256 input;
	int err;

	if (!body_hash(json_object_get(state, "verdict"), "input", &input))
		return 0;
	buffer_init(&bytes, BASIS_SIZE_MAX);
	arena_init(&arena, BASIS_SIZE_MAX * 4);
	err = journal_blob_get(w->options.journal, input, &bytes, fault);
	err = err ? err : basis_read(buffer_bytes(&bytes), &arena, &basis, fault);
	if (err == 0)
		err = rules_bind(scene->family, basis.reference, &arena, &rules, fault);
	for (int i = 0; !err && i < basis.evidence_count; i++) {
		struct buffer item;

		buffer_init(&item, EVIDENCE_SIZE_MAX);
		err = journal_blob_get(w->options.journal, basis.evidence[i], &item, fault);
		err = err ? err : keep_bytes(scene, buffer_bytes(&item), fault);
		if (!err) {
			struct kept *last = scene->kept[--scene->kept_count];

			if (judge_sticks(&rules, &last->item) || takes_back(scene, &rules, &last->item))
				scene->kept_count++;
			else
				kept_free(last);
		}
		buffer_done(&item);
	}
	arena_done(&arena);
	buffer_done(&bytes);
	return err;
}

/* Failures stick until an owner opens a new window. */
static int open_window(struct clusters *w, struct scene *scene, const json_t *state, struct fault *fault)
{
	uint64_t window = (uint64_t)body_number(state, "window");

	if (scene->looked && scene->window == window)
		return 0;
	scene_forget_kept(scene);
	scene->window = window;
	scene->looked = true;
	/* A verdict that is older than the window speaks of what was put right. */
	if ((uint64_t)body_number(json_object_get(state, "verdict"), "sequence") <= window)
		return 0;
	return recall(w, scene, state, fault);
}

/* ---- the request ---- */

static struct view view_or_null(const char *text)
{
	return text ? view_text(text) : VIEW_NULL;
}

void scene_checkpoint(const struct clusters *w, const struct scene *scene, enum side reference, char *out,
		      size_t size)
{
	json_t *plan = json_object_get(journal_state(w->options.journal)->root, "plan");

	/* Another plan compares otherwise, and a new window begins anew. */
	snprintf(out, size, "%s%s.%s.%lld-%llu.parity", w->options.state_folder, scene->name,
		 side_word(reference), (long long)body_number(plan, "number"),
		 (unsigned long long)scene->window);
}

/* ---- the frame ---- */

static int store(struct clusters *w, const struct surveyed *surveyed, const struct basis *basis,
		 struct sha256 *input, struct fault *fault)
{
	struct buffer bytes;
	struct sha256 id;
	int err = 0;

	for (int i = 0; i < surveyed->log.count && !err; i++) {
		buffer_init(&bytes, EVIDENCE_SIZE_MAX);
		err = evidence_write(surveyed->log.items[i], &bytes);
		err = err ? err : journal_blob_put(w->options.journal, buffer_bytes(&bytes), &id, fault);
		buffer_done(&bytes);
	}
	buffer_init(&bytes, BASIS_SIZE_MAX);
	err = err ? err : basis_write(basis, &bytes);
	err = err ? err : journal_blob_put(w->options.journal, buffer_bytes(&bytes), input, fault);
	buffer_done(&bytes);
	return err;
}

static int judge_now(struct clusters *w, struct scene *scene, const struct survey_request *request,
		     json_t **body, struct fault *fault)
{
	struct surveyed *surveyed = NULL;
	struct judgement judged;
	struct judging judging;
	struct basis basis;
	struct sha256 input;
	int err;

	w->gathering = true;
	err = survey_family(w->survey, scene->family, request, &surveyed, fault);
	err = err ? err : survey_judge(w->survey, surveyed, request, &judging, &judged, fault);
	w->gathering = false;
	if (err < 0)
		goto done;
	err = basis_of(&judging, surveyed->gates, &judged, &surveyed->arena, &basis);
	err = err ? err : store(w, surveyed, &basis, &input, fault);
	err = err ? err : keep_what_sticks(scene, surveyed, fault);
	if (err < 0)
		goto done;
	*body = verdict_body(&judged, &surveyed->log, input, request->authority, judging.now.moment.wall_ms);
	if (!*body)
		err = fault_set(fault, ERR_MEMORY, "no memory for a verdict");
done:
	surveyed_free(surveyed);
	return err;
}

int world_judge(struct world *world, const struct plan_family *family, json_t *state, json_t **body,
		struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	json_t *plan = json_object_get(journal_state(w->options.journal)->root, "plan");
	const char *authority = body_text(state, "authority");
	struct survey_request request = { .plan_number = (uint64_t)body_number(plan, "number"),
					  .authority = (uint64_t)body_number(state, "epoch"),
					  .stage = view_or_null(body_text(state, "stage")) };
	struct waiver waivers[VERDICT_WAIVERS_MAX];
	const struct evidence **kept;
	struct history_held history;
	struct scene *scene;
	char checkpoint[1024];
	json_t *held;
	int err = scene_of(w, family, &scene, fault);

	err = err ? err : open_window(w, scene, state, fault);
	if (err < 0)
		return err;
	kept = calloc((size_t)scene->kept_count + 1, sizeof *kept);
	if (!kept)
		return fault_set(fault, ERR_MEMORY, "no memory to judge family %s", scene->name);
	for (int i = 0; i < scene->kept_count; i++)
		kept[i] = &scene->kept[i]->item;
	/* The state may move on while evidence is gathered. */
	held = json_deep_copy(state);
	request.reference = authority && strcmp(authority, "target") == 0 ? SIDE_TARGET : SIDE_SOURCE;
	request.waivers = waivers;
	request.waiver_count = verdict_waivers(held, waivers);
	request.kept = kept;
	request.kept_count = scene->kept_count;
	request.stage = view_or_null(body_text(held, "stage"));
	history_read(held, &history);
	request.history = &history.history;
	scene_checkpoint(w, scene, request.reference, checkpoint, sizeof checkpoint);
	request.checkpoint = checkpoint;
	err = judge_now(w, scene, &request, body, fault);
	/* A collector may have taken the interruption for a cluster that does not answer. */
	if (err == 0 && world_is_interrupted(w)) {
		json_decref(*body);
		*body = NULL;
		err = fault_set(fault, ERR_CANCELLED, "interrupted");
	}
	history_done(&history);
	json_decref(held);
	free(kept);
	return err;
}

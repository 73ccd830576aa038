/* world_inside.h - what the files of the controller's world share; for them only. */
#ifndef EXIT_WORLD_INSIDE_H
#define EXIT_WORLD_INSIDE_H

#include "base/map.h"
#include "exit/ask.h"
#include "exit/world_clusters.h"

struct live;
struct quiet;
struct follower;
struct drill_load;
struct publisher;

/* An item of evidence that a later judgement must still see: its canonical bytes, read back into memory of its own. */
struct kept;

/* What is kept of one family. */
struct scene {
	struct scene *next;
	const struct plan_family *family;
	const char *name;
	struct arena arena;
	struct asking *asking;
	struct map levers; /* by name */
	struct gather_topic *topics;
	const char **names[SIDE_COUNT]; /* of the topics, on each side */
	int topic_count;
	struct quiet *quiet[SIDE_COUNT];
	struct kept **kept; /* oldest first */
	int kept_count;
	uint64_t window;           /* sequence of the frame from which failures stick */
	bool looked;               /* `kept` is of that window */
	struct follower *follower; /* while a crossing is ahead or under way */
	struct drill_load *load;   /* of a drill's shadow; one of the levers is a part of it */
};

/* Lets go of what was kept. */
void scene_forget_kept(struct scene *scene);

struct clusters {
	struct world world; /* first */
	struct world_options options;
	struct survey *survey;
	struct scene *scenes;
	struct publisher *publisher;
	bool gathering;
	struct fault dark; /* why the clusters could not be looked at, until then */
	int64_t dark_until_ms;
};

/* True when we were asked to end, whoever was waiting when the signal came, and have not begun to. */
bool world_is_interrupted(const struct clusters *w);

/* Finds or makes it; its topics are known after it. */
int scene_of(struct clusters *w, const struct plan_family *family, struct scene **out, struct fault *fault);

/* Closes what is kept of it. */
void scene_forget(struct clusters *w, const struct plan_family *family);

/* Who we are there, as far as that can be known; NULL when it cannot, and then a deny can be read but not felt. */
const char *scene_witness(struct clusters *w, struct scene *scene, enum side side);

/* The file in which comparisons of this family with that reference side go on. */
void scene_checkpoint(const struct clusters *w, const struct scene *scene, enum side reference, char *out,
		      size_t size);

/* world_judge.c */
int world_judge(struct world *world, const struct plan_family *family, json_t *state, json_t **body,
		struct fault *fault);

/* world_level.c */
int world_forecast(struct world *world, const struct plan_family *family, enum authority to,
		   int64_t timeout_ms, struct forecast *out, struct fault *fault);
int world_level(struct world *world, const struct plan_family *family, enum authority to, const json_t *ends,
		int64_t timeout_ms, struct level *out, struct fault *fault);
void world_release(struct world *world, const struct plan_family *family);
void follower_stop(struct scene *scene);

/* world_drill.c */
extern const struct world_drill_ops world_drill;

/* world_scaffold.c */
extern const struct world_scaffold_ops world_scaffold;

/* world_publish.c */
int world_publish(struct world *world, uint64_t size, struct sha256 head, int64_t timeout_ms, json_t **note,
		  json_t **holders, struct fault *fault);
void world_publish_done(struct clusters *w);

#endif

/* group_map_inside.h - what the files of group_map share; for them only. */
#ifndef PARITY_GROUP_MAP_INSIDE_H
#define PARITY_GROUP_MAP_INSIDE_H

#include "client/allowance.h"
#include "client/metadata.h"
#include "parity/group_map.h"
#include "parity/scan.h"

struct mapping {
	struct loop *loop;
	struct cluster *clusters[2]; /* by enum log_side */
	const struct group_map_options *options;
	struct allowance *allowance;
	struct group_map *map;
	int64_t deadline_ms; /* for each request */
	size_t memory;       /* that the tail of one topic may take */
	uint64_t seed;
};

/* One topic, with the positions of all groups in it. */
struct topic_task {
	const char *name[2];
	struct uuid id[2];
	int32_t partitions[2];
	const struct topic_info *infos[2]; /* NULL: the side has no such topic */
	const char **groups;
	int64_t **positions; /* by group, then partition of the source; -1 for none */
	int64_t **current;   /* by group, then partition of the target */
	int group_count;
};

/* Adds the rows of this topic.  An error only when nothing more can be asked: ERR_MEMORY, ERR_CANCELLED, ERR_NETWORK. */
int group_map_topic(struct mapping *mapping, const struct topic_task *task, struct fault *fault);

/* A row with names, position and nothing else.  NULL when memory is out. */
struct group_place *group_map_row(struct group_map *map, const struct topic_task *task, int group,
				  int32_t partition);

/* Says what is wrong with a row; the first to say so has the word. */
void place_complain(struct group_map *map, struct group_place *place, bool shut, const char *code,
		    const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif

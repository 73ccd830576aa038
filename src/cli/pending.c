/* pending.c - answers for floors that are not built yet: nothing is done, and that is said.  Goes when they stand. */
#include "client/config.h"
#include "client/cluster.h"
#include "exit/check.h"
#include "exit/init.h"
#include "parity/compare.h"
#include "parity/group_map.h"

extern const char pending_text[];
const char pending_text[] = "this part is not in this build yet; nothing was done";

#ifdef WITHOUT_PARITY_COMPARE
int parity_compare(struct loop *loop, struct cluster *source, struct cluster *target,
		   const struct parity_options *options, parity_progress_fn *progress, void *context,
		   struct parity_report *report, struct fault *fault)
{
	parity_report_init(report, options->claim);
	return fault_set(fault, ERR_USAGE, pending_text);
}
#endif
#ifdef WITHOUT_EXIT_CHECK
int check_run(struct loop *loop, const struct check_options *options, struct plan_faults *faults,
	      struct report **out, struct fault *fault)
{
	return fault_set(fault, ERR_USAGE, pending_text);
}
#endif
#ifdef WITHOUT_EXIT_INIT
int init_run(struct loop *loop, const struct init_options *options, struct buffer *out,
	     struct init_summary *summary, struct fault *fault)
{
	return fault_set(fault, ERR_USAGE, pending_text);
}
#endif
#ifdef WITHOUT_CLIENT_CLUSTER
int cluster_new(struct loop *loop, const char *name, const struct cluster_config *config,
		struct cluster **out, struct fault *fault)
{
	*out = NULL;
	return 0;
}

void cluster_free(struct cluster *cluster)
{
}
#endif
#ifdef WITHOUT_CLIENT_CONFIG
int config_load(const char *argument, const struct cluster_config **out, struct fault *fault)
{
	*out = NULL;
	return 0;
}

void config_release(const struct cluster_config *config)
{
}
#endif
#ifdef WITHOUT_PARITY_GROUP_MAP
int group_map_compute(struct loop *loop, struct cluster *source, struct cluster *target,
		      const struct group_map_options *options, struct group_map *map, struct fault *fault)
{
	*map = (struct group_map){ 0 };
	return fault_set(fault, ERR_USAGE, pending_text);
}

int group_map_apply(struct loop *loop, struct cluster *target, struct group_map *map, int64_t deadline_ms,
		    struct fault *fault)
{
	return fault_set(fault, ERR_USAGE, pending_text);
}

void group_map_done(struct group_map *map)
{
	arena_done(&map->arena);
}
#endif

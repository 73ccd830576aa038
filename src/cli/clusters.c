/* clusters.c - two clusters from two words of the command line. */
#include "cli/clusters.h"
#include "client/config.h"

static int open_one(struct loop *loop, const char *name, const char *argument, struct cluster **out,
		    struct fault *fault)
{
	const struct cluster_config *config = NULL;
	int err = config_load(argument, &config, fault);

	if (err < 0) {
		/* A file that is not there, or cannot be read, is a wrong property file to whoever typed its name. */
		if (fault && (err == ERR_NOT_FOUND || err == ERR_IO || err == ERR_LIMIT))
			fault->err = ERR_CONFIG;
		return fault_at(fault, "--%s", name);
	}
	err = cluster_new(loop, name, config, out, fault);
	config_release(config);
	return err;
}

int clusters_open(struct clusters *clusters, struct loop *loop, const char *source, const char *target,
		  struct fault *fault)
{
	int err;

	*clusters = (struct clusters){ 0 };
	err = open_one(loop, "source", source, &clusters->source, fault);
	if (err == 0)
		err = open_one(loop, "target", target, &clusters->target, fault);
	if (err < 0)
		clusters_close(clusters);
	return err;
}

void clusters_close(struct clusters *clusters)
{
	if (clusters->target)
		cluster_free(clusters->target);
	if (clusters->source)
		cluster_free(clusters->source);
	*clusters = (struct clusters){ 0 };
}

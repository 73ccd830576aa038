/* world_scaffold.c - the operator's own temporary things, and the files of comparisons. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exit/probe.h"
#include "exit/world_inside.h"

static int ask_yes(struct world *world, const struct plan_family *family, const struct plan_probe *item,
		   const struct plan_exec *exec, uint64_t epoch, struct fault *fault)
{
	struct probing probing = { .exec = exec, .epoch = epoch, .timeout_ms = item->timeout_ms.value };
	struct scene *scene;
	bool yes = false;
	int err = scene_of((struct clusters *)world, family, &scene, fault);

	if (err < 0)
		return err;
	probing.asking = scene->asking;
	err = probe_yes(&probing, &yes, fault);
	return err ? err : yes;
}

static int there(struct world *world, const struct plan_family *family, const struct plan_probe *item,
		 uint64_t epoch, struct fault *fault)
{
	return ask_yes(world, family, item, &item->probe, epoch, fault);
}

static int used(struct world *world, const struct plan_family *family, const struct plan_probe *item,
		uint64_t epoch, struct fault *fault)
{
	return item->used.given ? ask_yes(world, family, item, &item->used, epoch, fault) : 0;
}

static int remove_item(struct world *world, const struct plan_family *family, const struct plan_probe *item,
		       uint64_t epoch, struct fault *fault)
{
	struct scene *scene;
	int err = scene_of((struct clusters *)world, family, &scene, fault);

	return err ? err
		   : probe_do(scene->asking, &item->remove, "remove", epoch, item->timeout_ms.value, fault);
}

static bool is_of(const char *file, const char *family)
{
	size_t size = strlen(family), end = strlen(".parity"), whole = strlen(file);

	return whole > size + end && strncmp(file, family, size) == 0 &&
	       strcmp(file + whole - end, ".parity") == 0 &&
	       (strncmp(file + size, ".source.", 8) == 0 || strncmp(file + size, ".target.", 8) == 0);
}

static int file(struct world *world, const struct plan_family *family, char *path, size_t size,
		struct fault *fault)
{
	struct clusters *w = (struct clusters *)world;
	const char *folder = w->options.state_folder[0] ? w->options.state_folder : ".";
	char first[256] = "";
	struct scene *scene;
	struct dirent *entry;
	DIR *at;
	int err = scene_of(w, family, &scene, fault);

	if (err < 0)
		return err;
	at = opendir(folder);
	if (!at)
		return fault_set(fault, ERR_IO, "%s could not be looked into: %s", folder, strerror(errno));
	while ((entry = readdir(at)))
		if (is_of(entry->d_name, scene->name) && (!first[0] || strcmp(entry->d_name, first) < 0))
			snprintf(first, sizeof first, "%s", entry->d_name);
	closedir(at);
	snprintf(path, size, "%s%s", w->options.state_folder, first);
	return first[0] != 0;
}

static int remove_file(struct world *world, const char *path, struct fault *fault)
{
	(void)world;
	if (unlink(path) < 0 && errno != ENOENT)
		return fault_set(fault, ERR_IO, "%s could not be removed: %s", path, strerror(errno));
	return 0;
}

const struct world_scaffold_ops world_scaffold = {
	.there = there, .used = used, .remove = remove_item, .file = file, .remove_file = remove_file
};

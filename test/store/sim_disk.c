/*
 * sim_disk.c - a disk that keeps what was synced, and of the rest what the dice say.
 *
 * A file is a node with bytes as everybody sees them and bytes as they are kept.  A name belongs to a node, as it is seen and as
 * it is kept.  What was done to names since the folder was synced stands in a list.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

#define SECTOR 512
#define PAGE   4096 /* of a group (wal_format.h) */

struct node {
	uint8_t *seen, *kept;
	size_t seen_size, kept_size, capacity;
	uint8_t *dirty;                   /* one for each sector: written since it was synced */
	uint64_t last_write, last_synced; /* where they began */
	int references;
};

struct name {
	char path[200];
	struct node *node;
};

struct names {
	struct name at[400];
	int count;
};

enum change_kind { CHANGE_CREATE, CHANGE_RENAME, CHANGE_REMOVE };

struct change {
	enum change_kind kind;
	char from[200], to[200];
	struct node *node; /* of a creation or a renaming: a reference */
};

struct sim_disk {
	struct disk face; /* first */
	struct random *random;
	struct names seen, kept;
	struct change changes[2000];
	int change_count;
	uint64_t calls, crash_at, err_at;
	bool erred;
	int64_t room;
	bool dead;
	char locked[200];
	int mutant;
};

struct sim_file {
	struct disk_file file;
	struct node *node;
	bool lock;
};

static struct sim_disk *disk_of(struct disk *disk)
{
	return (struct sim_disk *)disk;
}

/* Every call begins here. */
static int call(struct sim_disk *disk, struct fault *fault)
{
	disk->calls++;
	if (disk->crash_at && disk->calls >= disk->crash_at)
		disk->dead = true;
	if (disk->err_at && disk->calls >= disk->err_at) {
		disk->err_at = 0;
		disk->erred = true;
		return fault_set(fault, ERR_IO, "the disk has a bad moment");
	}
	return disk->dead ? fault_set(fault, ERR_IO, "the power is gone") : 0;
}

static void node_drop(struct node *node)
{
	if (!node || --node->references > 0)
		return;
	free(node->seen);
	free(node->kept);
	free(node->dirty);
	free(node);
}

static struct node **name_find(struct names *names, const char *path)
{
	for (int i = 0; i < names->count; i++)
		if (strcmp(names->at[i].path, path) == 0)
			return &names->at[i].node;
	return NULL;
}

static void name_set(struct names *names, const char *path, struct node *node)
{
	struct node **found = name_find(names, path);

	node->references++;
	if (found) {
		node_drop(*found);
		*found = node;
		return;
	}
	if (names->count == 400)
		abort();
	snprintf(names->at[names->count].path, sizeof names->at[0].path, "%s", path);
	names->at[names->count++].node = node;
}

static bool name_drop(struct names *names, const char *path)
{
	struct node **found = name_find(names, path);
	struct name *name;

	if (!found)
		return false;
	name = (struct name *)((char *)found - offsetof(struct name, node));
	node_drop(name->node);
	*name = names->at[--names->count];
	return true;
}

/* Does it to `names`; false when there is nothing to remove. */
static bool apply(struct names *names, const struct change *change)
{
	struct node **found;

	switch (change->kind) {
	case CHANGE_CREATE: name_set(names, change->from, change->node); return true;
	case CHANGE_REMOVE: return name_drop(names, change->from);
	case CHANGE_RENAME:
		/* An entry of a folder names a node: whatever else was lost, it is this one. */
		found = name_find(names, change->from);
		name_set(names, change->to, change->node);
		return !found || *found != change->node || name_drop(names, change->from);
	}
	return false;
}

static int change_names(struct sim_disk *disk, const struct change *change)
{
	if (disk->change_count == 2000)
		abort();
	if (!apply(&disk->seen, change))
		return ERR_NOT_FOUND;
	disk->changes[disk->change_count++] = *change;
	if (change->node)
		change->node->references++;
	return 0;
}

static void ensure(struct node *node, size_t size)
{
	size_t sectors = (size + SECTOR - 1) / SECTOR, before = node->capacity / SECTOR;

	if (size <= node->capacity)
		return;
	node->seen = realloc(node->seen, sectors * SECTOR);
	node->kept = realloc(node->kept, sectors * SECTOR);
	node->dirty = realloc(node->dirty, sectors);
	memset(node->seen + node->capacity, 0, sectors * SECTOR - node->capacity);
	memset(node->kept + node->capacity, 0, sectors * SECTOR - node->capacity);
	memset(node->dirty + before, 0, sectors - before);
	node->capacity = sectors * SECTOR;
}

static int sim_open(struct disk *base, const char *path, enum disk_how how, struct disk_file **out,
		    struct fault *fault)
{
	struct sim_disk *disk = disk_of(base);
	struct node **found = name_find(&disk->seen, path), *node;
	struct sim_file *file;

	if (call(disk, fault) < 0)
		return ERR_IO;
	if (how == DISK_CREATE && found)
		return fault_set(fault, ERR_CONFLICT, "%s: is there", path);
	if (how != DISK_CREATE && !found)
		return fault_set(fault, ERR_NOT_FOUND, "%s: is not there", path);
	if (how == DISK_CREATE) {
		struct change change = { .kind = CHANGE_CREATE };

		node = calloc(1, sizeof *node);
		ensure(node, SECTOR);
		change.node = node;
		snprintf(change.from, sizeof change.from, "%s", path);
		change_names(disk, &change);
	} else {
		node = *found;
	}
	file = calloc(1, sizeof *file);
	file->file.disk = base;
	file->node = node;
	node->references++;
	*out = &file->file;
	return 0;
}

static void sim_close(struct disk_file *base)
{
	struct sim_file *file = (struct sim_file *)base;

	if (file->lock)
		*disk_of(base->disk)->locked = 0;
	node_drop(file->node);
	free(file);
}

static struct node *node_of(struct disk_file *file)
{
	return ((struct sim_file *)file)->node;
}

static int sim_size(struct disk_file *file, uint64_t *out, struct fault *fault)
{
	if (call(disk_of(file->disk), fault) < 0)
		return ERR_IO;
	*out = node_of(file)->seen_size;
	return 0;
}

static int64_t sim_read(struct disk_file *file, uint64_t offset, void *at, size_t size, struct fault *fault)
{
	struct sim_disk *disk = disk_of(file->disk);
	struct node *node = node_of(file);
	size_t there = offset < node->seen_size ? node->seen_size - offset : 0;

	if (call(disk, fault) < 0)
		return ERR_IO;
	if (size > there)
		size = there;
	if (size)
		memcpy(at, node->seen + offset, size);
	return (int64_t)size;
}

static int sim_write(struct disk_file *file, uint64_t offset, const struct iovec *pieces, int count,
		     struct fault *fault)
{
	struct sim_disk *disk = disk_of(file->disk);
	struct node *node = node_of(file);
	size_t size = 0, done = 0, part;
	bool dies = !disk->dead && ((disk->crash_at && disk->calls + 1 >= disk->crash_at) ||
				    (disk->err_at && disk->calls + 1 >= disk->err_at));

	for (int i = 0; i < count; i++)
		size += pieces[i].iov_len;
	if (call(disk, fault) < 0 && !dies)
		return ERR_IO;
	part = size;
	if (dies)
		part = (size_t)random_below(disk->random, size + 1);
	if (offset + size > node->seen_size && disk->room < (int64_t)(offset + size - node->seen_size)) {
		disk->room = 0;
		return fault_set(fault, ERR_FULL, "the disk is full");
	}
	ensure(node, offset + size);
	for (int i = 0; i < count && done < part; i++) {
		size_t here = pieces[i].iov_len < part - done ? pieces[i].iov_len : part - done;

		memcpy(node->seen + offset + done, pieces[i].iov_base, here);
		done += here;
	}
	if (part) {
		memset(node->dirty + offset / SECTOR, 1, (offset + part - 1) / SECTOR - offset / SECTOR + 1);
		node->last_write = offset;
	}
	if (offset + part > node->seen_size) {
		if (disk->room != INT64_MAX)
			disk->room -= (int64_t)(offset + part - node->seen_size);
		node->seen_size = offset + part;
	}
	return dies ? fault_set(fault, ERR_IO, "the power is gone") : 0;
}

static void keep(struct node *node)
{
	for (size_t i = 0; i < node->capacity / SECTOR; i++)
		if (node->dirty[i]) {
			memcpy(node->kept + i * SECTOR, node->seen + i * SECTOR, SECTOR);
			node->dirty[i] = 0;
		}
	node->kept_size = node->seen_size;
	node->last_synced = node->last_write;
}

static int sim_sync(struct disk_file *file, struct fault *fault)
{
	struct sim_disk *disk = disk_of(file->disk);

	if (call(disk, fault) < 0) {
		if (!disk->dead && random_below(disk->random, 2))
			keep(node_of(file));
		return ERR_IO;
	}
	if (disk->mutant != MUTANT_SYNC_LIES)
		keep(node_of(file));
	return 0;
}

static int sim_reserve(struct disk_file *file, uint64_t size, struct fault *fault)
{
	struct sim_disk *disk = disk_of(file->disk);
	struct node *node = node_of(file);

	if (call(disk, fault) < 0)
		return ERR_IO;
	if (size > node->seen_size) {
		if (disk->room < (int64_t)(size - node->seen_size))
			return fault_set(fault, ERR_FULL, "the disk is full");
		if (disk->room != INT64_MAX)
			disk->room -= (int64_t)(size - node->seen_size);
		ensure(node, size);
		node->seen_size = size;
	}
	return 0;
}

static int sim_rename(struct disk *base, const char *from, const char *to, struct fault *fault)
{
	struct sim_disk *disk = disk_of(base);
	struct change change = { .kind = CHANGE_RENAME };
	struct node **found;

	if (call(disk, fault) < 0)
		return ERR_IO;
	found = name_find(&disk->seen, from);
	if (!found)
		return fault_set(fault, ERR_NOT_FOUND, "%s: is not there", from);
	change.node = *found;
	snprintf(change.from, sizeof change.from, "%s", from);
	snprintf(change.to, sizeof change.to, "%s", to);
	return change_names(disk, &change);
}

static int sim_remove(struct disk *base, const char *path, struct fault *fault)
{
	struct sim_disk *disk = disk_of(base);
	struct change change = { .kind = CHANGE_REMOVE };
	struct node **found = name_find(&disk->seen, path);
	int64_t size = found ? (int64_t)(*found)->seen_size : 0;

	if (call(disk, fault) < 0)
		return ERR_IO;
	snprintf(change.from, sizeof change.from, "%s", path);
	if (change_names(disk, &change) < 0)
		return fault_set(fault, ERR_NOT_FOUND, "%s: is not there", path);
	if (disk->room != INT64_MAX)
		disk->room += size;
	return 0;
}

static bool lies_in(const char *path, const char *folder)
{
	size_t size = strlen(folder);

	return strncmp(path, folder, size) == 0 && path[size] == '/' && !strchr(path + size + 1, '/');
}

static int sim_sync_folder(struct disk *base, const char *path, struct fault *fault)
{
	struct sim_disk *disk = disk_of(base);
	int left = 0;

	if (call(disk, fault) < 0)
		return ERR_IO;
	if (disk->mutant == MUTANT_FOLDER_LIES)
		return 0;
	for (int i = 0; i < disk->change_count; i++) {
		if (!lies_in(disk->changes[i].from, path)) {
			disk->changes[left++] = disk->changes[i];
			continue;
		}
		apply(&disk->kept, &disk->changes[i]);
		node_drop(disk->changes[i].node);
	}
	disk->change_count = left;
	return 0;
}

static int sim_make_folder(struct disk *base, const char *path, struct fault *fault)
{
	return call(disk_of(base), fault); /* folders are not simulated: they are there */
}

static int sim_list(struct disk *base, const char *path, disk_each *each, void *context, struct fault *fault)
{
	struct sim_disk *disk = disk_of(base);
	struct names copy;
	int err = call(disk, fault);

	if (err < 0)
		return err;
	copy = disk->seen; /* the callback may remove */
	for (int i = 0; i < copy.count && err == 0; i++)
		if (lies_in(copy.at[i].path, path))
			err = each(context, copy.at[i].path + strlen(path) + 1);
	return err;
}

static int sim_room(struct disk *base, const char *path, int64_t *total, int64_t *usable, struct fault *fault)
{
	*total = INT64_MAX;
	*usable = disk_of(base)->room;
	return call(disk_of(base), fault);
}

static int sim_lock(struct disk *base, const char *path, struct disk_file **out, struct fault *fault)
{
	struct sim_disk *disk = disk_of(base);
	struct sim_file *file;

	if (call(disk, fault) < 0)
		return ERR_IO;
	if (*disk->locked)
		return fault_set(fault, ERR_CONFLICT, "%s: is held", path);
	snprintf(disk->locked, sizeof disk->locked, "%s", path);
	file = calloc(1, sizeof *file);
	file->file.disk = base;
	file->lock = true;
	*out = &file->file;
	return 0;
}

struct sim_disk *sim_disk_new(struct random *random)
{
	struct sim_disk *disk = calloc(1, sizeof *disk);

	disk->random = random;
	disk->room = INT64_MAX;
	disk->face = (struct disk){
		.open = sim_open,
		.close = sim_close,
		.size = sim_size,
		.read = sim_read,
		.write = sim_write,
		.sync = sim_sync,
		.reserve = sim_reserve,
		.rename = sim_rename,
		.remove = sim_remove,
		.sync_folder = sim_sync_folder,
		.make_folder = sim_make_folder,
		.list = sim_list,
		.room = sim_room,
		.lock = sim_lock,
	};
	return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
	for (int i = 0; i < disk->change_count; i++)
		node_drop(disk->changes[i].node);
	while (disk->seen.count)
		name_drop(&disk->seen, disk->seen.at[0].path);
	while (disk->kept.count)
		name_drop(&disk->kept, disk->kept.at[0].path);
	free(disk);
}

struct disk *sim_disk_face(struct sim_disk *disk)
{
	return &disk->face;
}

void sim_disk_crash_after(struct sim_disk *disk, uint64_t calls)
{
	disk->crash_at = calls ? disk->calls + calls : 0;
}

void sim_disk_err_after(struct sim_disk *disk, uint64_t calls)
{
	disk->err_at = disk->calls + calls;
}

bool sim_disk_erred(struct sim_disk *disk)
{
	bool erred = disk->erred;

	disk->erred = false;
	return erred;
}

bool sim_disk_dead(const struct sim_disk *disk)
{
	return disk->dead;
}

uint64_t sim_disk_calls(const struct sim_disk *disk)
{
	return disk->calls;
}

void sim_disk_room(struct sim_disk *disk, int64_t bytes)
{
	disk->room = bytes;
}

void sim_mutate_disk(struct sim_disk *disk, int mutant)
{
	disk->mutant = mutant;
}

/* Of each sector that was not synced: the new bytes, the old ones, or some of both. */
static void lose(struct sim_disk *disk, struct node *node)
{
	uint64_t how = random_below(disk->random, 4);

	for (size_t i = 0; i < node->capacity / SECTOR; i++) {
		uint8_t *seen = node->seen + i * SECTOR, *kept = node->kept + i * SECTOR;
		uint64_t dice = random_below(disk->random, 20);

		if (!node->dirty[i])
			continue;
		node->dirty[i] = 0;
		if (how == 0 || (how == 1 && dice < 10))
			continue; /* lost */
		memcpy(kept, seen, dice == 19 ? (size_t)random_below(disk->random, SECTOR) : SECTOR);
	}
	if (node->seen_size > node->kept_size && random_below(disk->random, 2))
		node->kept_size = node->seen_size;
	memcpy(node->seen, node->kept, node->capacity);
	node->seen_size = node->kept_size;
}

void sim_disk_restart(struct sim_disk *disk, bool gentle)
{
	for (int i = 0; i < disk->change_count; i++) {
		if (gentle || random_below(disk->random, 2))
			apply(&disk->kept, &disk->changes[i]);
		node_drop(disk->changes[i].node);
	}
	disk->change_count = 0;
	while (disk->seen.count)
		name_drop(&disk->seen, disk->seen.at[0].path);
	for (int i = 0; i < disk->kept.count; i++) {
		if (gentle)
			keep(disk->kept.at[i].node);
		else
			lose(disk, disk->kept.at[i].node);
		name_set(&disk->seen, disk->kept.at[i].path, disk->kept.at[i].node);
	}
	disk->dead = false;
	disk->crash_at = disk->err_at = 0;
}

static bool is_segment(const char *path)
{
	return strstr(path, "/wal/") && !strstr(path, "spare");
}

/* A group that the disk had no room for was blotted out with zeros: the last one is then the one before it. */
static bool nothing_behind(const struct node *node, uint64_t offset)
{
	for (uint64_t at = (offset / PAGE + 1) * PAGE; at + 4 <= node->seen_size; at += PAGE)
		if (memcmp(node->seen + at, "ENT", 3) == 0)
			return false;
	return true;
}

bool sim_disk_rot(struct sim_disk *disk, struct sim_rot *out)
{
	const char *newest = "";
	struct name *name;
	uint64_t size;

	if (!disk->seen.count)
		return false;
	for (int i = 0; i < disk->seen.count; i++)
		if (is_segment(disk->seen.at[i].path) && strcmp(disk->seen.at[i].path, newest) > 0)
			newest = disk->seen.at[i].path;
	name = &disk->seen.at[random_below(disk->random, (uint64_t)disk->seen.count)];
	size = name->node->seen_size;
	if (!size)
		return false;
	/* Where something was written, most of the time. */
	if (is_segment(name->path) && name->node->last_write && random_below(disk->random, 4))
		size = name->node->last_write + SECTOR < size ? name->node->last_write + SECTOR : size;
	*out = (struct sim_rot){ .offset = random_below(disk->random, size),
				 .flipped = (uint8_t)(1 << random_below(disk->random, 8)) };
	snprintf(out->path, sizeof out->path, "%s", name->path);
	out->in_last_write = strcmp(name->path, newest) == 0 &&
			     (out->offset >= name->node->last_synced || nothing_behind(name->node, out->offset));
	sim_disk_unrot(disk, out);
	return true;
}

void sim_disk_unrot(struct sim_disk *disk, const struct sim_rot *rot)
{
	struct node **found = name_find(&disk->seen, rot->path);

	if (!found || rot->offset >= (*found)->seen_size)
		return;
	(*found)->seen[rot->offset] ^= rot->flipped;
	(*found)->kept[rot->offset] ^= rot->flipped;
}

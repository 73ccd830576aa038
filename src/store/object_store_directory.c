/* object_store_directory.c - objects as files of one folder. */
#include <stdio.h>
#include <stdlib.h>

#include "store/object_store.h"

struct directory {
	struct object_store objects;
	struct disk *disk;
	char folder[];
};

#define PATH_SIZE  4096
#define SYNC_EVERY (4 << 20) /* bytes */
#define NAME       "%s/%020lld.obj"
#define NAME_NEW   "%s/%020lld.new"

/*
 * Synced piece by piece: one sync of all of it would keep the disk busy, and the write-ahead log waiting, for as long as it
 * takes.  And each piece is forgotten by the system once it is there: the newest records are in our own cache anyway, and memory
 * that is used again and again is cheap, while fresh memory for every byte is what an upload would spend most of its time on.
 */
static int write_all(struct disk *disk, struct disk_file *file, const struct iovec *pieces, int count,
		     struct fault *fault)
{
	uint64_t offset = 0;
	int err = 0;

	for (int from = 0, to = 0; from < count && err == 0; from = to) {
		uint64_t size = 0;

		while (to < count && size < SYNC_EVERY)
			size += pieces[to++].iov_len;
		err = disk->write(file, offset, pieces + from, to - from, fault);
		if (err == 0)
			err = disk->sync(file, fault);
		if (err == 0 && disk->forget)
			disk->forget(file, offset, size);
		offset += size;
	}
	return err;
}

static int put(struct object_store *objects, int64_t id, const struct iovec *pieces, int count,
	       struct fault *fault)
{
	struct directory *directory = (struct directory *)objects;
	struct disk *disk = directory->disk;
	char path[PATH_SIZE], other[PATH_SIZE];
	struct disk_file *file;
	int err;

	snprintf(path, sizeof path, NAME, directory->folder, (long long)id);
	snprintf(other, sizeof other, NAME_NEW, directory->folder, (long long)id);
	if (disk->open(disk, path, DISK_READ, &file, NULL) == 0) {
		disk_close(file);
		return fault_set(fault, ERR_CONFLICT, "%s: is there already", path);
	}
	err = disk->open(disk, other, DISK_CREATE, &file, fault);
	if (err == ERR_CONFLICT) { /* an attempt of ours that failed */
		err = disk->remove(disk, other, fault);
		if (err == 0)
			err = disk->open(disk, other, DISK_CREATE, &file, fault);
	}
	if (err < 0)
		return err;
	err = write_all(disk, file, pieces, count, fault);
	disk_close(file);
	if (err == 0)
		err = disk->rename(disk, other, path, fault);
	if (err < 0) {
		disk->remove(disk, other, NULL);
		return err;
	}
	return disk->sync_folder(disk, directory->folder, fault);
}

static int open_object(struct directory *directory, int64_t id, struct disk_file **out, struct fault *fault)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof path, NAME, directory->folder, (long long)id);
	return directory->disk->open(directory->disk, path, DISK_READ, out, fault);
}

static int64_t get(struct object_store *objects, int64_t id, uint64_t offset, void *at, size_t size,
		   struct fault *fault)
{
	struct directory *directory = (struct directory *)objects;
	struct disk_file *file;
	int64_t got;
	int err = open_object(directory, id, &file, fault);

	if (err < 0)
		return err;
	got = directory->disk->read(file, offset, at, size, fault);
	disk_close(file);
	return got;
}

static int size_of(struct object_store *objects, int64_t id, uint64_t *out, struct fault *fault)
{
	struct directory *directory = (struct directory *)objects;
	struct disk_file *file;
	int err = open_object(directory, id, &file, fault);

	if (err < 0)
		return err;
	err = directory->disk->size(file, out, fault);
	disk_close(file);
	return err;
}

static int remove_object(struct object_store *objects, int64_t id, struct fault *fault)
{
	struct directory *directory = (struct directory *)objects;
	char path[PATH_SIZE];
	int err;

	snprintf(path, sizeof path, NAME_NEW, directory->folder, (long long)id);
	directory->disk->remove(directory->disk, path, NULL);
	snprintf(path, sizeof path, NAME, directory->folder, (long long)id);
	err = directory->disk->remove(directory->disk, path, fault);
	return err == ERR_NOT_FOUND ? 0 : err;
}

static void free_directory(struct object_store *objects)
{
	free(objects);
}

static const struct object_store_operations operations = {
	.put = put,
	.get = get,
	.size = size_of,
	.remove = remove_object,
	.free = free_directory,
};

/* A file without its name was never an object. */
static int sweep_one(void *context, const char *name)
{
	struct directory *directory = context;
	const char *end = strrchr(name, '.');
	char path[PATH_SIZE];

	if (!end || strcmp(end, ".new") != 0 || strspn(name, "0123456789") != 20 || strlen(name) != 24)
		return 0;
	snprintf(path, sizeof path, "%s/%s", directory->folder, name);
	directory->disk->remove(directory->disk, path, NULL);
	return 0;
}

int object_store_directory(struct disk *disk, const char *folder, struct object_store **out,
			   struct fault *fault)
{
	size_t size = strlen(folder) + 1;
	struct directory *directory = calloc(1, sizeof *directory + size);
	int err;

	if (!directory)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	directory->objects.operations = &operations;
	directory->disk = disk;
	memcpy(directory->folder, folder, size);
	err = disk->make_folder(disk, folder, fault);
	if (err == 0)
		err = disk->list(disk, folder, sweep_one, directory, fault);
	if (err < 0) {
		free(directory);
		return err;
	}
	*out = &directory->objects;
	return 0;
}

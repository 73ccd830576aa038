/*
 * disk.h - files, through one struct of functions, so that a test can be the disk.
 *
 * What a disk promises, and all that this floor relies on: a write is kept once the file was synced after it; a new name, a
 * rename and a removal are kept once the folder was synced after them; until then each may be kept, lost, or (a write) kept
 * in part, in any order.  A rename replaces in one step.  Calls block.  One thread at a time uses a file; any thread may
 * use the disk itself.
 *
 * Errors: ERR_NOT_FOUND, ERR_CONFLICT (it exists, or somebody else holds the lock), ERR_FULL, ERR_IO, ERR_MEMORY, each with
 * a sentence.
 */
#ifndef STORE_DISK_H
#define STORE_DISK_H

#include <sys/uio.h>

#include "base/err.h"
#include "base/view.h"

struct disk;

struct disk_file {
	struct disk *disk;
};

enum disk_how {
	DISK_READ,   /* it must exist */
	DISK_WRITE,  /* it must exist; reads too */
	DISK_CREATE, /* it must not exist; reads too */
};

/* Called with each name in a folder, in no order.  Other than 0 ends the listing, which then returns that. */
typedef int disk_each(void *context, const char *name);

struct disk {
	int (*open)(struct disk *disk, const char *path, enum disk_how how, struct disk_file **out,
		    struct fault *fault);
	void (*close)(struct disk_file *file);
	int (*size)(struct disk_file *file, uint64_t *out, struct fault *fault);

	/* Returns how many bytes there were from `offset` on: fewer than `size` only at the end of the file. */
	int64_t (*read)(struct disk_file *file, uint64_t offset, void *at, size_t size, struct fault *fault);

	/* All of it or an error, after which any part may have been written.  The iovec is left as it was. */
	int (*write)(struct disk_file *file, uint64_t offset, const struct iovec *pieces, int count,
		     struct fault *fault);

	/* Data, and the size when it changed.  After a failure nobody knows what is kept. */
	int (*sync)(struct disk_file *file, struct fault *fault);

	/* A hint, may be NULL: what was synced there is not read again soon, and need not be kept in memory. */
	void (*forget)(struct disk_file *file, uint64_t offset, uint64_t size);

	/* Makes the file `size` bytes long, so that writes within it will not meet a full disk. */
	int (*reserve)(struct disk_file *file, uint64_t size, struct fault *fault);

	int (*rename)(struct disk *disk, const char *from, const char *to, struct fault *fault);
	int (*remove)(struct disk *disk, const char *path, struct fault *fault);
	int (*sync_folder)(struct disk *disk, const char *path, struct fault *fault);

	/* With the folders above it; 0 also when it is there. */
	int (*make_folder)(struct disk *disk, const char *path, struct fault *fault);
	int (*list)(struct disk *disk, const char *path, disk_each *each, void *context, struct fault *fault);

	/* Bytes of the file system that the folder lies on: all, and those that may still be written. */
	int (*room)(struct disk *disk, const char *path, int64_t *total, int64_t *usable,
		    struct fault *fault);

	/* Holds `path` (made when it is not there) until the file is closed or the process ends.  ERR_CONFLICT. */
	int (*lock)(struct disk *disk, const char *path, struct disk_file **out, struct fault *fault);
};

/* The machine's own. */
extern struct disk disk_system;

static inline void disk_close(struct disk_file *file)
{
	if (file)
		file->disk->close(file);
}

#endif

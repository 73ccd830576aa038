/* disk_system.c - the files of this machine. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/disk.h"

struct system_file {
	struct disk_file file;
	int fd;
	char path[]; /* for faults */
};

static int fd_of(struct disk_file *file)
{
	return ((struct system_file *)file)->fd;
}

static int say(struct fault *fault, const char *path, const char *what)
{
	int number = errno;
	int err = number == ENOENT                            ? ERR_NOT_FOUND
		  : number == EEXIST || number == EWOULDBLOCK ? ERR_CONFLICT
		  : number == ENOSPC || number == EDQUOT      ? ERR_FULL
		  : number == EACCES || number == EPERM       ? ERR_DENIED
							      : ERR_IO;

	return fault_set(fault, err, "%s: cannot %s: %s", path, what, strerror(number));
}

static int say_file(struct fault *fault, struct disk_file *file, const char *what)
{
	return say(fault, ((struct system_file *)file)->path, what);
}

static int file_make(struct disk *disk, const char *path, int flags, const char *what, struct disk_file **out,
		     struct fault *fault)
{
	size_t size = strlen(path) + 1;
	struct system_file *file = malloc(sizeof *file + size);

	if (!file)
		return fault_set(fault, ERR_MEMORY, "%s: out of memory", path);
	file->fd = open(path, flags | O_CLOEXEC, 0600);
	if (file->fd < 0) {
		free(file);
		return say(fault, path, what);
	}
	file->file.disk = disk;
	memcpy(file->path, path, size);
	*out = &file->file;
	return 0;
}

static int open_file(struct disk *disk, const char *path, enum disk_how how, struct disk_file **out,
		     struct fault *fault)
{
	switch (how) {
	case DISK_READ: return file_make(disk, path, O_RDONLY, "open it", out, fault);
	case DISK_WRITE: return file_make(disk, path, O_RDWR, "open it", out, fault);
	case DISK_CREATE: return file_make(disk, path, O_RDWR | O_CREAT | O_EXCL, "create it", out, fault);
	}
	return ERR_INTERNAL;
}

static void close_file(struct disk_file *file)
{
	close(fd_of(file));
	free(file);
}

static int size_of(struct disk_file *file, uint64_t *out, struct fault *fault)
{
	struct stat st;

	if (fstat(fd_of(file), &st) < 0)
		return say_file(fault, file, "look at it");
	*out = (uint64_t)st.st_size;
	return 0;
}

static int64_t read_at(struct disk_file *file, uint64_t offset, void *at, size_t size, struct fault *fault)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = pread(fd_of(file), (char *)at + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return say_file(fault, file, "read");
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (int64_t)done;
}

static int write_at(struct disk_file *file, uint64_t offset, const struct iovec *pieces, int count,
		    struct fault *fault)
{
	struct iovec part[64];

	while (count > 0) {
		int have = count < 64 ? count : 64;
		struct iovec *next = part;

		memcpy(part, pieces, (size_t)have * sizeof *part);
		pieces += have;
		count -= have;
		while (have > 0) {
			ssize_t put = pwritev(fd_of(file), next, have, (off_t)offset);

			if (put < 0 && errno == EINTR)
				continue;
			if (put < 0)
				return say_file(fault, file, "write");
			offset += (uint64_t)put;
			for (; have > 0 && (size_t)put >= next->iov_len; next++, have--)
				put -= (ssize_t)next->iov_len;
			if (have > 0) {
				next->iov_base = (char *)next->iov_base + put;
				next->iov_len -= (size_t)put;
			}
		}
	}
	return 0;
}

static int sync_file(struct disk_file *file, struct fault *fault)
{
	return fdatasync(fd_of(file)) < 0 ? say_file(fault, file, "sync") : 0;
}

static void forget(struct disk_file *file, uint64_t offset, uint64_t size)
{
	posix_fadvise(fd_of(file), (off_t)offset, (off_t)size, POSIX_FADV_DONTNEED);
}

static int reserve(struct disk_file *file, uint64_t size, struct fault *fault)
{
	int number = posix_fallocate(fd_of(file), 0, (off_t)size);

	errno = number;
	return number ? say_file(fault, file, "reserve room for it") : 0;
}

static int rename_file(struct disk *disk, const char *from, const char *to, struct fault *fault)
{
	return rename(from, to) < 0 ? say(fault, from, "rename it") : 0;
}

static int remove_file(struct disk *disk, const char *path, struct fault *fault)
{
	return unlink(path) < 0 ? say(fault, path, "remove it") : 0;
}

static int sync_folder(struct disk *disk, const char *path, struct fault *fault)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return say(fault, path, "open the folder");
	if (fsync(fd) < 0)
		err = say(fault, path, "sync the folder");
	close(fd);
	return err;
}

/* Each folder that was made is kept once the one above it is synced. */
static int make_folder(struct disk *disk, const char *path, struct fault *fault)
{
	char above[PATH_MAX];
	const char *slash = strrchr(path, '/');
	struct stat found;
	int err;

	if (mkdir(path, 0700) == 0) {
		snprintf(above, sizeof above, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
		return sync_folder(disk, *above ? above : "/", fault);
	}
	if (errno == EEXIST)
		return 0;
	if (errno != ENOENT || !slash || slash == path || (size_t)(slash - path) >= sizeof above)
		return say(fault, path, "make the folder");
	snprintf(above, sizeof above, "%.*s", (int)(slash - path), path);
	/* Where nobody can make a folder, as under /proc, the one above is there, and making it would not help. */
	if (stat(above, &found) == 0) {
		errno = ENOENT;
		return say(fault, path, "make the folder");
	}
	err = make_folder(disk, above, fault);
	return err < 0 ? err : make_folder(disk, path, fault);
}

static int list(struct disk *disk, const char *path, disk_each *each, void *context, struct fault *fault)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	int err = 0;

	if (!folder)
		return say(fault, path, "list the folder");
	while (err == 0 && (errno = 0, entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			err = each(context, entry->d_name);
	if (err == 0 && errno)
		err = say(fault, path, "list the folder");
	closedir(folder);
	return err;
}

static int room_of(struct disk *disk, const char *path, int64_t *total, int64_t *usable, struct fault *fault)
{
	struct statvfs found;

	if (statvfs(path, &found) < 0)
		return say(fault, path, "ask for its room");
	*total = (int64_t)found.f_blocks * (int64_t)found.f_frsize;
	*usable = (int64_t)found.f_bavail * (int64_t)found.f_frsize;
	return 0;
}

static int lock_file(struct disk *disk, const char *path, struct disk_file **out, struct fault *fault)
{
	int err = file_make(disk, path, O_RDWR | O_CREAT, "open it", out, fault);

	if (err < 0)
		return err;
	if (flock(fd_of(*out), LOCK_EX | LOCK_NB) == 0)
		return 0;
	err = errno == EWOULDBLOCK ? fault_set(fault, ERR_CONFLICT,
					       "%s: another process holds it: end that one first", path)
				   : say(fault, path, "lock it");
	close_file(*out);
	*out = NULL;
	return err;
}

struct disk disk_system = {
	.open = open_file,
	.close = close_file,
	.size = size_of,
	.read = read_at,
	.write = write_at,
	.sync = sync_file,
	.forget = forget,
	.reserve = reserve,
	.rename = rename_file,
	.remove = remove_file,
	.sync_folder = sync_folder,
	.make_folder = make_folder,
	.list = list,
	.room = room_of,
	.lock = lock_file,
};

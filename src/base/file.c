/* file.c - reading and replacing whole files. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static int errno_err(int number)
{
	if (number == ENOENT)
		return ERR_NOT_FOUND;
	return number == ENOSPC || number == EDQUOT ? ERR_FULL : ERR_IO;
}

static int say_errno(struct fault *fault, const char *path, const char *what)
{
	int number = errno;

	return fault_set(fault, errno_err(number), "%s: cannot %s: %s", path, what, strerror(number));
}

int file_read(const char *path, struct buffer *out, struct fault *fault)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return say_errno(fault, path, "open");
	for (;;) {
		uint8_t *room = buffer_room(out, 65536);
		size_t size = 65536;
		ssize_t got;

		if (!room && out->err == ERR_LIMIT && out->size < out->limit) {
			out->err = 0;
			size = out->limit - out->size;
			room = buffer_room(out, size);
		}
		if (!room) {
			char one;

			/* Exactly at the limit is fine; one more byte is not. */
			if (out->err == ERR_LIMIT && read(fd, &one, 1) == 0) {
				out->err = 0;
				break;
			}
			err = fault_set(fault, out->err, "%s: larger than the %zu bytes that are read at most", path, out->limit);
			break;
		}
		got = read(fd, room, size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			err = say_errno(fault, path, "read");
		if (got <= 0)
			break;
		buffer_grow(out, (size_t)got);
	}
	close(fd);
	return err;
}

static int write_all(int fd, struct view bytes)
{
	while (bytes.size) {
		ssize_t put = write(fd, bytes.at, bytes.size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		bytes.at += put;
		bytes.size -= (size_t)put;
	}
	return 0;
}

/* The folder must be synced too, or the new name may be lost with the power. */
static int sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, result;

	free(folder);
	if (fd < 0)
		return -1;
	result = fsync(fd);
	close(fd);
	return result;
}

int file_replace(const char *path, struct view bytes, struct fault *fault)
{
	static atomic_uint writers; /* two threads may keep the same file */
	char *other = NULL;
	int fd, err;

	if (asprintf(&other, "%s.new.%d.%u", path, (int)getpid(), atomic_fetch_add(&writers, 1)) < 0)
		return fault_set(fault, ERR_MEMORY, "%s: out of memory", path);
	fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		err = say_errno(fault, other, "create");
		goto free_name;
	}
	if (write_all(fd, bytes) < 0 || fsync(fd) < 0) {
		err = say_errno(fault, other, "write");
		close(fd);
		goto remove_file;
	}
	if (close(fd) < 0) {
		err = say_errno(fault, other, "close");
		goto remove_file;
	}
	if (rename(other, path) < 0) {
		err = say_errno(fault, path, "replace");
		goto remove_file;
	}
	err = sync_folder(path) < 0 ? say_errno(fault, path, "sync the folder of") : 0;
	goto free_name;

remove_file:
	unlink(other);
free_name:
	free(other);
	return err;
}

/*
 * sim_sql.c - a file system under SQLite that has a bad moment as a transaction commits.
 *
 * It is SQLite's own, and real, but for this: once, when the log is synced, it says that it could not.  What is in the log may be
 * kept all the same: who closes the file then cannot have it to himself, so SQLite leaves the log as it is, and whoever opens it
 * next finds the transaction in it.  And the file may not be there to be asked for a while.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static struct {
	sqlite3_vfs face, *real;
	bool armed, kept, leave_log;
	int after, opens; /* syncs that go well before it, and opens of the file that fail behind it */
	uint64_t doubts;
} world;

struct file {
	sqlite3_file base;
	bool is_log, is_main;
	sqlite3_file *real; /* behind this */
};

static sqlite3_file *real_of(sqlite3_file *base)
{
	return ((struct file *)base)->real;
}

#define PASS(name, arguments, ...)                                                                           \
	static int name arguments                                                                            \
	{                                                                                                    \
		return real_of(base)->pMethods->__VA_ARGS__;                                                 \
	}

PASS(pass_read, (sqlite3_file * base, void *at, int size, sqlite3_int64 offset),
     xRead(real_of(base), at, size, offset))
PASS(pass_write, (sqlite3_file * base, const void *at, int size, sqlite3_int64 offset),
     xWrite(real_of(base), at, size, offset))
PASS(pass_truncate, (sqlite3_file * base, sqlite3_int64 size), xTruncate(real_of(base), size))
PASS(pass_size, (sqlite3_file * base, sqlite3_int64 *size), xFileSize(real_of(base), size))
PASS(pass_unlock, (sqlite3_file * base, int level), xUnlock(real_of(base), level))
PASS(pass_reserved, (sqlite3_file * base, int *out), xCheckReservedLock(real_of(base), out))
PASS(pass_control, (sqlite3_file * base, int code, void *argument),
     xFileControl(real_of(base), code, argument))
PASS(pass_sector, (sqlite3_file * base), xSectorSize(real_of(base)))
PASS(pass_device, (sqlite3_file * base), xDeviceCharacteristics(real_of(base)))
PASS(pass_shm_map, (sqlite3_file * base, int region, int size, int extend, void volatile **out),
     xShmMap(real_of(base), region, size, extend, out))
PASS(pass_shm_lock, (sqlite3_file * base, int offset, int count, int flags),
     xShmLock(real_of(base), offset, count, flags))
PASS(pass_shm_unmap, (sqlite3_file * base, int remove), xShmUnmap(real_of(base), remove))
PASS(pass_fetch, (sqlite3_file * base, sqlite3_int64 offset, int size, void **out),
     xFetch(real_of(base), offset, size, out))
PASS(pass_unfetch, (sqlite3_file * base, sqlite3_int64 offset, void *at), xUnfetch(real_of(base), offset, at))

static void pass_barrier(sqlite3_file *base)
{
	real_of(base)->pMethods->xShmBarrier(real_of(base));
}

static int close_file(sqlite3_file *base)
{
	return real_of(base)->pMethods->xClose(real_of(base));
}

static int sync_file(sqlite3_file *base, int flags)
{
	if (!((struct file *)base)->is_log || !world.armed || world.after-- > 0)
		return real_of(base)->pMethods->xSync(real_of(base), flags);
	world.armed = false;
	world.leave_log = world.kept;
	world.doubts++;
	return SQLITE_IOERR_FSYNC;
}

static int lock_file(sqlite3_file *base, int level)
{
	if (world.leave_log && ((struct file *)base)->is_main && level == SQLITE_LOCK_EXCLUSIVE) {
		world.leave_log = false;
		return SQLITE_BUSY;
	}
	return real_of(base)->pMethods->xLock(real_of(base), level);
}

static const sqlite3_io_methods methods = {
	3,
	close_file,
	pass_read,
	pass_write,
	pass_truncate,
	sync_file,
	pass_size,
	lock_file,
	pass_unlock,
	pass_reserved,
	pass_control,
	pass_sector,
	pass_device,
	pass_shm_map,
	pass_shm_lock,
	pass_barrier,
	pass_shm_unmap,
	pass_fetch,
	pass_unfetch,
};

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out)
{
	struct file *file = (struct file *)base;
	int code;

	*file = (struct file){ .is_log = flags & SQLITE_OPEN_WAL,
			       .is_main = flags & SQLITE_OPEN_MAIN_DB,
			       .real = (sqlite3_file *)(file + 1) };
	if (file->is_main && !world.armed && world.opens > 0) {
		world.opens--;
		return SQLITE_CANTOPEN;
	}
	code = world.real->xOpen(world.real, path, file->real, flags, out);
	if (file->real->pMethods)
		file->base.pMethods = &methods;
	return code;
}

static void take_over(void)
{
	world.real = sqlite3_vfs_find(NULL);
	if (!world.real)
		abort();
	world.face = *world.real;
	world.face.zName = "sim";
	world.face.szOsFile = (int)sizeof(struct file) + world.real->szOsFile;
	world.face.xOpen = open_file;
	if (sqlite3_vfs_register(&world.face, 1) != SQLITE_OK)
		abort();
}

void sim_sql_doubt(int after, bool kept, int opens)
{
	world.armed = true;
	world.after = after;
	world.kept = kept;
	world.opens = opens;
}

void sim_sql_calm(void)
{
	if (!world.real)
		take_over();
	world.armed = world.leave_log = false;
	world.opens = 0;
}

uint64_t sim_sql_doubts(void)
{
	return world.doubts;
}

/*
 * object_store.h - whole objects under names, written once: a directory now, S3 behind the same functions later.
 *
 * Calls block and may be made by several threads at once, for different objects.  Errors are those of disk.h.
 */
#ifndef STORE_OBJECT_STORE_H
#define STORE_OBJECT_STORE_H

#include "store/disk.h"

struct object_store {
	const struct object_store_operations *operations;
};

struct object_store_operations {
	int (*put)(struct object_store *objects, int64_t id, const struct iovec *pieces, int count,
		   struct fault *fault);
	int64_t (*get)(struct object_store *objects, int64_t id, uint64_t offset, void *at, size_t size,
		       struct fault *fault);
	int (*size)(struct object_store *objects, int64_t id, uint64_t *out, struct fault *fault);
	int (*remove)(struct object_store *objects, int64_t id, struct fault *fault);
	void (*free)(struct object_store *objects);
};

/*
 * Objects as files of `folder`, `<id>.obj` with 20 digits.  One is written under another name, synced and renamed; left-overs
 * of attempts that did not get so far are removed here.
 */
int object_store_directory(struct disk *disk, const char *folder, struct object_store **out,
			   struct fault *fault);

/*
 * Creates the object; when it returns 0 it is durable and whole.  ERR_CONFLICT when there is one of that name.  After any
 * other failure there is none, or nobody can say (ERR_IO).
 */
static inline int object_put(struct object_store *objects, int64_t id, const struct iovec *pieces, int count,
			     struct fault *fault)
{
	return objects->operations->put(objects, id, pieces, count, fault);
}

/* Returns how many bytes there were: fewer than `size` only at its end. */
static inline int64_t object_get(struct object_store *objects, int64_t id, uint64_t offset, void *at,
				 size_t size, struct fault *fault)
{
	return objects->operations->get(objects, id, offset, at, size, fault);
}

static inline int object_size(struct object_store *objects, int64_t id, uint64_t *out, struct fault *fault)
{
	return objects->operations->size(objects, id, out, fault);
}

/* 0 also when there is none. */
static inline int object_remove(struct object_store *objects, int64_t id, struct fault *fault)
{
	return objects->operations->remove(objects, id, fault);
}

static inline void object_store_free(struct object_store *objects)
{
	if (objects)
		objects->operations->free(objects);
}

#endif

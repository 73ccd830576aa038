/*
 * sim_objects.c - an object store of its own, as one across a network is: it outlives every crash of who uses it, and of what it
 * is asked it may do all, half or nothing, say so late, or say the other thing.
 *
 * An object is made once: whoever makes it again is refused.  An answer that timed out may be followed by the deed: the object
 * is there some calls later, when nobody thinks of it any more.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"
#include "store/object_store.h"

#define OBJECTS_MAX 600

struct object {
	int64_t id;
	uint8_t *at;
	size_t size;
	uint64_t from_call; /* it arrives then; before it is not there */
};

struct sim_objects {
	struct object_store face; /* first */
	struct random *random;
	const struct sim_disk *disk; /* when it is dead, so is who asks */
	struct object at[OBJECTS_MAX];
	int count;
	uint64_t calls;
	int trouble_percent;
	void (*late)(void *context, int64_t ms);
	void *context;
	struct sim_objects_numbers numbers;
};

static struct sim_objects *objects_of(struct object_store *face)
{
	return (struct sim_objects *)face;
}

static struct object *find(struct sim_objects *objects, int64_t id)
{
	for (int i = 0; i < objects->count; i++)
		if (objects->at[i].id == id && objects->at[i].from_call <= objects->calls)
			return &objects->at[i];
	return NULL;
}

static void forget(struct sim_objects *objects, struct object *object)
{
	free(object->at);
	*object = objects->at[--objects->count];
}

/* Two that would be there under one name: the first to arrive has it. */
static void arrive(struct sim_objects *objects)
{
	for (int i = 0; i < objects->count; i++)
		for (int k = 0; k < i; k++)
			if (objects->at[i].id == objects->at[k].id &&
			    objects->at[i].from_call <= objects->calls &&
			    objects->at[k].from_call <= objects->calls) {
				bool later = objects->at[i].from_call > objects->at[k].from_call;

				forget(objects, &objects->at[later ? i : k]);
				i = 0;
				break;
			}
}

enum trouble { WELL, BEFORE, AFTER, HALF, TIMES_OUT };

/* Every call begins here. */
static enum trouble call(struct sim_objects *objects)
{
	enum trouble trouble = WELL;

	objects->calls++;
	arrive(objects);
	if (sim_disk_dead(
		    objects->disk)) /* the power went while it was asked: some of it may have been done */
		return (enum trouble)(BEFORE + random_below(objects->random, TIMES_OUT));
	if (random_below(objects->random, 100) < (uint64_t)objects->trouble_percent)
		trouble = (enum trouble)(BEFORE + random_below(objects->random, TIMES_OUT));
	objects->numbers.troubles += trouble != WELL;
	objects->numbers.done_and_denied += trouble == AFTER || trouble == TIMES_OUT;
	objects->numbers.halves += trouble == HALF;
	if (objects->trouble_percent && objects->late && random_below(objects->random, 10) == 0)
		objects->late(objects->context, 1 + (int64_t)random_below(objects->random, 2000));
	return trouble;
}

static int fails(struct fault *fault)
{
	return fault_set(fault, ERR_IO, "the object store did not answer");
}

static void add(struct sim_objects *objects, int64_t id, const struct iovec *pieces, int count, size_t size,
		uint64_t from_call)
{
	struct object *object = &objects->at[objects->count++];
	size_t done = 0;

	if (objects->count > OBJECTS_MAX)
		abort();
	*object = (struct object){ id, malloc(size ? size : 1), size, from_call };
	for (int i = 0; i < count && done < size; i++) {
		size_t part = pieces[i].iov_len < size - done ? pieces[i].iov_len : size - done;

		memcpy(object->at + done, pieces[i].iov_base, part);
		done += part;
	}
}

static int put(struct object_store *face, int64_t id, const struct iovec *pieces, int count,
	       struct fault *fault)
{
	struct sim_objects *objects = objects_of(face);
	enum trouble trouble = call(objects);
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += pieces[i].iov_len;
	if (trouble == BEFORE)
		return fails(fault);
	if (find(objects, id))
		return fault_set(fault, ERR_CONFLICT, "object %lld: is there already", (long long)id);
	if (trouble == TIMES_OUT)
		add(objects, id, pieces, count, size, objects->calls + 1 + random_below(objects->random, 12));
	else
		add(objects, id, pieces, count,
		    trouble == HALF ? (size_t)random_below(objects->random, size) : size, objects->calls);
	return trouble == WELL ? 0 : fails(fault);
}

static int64_t get(struct object_store *face, int64_t id, uint64_t offset, void *at, size_t size,
		   struct fault *fault)
{
	struct sim_objects *objects = objects_of(face);
	enum trouble trouble = call(objects);
	struct object *object = find(objects, id);

	if (trouble != WELL)
		return fails(fault);
	if (!object)
		return fault_set(fault, ERR_NOT_FOUND, "object %lld: is not there", (long long)id);
	if (offset > object->size)
		offset = object->size;
	if (size > object->size - offset)
		size = object->size - offset;
	memcpy(at, object->at + offset, size);
	return (int64_t)size;
}

static int size_of(struct object_store *face, int64_t id, uint64_t *out, struct fault *fault)
{
	struct sim_objects *objects = objects_of(face);
	enum trouble trouble = call(objects);
	struct object *object = find(objects, id);

	if (trouble != WELL)
		return fails(fault);
	if (!object)
		return fault_set(fault, ERR_NOT_FOUND, "object %lld: is not there", (long long)id);
	*out = object->size;
	return 0;
}

static int remove_object(struct object_store *face, int64_t id, struct fault *fault)
{
	struct sim_objects *objects = objects_of(face);
	enum trouble trouble = call(objects);
	struct object *object = find(objects, id);

	if (object && trouble != BEFORE && trouble != HALF)
		forget(objects, object);
	return trouble == WELL ? 0 : fails(fault);
}

static void free_nothing(struct object_store *face)
{
}

static const struct object_store_operations operations = { put, get, size_of, remove_object, free_nothing };

struct sim_objects *sim_objects_new(struct random *random, const struct sim_disk *disk,
				    void (*late)(void *context, int64_t ms), void *context)
{
	struct sim_objects *objects = calloc(1, sizeof *objects);

	objects->face.operations = &operations;
	objects->random = random;
	objects->disk = disk;
	objects->late = late;
	objects->context = context;
	return objects;
}

void sim_objects_free(struct sim_objects *objects)
{
	if (!objects)
		return;
	for (int i = 0; i < objects->count; i++)
		free(objects->at[i].at);
	free(objects);
}

struct object_store *sim_objects_face(struct sim_objects *objects)
{
	return &objects->face;
}

int sim_objects_trouble(struct sim_objects *objects, int percent)
{
	int before = objects->trouble_percent;

	objects->trouble_percent = percent;
	return before;
}

const struct sim_objects_numbers *sim_objects_numbers(const struct sim_objects *objects)
{
	return &objects->numbers;
}

bool sim_objects_rot(struct sim_objects *objects, int64_t *id, uint64_t *offset)
{
	struct object *object;

	if (!objects->count)
		return false;
	object = &objects->at[random_below(objects->random, (uint64_t)objects->count)];
	if (!object->size)
		return false;
	*id = object->id;
	*offset = random_below(objects->random, object->size);
	object->at[*offset] ^= (uint8_t)(1 << random_below(objects->random, 8));
	return true;
}

/* store_topics.c - topics, settings, blocks of ids, epochs: the keeper is asked, and memory follows once it has answered. */
#include <assert.h>
#include <stdlib.h>

#include "store/store_inside.h"

#define RETRY_MS 1000

struct setting {
	struct view kind, name, value; /* in bytes */
	uint8_t bytes[];
};

/* ---- tasks */

static void task_run(struct job *job)
{
	struct task *task = container_of(job, struct task, job);

	task->err = task->run(task);
	task->in_doubt = task->err < 0 && task->err != ERR_STALE &&
			 metadata_in_doubt(task->store->metadata, task->in_doubt);
	lane_post(task->store->home, &task->home);
}

/*
 * What may be done or not has no answer yet: said to have failed, and kept all the same, a deleted topic would take records that
 * are gone after a start.
 */
static void task_home(struct job *job)
{
	struct task *task = container_of(job, struct task, home);

	if (task->in_doubt && !task->store->closing) {
		task->due_ms = store_now_ms(task->store) + RETRY_MS;
		return;
	}
	task->finish(task);
	task_free(task);
}

void tasks_tick(struct store *store)
{
	LIST_EACH(&store->tasks, link)
	{
		struct task *task = container_of(link, struct task, link);

		if (!task->due_ms || store_now_ms(store) < task->due_ms)
			continue;
		task->due_ms = 0;
		task->fault = (struct fault){ 0 };
		lane_post(store->lanes[LANE_KEEPER], &task->job);
	}
}

struct task *task_new(struct store *store, int (*run)(struct task *), void (*finish)(struct task *),
		      store_done *done, void *context)
{
	struct task *task = calloc(1, sizeof *task);

	if (!task)
		return NULL;
	job_init(&task->job, task_run);
	job_init(&task->home, task_home);
	list_init(&task->link);
	task->store = store;
	task->run = run;
	task->finish = finish;
	task->done = done;
	task->context = context;
	buffer_init(&task->bytes, 256 << 20);
	return task;
}

void task_start(struct task *task)
{
	list_append(&task->store->tasks, &task->link);
	lane_post(task->store->lanes[LANE_KEEPER], &task->job);
}

void task_free(struct task *task)
{
	list_remove(&task->link);
	buffer_done(&task->bytes);
	free(task->settings);
	free(task);
}

static void task_answer(struct task *task)
{
	if (task->done)
		task->done(task->context, task->err, &task->fault);
}

/* Copies up to two texts into the task, which then holds views of its own. */
static int task_keep(struct task *task, struct view name, struct view value)
{
	buffer_view(&task->bytes, name);
	buffer_view(&task->bytes, value);
	if (task->bytes.err)
		return task->bytes.err;
	task->name = view_of(task->bytes.at, name.size);
	task->value = value.at ? view_of(task->bytes.at + name.size, value.size) : VIEW_NULL;
	if (value.at && !task->value.at)
		task->value = VIEW_LITERAL("");
	return 0;
}

/* ---- topics in memory */

struct topic *topic_make(struct store *store, const uint8_t *id, struct view name, struct view config,
			 int32_t count)
{
	struct topic *topic = calloc(1, sizeof *topic);
	char *text = view_string(name), *bytes = malloc(config.size ? config.size : 1);
	struct partition **partitions = calloc((size_t)count ? (size_t)count : 1, sizeof(struct partition *));

	if (!topic || !text || !bytes || !partitions) {
		free(topic);
		free(text);
		free(bytes);
		free(partitions);
		return NULL;
	}
	if (config.size)
		memcpy(bytes, config.at, config.size);
	memcpy(topic->face.id, id, STORE_TOPIC_ID_SIZE);
	topic->face.name = text;
	topic->face.config = view_of(bytes, config.size);
	topic->face.partitions = partitions;
	topic->face.partition_count = count;
	topic->face.log = (struct store_log_options){ .retention_ms = -1, .retention_bytes = -1 };
	topic->store = store;
	list_init(&topic->link);
	return topic;
}

static struct view id_of(const uint8_t *id)
{
	return view_of(id, STORE_TOPIC_ID_SIZE);
}

/* Out of the tables, where it is in them. */
static void topic_unlink(struct topic *topic)
{
	struct store *store = topic->store;

	if (map_get(&store->by_name, view_text(topic->face.name)) == topic)
		map_remove(&store->by_name, view_text(topic->face.name));
	if (map_get(&store->by_id, id_of(topic->face.id)) == topic)
		map_remove(&store->by_id, id_of(topic->face.id));
	list_remove(&topic->link);
}

int topic_link(struct topic *topic)
{
	struct store *store = topic->store;

	list_append(&store->topics, &topic->link);
	if (map_put(&store->by_name, view_text(topic->face.name), topic) == 0 &&
	    map_put(&store->by_id, id_of(topic->face.id), topic) == 0)
		return 0;
	topic_unlink(topic);
	return ERR_MEMORY;
}

void topic_free(struct topic *topic)
{
	if (!topic)
		return;
	for (int32_t i = 0; i < topic->face.partition_count; i++)
		partition_free(topic->face.partitions[i]);
	topic_unlink(topic);
	free(topic->face.partitions);
	free((char *)(uintptr_t)topic->face.name);
	free((uint8_t *)(uintptr_t)topic->face.config.at);
	free(topic);
}

struct store_topic *store_topic_named(struct store *store, struct view name)
{
	struct topic *topic = map_get(&store->by_name, name);

	return topic ? &topic->face : NULL;
}

struct store_topic *store_topic_by_id(struct store *store, const uint8_t *id)
{
	struct topic *topic = map_get(&store->by_id, id_of(id));

	return topic ? &topic->face : NULL;
}

struct store_topic *store_topic_next(struct store *store, const struct store_topic *topic)
{
	struct list *link = topic ? ((const struct topic *)topic)->link.next : store->topics.next;

	return link == &store->topics ? NULL : &container_of(link, struct topic, link)->face;
}

void store_topic_log_options(struct store_topic *topic, const struct store_log_options *log)
{
	topic->log = *log;
}

/* New partitions from `from` on, with ids from `first` on, or none of them. */
static int make_partitions(struct topic *topic, int32_t from, uint32_t first)
{
	for (int32_t i = from; i < topic->face.partition_count; i++) {
		struct partition *partition = partition_make(topic, first + (uint32_t)(i - from), i);

		if (!partition || epochs_add(&partition->epochs, 0, 0) < 0 || partition_link(partition) < 0) {
			partition_free(partition);
			return ERR_MEMORY;
		}
		topic->face.partitions[i] = partition;
	}
	return 0;
}

/* ---- topics made, changed, deleted */

/* 1: this was done before, and its answer was lost. */
static int was_made(struct task *task)
{
	return task->in_doubt ? metadata_partitions_made(task->store->metadata, task->topic_id, task->from,
							 task->to, &task->first, &task->fault)
			      : 0;
}

static int create_run(struct task *task)
{
	struct metadata_topic topic = { .name = task->name, .config = task->value };
	int made = was_made(task);

	if (made != 0)
		return made < 0 ? made : 0;
	memcpy(topic.id, task->topic_id, sizeof topic.id);
	return metadata_topic_create(task->store->metadata, &topic, task->to, &task->first, &task->fault);
}

static void create_finish(struct task *task)
{
	if (task->err == 0) {
		task->err = make_partitions(task->topic, 0, task->first);
		if (task->err == 0)
			task->err = topic_link(task->topic);
		/* It is in the metadata, and will be here after a restart: rare enough. */
		if (task->err < 0)
			fault_set(&task->fault, task->err,
				  "out of memory: the topic is there after a restart");
	}
	if (task->err < 0)
		topic_free(task->topic);
	task_answer(task);
}

int store_topic_create(struct store *store, const struct store_topic_new *topic, store_done *done,
		       void *context)
{
	static const uint8_t zero[STORE_TOPIC_ID_SIZE];
	struct task *task;

	if (store->closing || !topic->name.size || topic->name.size > STORE_TOPIC_NAME_MAX ||
	    topic->partition_count < 1 || topic->partition_count > STORE_PARTITIONS_MAX ||
	    memcmp(topic->id, zero, sizeof zero) == 0)
		return ERR_USAGE;
	if (store_topic_named(store, topic->name) || store_topic_by_id(store, topic->id))
		return ERR_CONFLICT;
	task = task_new(store, create_run, create_finish, done, context);
	if (!task)
		return ERR_MEMORY;
	task->to = topic->partition_count;
	memcpy(task->topic_id, topic->id, sizeof task->topic_id);
	task->topic = topic_make(store, topic->id, topic->name, topic->config, topic->partition_count);
	if (!task->topic || task_keep(task, topic->name, topic->config) < 0) {
		topic_free(task->topic);
		task_free(task);
		return ERR_MEMORY;
	}
	task_start(task);
	return 0;
}

static int add_run(struct task *task)
{
	int made = was_made(task);

	if (made != 0)
		return made < 0 ? made : 0;
	return metadata_partitions_add(task->store->metadata, task->topic_id, task->from, task->to,
				       &task->first, &task->fault);
}

static void add_finish(struct task *task)
{
	struct store_topic *face = &task->topic->face;

	if (task->err == 0) {
		struct partition **more = realloc(face->partitions, (size_t)task->to * sizeof *more);

		if (more) {
			memset(more + task->from, 0, (size_t)(task->to - task->from) * sizeof *more);
			face->partitions = more;
			face->partition_count = task->to;
			task->err = make_partitions(task->topic, task->from, task->first);
		} else {
			task->err = ERR_MEMORY;
		}
		if (task->err < 0) {
			for (int32_t i = task->from; more && i < task->to; i++) {
				partition_free(face->partitions[i]);
				face->partitions[i] = NULL;
			}
			face->partition_count = task->from;
			fault_set(&task->fault, task->err,
				  "out of memory: the partitions are there after a restart");
		}
	}
	task->topic->deleting = false;
	task_answer(task);
}

int store_partitions_add(struct store_topic *face, int32_t partition_count, store_done *done, void *context)
{
	struct topic *topic = (struct topic *)face;
	struct task *task;

	if (partition_count <= face->partition_count || partition_count > STORE_PARTITIONS_MAX)
		return ERR_USAGE;
	if (topic->deleting || topic->store->closing)
		return ERR_CONFLICT;
	task = task_new(topic->store, add_run, add_finish, done, context);
	if (!task)
		return ERR_MEMORY;
	topic->deleting = true; /* one change of a topic at a time */
	task->topic = topic;
	memcpy(task->topic_id, face->id, sizeof task->topic_id);
	task->from = face->partition_count;
	task->to = partition_count;
	task_start(task);
	return 0;
}

static int configure_run(struct task *task)
{
	return metadata_topic_configure(task->store->metadata, task->topic_id, task->value, &task->fault);
}

static void configure_finish(struct task *task)
{
	/* By id: it may have been deleted meanwhile. */
	struct store_topic *face = store_topic_by_id(task->store, task->topic_id);

	if (task->err == 0 && face) {
		free((uint8_t *)(uintptr_t)face->config.at);
		/* The task's buffer becomes the topic's. */
		face->config = view_of(task->bytes.at, task->bytes.size);
		task->bytes.at = NULL;
	}
	task_answer(task);
}

int store_topic_configure(struct store_topic *face, struct view config, store_done *done, void *context)
{
	struct topic *topic = (struct topic *)face;
	struct task *task;

	if (topic->store->closing)
		return ERR_CONFLICT;
	task = task_new(topic->store, configure_run, configure_finish, done, context);
	if (!task)
		return ERR_MEMORY;
	memcpy(task->topic_id, face->id, sizeof task->topic_id);
	if (task_keep(task, VIEW_LITERAL(""), config) < 0) {
		task_free(task);
		return ERR_MEMORY;
	}
	task_start(task);
	return 0;
}

static int delete_run(struct task *task)
{
	return metadata_topic_delete(task->store->metadata, task->topic_id, &task->fault);
}

/* What is on its way, or being fetched, still points to its partitions: store_poll() frees them when that has ended. */
static void delete_finish(struct task *task)
{
	struct topic *topic = task->topic;

	for (int32_t i = 0; i < topic->face.partition_count; i++) {
		struct partition *partition = topic->face.partitions[i];

		partition->deleted = task->err == 0;
		partition_changed(partition);
	}
	topic->deleting = false;
	if (task->err == 0) {
		topic->deleting = true;
		topic_unlink(topic);
		list_append(&task->store->dying, &topic->link);
	}
	task_answer(task);
}

int store_topic_delete(struct store_topic *face, store_done *done, void *context)
{
	struct topic *topic = (struct topic *)face;
	struct task *task;

	if (topic->deleting || topic->store->closing)
		return ERR_CONFLICT;
	task = task_new(topic->store, delete_run, delete_finish, done, context);
	if (!task)
		return ERR_MEMORY;
	topic->deleting = true;
	for (int32_t i = 0; i < face->partition_count; i++)
		face->partitions[i]->deleted = true;
	task->topic = topic;
	memcpy(task->topic_id, face->id, sizeof task->topic_id);
	task_start(task);
	return 0;
}

/* ---- settings */

#define SETTING_KEY_MAX 1024

static struct view setting_key(struct view kind, struct view name, uint8_t *out)
{
	if (kind.size + name.size + 1 > SETTING_KEY_MAX)
		return VIEW_NULL;
	memcpy(out, kind.at, kind.size);
	out[kind.size] = 0;
	memcpy(out + kind.size + 1, name.at, name.size);
	return view_of(out, kind.size + 1 + name.size);
}

int setting_keep(struct store *store, struct view kind, struct view name, struct view value)
{
	uint8_t bytes[SETTING_KEY_MAX];
	struct view key = setting_key(kind, name, bytes);
	struct setting *setting = NULL;

	if (!key.at)
		return ERR_LIMIT;
	if (value.at) {
		setting = malloc(sizeof *setting + kind.size + name.size + value.size + 1);
		if (!setting)
			return ERR_MEMORY;
		setting->kind = view_of(memcpy(setting->bytes, kind.at, kind.size), kind.size);
		setting->name = view_of(memcpy(setting->bytes + kind.size, name.at, name.size), name.size);
		setting->value = view_of(memcpy(setting->bytes + kind.size + name.size, value.at, value.size),
					 value.size);
	}
	free(map_get(&store->settings, key));
	if (!setting) {
		map_remove(&store->settings, key);
		return 0;
	}
	if (map_put(&store->settings, key, setting) == 0)
		return 0;
	map_remove(&store->settings, key);
	free(setting);
	return ERR_MEMORY;
}

void settings_free(struct store *store)
{
	MAP_EACH(&store->settings, slot)
	free(slot->value);
	map_done(&store->settings);
}

static int settings_run(struct task *task)
{
	return metadata_settings_put(task->store->metadata, task->settings, task->number, &task->fault);
}

static void settings_finish(struct task *task)
{
	for (int64_t i = 0; i < task->number && task->err == 0; i++)
		task->err = setting_keep(task->store, task->settings[i].kind, task->settings[i].name,
					 task->settings[i].value);
	task_answer(task);
}

/* Copies them into the task. */
static int settings_copy(struct task *task, const struct store_setting *all, int64_t count)
{
	uint8_t *at;

	for (int64_t i = 0; i < count; i++) {
		buffer_view(&task->bytes, all[i].kind);
		buffer_view(&task->bytes, all[i].name);
		buffer_view(&task->bytes, all[i].value);
	}
	task->settings = calloc((size_t)count, sizeof *task->settings);
	if (task->bytes.err || !task->settings)
		return ERR_MEMORY;
	at = task->bytes.at;
	for (int64_t i = 0; i < count; i++) {
		const struct store_setting *one = &all[i];

		task->settings[i] = (struct metadata_setting){
			view_of(at, one->kind.size), view_of(at + one->kind.size, one->name.size),
			one->value.at ? view_of(at + one->kind.size + one->name.size, one->value.size)
				      : VIEW_NULL
		};
		at += one->kind.size + one->name.size + one->value.size;
	}
	task->number = count;
	return 0;
}

int store_settings_put(struct store *store, const struct store_setting *all, int64_t count, store_done *done,
		       void *context)
{
	struct task *task;

	if (store->closing || count < 1)
		return ERR_USAGE;
	for (int64_t i = 0; i < count; i++)
		if (!all[i].kind.size || !all[i].name.size ||
		    all[i].kind.size + all[i].name.size + 1 > SETTING_KEY_MAX)
			return ERR_USAGE;
	task = task_new(store, settings_run, settings_finish, done, context);
	if (!task)
		return ERR_MEMORY;
	if (settings_copy(task, all, count) < 0) {
		task_free(task);
		return ERR_MEMORY;
	}
	task_start(task);
	return 0;
}

int store_setting_put(struct store *store, struct view kind, struct view name, struct view value,
		      store_done *done, void *context)
{
	return store_settings_put(store, &(struct store_setting){ kind, name, value }, 1, done, context);
}

struct view store_setting(struct store *store, struct view kind, struct view name)
{
	uint8_t bytes[SETTING_KEY_MAX];
	struct view key = setting_key(kind, name, bytes);
	struct setting *setting = key.at ? map_get(&store->settings, key) : NULL;

	return setting ? setting->value : VIEW_NULL;
}

void store_setting_each(struct store *store, struct view kind, store_setting_each_fn *each, void *context)
{
	MAP_EACH(&store->settings, slot)
	{
		const struct setting *setting = slot->value;

		if (view_equal(setting->kind, kind))
			each(context, setting->name, setting->value);
	}
}

/* ---- blocks of producer ids */

static int ids_run(struct task *task)
{
	return metadata_producer_ids_take(task->store->metadata, task->number, &task->number, &task->fault);
}

static void ids_finish(struct task *task)
{
	task->ids_done(task->context, task->err, task->err < 0 ? -1 : task->number, &task->fault);
}

int store_producer_ids_take(struct store *store, int64_t count, store_ids_done *done, void *context)
{
	struct task *task;

	if (store->closing || count < 1)
		return ERR_USAGE;
	task = task_new(store, ids_run, ids_finish, NULL, context);
	if (!task)
		return ERR_MEMORY;
	task->ids_done = done;
	task->number = count;
	task_start(task);
	return 0;
}

/* ---- leader epochs */

static int epoch_run(struct task *task)
{
	struct metadata_epoch epoch = { task->first, task->from, task->number };

	return metadata_epoch_begin(task->store->metadata, &epoch, task->flag, &task->fault);
}

static void epoch_finish(struct task *task)
{
	struct partition *partition = partition_of(task->store, task->first);

	if (partition) {
		partition->sealed = false;
		partition->epoch_task = NULL;
		if (task->err == 0) {
			task->err = epochs_add(&partition->epochs, task->from, task->number);
			partition->leader_epoch = task->from;
			partition->mirror = task->flag;
		}
		partition_changed(partition);
	}
	task_answer(task);
}

void epoch_try(struct partition *partition)
{
	struct task *task = partition->epoch_task;

	if (!task || partition->in_flight || partition->fill_commits || !list_empty(&task->link))
		return;
	task->number = partition->end;
	if (partition->store->write_err == ERR_IO) {
		task->err =
			fault_set(&task->fault, ERR_IO,
				  "the write-ahead log broke: where the epoch begins only a restart can say");
	} else if (task->decided && partition->transactions.open_count) {
		const struct transaction *open = &partition->transactions.open[0];

		task->err =
			fault_set(&task->fault, ERR_CONFLICT,
				  "%zu transactions are open, the oldest of producer %lld at offset %lld: "
				  "end them on the source, or promote with them",
				  partition->transactions.open_count, (long long)open->producer_id,
				  (long long)open->first_offset);
	}
	if (task->err == 0) {
		task_start(task);
	} else {
		epoch_finish(task);
		task_free(task);
	}
}

static int begin_epoch(struct partition *partition, int32_t leader_epoch, bool mirror, bool decided,
		       store_done *done, void *context)
{
	struct task *task;

	if (partition->deleted || partition->store->closing)
		return ERR_NOT_FOUND;
	if (partition->sealed)
		return ERR_CONFLICT;
	if (leader_epoch <= partition->leader_epoch)
		return ERR_STALE;
	task = task_new(partition->store, epoch_run, epoch_finish, done, context);
	if (!task)
		return ERR_MEMORY;
	task->first = partition->id;
	task->from = leader_epoch;
	task->flag = mirror;
	task->decided = decided;
	partition->sealed = true;
	partition->epoch_task = task;
	partition_changed(partition); /* store_poll() starts it once nothing is on its way */
	return 0;
}

int store_epoch_begin(struct partition *partition, int32_t leader_epoch, bool mirror, store_done *done,
		      void *context)
{
	if (partition->mirror && !mirror)
		return ERR_STALE;
	return begin_epoch(partition, leader_epoch, mirror, false, done, context);
}

int store_promote_mirror(struct partition *partition, int32_t leader_epoch, bool with_open, store_done *done,
			 void *context)
{
	if (!partition->mirror)
		return ERR_STALE;
	return begin_epoch(partition, leader_epoch, false, !with_open, done, context);
}

static int mirror_run(struct task *task)
{
	struct metadata_epoch epoch = { task->first, task->from, task->number };

	return metadata_mirror_begin(task->store->metadata, &epoch, &task->fault);
}

static void mirror_finish(struct task *task)
{
	struct partition *partition = partition_of(task->store, task->first);

	if (partition) {
		partition->sealed = false;
		partition->epoch_task = NULL;
		if (task->err == 0) {
			/* One goes, one comes: there is room. */
			epochs_cut(&partition->epochs, 0);
			epochs_add(&partition->epochs, task->from, task->number);
			partition->leader_epoch = task->from;
			partition->mirror = true;
			partition->log_start = partition->high_watermark = partition->end =
				partition->committed_end = partition->cached_from = partition->last_stable =
					task->number;
		}
		partition_changed(partition);
	}
	task_answer(task);
}

int store_begin_mirror(struct partition *partition, int64_t start_offset, int32_t leader_epoch,
		       store_done *done, void *context)
{
	struct task *task;

	if (partition->deleted || partition->store->closing)
		return ERR_NOT_FOUND;
	if (start_offset < 0 || leader_epoch < 0)
		return ERR_USAGE;
	if (partition->sealed || partition->end > 0)
		return ERR_CONFLICT;
	if (leader_epoch < partition->leader_epoch)
		return ERR_STALE;
	if (partition->store->write_err == ERR_IO)
		return ERR_IO;
	task = task_new(partition->store, mirror_run, mirror_finish, done, context);
	if (!task || epochs_reserve(&partition->epochs, 1) < 0) {
		if (task)
			task_free(task);
		return ERR_MEMORY;
	}
	task->first = partition->id;
	task->from = leader_epoch;
	task->number = start_offset;
	partition->sealed = true;
	partition->epoch_task = task;
	task_start(task);
	return 0;
}

void store_epoch_end(const struct partition *partition, int32_t leader_epoch, int32_t *epoch,
		     int64_t *end_offset)
{
	epochs_end(&partition->epochs, leader_epoch, partition->high_watermark, epoch, end_offset);
}

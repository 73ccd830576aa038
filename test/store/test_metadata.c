/* test_metadata.c - what is where: kept whole or not at all, by one incarnation.  On SQLite, or where INTERLOCK_STATE says. */
#include "base/place.h"

#include "store/metadata.h"

static struct fault fault;

#define OK(call)                                                                                             \
	do {                                                                                                 \
		if ((call) < 0)                                                                              \
			fail_msg("%s: %s", #call, fault.text);                                               \
	} while (0)

/* Everything that the metadata tell of, as text. */
static char told[4000];
static size_t told_size;

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	told_size += (size_t)vsnprintf(told + told_size, sizeof told - told_size, format, args);
	va_end(args);
	assert_true(told_size < sizeof told);
}

static int tell_topic(void *context, const struct metadata_topic *topic)
{
	tell("topic %.*s %d %.*s\n", VIEW_ARGS(topic->name), topic->id[0], VIEW_ARGS(topic->config));
	return 0;
}

static int tell_partition(void *context, const struct metadata_partition *p)
{
	tell("partition %u of %d index %d epoch %d start %lld end %lld%s\n", p->id, p->topic[0], p->index,
	     p->leader_epoch, (long long)p->log_start, (long long)p->committed_end,
	     p->mirror ? " mirror" : "");
	return 0;
}

static int tell_epoch(void *context, const struct metadata_epoch *epoch)
{
	if (epoch->epoch)
		tell("epoch %d of %u from %lld\n", epoch->epoch, epoch->partition,
		     (long long)epoch->start_offset);
	return 0;
}

static int tell_extent(void *context, const struct metadata_extent *e)
{
	tell("extent %u %lld-%lld in %lld at %llu size %llu times %lld-%lld aborted %.*s\n", e->partition,
	     (long long)e->base_offset, (long long)e->end_offset, (long long)e->object,
	     (unsigned long long)e->position, (unsigned long long)e->size, (long long)e->first_timestamp,
	     (long long)e->max_timestamp, VIEW_ARGS(e->aborted));
	return 0;
}

static int tell_snapshot(void *context, const struct metadata_snapshot *snapshot)
{
	tell("snapshot %u at %lld %.*s\n", snapshot->partition, (long long)snapshot->end_offset,
	     VIEW_ARGS(snapshot->content));
	return 0;
}

static int tell_setting(void *context, const struct metadata_setting *setting)
{
	tell("setting %.*s %.*s = %.*s\n", VIEW_ARGS(setting->kind), VIEW_ARGS(setting->name),
	     VIEW_ARGS(setting->value));
	return 0;
}

static const char *tell_all(struct metadata *metadata)
{
	static const struct metadata_sink sink = { tell_topic,  tell_partition, tell_epoch,
						   tell_extent, tell_snapshot,  tell_setting };

	told_size = 0;
	*told = 0;
	OK(metadata_load(metadata, &sink, NULL, &fault));
	return told;
}

static const struct metadata_topic orders = { { 1 },
					      { (const uint8_t *)"orders", 6 },
					      { (const uint8_t *)"c=1", 3 } };

/* One upload of one extent. */
static int flush(struct metadata *metadata, uint32_t partition, int64_t before, int64_t base, int64_t end,
		 uint64_t lsn)
{
	struct metadata_extent extent = { partition, base, end, 0, 64, 100, 5, 9, VIEW_LITERAL("x") };
	struct metadata_snapshot snapshot = { partition, end, VIEW_LITERAL("state") };
	struct metadata_flush rows = { 0, 1000, &extent, &before, 1, &snapshot, 1, lsn };

	OK(metadata_object_prepare(metadata, &rows.object, &fault));
	return metadata_flush_commit(metadata, &rows, &fault);
}

static void what_is_changed_is_there(void **state)
{
	const char *address = place_new();
	struct metadata_state is, again;
	struct metadata *metadata;
	uint32_t first = 0, made = 0;
	int64_t ids = 0;

	OK(metadata_open(address, 42, &metadata, &is, &fault));
	assert_int_equal(is.log_id, 42);
	assert_int_equal(is.trimmed_lsn, 0);
	OK(metadata_topic_create(metadata, &orders, 2, &first, &fault));
	assert_int_equal(metadata_topic_create(metadata, &orders, 2, &first, &fault), ERR_CONFLICT);
	OK(metadata_partitions_add(metadata, orders.id, 2, 3, &first, &fault));
	assert_int_equal(metadata_partitions_made(metadata, orders.id, 2, 3, &made, &fault), 1);
	assert_int_equal(made, first);
	assert_int_equal(metadata_partitions_made(metadata, orders.id, 2, 4, &made, &fault), 0);
	OK(metadata_topic_configure(metadata, orders.id, VIEW_LITERAL("c=2"), &fault));
	assert_int_equal(metadata_topic_configure(metadata, (const uint8_t *)"0123456789abcdef",
						  VIEW_LITERAL(""), &fault),
			 ERR_NOT_FOUND);
	OK(metadata_settings_put(
		metadata,
		(struct metadata_setting[]){ { VIEW_LITERAL("k"), VIEW_LITERAL("n"), VIEW_LITERAL("1") },
					     { VIEW_LITERAL("k"), VIEW_LITERAL("n"), VIEW_LITERAL("2") },
					     { VIEW_LITERAL("k"), VIEW_LITERAL("m"), VIEW_LITERAL("") } },
		3, &fault));
	OK(metadata_producer_ids_take(metadata, 10, &ids, &fault));
	assert_int_equal(ids, (int64_t)43 << 32); /* a block of this store's own */
	OK(metadata_epoch_begin(metadata, &(struct metadata_epoch){ 2, 3, 7 }, true, &fault));
	assert_int_equal(metadata_epoch_begin(metadata, &(struct metadata_epoch){ 2, 3, 7 }, false, &fault),
			 ERR_STALE);
	OK(flush(metadata, 1, 0, 0, 10, 500));
	OK(flush(metadata, 1, 10, 12, 20, 700));
	for (int round = 0; round < 2; round++) {
		assert_string_equal(tell_all(metadata),
				    "topic orders 1 c=2\n"
				    "partition 1 of 1 index 0 epoch 0 start 0 end 20\n"
				    "partition 2 of 1 index 1 epoch 3 start 0 end 0 mirror\n"
				    "partition 3 of 1 index 2 epoch 0 start 0 end 0\n"
				    "epoch 3 of 2 from 7\n"
				    "extent 1 0-10 in 1 at 64 size 100 times 5-9 aborted x\n"
				    "extent 1 12-20 in 2 at 64 size 100 times 5-9 aborted x\n"
				    "snapshot 1 at 20 state\n"
				    "setting k m = \n"
				    "setting k n = 2\n");
		metadata_close(metadata);
		OK(metadata_open(address, 43, &metadata, &again, &fault));
		assert_int_equal(again.log_id, 42);
		assert_int_equal(again.trimmed_lsn, 700);
		assert_int_equal(again.next_partition, 4);
		assert_int_equal(again.next_producer_id, ((int64_t)43 << 32) + 10);
		assert_int_equal(again.incarnation, is.incarnation + 1 + round);
	}
	metadata_close(metadata);
}

static void an_upload_is_kept_whole_or_not_at_all(void **state)
{
	struct metadata_extent extents[2] = { { 1, 10, 20, 0, 0, 100, 5, 9, VIEW_NULL },
					      { 2, 5, 9, 0, 100, 50, 5, 9, VIEW_NULL } };
	struct metadata_snapshot snapshots[2] = { { 1, 20, VIEW_LITERAL("a") }, { 2, 9, VIEW_LITERAL("b") } };
	int64_t before[2] = { 10, 4 };
	struct metadata_flush rows = { 0, 1000, extents, before, 2, snapshots, 2, 900 };
	struct metadata_state is;
	struct metadata *metadata;
	char first[4000];
	uint32_t id;

	OK(metadata_open(place_new(), 42, &metadata, &is, &fault));
	OK(metadata_topic_create(metadata, &orders, 2, &id, &fault));
	OK(flush(metadata, 1, 0, 0, 10, 500));
	snprintf(first, sizeof first, "%s", tell_all(metadata));
	OK(metadata_object_prepare(metadata, &rows.object, &fault));
	/* Partition 2 ends at 0, not at 4. */
	assert_int_equal(metadata_flush_commit(metadata, &rows, &fault), ERR_STALE);
	assert_string_equal(tell_all(metadata), first);
	before[1] = 0;
	OK(metadata_flush_commit(metadata, &rows, &fault));
	snprintf(first, sizeof first, "%s", tell_all(metadata));
	assert_non_null(strstr(first, "extent 2 5-9 in 2 at 100"));
	/* Once more, as after a commit whose answer was lost: it was done. */
	OK(metadata_flush_commit(metadata, &rows, &fault));
	assert_string_equal(tell_all(metadata), first);
	metadata_close(metadata);
}

static void objects_live_as_long_as_somebody_needs_them(void **state)
{
	struct metadata_extent merged = { 1, 0, 30, 0, 0, 90, 5, 9, VIEW_LITERAL("y") };
	struct metadata_merge merge = { .size = 90,
					.partition = 1,
					.base_offset = 0,
					.end_offset = 30,
					.extents = &merged,
					.extent_count = 1,
					.replaced_count = 2 };
	struct metadata_state is;
	struct metadata *metadata;
	const char *address = place_new();
	int64_t doomed[10], orphan;
	uint32_t id;

	OK(metadata_open(address, 42, &metadata, &is, &fault));
	OK(metadata_topic_create(metadata, &orders, 2, &id, &fault));
	for (int i = 0; i < 3; i++)
		OK(flush(metadata, 1, 10 * i, 10 * i, 10 * i + 10, 500));
	OK(flush(metadata, 2, 0, 0, 10, 500));
	assert_int_equal(metadata_objects_doomed(metadata, doomed, 10, &fault), 0);
	OK(metadata_object_prepare(metadata, &merge.object, &fault));
	assert_int_equal(metadata_merge_commit(metadata, &merge, &fault), ERR_STALE); /* there are three */
	merge.replaced_count = 3;
	OK(metadata_merge_commit(metadata, &merge, &fault));
	assert_int_equal(metadata_objects_doomed(metadata, doomed, 10, &fault), 3);
	assert_int_equal(doomed[2], 3);
	OK(metadata_objects_forget(metadata, doomed, 3, &fault));
	assert_int_equal(metadata_objects_doomed(metadata, doomed, 10, &fault), 0);
	OK(metadata_log_start_move(metadata, 1, 29, &fault)); /* not all of it */
	assert_int_equal(metadata_objects_doomed(metadata, doomed, 10, &fault), 0);
	OK(metadata_log_start_move(metadata, 1, 30, &fault));
	assert_int_equal(metadata_objects_doomed(metadata, doomed, 10, &fault), 1);
	assert_int_equal(doomed[0], merge.object);
	OK(metadata_topic_delete(metadata, orders.id, &fault));
	assert_int_equal(metadata_objects_doomed(metadata, doomed, 10, &fault), 2);
	assert_string_equal(tell_all(metadata), "");
	/* What was prepared and never committed is swept by the next incarnation, not by this one. */
	OK(metadata_object_prepare(metadata, &orphan, &fault));
	assert_int_equal(metadata_objects_doomed(metadata, doomed, 10, &fault), 2);
	metadata_close(metadata);
	OK(metadata_open(address, 42, &metadata, &is, &fault));
	assert_int_equal(metadata_objects_doomed(metadata, doomed, 10, &fault), 3);
	assert_int_equal(doomed[2], orphan);
	metadata_close(metadata);
}

static void a_mirror_is_filled_and_cut(void **state)
{
	struct epoch_start epochs[2] = { { 2, 60 }, { 3, 80 } };
	struct metadata_extent left = { 1, 60, 70, 2, 0, 40, 0, 7, VIEW_LITERAL("z") };
	struct metadata_fill fill = { .partition = 1,
				      .log_start = 60,
				      .before = 100,
				      .size = 1000,
				      .extent = { 1, 60, 90, 0, 0, 100, 5, 9, VIEW_LITERAL("y") },
				      .epochs = epochs,
				      .epoch_count = 2 };
	struct metadata_cut cut = { .partition = 1,
				    .end_offset = 70,
				    .leader_epoch = 5,
				    .snapshot = VIEW_LITERAL("then"),
				    .extents = &left,
				    .extent_count = 1 };
	struct metadata_state is;
	struct metadata *metadata;
	int64_t doomed[10];
	char first[4000];
	uint32_t id;

	OK(metadata_open(place_new(), 42, &metadata, &is, &fault));
	OK(metadata_topic_create(metadata, &orders, 1, &id, &fault));
	assert_int_equal(metadata_truncate(metadata, &cut, &fault), ERR_STALE);
	OK(metadata_mirror_begin(metadata, &(struct metadata_epoch){ 1, 3, 100 }, &fault));
	OK(flush(metadata, 1, 100, 100, 120, 500));
	assert_int_equal(metadata_mirror_begin(metadata, &(struct metadata_epoch){ 1, 4, 130 }, &fault),
			 ERR_STALE);
	OK(metadata_object_prepare(metadata, &fill.object, &fault));
	OK(metadata_fill_commit(metadata, &fill, &fault));
	snprintf(first, sizeof first, "%s", tell_all(metadata));
	assert_string_equal(first, "topic orders 1 c=1\n"
				   "partition 1 of 1 index 0 epoch 3 start 60 end 120 mirror\n"
				   "epoch 2 of 1 from 60\n"
				   "epoch 3 of 1 from 80\n"
				   "extent 1 60-90 in 2 at 0 size 100 times 5-9 aborted y\n"
				   "extent 1 100-120 in 1 at 64 size 100 times 5-9 aborted x\n"
				   "snapshot 1 at 120 state\n");
	OK(metadata_fill_commit(metadata, &fill, &fault)); /* as after an answer that was lost */
	assert_string_equal(tell_all(metadata), first);
	OK(metadata_object_prepare(metadata, &fill.object, &fault));
	assert_int_equal(metadata_fill_commit(metadata, &fill, &fault), ERR_STALE); /* it begins elsewhere */
	OK(metadata_truncate(metadata, &cut, &fault));
	snprintf(first, sizeof first, "%s", tell_all(metadata));
	assert_string_equal(first, "topic orders 1 c=1\n"
				   "partition 1 of 1 index 0 epoch 5 start 60 end 70 mirror\n"
				   "epoch 2 of 1 from 60\n"
				   "epoch 5 of 1 from 70\n"
				   "extent 1 60-70 in 2 at 0 size 40 times 5-7 aborted z\n"
				   "snapshot 1 at 70 then\n");
	OK(metadata_truncate(metadata, &cut, &fault));
	assert_string_equal(tell_all(metadata), first);
	assert_int_equal(metadata_objects_doomed(metadata, doomed, 10, &fault), 1);
	assert_int_equal(doomed[0], 1);
	/* All of it: the start comes down as well. */
	cut = (struct metadata_cut){ .partition = 1, .end_offset = 50, .all = true, .leader_epoch = 6 };
	OK(metadata_truncate(metadata, &cut, &fault));
	assert_non_null(
		strstr(tell_all(metadata), "epoch 6 start 50 end 50 mirror\nepoch 6 of 1 from 50\nsnap"));
	assert_int_equal(metadata_objects_doomed(metadata, doomed, 10, &fault), 2);
	metadata_close(metadata);
}

static void whoever_opened_last_wins(void **state)
{
	const char *address = place_new();
	struct metadata_state is;
	struct metadata *first, *second;
	uint32_t id;
	int64_t object;

	OK(metadata_open(address, 42, &first, &is, &fault));
	OK(metadata_topic_create(first, &orders, 1, &id, &fault));
	OK(metadata_open(address, 42, &second, &is, &fault));
	assert_int_equal(flush(second, 1, 0, 0, 10, 500), 0);
	assert_int_equal(metadata_object_prepare(first, &object, &fault), ERR_STALE);
	assert_non_null(strstr(fault.text, "another process"));
	assert_int_equal(metadata_log_start_move(first, 1, 5, &fault), ERR_STALE);
	assert_int_equal(metadata_topic_delete(first, orders.id, &fault), ERR_STALE);
	assert_non_null(strstr(tell_all(second), "start 0 end 10"));
	metadata_close(first);
	metadata_close(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_changed_is_there),
		cmocka_unit_test(an_upload_is_kept_whole_or_not_at_all),
		cmocka_unit_test(objects_live_as_long_as_somebody_needs_them),
		cmocka_unit_test(a_mirror_is_filled_and_cut),
		cmocka_unit_test(whoever_opened_last_wins),
	};

	return cmocka_run_group_tests(tests, places_set_up, places_tear_down);
}

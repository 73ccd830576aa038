/* test_wal.c - what a write-ahead log does with what it finds: cut a tear, refuse damage, refuse what it does not know. */
#include <fcntl.h>
#include <glob.h>

#include "make.h"

#include "base/bits.h"
#include "base/crc32c.h"
#include "store/wal_format.h"

struct collected {
	int count;
	uint64_t last_lsn;
};

static int collect(void *context, const struct wal_head *head, struct view payload, struct fault *fault)
{
	struct collected *collected = context;

	assert_true(head->lsn > collected->last_lsn || collected->count == 0);
	collected->last_lsn = head->lsn;
	collected->count++;
	return 0;
}

struct log {
	struct lane *committer, *home, *maker;
	struct wal *wal;
	struct collected found;
	struct fault fault;
	int err;
};

static void open_log_with(struct log *log, uint64_t trimmed, bool maker)
{
	struct wal_place place = { &disk_system, store_folder, 128 << 10, 77, NULL, NULL, NULL };

	*log = (struct log){ 0 };
	assert_int_equal(lane_new_stepped(NULL, NULL, &log->committer), 0);
	assert_int_equal(lane_new_stepped(NULL, NULL, &log->home), 0);
	place.committer = log->committer;
	place.home = log->home;
	if (maker)
		assert_int_equal(lane_new_stepped(NULL, NULL, &log->maker), 0);
	place.maker = log->maker;
	log->err = wal_file_open(&place, trimmed, collect, &log->found, &log->wal, &log->fault);
}

static void open_log(struct log *log, uint64_t trimmed)
{
	open_log_with(log, trimmed, false);
}

static void close_log(struct log *log)
{
	lane_free(log->committer);
	lane_free(log->maker);
	wal_free(log->wal);
	lane_free(log->home);
}

static int answers;

static void counted(struct wal_entry *entry, int err)
{
	assert_int_equal(err, 0);
	answers++;
}

/* Writes `count` entries, each in a group of its own or all in one. */
static void write_entries(struct log *log, int count, size_t size, bool together)
{
	struct wal_entry *entries = calloc((size_t)count, sizeof *entries);
	struct buffer out;

	buffer_init(&out, 1 << 20);
	make_batch(&out, &batch_options_default, 1, size, 1000);
	answers = 0;
	for (int i = 0; i < count; i++) {
		list_init(&entries[i].link);
		entries[i].head = (struct wal_head){ .partition = 1, .offset_count = 1, .kind = WAL_BATCH };
		entries[i].payload = buffer_bytes(&out);
		entries[i].done = counted;
		wal_append(log->wal, &entries[i]);
		while (!together && lane_step(log->committer))
			;
	}
	while (lane_step(log->committer))
		;
	assert_int_equal(answers, 0); /* only the home lane answers */
	while (lane_step(log->home))
		;
	assert_int_equal(answers, count);
	buffer_done(&out);
	free(entries);
}

static char segment[400];

static const char *segment_path(int number)
{
	snprintf(segment, sizeof segment, "%s/%020d.wal", store_folder, number);
	return segment;
}

static void poke(const char *path, off_t offset, const void *bytes, size_t size)
{
	int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, size, offset), size);
	close(fd);
}

/* A file of the folder that is only this text. */
static void poke_new(const char *name, const char *text)
{
	char path[400];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", store_folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void flip(const char *path, off_t offset)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, offset), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

static void entries_come_back_in_order(void **state)
{
	struct log log;

	for (int round = 0; round < 3; round++) {
		open_log(&log, 0);
		assert_int_equal(log.err, 0);
		assert_int_equal(log.found.count, round * 70);
		write_entries(&log, 20, 3000, false);
		write_entries(&log, 50, 3000, true);
		close_log(&log);
	}
}

static void what_was_trimmed_is_not_told_again(void **state)
{
	struct wal_numbers numbers;
	struct log log;
	uint64_t lsn, size_on_disk;

	open_log(&log, 0);
	write_entries(&log, 200, 3000, false);
	wal_numbers(log.wal, &numbers);
	lsn = numbers.end_lsn;
	size_on_disk = numbers.size_on_disk;
	wal_trim(log.wal, lsn);
	while (lane_step(log.committer))
		;
	wal_numbers(log.wal, &numbers);
	assert_true(numbers.first_lsn > 0);
	assert_true(numbers.size_on_disk <= size_on_disk); /* kept as spares, at most */
	write_entries(&log, 10, 3000, false);
	close_log(&log);
	open_log(&log, lsn);
	assert_int_equal(log.err, 0);
	assert_int_equal(log.found.count, 10);
	close_log(&log);
	/* Metadata that remembers less than the log has kept. */
	open_log(&log, 0);
	assert_int_equal(log.err, ERR_CHECKSUM);
	assert_non_null(strstr(log.fault.text, "missing"));
	close_log(&log);
}

/* ---- room ahead, names behind */

static int count_files(const char *pattern)
{
	char path[400];
	glob_t found;
	int count;

	snprintf(path, sizeof path, "%s/%s", store_folder, pattern);
	count = glob(path, 0, NULL, &found) == 0 ? (int)found.gl_pathc : 0;
	globfree(&found);
	return count;
}

#define AHEAD "spare-next.wal"

/* A segment of 128 KiB takes 31 groups of a page. */
static void room_is_made_before_it_is_needed(void **state)
{
	struct log log;

	open_log_with(&log, 0, true);
	write_entries(&log, 2, 3000, false);
	assert_false(lane_step(log.maker)); /* a little is no reason */
	/* The first segment was reserved only: it is left as soon as there is a better one. */
	write_entries(&log, 3, 3000, false);
	while (lane_step(log.maker))
		;
	assert_int_equal(count_files(AHEAD), 1);
	assert_int_equal(count_files("0*.wal"), 1);
	write_entries(&log, 1, 3000, false);
	assert_int_equal(count_files(AHEAD), 0);
	assert_int_equal(count_files("0*.wal"), 2);
	/* The second one is written to its end, and the third is there when it is half full. */
	write_entries(&log, 10, 3000, false);
	assert_false(lane_step(log.maker));
	write_entries(&log, 10, 3000, false);
	while (lane_step(log.maker))
		;
	assert_int_equal(count_files(AHEAD), 1);
	assert_int_equal(count_files("0*.wal"), 2);
	write_entries(&log, 20, 3000, false);
	assert_int_equal(count_files(AHEAD), 0);
	assert_int_equal(count_files("0*.wal"), 3);
	close_log(&log);
	open_log(&log, 0);
	assert_int_equal(log.err, 0);
	assert_int_equal(log.found.count, 46);
	close_log(&log);
}

/* Half made when it is needed, then left behind by a crash: neither is waited for, and it is never taken for anything. */
static void room_that_is_half_made_is_no_room(void **state)
{
	struct log log;

	open_log_with(&log, 0, true);
	write_entries(&log, 20, 3000, false); /* it is asked for, and nobody makes it */
	write_entries(&log, 20, 3000, false);
	assert_int_equal(count_files("0*.wal"), 2);
	assert_int_equal(count_files(AHEAD), 0);
	close_log(&log);
	poke_new(AHEAD, "half");
	open_log_with(&log, 0, true);
	assert_int_equal(log.err, 0);
	assert_int_equal(log.found.count, 40);
	assert_int_equal(count_files(AHEAD), 0);
	/* One of another size is not begun in, whatever is said of it. */
	write_entries(&log, 6, 3000, false);
	while (lane_step(log.maker))
		;
	assert_int_equal(count_files(AHEAD), 1);
	poke_new(AHEAD, "cut");
	write_entries(&log, 10, 3000, false);
	assert_int_equal(count_files(AHEAD), 0);
	close_log(&log);
	open_log(&log, 0);
	assert_int_equal(log.found.count, 56);
	close_log(&log);
}

static void what_is_behind_is_released_on_its_own_lane(void **state)
{
	struct wal_numbers numbers;
	struct log log;
	uint64_t lsn;

	open_log_with(&log, 0, true);
	write_entries(&log, 150, 3000, false);
	while (lane_step(log.maker))
		;
	wal_numbers(log.wal, &numbers);
	lsn = numbers.end_lsn;
	assert_int_equal(count_files("0*.wal"), 5);
	wal_trim(log.wal, lsn);
	while (lane_step(log.committer))
		;
	wal_numbers(log.wal, &numbers);
	assert_true(numbers.first_lsn > 0);
	assert_int_equal(count_files("0*.wal"), 5); /* not yet */
	assert_true(lane_step(log.maker));
	assert_int_equal(count_files("0*.wal"), 4);
	/* Closed in the middle of it, the rest is released at the next opening. */
	close_log(&log);
	open_log_with(&log, lsn, true);
	assert_int_equal(log.err, 0);
	assert_int_equal(log.found.count, 0);
	while (lane_step(log.maker))
		;
	assert_int_equal(count_files("0*.wal"), 1);
	write_entries(&log, 100, 3000, false);
	close_log(&log);
	open_log(&log, lsn);
	assert_int_equal(log.err, 0);
	assert_int_equal(log.found.count, 100);
	close_log(&log);
}

/* Where group number `group` begins, when each holds one batch of a record of 3,000 bytes and fills a page. */
static off_t group_at(int group)
{
	return WAL_PAGE_SIZE * (1 + group);
}

static void a_torn_tail_is_cut(void **state)
{
	static const uint8_t page[WAL_PAGE_SIZE];
	struct log log;

	open_log(&log, 0);
	write_entries(&log, 10, 3000, false);
	close_log(&log);
	/* As a crash would leave it: without the pad that says that it was closed. */
	poke(segment_path(0), group_at(10), page, sizeof page);
	flip(segment_path(0), group_at(9) + 200);
	open_log(&log, 0);
	assert_int_equal(log.err, 0);
	assert_int_equal(log.found.count, 9);
	write_entries(&log, 5, 3000, false);
	close_log(&log);
	open_log(&log, 0);
	assert_int_equal(log.err, 0);
	assert_int_equal(log.found.count, 14);
	close_log(&log);
}

static void damage_is_refused(void **state)
{
	static const off_t places[] = { 4, 20, 60, 200, 3000 };
	struct log log;

	open_log(&log, 0);
	write_entries(&log, 10, 3000, false);
	close_log(&log);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		for (int group = 0; group < 10; group += 3) {
			flip(segment_path(0), group_at(group) + places[i]);
			open_log(&log, 0);
			assert_int_equal(log.err, ERR_CHECKSUM);
			assert_non_null(strstr(log.fault.text, "damage at byte"));
			assert_non_null(strstr(log.fault.text, "Restore"));
			close_log(&log);
			flip(segment_path(0), group_at(group) + places[i]);
		}
	open_log(&log, 0);
	assert_int_equal(log.err, 0);
	assert_int_equal(log.found.count, 10);
	close_log(&log);
}

/* 31 pages behind the head of a segment, and 31 groups of a page: room for the end is found all the same. */
static void a_log_that_filled_its_segment_ends_with_a_pad_too(void **state)
{
	struct log log;
	bool second;

	open_log(&log, 0);
	write_entries(&log, 31, 3000, false);
	close_log(&log);
	second = access(segment_path(1), F_OK) == 0;
	flip(segment_path(second), group_at(second ? 0 : 30) + 200);
	open_log(&log, 0);
	assert_int_equal(log.err, ERR_CHECKSUM);
	close_log(&log);
}

static void the_head_says_whose_it_is(void **state)
{
	uint8_t page[WAL_PAGE_SIZE];
	struct wal_segment_head head;
	struct log log;
	int fd;

	open_log(&log, 0);
	write_entries(&log, 1, 3000, false);
	close_log(&log);
	fd = open(segment_path(0), O_RDONLY);
	assert_int_equal(pread(fd, page, sizeof page, 0), sizeof page);
	close(fd);
	assert_int_equal(wal_segment_head_get(view_of(page, sizeof page), &head, NULL), 0);

	flip(segment_path(0), 33);
	open_log(&log, 0);
	assert_int_equal(log.err, ERR_CHECKSUM);
	close_log(&log);

	put_le32(page + 12, WAL_VERSION + 1);
	poke(segment_path(0), 0, page, sizeof page);
	open_log(&log, 0);
	assert_int_equal(log.err, ERR_UNSUPPORTED);
	assert_non_null(strstr(log.fault.text, "newer program"));
	close_log(&log);

	head.log_id++;
	wal_segment_head_put(page, &head);
	poke(segment_path(0), 0, page, sizeof page);
	open_log(&log, 0);
	assert_int_equal(log.err, ERR_CONFIG);
	assert_non_null(strstr(log.fault.text, "another store"));
	close_log(&log);
}

static void a_missing_segment_is_damage(void **state)
{
	struct log log;

	open_log(&log, 0);
	write_entries(&log, 100, 3000, false);
	close_log(&log);
	assert_int_equal(unlink(segment_path(1)), 0);
	open_log(&log, 0);
	assert_int_equal(log.err, ERR_CHECKSUM);
	assert_non_null(strstr(log.fault.text, "is missing"));
	close_log(&log);
}

/* Every prefix of an entry, and every bit of it turned, is no entry. */
static void only_the_entry_itself_is_one(void **state)
{
	struct wal_head head = {
		.lsn = 4242, .partition = 3, .leader_epoch = 1, .offset_count = 2, .kind = WAL_BATCH
	};
	struct wal_entry_head found;
	struct view payload, copy;
	struct buffer batch;
	uint8_t bytes[400] = { 0 };
	size_t size;

	buffer_init(&batch, 1000);
	make_batch(&batch, &batch_options_default, 2, 20, 1000);
	size = wal_entry_size(batch.size);
	assert_true(size <= sizeof bytes);
	memcpy(bytes + WAL_ENTRY_SIZE, batch.at, batch.size);
	wal_entry_put(bytes, &head, 0, 9, buffer_bytes(&batch));
	copy = copy_exactly(view_of(bytes, size));
	assert_int_equal(wal_entry_get(copy, 4242, &found, &payload), 0);
	assert_int_equal(found.head.partition, 3);
	assert_int_equal(found.previous, 9);
	assert_int_equal(payload.size, batch.size);
	assert_int_equal(wal_entry_get(copy, 4243, &found, &payload), ERR_MALFORMED);
	for (size_t i = 0; i < size; i++) {
		struct view part = copy_exactly(view_of(copy.at, i));

		assert_int_equal(wal_entry_get(part, 4242, &found, &payload), ERR_MALFORMED);
		free((void *)(uintptr_t)part.at);
	}
	for (size_t i = 0; i < WAL_ENTRY_SIZE + batch.size; i++) {
		((uint8_t *)(uintptr_t)copy.at)[i] ^= 1;
		/* Four bytes of zero ahead of the payload are under the checksum as well. */
		assert_int_equal(wal_entry_get(copy, 4242, &found, &payload), ERR_MALFORMED);
		((uint8_t *)(uintptr_t)copy.at)[i] ^= 1;
	}
	free((void *)(uintptr_t)copy.at);
	buffer_done(&batch);
}

int main(void)
{
#define PLAY(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
	const struct CMUnitTest tests[] = {
		PLAY(entries_come_back_in_order),
		PLAY(what_was_trimmed_is_not_told_again),
		PLAY(room_is_made_before_it_is_needed),
		PLAY(room_that_is_half_made_is_no_room),
		PLAY(what_is_behind_is_released_on_its_own_lane),
		PLAY(a_torn_tail_is_cut),
		PLAY(damage_is_refused),
		PLAY(a_log_that_filled_its_segment_ends_with_a_pad_too),
		PLAY(the_head_says_whose_it_is),
		PLAY(a_missing_segment_is_damage),
		cmocka_unit_test(only_the_entry_itself_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

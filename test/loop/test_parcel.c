/*
 * test_parcel.c - bytes that the kernel was lent: never released while it may still send them.
 *
 * Two TCP sockets on loopback, of which one reads little: what it has not taken lies with the kernel, in our memory.  Whoever is
 * released writes something else into that memory at once.  And a layer of our own, for what the kernel rarely does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/layer.h"
#include "loop/loop.h"
#include "loop/parcel.h"
#include "loop/stream.h"

#define SIZE (512 << 10)

static uint8_t byte_at(size_t index)
{
	return (uint8_t)(index * 31 + index / 251);
}

struct loan {
	struct iovec piece;
	int released;
	bool *done;
	uint8_t bytes[SIZE];
};

static void released(void *context)
{
	struct loan *loan = context;

	loan->released++;
	memset(loan->bytes, 0xaa, sizeof loan->bytes);
	if (loan->done)
		*loan->done = true;
}

static struct loan *loan_new(size_t from)
{
	struct loan *loan = calloc(1, sizeof *loan);

	assert_non_null(loan);
	for (size_t i = 0; i < sizeof loan->bytes; i++)
		loan->bytes[i] = byte_at(from + i);
	loan->piece = (struct iovec){ loan->bytes, sizeof loan->bytes };
	return loan;
}

struct play {
	struct loop *loop;
	struct stream *stream; /* the one that sends; NULL once it was closed */
	int there;             /* the one that reads, or not */
	size_t heard;
	bool done, open, closed;
};

static void opened(void *owner)
{
	struct play *play = owner;

	play->open = play->done = true;
}

static void readable(void *owner)
{
	struct play *play = owner;
	char bytes[10];

	stream_read(play->stream, bytes, sizeof bytes);
}

static void closed(void *owner, const struct fault *fault)
{
	struct play *play = owner;

	assert_int_equal(fault->err, ERR_NETWORK);
	stream_free(play->stream);
	play->stream = NULL;
	play->closed = play->done = true;
}

static const struct stream_events events = { opened, readable, NULL, closed };

/* A connection whose sender takes all at once, and whose reader next to nothing by itself. */
static void connect_both(int *here, int *there)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	int door = socket(AF_INET, SOCK_STREAM, 0), little = 65536, much = 2 << 20;

	assert_int_equal(bind(door, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(door, 1), 0);
	assert_int_equal(getsockname(door, (struct sockaddr *)&at, &size), 0);
	*there = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(*there, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
	assert_int_equal(connect(*there, (struct sockaddr *)&at, sizeof at), 0);
	*here = accept(door, NULL, NULL);
	assert_true(*here >= 0);
	setsockopt(*here, SOL_SOCKET, SO_SNDBUF, &much, sizeof much);
	close(door);
}

static void play_wait(struct play *play)
{
	assert_int_equal(loop_until(play->loop, &play->done, clock_monotonic_ms(&clock_system) + 10000), 0);
	play->done = false;
}

static void play_open(struct play *play)
{
	int here;

	memset(play, 0, sizeof *play);
	assert_int_equal(loop_new(&clock_system, 1, &play->loop), 0);
	connect_both(&here, &play->there);
	assert_int_equal(stream_accepted(play->loop, here, NULL, 1 << 20, 5000, &events, play, &play->stream),
			 0);
	play_wait(play);
	assert_true(play->open);
}

static void play_close(struct play *play)
{
	stream_free(play->stream);
	if (play->there >= 0)
		close(play->there);
	loop_free(play->loop);
}

/* Reads until `size` bytes were heard in all, or the end: each is what was written. */
static void hear(struct play *play, size_t size)
{
	static uint8_t bytes[65536];
	ssize_t got = 1;

	while (play->heard < size && got > 0) {
		struct pollfd ready = { play->there, POLLIN, 0 };

		assert_int_equal(poll(&ready, 1, 10000), 1);
		got = recv(play->there, bytes, sizeof bytes, 0);
		for (ssize_t i = 0; i < got; i++)
			assert_int_equal(bytes[i], byte_at(play->heard++));
	}
}

/* All of it is with the kernel, and not released: it was lent. */
static struct loan *lend(struct play *play, size_t from)
{
	struct loan *loan = loan_new(from);

	assert_int_equal(stream_write_held(play->stream, &loan->piece, 1, released, loan), 0);
	assert_int_equal(stream_queued(play->stream), 0);
	return loan;
}

static bool kernel_lends(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	bool can = setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on) == 0;

	close(fd);
	return can;
}

static void is_released_when_the_peer_has_it(void **state)
{
	for (int paused = 0; paused < 2; paused++) {
		struct play play;
		struct loan *first, *second;

		play_open(&play);
		stream_pause(play.stream, paused);
		first = lend(&play, 0);
		assert_int_equal(first->released, 0);
		first->done = &play.done;
		hear(&play, SIZE);
		play_wait(&play);
		assert_int_equal(first->released, 1);
		assert_int_equal(play.heard, SIZE);
		/* The kernel has said that it copies here, as always on one machine: it is not asked again. */
		second = lend(&play, SIZE);
		assert_int_equal(second->released, 1);
		hear(&play, 2 * SIZE);
		assert_int_equal(play.heard, 2 * SIZE);
		play_close(&play);
		free(first);
		free(second);
	}
}

static void is_not_sent_once_it_is_something_else(void **state)
{
	struct play play;
	struct loan *loan;

	play_open(&play);
	loan = lend(&play, 0);
	assert_int_equal(loan->released, 0);
	stream_free(play.stream);
	play.stream = NULL;
	assert_int_equal(loan->released, 1);
	hear(&play, SIZE);
	assert_true(play.heard > 0);
	assert_true(play.heard < SIZE);
	play_close(&play);
	free(loan);
}

static void is_released_when_the_peer_is_gone(void **state)
{
	struct linger now = { 1, 0 };
	struct play play;
	struct loan *loan;

	play_open(&play);
	loan = lend(&play, 0);
	setsockopt(play.there, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(play.there);
	play.there = -1;
	while (!play.closed)
		play_wait(&play);
	assert_int_equal(loan->released, 1);
	play_close(&play);
	free(loan);
}

/* A connection that fails while one part is lent and the rest waits: both come back. */
static void what_waits_behind_it_comes_back_too(void **state)
{
	struct play play;
	struct loan *loans[12];
	int held = 0;

	play_open(&play);
	for (int i = 0; i < 12; i++) {
		loans[i] = loan_new((size_t)i * SIZE);
		assert_int_equal(stream_write_held(play.stream, &loans[i]->piece, 1, released, loans[i]), 0);
	}
	assert_true(stream_queued(play.stream) > 0);
	for (int i = 0; i < 12; i++)
		held += !loans[i]->released;
	assert_true(held > 1);
	hear(&play, 3 * SIZE / 2);
	stream_free(play.stream);
	play.stream = NULL;
	hear(&play, (size_t)12 * SIZE);
	assert_true(play.heard < (size_t)12 * SIZE);
	for (int i = 0; i < 12; i++) {
		assert_int_equal(loans[i]->released, 1);
		free(loans[i]);
	}
	play_close(&play);
}

/* With or without the right to lock memory without a limit. */
static void may_lock_memory(bool may)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { 0 };

	assert_int_equal(syscall(SYS_capget, &head, data), 0);
	data[0].effective &= ~(1U << CAP_IPC_LOCK);
	if (may)
		data[0].effective |= data[0].permitted & (1U << CAP_IPC_LOCK);
	assert_int_equal(syscall(SYS_capset, &head, data), 0);
}

static void is_copied_when_no_more_may_be_lent(void **state)
{
	struct rlimit before, none;
	struct play play;
	struct loan *loan;

	play_open(&play);
	may_lock_memory(false);
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	loan = lend(&play, 0);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
	may_lock_memory(true);
	assert_int_equal(loan->released, 1);
	hear(&play, SIZE);
	assert_int_equal(play.heard, SIZE);
	play_close(&play);
	free(loan);
}

/* ---- a layer of our own ------------------------------------------------------------------------------------------------ */

struct layer_of_ours {
	struct layer layer;
	uint32_t number;
	size_t takes; /* at once */
	uint32_t words[8][2];
	int words_count, words_next, copies, cuts;
};

static ssize_t ours_write(struct layer *layer, const struct iovec *pieces, int count, struct fault *fault)
{
	((struct layer_of_ours *)layer)->copies++;
	return (ssize_t)pieces->iov_len;
}

static ssize_t ours_lend(struct layer *layer, const struct iovec *pieces, int count, bool *lent,
			 uint32_t *number, struct fault *fault)
{
	struct layer_of_ours *ours = (struct layer_of_ours *)layer;

	*lent = true;
	*number = ours->number++;
	return (ssize_t)(pieces->iov_len < ours->takes ? pieces->iov_len : ours->takes);
}

static bool ours_returned(struct layer *layer, uint32_t *first, uint32_t *last)
{
	struct layer_of_ours *ours = (struct layer_of_ours *)layer;

	if (ours->words_next == ours->words_count)
		return false;
	*first = ours->words[ours->words_next][0];
	*last = ours->words[ours->words_next++][1];
	return true;
}

static void ours_cut_off(struct layer *layer)
{
	((struct layer_of_ours *)layer)->cuts++;
}

static const struct layer_functions ours_functions = {
	.write_pieces = ours_write, .lend = ours_lend, .returned = ours_returned, .cut_off = ours_cut_off
};

static void say_returned(struct layer_of_ours *ours, uint32_t first, uint32_t last)
{
	ours->words[ours->words_count][0] = first;
	ours->words[ours->words_count++][1] = last;
}

/* Numbers that wrap, told in pieces and out of order: each parcel is released with the last of its own. */
static void each_is_released_with_its_last_loan(void **state)
{
	struct layer_of_ours ours = { .layer.functions = &ours_functions,
				      .number = UINT32_MAX - 2,
				      .takes = 100000 };
	struct loan *a = loan_new(0), *b = loan_new(0);
	struct parcels parcels;
	struct fault fault = { 0 };

	parcels_init(&parcels);
	parcels_hold(&parcels, &a->piece, 1, released,
		     a); /* UINT32_MAX - 2 to 1; the rest is small, and copied */
	parcels_hold(&parcels, &b->piece, 1, released, b); /* 2 to 6 */
	assert_int_equal(parcels_flush(&parcels, &ours.layer, &fault), 0);
	assert_int_equal(parcels.bytes, 0);
	assert_int_equal(ours.copies, 2);
	assert_int_equal(ours.number, 7);
	assert_false(parcels_settle(&parcels, &ours.layer));

	say_returned(&ours, 0, 1);
	say_returned(&ours, UINT32_MAX - 1, UINT32_MAX);
	say_returned(&ours, 3, 6);
	assert_true(parcels_settle(&parcels, &ours.layer));
	assert_int_equal(a->released, 0);
	assert_int_equal(b->released, 0);
	say_returned(&ours, 2, 2);
	parcels_settle(&parcels, &ours.layer);
	assert_int_equal(a->released, 0);
	assert_int_equal(b->released, 1);
	say_returned(&ours, UINT32_MAX - 2, UINT32_MAX - 2);
	parcels_settle(&parcels, &ours.layer);
	assert_int_equal(a->released, 1);
	parcels_end(&parcels, &ours.layer);
	assert_int_equal(ours.cuts, 0);
	free(a);
	free(b);
}

/* A network card that hangs: the memory is given up, and nobody writes into it any more.  After some of that nothing is lent. */
static void what_does_not_come_back_is_never_released(void **state)
{
	struct layer_of_ours ours = { .layer.functions = &ours_functions, .takes = SIZE };
	struct fault fault = { 0 };
	int given_up = 0;

	for (; ours.copies == 0; given_up++) {
		struct loan *loan = loan_new(0);
		struct parcels parcels;

		assert_true(given_up < 20);
		parcels_init(&parcels);
		parcels_hold(&parcels, &loan->piece, 1, released, loan);
		assert_int_equal(parcels_flush(&parcels, &ours.layer, &fault), 0);
		parcels_end(&parcels, &ours.layer);
		assert_int_equal(ours.cuts, ours.number);
		assert_int_equal(loan->released, ours.copies);
		assert_true(list_empty(&parcels.lent));
		free(loan);
	}
	assert_true(given_up > 1);
}

int main(void)
{
	const struct CMUnitTest with_kernel[] = {
		cmocka_unit_test(is_released_when_the_peer_has_it),
		cmocka_unit_test(is_not_sent_once_it_is_something_else),
		cmocka_unit_test(is_released_when_the_peer_is_gone),
		cmocka_unit_test(what_waits_behind_it_comes_back_too),
		cmocka_unit_test(is_copied_when_no_more_may_be_lent),
	};
	const struct CMUnitTest with_ours[] = {
		cmocka_unit_test(each_is_released_with_its_last_loan),
		cmocka_unit_test(what_does_not_come_back_is_never_released),
	};
	int failed = 0;

	if (kernel_lends())
		failed += cmocka_run_group_tests_name("the kernel's", with_kernel, NULL, NULL);
	else
		printf("this kernel lends nothing\n");
	/* Behind the others: its last one ends all lending. */
	return failed + cmocka_run_group_tests_name("our layer", with_ours, NULL, NULL);
}

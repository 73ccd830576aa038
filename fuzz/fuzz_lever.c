/*
 * fuzz_lever.c - whoever reaches the lever of `interlock demo`: any bytes over a real connection on loopback, in two pieces.
 *
 * Whatever comes, the door answers in HTTP or closes, the word it holds is one of the three, and another guest is served
 * after this one.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "demo/lever_door.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TURNS_MAX 200

static struct loop *loop;
static struct lever_door *door;
static const char *word = "source";
static int looks;

static const char *get(void *context)
{
	return word;
}

static int set(void *context, struct view to, int64_t epoch)
{
	static const char *const words[] = { "source", "hold", "target" };

	for (int i = 0; i < 3; i++)
		if (view_is(to, words[i])) {
			word = words[i];
			return epoch == 7 ? ERR_STALE : 0;
		}
	return ERR_USAGE;
}

/* Each second word takes a moment. */
static bool settled(void *context)
{
	return ++looks % 2 == 0;
}

static int drained(void *context, int64_t epoch)
{
	return epoch == 7 ? ERR_STALE : epoch % 2 != 0;
}

static const struct lever_words words = { "flag", get, set, settled, drained };

static void begin(void)
{
	struct fault fault;

	if (loop_new(&clock_system, 1, &loop) < 0 || lever_door_new(loop, &words, NULL, &door, &fault) < 0)
		abort();
}

static int connect_to_door(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(lever_door_port(door)) };
	struct linger at_once = { .l_onoff = 1 }; /* no port stays behind for a minute */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) < 0)
		abort();
	return fd;
}

static void turn(void)
{
	bool never = false;

	loop_until(loop, &never, loop_now_ms(loop) + 1);
}

/* Reads until the door closes, or for as long as it may think; what came first must be HTTP. */
static size_t hear(int fd, bool closes)
{
	char bytes[4096];
	size_t all = 0;

	for (int i = 0; i < TURNS_MAX; i++) {
		ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

		if (got == 0 || (got < 0 && errno != EAGAIN))
			return all;
		if (got > 0) {
			assert(all > 0 || (got >= 9 && memcmp(bytes, "HTTP/1.1 ", 9) == 0));
			all += (size_t)got;
			if (!closes)
				return all;
			continue;
		}
		turn();
	}
	abort(); /* it neither answered nor closed */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char good[] = "GET /flag HTTP/1.1\r\n\r\n";
	size_t first = size ? data[0] * size / 256 : 0;
	int fd;

	if (!loop)
		begin();
	fd = connect_to_door();
	if (send(fd, data, first, MSG_NOSIGNAL) == (ssize_t)first) {
		turn();
		if (send(fd, data + first, size - first, MSG_NOSIGNAL) >= 0)
			shutdown(fd, SHUT_WR);
	}
	hear(fd, true);
	close(fd);
	assert(strcmp(word, "source") == 0 || strcmp(word, "hold") == 0 || strcmp(word, "target") == 0);

	fd = connect_to_door();
	if (send(fd, good, sizeof good - 1, MSG_NOSIGNAL) != sizeof good - 1)
		abort();
	if (hear(fd, false) == 0)
		abort();
	close(fd);
	return 0;
}

/*
 * store_probe.c - a journal under the hands of a test: test/real/test_state.py.
 *
 *	store_probe ADDRESS STATEMENT_MS hammer NAME COUNT    adds COUNT frames "NAME 1", "NAME 2" ... as a controller would
 *	store_probe ADDRESS STATEMENT_MS frames               prints all frames, "1 TEXT"
 *	store_probe ADDRESS STATEMENT_MS open                 opens it for writing, and says how that went
 *
 * hammer prints one line for each thing that it comes to know: "kept 7 NAME 3", "failed ERR sentence", "broken", "reopened",
 * "found 7 NAME 3" (a commit in doubt turned out to be done), "lost NAME 3" (it did not).  It gives up after a minute.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "exit/journal_store.h"

#define GIVE_UP_MS 60000

struct hammer {
	struct journal_store *store;
	struct journal_head head;
	const char *name;
	int number;
	int64_t seen; /* of the frame in hand, when it was found while looking; 0 if not */
};

static struct fault fault;

static void failed(int err)
{
	printf("failed %d %s\n", err, fault.text);
	usleep(20000);
}

static void frame_text(const struct hammer *h, char out[100])
{
	snprintf(out, 100, "%s %d", h->name, h->number);
}

static int look_at(void *context, int64_t sequence, struct view frame)
{
	struct hammer *h = context;
	char text[100];

	frame_text(h, text);
	if (view_is(frame, text))
		h->seen = sequence;
	h->head = (struct journal_head){ sequence, sha256_of(frame) };
	return 0;
}

/* Reads what came behind the head that is known; after a commit in doubt that begins with opening again. */
static int look(struct hammer *h)
{
	int err = 0;

	if (h->store->broken) {
		err = h->store->ops->reopen(h->store, &fault);
		if (err == 0)
			printf("reopened\n");
	}
	h->seen = 0;
	return err < 0 ? err : h->store->ops->read(h->store, h->head.sequence + 1, look_at, h, &fault);
}

/* Until the frame in hand is known to be kept. */
static void add(struct hammer *h)
{
	int64_t end_ms = clock_monotonic_ms(&clock_system) + GIVE_UP_MS;
	bool in_doubt = false;
	char text[100];

	frame_text(h, text);
	while (clock_monotonic_ms(&clock_system) < end_ms) {
		int err = look(h);

		if (err == 0 && in_doubt) {
			in_doubt = false;
			if (h->seen) {
				printf("found %lld %s\n", (long long)h->seen, text);
				return;
			}
			printf("lost %s\n", text);
		}
		if (err == 0)
			err = h->store->ops->append(h->store, 0, &h->head, view_text(text), &h->head, &fault);
		if (err == 0) {
			printf("kept %lld %s\n", (long long)h->head.sequence, text);
			return;
		}
		if (err == ERR_CONFLICT)
			continue; /* somebody else was first */
		failed(err);
		if (h->store->broken && !in_doubt) {
			printf("broken\n");
			in_doubt = true;
		}
	}
	printf("gave up %s\n", text);
	exit(3);
}

static int print_frame(void *context, int64_t sequence, struct view frame)
{
	printf("%lld %.*s\n", (long long)sequence, VIEW_ARGS(frame));
	return 0;
}

int main(int count, char **words)
{
	struct sql_limits limits = { 2000, 5000 };
	struct journal_store *store = NULL;
	int err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (count < 4) {
		fprintf(stderr, "store_probe ADDRESS STATEMENT_MS hammer NAME COUNT | frames | open\n");
		return 2;
	}
	limits.statement_ms = atoi(words[2]);
	err = journal_store_open(words[1], SQL_WRITE, &limits, &store, &fault);
	if (err < 0) {
		printf("failed %d %s\n", err, fault.text);
		return 1;
	}
	if (strcmp(words[3], "frames") == 0) {
		err = store->ops->read(store, 1, print_frame, NULL, &fault);
	} else if (strcmp(words[3], "hammer") == 0 && count == 6) {
		struct hammer h = { .store = store, .name = words[4] };

		for (h.number = 1; h.number <= atoi(words[5]); h.number++)
			add(&h);
	}
	if (err < 0)
		printf("failed %d %s\n", err, fault.text);
	else
		printf("done\n");
	store->ops->free(store);
	return err < 0;
}

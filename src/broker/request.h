/*
 * request.h - one request of one client, from its frame to its answer.
 *
 * A handler is called once with a request whose message was read.  It answers at once or later, exactly once, with
 * request_answer(), request_answer_nothing() or request_fail(); then the request is gone.  Everything that it needs until
 * then it takes from `arena`.  A client may leave meanwhile: the request lives on until it is answered, and the answer
 * goes nowhere; whoever parks requests for long sets `gone` to be told.
 */
#ifndef BROKER_REQUEST_H
#define BROKER_REQUEST_H

#include <sys/uio.h>

#include "base/list.h"
#include "broker/broker_inside.h"
#include "wire/kafka_error.h"
#include "wire/messages.h"

struct pipeline;
struct api_line;

/* What one message may take from memory besides its own bytes: generous for a listing of 100,000 partitions. */
#define REQUEST_ARENA_MAX ((size_t)96 << 20)

enum request_state { REQUEST_WAITING, REQUEST_STARTED, REQUEST_ANSWERED };

struct request {
	struct list link; /* in its pipeline, oldest first */
	struct broker *broker;
	struct pipeline *pipeline; /* NULL once the client is gone */
	const struct node *node;   /* at whose door it came in */
	const struct api_line *line;
	const struct api *api;
	struct request_head head;
	struct arena arena;
	void *message;                         /* struct of the request's message */
	void *own;                             /* the handler's */
	void (*gone)(struct request *request); /* the client left; may answer */
	struct buffer out;                     /* the answer's frame */
	struct iovec *pieces;                  /* of the answer, when `out` is not all of it; in the arena */
	int piece_count;
	void (*done)(
		struct request *request); /* called last: lets go of what the pieces show.  May be NULL */
	bool alone;                       /* a produce request that nothing may overtake */
	int64_t throttle_ms;              /* of throttle.c: how long its client shall be silent */
	bool throttle_counted;            /* its time was */
	int64_t thread_ns, thread_since_ns;
	enum request_state state;
	size_t size; /* of the frame */
	uint8_t frame[];
};

/* NULL when memory is out.  The frame is to be filled by the caller. */
struct request *request_new(struct broker *broker, struct pipeline *pipeline, size_t size);
void request_free(struct request *request);

/* A response with its defaults, in the request's arena; NULL when that is full. */
void *request_response(struct request *request);

/* NULL: memory ran out, and the connection ends. */
void request_answer(struct request *request, void *response);

/* The same in two steps, for a handler that must let go of something in between. */
void request_write(struct request *request, void *response);
void request_written(struct request *request);

/*
 * As request_write(), but what the records of the response hold is not read: in their place, in order, go out `runs[i].count`
 * pieces from `pieces` on.  There is a run for each records field that is not empty; the pieces hold until `done`.
 */
struct request_run {
	const struct iovec *pieces;
	int count;
};
void request_write_around(struct request *request, void *response, const struct request_run *runs, int count);

void request_answer_nothing(struct request *request);

/* The connection is closed: what Kafka does with what it cannot answer.  `why` goes to the log. */
void request_fail(struct request *request, const char *why);

static inline int16_t request_version(const struct request *request)
{
	return request->head.api_version;
}

/* `count` structs of `shape`; for arrays of a response. */
#define REQUEST_ARRAY(request, shape, count_) shape_array(&(shape), &(request)->arena, (int32_t)(count_))

#endif

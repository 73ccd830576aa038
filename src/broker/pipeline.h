/*
 * pipeline.h - the requests of one connection: cut out of a stream of bytes, started in order, answered in order.
 *
 *	bytes --> frames --> waiting --> started --> answered --> bytes, in the order of the requests
 *
 * As in Kafka one request is worked on at a time, so that a client may rely on the effects of what it sent before.  Only
 * produce requests overlap each other: their order is kept by the log, and they share a sync of the disk.
 *
 * It knows no socket: bytes come in by pipeline_feed() or straight into pipeline_direct(), and go out by functions, so
 * that a test or a fuzzer can be the other side.
 */
#ifndef BROKER_PIPELINE_H
#define BROKER_PIPELINE_H

#include "broker/request.h"

#define PIPELINE_REQUESTS_MAX  64                 /* unanswered, of one connection; then it is not read */
#define PIPELINE_BYTES_MAX     ((size_t)16 << 20) /* of unanswered frames, but for the last one */
#define PIPELINE_OUT_BYTES_MAX ((size_t)1 << 20)  /* that wait for the peer; then nothing more is started */

struct pipeline_functions {
	/* Takes all of it, or the connection is as good as gone. */
	void (*send)(void *owner, struct view bytes);
	/* Bytes that the peer has not taken yet. */
	size_t (*queued)(void *owner);
	void (*pause)(void *owner, bool paused);
	/* The protocol was broken; the owner calls pipeline_close() later, never from within this. */
	void (*broken)(void *owner, const char *why);
	/* As send(), from several pieces that hold until `release` is called.  NULL: there is only send(). */
	void (*send_held)(void *owner, struct iovec *pieces, int count, void (*release)(void *context),
			  void *context);
};

struct pipeline {
	struct broker *broker;
	const struct node
		*node; /* at whose door the client came in: the first, unless the owner says otherwise */
	const struct pipeline_functions *functions;
	void *owner;
	struct login *login;     /* NULL: nobody is asked who he is; the owner's */
	const char *client_host; /* "/127.0.0.1", as Kafka shows clients; the owner's */
	struct list ready;       /* in broker->ready: something was answered */
	struct list muted;       /* in throttle->muted, when the client has to be silent */
	int64_t muted_until_ms;  /* 0: it is heard */
	struct list requests;    /* oldest first */
	int count, running, running_alone;
	size_t bytes; /* of all frames here */
	uint8_t head[4];
	size_t head_size;
	struct request *filling;
	size_t filled;
	bool paused, broken, pumping, again, closed;
};

void pipeline_init(struct pipeline *pipeline, struct broker *broker,
		   const struct pipeline_functions *functions, void *owner);

/* The client is gone, or shall be: nothing is sent any more, requests under way end by themselves. */
void pipeline_close(struct pipeline *pipeline);

/* Takes all bytes. */
void pipeline_feed(struct pipeline *pipeline, struct view bytes);

/* Where the next bytes may go without a copy: the rest of a large frame.  Size 0 when there is none. */
uint8_t *pipeline_direct(struct pipeline *pipeline, size_t *size);
void pipeline_filled(struct pipeline *pipeline, size_t size);

/* To be called when the peer took what was queued. */
void pipeline_drained(struct pipeline *pipeline);

/* A produce request that nothing may overtake for now, and the end of that. */
void pipeline_alone(struct request *request);
void pipeline_overlap(struct request *request);

/* For request.c: this request was answered, or its connection must end. */
void pipeline_answered(struct pipeline *pipeline, struct request *request);
/* Sends what was answered since, and starts what comes next; for broker.c. */
void pipelines_pump(struct broker *broker);
void pipeline_break(struct pipeline *pipeline, const char *why);

#endif

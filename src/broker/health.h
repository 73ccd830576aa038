/*
 * health.h - what an operator should hear of the store: once when its disk does not do what it should, once when it does
 * again; and, where that is wanted, a line of numbers every so often.
 */
#ifndef BROKER_HEALTH_H
#define BROKER_HEALTH_H

#include <stdint.h>

struct broker;

/* In struct broker; zero is ready for use. */
struct health {
	int write_err, upload_err, rewrite_err; /* as last told */
	int64_t report_ms;                      /* 0: no numbers */
	int64_t reported_ms;
};

/* On every tick. */
void health_look(struct broker *broker);

#endif

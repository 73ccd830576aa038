/*
 * coordinator.h - who looks after groups, transactions and producer ids: this broker, for all of them.
 */
#ifndef BROKER_COORDINATOR_H
#define BROKER_COORDINATOR_H

#include "broker/request.h"
#include "wire/batch.h"

struct coordinator;

int coordinator_new(struct broker *broker, struct coordinator **out, struct fault *fault);

/* Ends what is parked; the store may still call back until it is closed. */
void coordinator_stop(struct coordinator *coordinator);
void coordinator_free(struct coordinator *coordinator);

/* Looks at the clock, about every 100 ms. */
void coordinator_tick(struct broker *broker);

/* A topic is about to be deleted, or is: its positions go with it. */
void coordinator_topic_deleted(struct broker *broker, struct view topic);

/* May who says this transactional id of himself write this batch?  KAFKA_NONE, or the producer's error. */
int16_t coordinator_may_write(struct broker *broker, struct view transactional_id, struct view topic,
			      int32_t partition, const struct batch_head *head, int16_t produce_version);

#endif

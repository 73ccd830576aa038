/* producer_ids.h - ids for producers, from blocks that the store gives out once. */
#ifndef BROKER_PRODUCER_IDS_H
#define BROKER_PRODUCER_IDS_H

#include "broker/broker_inside.h"

/* `error` is Kafka's. */
typedef void producer_id_done(void *context, int16_t error, int64_t id);

/* Answers at once when an id is in stock, later otherwise; always once. */
void producer_id_take(struct broker *broker, producer_id_done *done, void *context);

#endif

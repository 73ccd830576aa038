/*
 * order.h - the shop's orders, and reading them again.
 *
 * An order is a number.  Everything else follows from it: the customer (the key), the partition, the value, and the
 * header `id` that tells it from every other.
 */
#ifndef DEMO_ORDER_H
#define DEMO_ORDER_H

#include "base/buffer.h"
#include "base/err.h"
#include "wire/compress.h"

#define ORDER_TOPIC      "orders"
#define ORDER_PARTITIONS 4
#define ORDER_CUSTOMERS  40
#define ORDERS_MAX       (1 << 18) /* the shop closes after so many: twenty minutes */

int32_t order_partition(uint32_t number);
int32_t order_customer(uint32_t number);

/* Appends a batch with this one order. */
int order_write(uint32_t number, int64_t now_ms, struct buffer *out);

/* Appends a batch with an order that no shop made, under the id "stray". */
int order_write_stray(int64_t created_ms, struct buffer *out);

/*
 * Calls `fn` for each record of `batches` from `offset` on: with the order's number, or -1 for one that is not the
 * shop's.  ERR_MALFORMED and the like when a batch cannot be read.
 */
typedef void order_seen(void *context, int64_t number);
int orders_read(struct view batches, int64_t offset, struct inflater *inflater, order_seen *fn,
		void *context);

#endif

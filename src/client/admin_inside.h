/* admin_inside.h - what the administration files share, and nobody else sees. */
#ifndef CLIENT_ADMIN_INSIDE_H
#define CLIENT_ADMIN_INSIDE_H

#include <stdlib.h>

#include "client/admin_access.h"
#include "client/asks.h"
#include "client/inside.h"

#define ADMIN_ROUND_MS 8000 /* one round of asking: a broker that hangs must not eat the whole time */

/* A copy in the arena with a NUL behind it; NULL stays NULL. */
static inline const char *admin_text(struct arena *arena, struct view v)
{
	return v.at ? (const char *)arena_copy(arena, v).at : NULL;
}

/* Makes sure that the brokers are known. */
int admin_ready(struct cluster *cluster, int64_t timeout_ms, struct fault *fault);

/* "target: DescribeAcls: CLUSTER_AUTHORIZATION_FAILED (words of the broker)"; returns our error for the code. */
int admin_refused(struct cluster *cluster, int16_t api_key, int16_t error_code, struct view words, struct fault *fault);

/* Adds to a fault with ERR_UNSUPPORTED since which Kafka brokers offer the API.  Returns fault->err, or `err`. */
int admin_unsupported(int16_t api_key, int err, struct fault *fault);

int admin_no_memory(struct cluster *cluster, struct fault *fault);

/* Adds one ask for each broker known; `request` is the same for all. */
int asks_add_brokers(struct asks *asks, int16_t api_key, const void *request);

/* The brokers that the cluster lists at this moment: asks one of them anew.  `out` is in `arena`. */
int admin_brokers_now(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, int32_t **out,
		      int *count, struct fault *fault);

/*
 * One change, sent to the controller until it has taken it or refused it; NOT_CONTROLLER and the like are asked again.
 * `code` gives the error code that decides about that, of the response at hand.
 */
int admin_change(struct cluster *cluster, int16_t api_key, const void *request, int64_t timeout_ms,
		 struct arena *arena, void *response, int16_t (*code)(const void *response),
		 struct fault *fault);

/* How many rules an answer holds, and those rules put behind the list's own, for which there must be room.  ERR_MEMORY. */
size_t acls_said_count(const struct describe_acls_response *said);
int acls_said_take(const struct describe_acls_response *said, struct arena *arena, struct acl_list *list);

/* The first failure among the asks goes to `failed`; returns how many failed. */
int asks_failed(const struct asks *asks, struct fault *failed);

/* The time of this round, at least one tick of what is left. */
int64_t admin_round_ms(struct cluster *cluster, int64_t deadline_ms);

#endif

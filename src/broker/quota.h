/*
 * quota.h - client quotas: for whom, how much, and which of them holds.  What enforces them is throttle.h.
 *
 * A quota is a setting of the store of kind "quota".  Its name is the entity: for each type in the order below a letter (u, c,
 * i), then `*` for the default or the size of a name, a colon and the name: "u5:alicec*".  Its value is
 *
 *	version  1   of this layout: 1
 *	count    1   and then as many:  key 1 (enum quota_key), value 8 (a double, big-endian)
 */
#ifndef BROKER_QUOTA_H
#define BROKER_QUOTA_H

#include "base/buffer.h"

#define QUOTA_KIND     VIEW_LITERAL("quota")
#define QUOTA_NAME_MAX 1000 /* of an entity as a setting's name */

/* The numbers are on disk. */
enum quota_key {
	QUOTA_PRODUCER_BYTE_RATE,
	QUOTA_CONSUMER_BYTE_RATE,
	QUOTA_REQUEST_PERCENTAGE,
	QUOTA_CONTROLLER_MUTATION_RATE,
	QUOTA_CONNECTION_CREATION_RATE,
	QUOTA_KEYS
};

enum quota_type { QUOTA_USER, QUOTA_CLIENT_ID, QUOTA_IP, QUOTA_TYPES };

extern const char *const quota_key_names[QUOTA_KEYS];   /* "producer_byte_rate" */
extern const char *const quota_type_names[QUOTA_TYPES]; /* "user" */

struct quota_entity {
	bool has[QUOTA_TYPES];
	struct view name[QUOTA_TYPES]; /* null: the default */
};

struct quota_values {
	bool set[QUOTA_KEYS];
	double at[QUOTA_KEYS];
};

/* The setting's name, in `out`; null when it is too long. */
struct view quota_entity_name(const struct quota_entity *entity, uint8_t out[QUOTA_NAME_MAX]);

/* False when it is none. */
bool quota_entity_read(struct view name, struct quota_entity *out);

bool quota_values_read(struct view value, struct quota_values *out);
void quota_values_write(const struct quota_values *values, struct buffer *out);

/* The value of the setting with this name; null when there is none. */
typedef struct view quota_lookup(const void *context, struct view name);

/*
 * What holds for this user and client, by Kafka's precedence of eight levels; false when nothing does.  `shares` says who is
 * measured together: the user, the client or both, by their names also where a default holds.
 */
bool quota_limit(quota_lookup *lookup, const void *context, enum quota_key key, struct view user,
		 struct view client_id, double *limit, struct quota_entity *shares);

/* What holds for connections from this address. */
bool quota_limit_ip(quota_lookup *lookup, const void *context, struct view ip, double *limit);

#endif

/*
 * entrance.h - Kafka's listeners: each a name, a port, and what is asked of who comes in.
 *
 *	listeners=PLAINTEXT://127.0.0.1:9092,SASL_SSL://:9093
 *
 * They are there when the property `listeners` is; without it the one port of broker_options is open to everybody.  Their
 * other properties are Kafka's: those with the prefix listener.name.NAME. go before those without.
 */
#ifndef BROKER_ENTRANCE_H
#define BROKER_ENTRANCE_H

#include "broker/broker_inside.h"
#include "broker/request.h"

#define ENTRANCES_MAX  8
#define MECHANISMS_MAX 4

struct bearer;
struct tls;

struct plain_user {
	const char *name, *password;
};

struct entrance {
	struct broker *broker;
	const char *name, *lower_name;
	bool uses_tls, uses_login;
	struct tls *tls;
	struct principal_rules *names; /* of certificates; NULL: the subject is the name */
	struct listener *listener;
	const char *mechanisms[MECHANISMS_MAX]; /* in the order of sasl.enabled.mechanisms */
	int mechanism_count;
	struct plain_user *users; /* of PLAIN */
	int user_count;
	struct bearer *bearer; /* of OAUTHBEARER; NULL without */
	const char *host;      /* that clients are told */
	int32_t port;
};

struct entrances {
	struct entrance at[ENTRANCES_MAX];
	int count;
};

/* Does nothing when there is no property `listeners`.  ERR_CONFIG with a sentence; what listener_new() returns. */
int entrances_open(struct broker *broker, struct fault *fault);
void entrances_close(struct broker *broker);

/* The next part of a list with commas, trimmed; false at its end. */
bool entrance_next_part(struct view *rest, struct view *part);

/* Does the mechanism come in here? */
bool entrance_takes(const struct entrance *entrance, struct view mechanism);

/* Where clients that came by the door of this request find the broker. */
struct view entrance_host(const struct request *request);
int32_t entrance_port(const struct request *request, const struct node *node);

#endif

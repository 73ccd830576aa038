/*
 * access.h - may this request do that?  The one place where handlers ask, and where a no is written down.
 *
 *	error = access_group(request, ACL_OPERATION_READ, in->group_id);	(KAFKA_NONE, or Kafka's error)
 *
 * Without `authorizer.class.name` there is no authorizer, and the answer is always yes.  With it the answers are those of Kafka's
 * StandardAuthorizer: access_rules.h, `super.users`, `allow.everyone.if.no.acl.found`.  Each handler asks where Kafka's own asks, before
 * it looks whether what is asked for is there; access_table.h says for each API what, and a test holds the handlers against that.
 *
 * What was refused goes to the log, a few lines a second; what is asked only to leave something out of a list does not (`silently`).
 */
#ifndef BROKER_ACCESS_H
#define BROKER_ACCESS_H

#include "broker/access_rules.h"
#include "broker/request.h"

#define ACCESS_RULES_MAX 100000
#define ACCESS_CLUSTER   VIEW_LITERAL("kafka-cluster")

/* What properties must be before the broker starts: ERR_CONFIG with a sentence. */
int access_open(struct broker *broker, struct fault *fault);
void access_free(struct access *access);
void access_tick(struct broker *broker);

/* Is there an authorizer? */
static inline bool access_is_on(const struct broker *broker)
{
	return broker->access != NULL;
}

/* `type` and `operation`: ACL_RESOURCE_..., ACL_OPERATION_...  A client that has left may do nothing any more. */
bool access_allowed(const struct request *request, int operation, int type, struct view name);
bool access_allowed_silently(const struct request *request, int operation, int type, struct view name);

/* As access_allowed_silently(), of somebody who is not asking now; `client_host` is the pipeline's, "/127.0.0.1". */
bool access_allowed_to(const struct broker *broker, struct view principal, const char *client_host,
		       int operation, int type, struct view name);

/* The same as Kafka's errors. */
int16_t access_topic(const struct request *request, int operation, struct view topic);
int16_t access_group(const struct request *request, int operation, struct view group);
int16_t access_transactional(const struct request *request, int operation, struct view id);
int16_t access_cluster(const struct request *request, int operation);

/* On some resource of the type at least. */
bool access_to_some(const struct request *request, int operation, int type);

/* A bit for each operation that is allowed there, of those that the type has; as answers tell it. */
int32_t access_operations(const struct request *request, int type, struct view name);

/* The rules; NULL without an authorizer. */
struct access_rules *access_rules_of(const struct broker *broker);

/* Told of each question, for tests; NULL: nobody is. */
typedef void access_watch_fn(void *context, const struct request *request, int operation, int type,
			     struct view name, bool allowed);
void access_watch(struct broker *broker, access_watch_fn *watch, void *context);

#endif

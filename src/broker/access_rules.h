/*
 * access_rules.h - rules of who may do what, and the one question asked of them, as Kafka's StandardAuthorizer answers it.
 *
 * A rule allows or denies one principal, from one host, one operation on a resource: on the one of its name (literal), on all whose
 * names begin with it (prefixed), or on all ("*", literal).  One that denies goes before all that allow.  A rule that allows READ,
 * WRITE, DELETE or ALTER allows DESCRIBE as well, and ALTER_CONFIGS allows DESCRIBE_CONFIGS; one that denies denies what it says.
 *
 * Rules lie by resource and principal, so a question looks at those that can answer it, however many there are for others.  The
 * numbers are Kafka's: wire/acl.h.  Nothing here knows a broker.
 */
#ifndef BROKER_ACCESS_RULES_H
#define BROKER_ACCESS_RULES_H

#include "base/buffer.h"
#include "base/view.h"
#include "wire/acl.h"

struct access_rule {
	int8_t type, pattern, operation, permission;
	struct view name, principal, host;
};

struct access_rules;

/* No more than `limit` of them. */
int access_rules_new(int64_t limit, struct access_rules **out);
void access_rules_free(struct access_rules *rules);

int64_t access_rules_count(const struct access_rules *rules);

/* Copies it.  0, 1 when it was there, ERR_LIMIT when they are as many as may be, ERR_MEMORY. */
int access_rules_add(struct access_rules *rules, const struct access_rule *rule);

/* False when it was not there. */
bool access_rules_remove(struct access_rules *rules, const struct access_rule *rule);
bool access_rules_has(struct access_rules *rules, const struct access_rule *rule);

/* In no order.  Views hold until the rule goes; `each` changes nothing. */
typedef void access_rules_each_fn(void *context, const struct access_rule *rule);
void access_rules_each(const struct access_rules *rules, access_rules_each_fn *each, void *context);

struct access_question {
	int8_t type, operation;
	struct view name, principal, host;
};

enum access_answer {
	ACCESS_NO_RULE,     /* nobody has said anything of this resource */
	ACCESS_NOT_ALLOWED, /* there are rules for it, and none allows this */
	ACCESS_DENIED,      /* one denies it */
	ACCESS_ALLOWED,
};

/* Are they one IPv6 address?  It may be written in several ways, and Java's is not ours. */
bool access_same_address(struct view a, struct view b);

enum access_answer access_rules_ask(struct access_rules *rules, const struct access_question *question);

/*
 * Is there some name of this type that the rules allow the operation on, and that no rule denies?  As Kafka decides it
 * (Authorizer.authorizeByResourceType).  The question's name is not looked at.
 */
bool access_rules_ask_any(struct access_rules *rules, const struct access_question *question);

/* What a rule is kept as, in the store: the layout stands at the top of access_rules.c. */
void access_rule_write(const struct access_rule *rule, struct buffer *out);
bool access_rule_read(struct view bytes, struct access_rule *out); /* views of `bytes` */

#endif

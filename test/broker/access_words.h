/* access_words.h - rules about topics, shortly. */
#ifndef TEST_BROKER_ACCESS_WORDS_H
#define TEST_BROKER_ACCESS_WORDS_H

#include "broker/access_rules.h"
#include "wire/acl.h"

#define READ     ACL_OPERATION_READ
#define WRITE    ACL_OPERATION_WRITE
#define DESCRIBE ACL_OPERATION_DESCRIBE
#define LITERAL  ACL_PATTERN_LITERAL
#define PREFIXED ACL_PATTERN_PREFIXED

static inline struct access_rule rule(int permission, const char *principal, int operation, int pattern,
			       const char *name)
{
	return (struct access_rule){ ACL_RESOURCE_TOPIC, (int8_t)pattern, (int8_t)operation,
				     (int8_t)permission, view_text(name), view_text(principal),
				     VIEW_LITERAL("*") };
}

#endif

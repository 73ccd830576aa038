/*
 * acls.h - access rules as settings of the store: kind "acl", the name is a digest of the rule in hex, the value the rule as
 * access_rules.h writes it.  The requests that tell and change them are in acls.c.
 */
#ifndef BROKER_ACLS_H
#define BROKER_ACLS_H

#include "broker/access_rules.h"
#include "broker/broker_inside.h"

/* Those that the store has.  ERR_LIMIT when they are more than may be, and others; with a sentence. */
int acls_load(struct broker *broker, struct access_rules *rules, struct fault *fault);

#endif

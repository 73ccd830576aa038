/*
 * principal_rules.h - ssl.principal.mapping.rules: a name for whoever shows a certificate.
 *
 *	RULE:^CN=(.*?),OU=.*$/$1/L,RULE:^.*[Cc]N=([a-zA-Z0-9.]*).*$/$1/,DEFAULT
 *
 * The first rule whose pattern matches the whole subject decides: its replacement, in lower or upper case behind an L or U.  DEFAULT
 * is the subject as it is.  A comma ends a rule, whether or not it is in the pattern of one: within RULE:.../.../ it is part of it, and
 * a slash there is written as "\/".  When no rule applies the certificate is of nobody, and the connection ends.
 */
#ifndef BROKER_PRINCIPAL_RULES_H
#define BROKER_PRINCIPAL_RULES_H

#include "base/buffer.h"
#include "base/err.h"
#include "base/view.h"

struct principal_rules;

/* ERR_CONFIG with a sentence that says which rule and what is wrong with it. */
int principal_rules_new(struct view text, struct principal_rules **out, struct fault *fault);
void principal_rules_free(struct principal_rules *rules);

/* Appends the name.  False when no rule applies, or a pattern took too many steps. */
bool principal_rules_name(struct principal_rules *rules, struct view subject, struct buffer *out);

#endif

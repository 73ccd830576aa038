/* lever_acl_inside.h - what the files of the ACL lever share. */
#ifndef EXIT_LEVER_ACL_INSIDE_H
#define EXIT_LEVER_ACL_INSIDE_H

#include "client/admin_acls.h"
#include "exit/lever_acl.h"

#define LEVER_ACL_CANDIDATES_MAX 20000

struct lever_acl {
	struct lever lever;
	struct arena arena;
	struct lever_acl_options options; /* all of it in the arena */
	struct acl *candidates;           /* in acl_order() */
	struct acl *filters;              /* one for each principal: deny write */
	int candidate_count, filter_count;
};

static inline struct lever_acl *lever_acl_of(struct lever *lever)
{
	return (struct lever_acl *)lever; /* the first member */
}

#endif

/* acl_rights.c - one decision of an authorizer, from outside. */
#include <assert.h>

#include "exit/acl_rights.h"

bool acl_touches(const struct acl *acl, int resource_type, const char *resource)
{
	if (acl->resource_type != resource_type)
		return false;
	if (acl->pattern_type == ACL_PATTERN_PREFIXED)
		return strncmp(resource, acl->resource, strlen(acl->resource)) == 0;
	return strcmp(acl->resource, "*") == 0 || strcmp(acl->resource, resource) == 0;
}

static bool names(const struct acl *acl, const char *principal)
{
	return strcmp(acl->principal, principal) == 0 || strcmp(acl->principal, "User:*") == 0;
}

/* What an allow of `given` is worth for `wanted`. */
static bool allows(int given, int wanted)
{
	if (given == ACL_OPERATION_ALL || given == wanted)
		return true;
	if (wanted == ACL_OPERATION_DESCRIBE)
		return given == ACL_OPERATION_READ || given == ACL_OPERATION_WRITE ||
		       given == ACL_OPERATION_DELETE || given == ACL_OPERATION_ALTER;
	return wanted == ACL_OPERATION_DESCRIBE_CONFIGS && given == ACL_OPERATION_ALTER_CONFIGS;
}

/* A deny forbids exactly what it names, or all. */
static bool denies(int given, int wanted)
{
	return given == ACL_OPERATION_ALL || given == wanted;
}

static bool any_host(const struct acl *acl)
{
	return !acl->host || strcmp(acl->host, "*") == 0;
}

static bool is_super(const char *super_users, const char *principal)
{
	size_t size = strlen(principal);

	for (const char *at = super_users; at && *at;) {
		const char *end = strchr(at, ';');
		size_t here = end ? (size_t)(end - at) : strlen(at);

		while (here && *at == ' ') {
			at++;
			here--;
		}
		while (here && at[here - 1] == ' ')
			here--;
		if (here == size && memcmp(at, principal, size) == 0)
			return true;
		at = end ? end + 1 : NULL;
	}
	return false;
}

enum rights_answer rights_of(const struct rights_view *view, const char *principal, int operation,
			     int resource_type, const char *resource)
{
	bool touched = false, allowed = false, allowed_by_host = false, denied_by_host = false;

	if (view->acls->no_authorizer)
		return RIGHTS_EVERYBODY;
	if (is_super(view->super_users, principal))
		return RIGHTS_SUPER;
	for (int i = 0; i < view->acls->count; i++) {
		const struct acl *acl = &view->acls->at[i];

		if (!acl_touches(acl, resource_type, resource))
			continue;
		touched = true;
		if (!names(acl, principal))
			continue;
		if (acl->permission == ACL_PERMISSION_DENY && denies(acl->operation, operation)) {
			if (any_host(acl))
				return RIGHTS_DENIED;
			denied_by_host = true;
		} else if (acl->permission == ACL_PERMISSION_ALLOW && allows(acl->operation, operation)) {
			if (any_host(acl))
				allowed = true;
			else
				allowed_by_host = true;
		}
	}
	if (!touched && view->everyone_if_none)
		return RIGHTS_EVERYBODY;
	if (allowed)
		return denied_by_host ? RIGHTS_HOST : RIGHTS_YES;
	return allowed_by_host ? RIGHTS_HOST : RIGHTS_NO;
}

bool rights_allow(enum rights_answer answer)
{
	return answer >= RIGHTS_YES;
}

const char *rights_text(enum rights_answer answer)
{
	static const char *const words[] = { "no",         "denied",    "yes",
					     "super user", "everybody", "depends on the host" };

	assert(answer <= RIGHTS_HOST);
	return words[answer];
}

/* lever_acl_bounds.c - before: can ACLs bind these writers here?  After: does every broker deny what was to be denied? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/admin_topics.h"
#include "client/metadata.h"
#include "exit/acl_rights.h"
#include "exit/lever_acl_inside.h"
#include "exit/lever_value.h"
#include "wire/messages.h"

/* ---- felt ---- */

/* Who answers the opposite, or not at all: "broker 2 allows orders-0; ..."; a few, and how many more. */
static void odd_put(const struct canary_list *list, enum canary_answer wanted, struct buffer *how)
{
	int odd = 0;

	for (int i = 0; i < list->count; i++) {
		const struct canary *at = &list->at[i];

		if (at->answer == wanted || odd++ >= 5)
			continue;
		buffer_printf(how, "; broker %d%s %s to %s-%d", at->node, at->leader ? ", its leader," : "",
			      at->answer == CANARY_UNKNOWN  ? "does not say whether one may write"
			      : at->answer == CANARY_DENIED ? "denies writing"
							    : "allows writing",
			      at->topic, at->partition);
		if (at->fault)
			buffer_printf(how, " (%s)", at->fault->text);
	}
	if (odd > 5)
		buffer_printf(how, "; and %d more", odd - 5);
}

int lever_acl_felt(struct lever *lever, bool denied, int64_t timeout_ms, struct buffer *how,
		   struct fault *fault)
{
	const struct lever_acl *l = lever_acl_of(lever);
	struct canary_list list;
	struct arena arena;
	int err;

	if (!l->options.witness)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "%s: nobody knows who we are there, so no canary proves anything",
				 lever->name);
	if (l->options.topic_count == 0)
		return fault_set(fault, ERR_UNSUPPORTED, "%s: no topic to send a canary to", lever->name);
	arena_init(&arena, (size_t)256 << 20);
	err = canary_look(l->options.canary, l->options.topics, l->options.topic_count, NULL, 0, timeout_ms,
			  &arena, &list, fault);
	if (err == 0) {
		buffer_printf(how, "canaries: %d denied, %d allowed, %d without an answer", list.denied,
			      list.allowed, list.unknown);
		odd_put(&list, denied ? CANARY_DENIED : CANARY_ALLOWED, how);
		if (list.count == 0)
			err = fault_set(fault, ERR_NOT_FOUND, "%s: no partition to send a canary to",
					lever->name);
		else if ((denied ? list.allowed : list.denied) > 0)
			err = fault_set(fault, ERR_STALE, "%s: %s", lever->name, buffer_string(how));
		else if (list.unknown > 0)
			err = fault_set(fault, ERR_TIMEOUT, "%s: %s", lever->name, buffer_string(how));
	}
	arena_done(&arena);
	return err;
}

/* ---- bounds ---- */

const char *lever_acl_bound_code(enum lever_acl_bound bound)
{
	static const char *const codes[LEVER_ACL_BOUND_COUNT] = {
		[LEVER_ACL_NO_AUTHORIZER] = "ACL_NO_AUTHORIZER",
		[LEVER_ACL_MAY_NOT_READ] = "ACL_MAY_NOT_READ",
		[LEVER_ACL_MAY_NOT_CHANGE] = "ACL_MAY_NOT_CHANGE",
		[LEVER_ACL_SUPER_USER] = "ACL_SUPER_USER",
		[LEVER_ACL_UNGUARDED] = "ACL_UNGUARDED",
		[LEVER_ACL_NOT_ALLOWED] = "ACL_NOT_ALLOWED",
		[LEVER_ACL_SUPER_UNKNOWN] = "ACL_SUPER_UNKNOWN",
		[LEVER_ACL_CHANGE_UNKNOWN] = "ACL_CHANGE_UNKNOWN",
		[LEVER_ACL_BROKER_SILENT] = "ACL_BROKER_SILENT",
		[LEVER_ACL_NO_WITNESS] = "ACL_NO_WITNESS",
		[LEVER_ACL_WITNESS_FREE] = "ACL_WITNESS_FREE",
		[LEVER_ACL_WITNESS_THERE] = "ACL_WITNESS_THERE",
	};

	return codes[bound];
}

struct bounding {
	const struct lever_acl *l;
	struct arena *arena;
	struct lever_acl_reason reasons[100]; /* a few of a kind say enough */
	int count, err;
};

static void __attribute__((format(printf, 3, 4)))
say(struct bounding *b, enum lever_acl_bound bound, const char *format, ...)
{
	int of_kind = 0;
	char text[1200];
	va_list list;

	for (int i = 0; i < b->count; i++)
		of_kind += b->reasons[i].bound == bound;
	if (of_kind >= 5 || b->count == (int)(sizeof b->reasons / sizeof b->reasons[0]))
		return;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	b->reasons[b->count].bound = bound;
	b->reasons[b->count].text = arena_text(b->arena, text);
	if (!b->reasons[b->count].text)
		b->err = ERR_MEMORY;
	else
		b->count++;
}

static void say_each_broker(struct bounding *b, int64_t timeout_ms, bool *no_authorizer)
{
	const struct lever_acl *l = b->l;
	struct acl_sight *sights;
	struct fault fault;
	int count;

	if (acls_seen(l->options.cluster, l->filters, l->filter_count, timeout_ms, b->arena, &sights, &count,
		      &fault) < 0) {
		say(b, LEVER_ACL_BROKER_SILENT, "%s", fault.text);
		return;
	}
	for (int i = 0; i < count; i++) {
		if (sights[i].err == ERR_DENIED)
			say(b, LEVER_ACL_MAY_NOT_READ, "%s", sights[i].fault.text);
		else if (sights[i].err < 0)
			say(b, LEVER_ACL_BROKER_SILENT, "%s", sights[i].fault.text);
		else if (sights[i].list.no_authorizer)
			say(b, LEVER_ACL_NO_AUTHORIZER,
			    "broker %d has no authorizer: whatever is denied, all may write", sights[i].node);
		*no_authorizer |= sights[i].err == 0 && sights[i].list.no_authorizer;
		for (int a = 0; sights[i].err == 0 && l->options.witness && a < sights[i].list.count; a++)
			if (strcmp(sights[i].list.at[a].principal, l->options.witness) == 0 &&
			    acl_touches(&sights[i].list.at[a], ACL_RESOURCE_TOPIC,
					sights[i].list.at[a].resource))
				for (int t = 0; t < l->options.topic_count; t++)
					if (strcmp(sights[i].list.at[a].resource, l->options.topics[t]) == 0)
						say(b, LEVER_ACL_WITNESS_THERE,
						    "%s is denied %s already, as broker %d has it",
						    l->options.witness, l->options.topics[t], sights[i].node);
	}
}

/* Whether we may change ACLs: ALTER on the cluster, as a broker tells us of ourselves (2.8 on). */
static void say_alter(struct bounding *b, int64_t timeout_ms)
{
	struct describe_cluster_request request;
	struct describe_cluster_response said;
	struct fault fault;
	int err;

	message_default(api_find(API_DESCRIBE_CLUSTER)->request, &request);
	request.include_cluster_authorized_operations = true;
	err = cluster_ask(b->l->options.cluster, NODE_ANY, API_DESCRIBE_CLUSTER, &request, timeout_ms,
			  b->arena, &said, &fault);
	if (err < 0 || said.error_code || said.cluster_authorized_operations == INT32_MIN)
		say(b, LEVER_ACL_CHANGE_UNKNOWN, "no broker tells whether we may change ACLs%s%s",
		    err < 0 ? ": " : "", err < 0 ? fault.text : "");
	else if (!(said.cluster_authorized_operations & (1 << ACL_OPERATION_ALTER)))
		say(b, LEVER_ACL_MAY_NOT_CHANGE, "we may not change ACLs: that needs ALTER on the cluster");
}

static const char *super_users(struct bounding *b, int64_t timeout_ms)
{
	const struct broker_info *brokers;
	struct config_list *lists;
	const struct config_entry *entry;
	const char *name;
	char id[16];

	if (metadata_brokers(b->l->options.cluster, &brokers) == 0)
		return NULL;
	snprintf(id, sizeof id, "%d", brokers[0].id);
	name = id;
	if (configs_describe(b->l->options.cluster, CONFIG_RESOURCE_BROKER, &name, 1, timeout_ms, b->arena,
			     &lists, NULL) < 0)
		return NULL;
	entry = config_find(&lists[0], "super.users");
	return entry ? entry->value
		     : NULL; /* most brokers hide what their own list of configs does not name */
}

static bool touched(const struct acl_list *acls, const char *topic)
{
	for (int i = 0; i < acls->count; i++)
		if (acl_touches(&acls->at[i], ACL_RESOURCE_TOPIC, topic))
			return true;
	return false;
}

static void say_rights(struct bounding *b, const struct rights_view *view)
{
	const struct lever_acl_options *o = &b->l->options;

	for (int p = 0; p < o->principal_count; p++) {
		const char *who = o->principals[p];

		for (int t = 0; t < o->topic_count; t++) {
			enum rights_answer may =
				rights_of(view, who, ACL_OPERATION_WRITE, ACL_RESOURCE_TOPIC, o->topics[t]);

			if (may == RIGHTS_SUPER) {
				say(b, LEVER_ACL_SUPER_USER, "%s is a super user: no ACL binds it", who);
				break;
			}
			if (may == RIGHTS_NO && touched(view->acls, o->topics[t]))
				say(b, LEVER_ACL_NOT_ALLOWED,
				    "no ACL lets %s write to %s: it is a super user, whom no ACL binds, or "
				    "not the name of who "
				    "writes there",
				    who, o->topics[t]);
		}
	}
	for (int t = 0; t < o->topic_count && o->witness; t++) {
		enum rights_answer may =
			rights_of(view, o->witness, ACL_OPERATION_WRITE, ACL_RESOURCE_TOPIC, o->topics[t]);

		if (may == RIGHTS_SUPER || (may == RIGHTS_NO && touched(view->acls, o->topics[t])))
			say(b, LEVER_ACL_WITNESS_FREE,
			    "no ACL lets us, %s, write to %s: as a super user we would never be denied, and "
			    "otherwise we always are, so a canary proves nothing; log in as a user who is "
			    "allowed WRITE, ALTER and DESCRIBE by ACLs",
			    o->witness, o->topics[t]);
	}
	for (int t = 0; t < o->topic_count; t++)
		if (!touched(view->acls, o->topics[t]))
			say(b, LEVER_ACL_UNGUARDED,
			    "topic %s has no ACL at all: who uses it is a super user or lives by "
			    "allow.everyone.if.no.acl.found, and the first deny would shut all of these out; "
			    "give those "
			    "who use it their ACLs first",
			    o->topics[t]);
}

int lever_acl_bounds(struct lever *lever, int64_t timeout_ms, struct arena *arena,
		     struct lever_acl_bounds *out, struct fault *fault)
{
	const struct lever_acl *l = lever_acl_of(lever);
	int64_t deadline_ms = lever_deadline_ms(l->options.cluster, timeout_ms);
	struct bounding b = { .l = l, .arena = arena };
	struct rights_view view = { 0 };
	struct acl_list acls;
	bool no_authorizer = false;
	int err = acls_list(l->options.cluster, timeout_ms, arena, &acls, fault);

	if (err < 0 && err != ERR_DENIED)
		return err;
	if (err == ERR_DENIED)
		say(&b, LEVER_ACL_MAY_NOT_READ,
		    "we may not see the ACLs: that needs DESCRIBE on the cluster");
	else
		say_each_broker(&b, lever_left_ms(l->options.cluster, deadline_ms), &no_authorizer);
	if (!no_authorizer)
		say_alter(&b, lever_left_ms(l->options.cluster, deadline_ms));
	if (err == 0 && !no_authorizer) {
		view.acls = &acls;
		view.super_users = super_users(&b, lever_left_ms(l->options.cluster, deadline_ms));
		if (!view.super_users)
			say(&b, LEVER_ACL_SUPER_UNKNOWN,
			    "no broker tells who its super users are; one of them would go on writing, and "
			    "only the ends "
			    "of the logs would show it");
		say_rights(&b, &view);
	}
	if (!l->options.witness && !no_authorizer)
		say(&b, LEVER_ACL_NO_WITNESS,
		    "who we are there is not known, so a deny can be read at each broker, but not felt");
	out->at = arena_array(arena, (size_t)b.count, sizeof *out->at);
	if (b.err < 0 || !out->at)
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	out->count = b.count;
	out->blocked = false;
	for (int i = 0; i < b.count; i++) {
		out->at[i] = b.reasons[i];
		out->blocked |= b.reasons[i].bound <= LEVER_ACL_BLOCKS_LAST;
	}
	return 0;
}

/*
 * gather_compatibility.c - can the family live on the target?  Pure: from what was discovered to evidence.
 *
 * Everything is held against what *this* family was seen to use, for two clusters are never alike in everything.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exit/acl_rights.h"
#include "exit/config_harm.h"
#include "exit/gather.h"

#define METHOD "describe"

static const struct facts_side *side_of(const struct gathering *g, enum side side)
{
	return &g->facts->sides[side];
}

static void exclude_answer(struct draft *d, enum side side, const char *what,
			   const struct facts_answer *answer)
{
	if (answer->err)
		draft_exclude(d, what, "the %s did not tell its %s: %s", gathering_side(d->g, side), what,
			      answer->text ? answer->text : err_text(answer->err));
}

/* ---- protocol and features ---- */

/* What a family uses, and the APIs that this takes.  Numbers are Kafka's. */
struct use {
	const char *name;
	bool (*by)(const struct gathering *g);
	int16_t apis[12]; /* ends with -1 */
};

static bool always(const struct gathering *g)
{
	return true;
}

static bool any_group_of_type(const struct gathering *g, const char *type)
{
	const struct facts_side *source = side_of(g, SIDE_SOURCE);

	for (int i = 0; i < g->family->groups.count; i++) {
		int at = facts_group(source, g->family->groups.at[i].text);

		if (at < 0)
			continue;
		if (source->group_details && source->group_details[at].type &&
		    strcmp(source->group_details[at].type, type) == 0)
			return true;
		if (source->groups.at[at].type && strcmp(source->groups.at[at].type, type) == 0)
			return true;
	}
	return false;
}

static bool has_classic(const struct gathering *g)
{
	return g->family->groups.count > 0; /* positions are set and read by these, whatever the protocol */
}

static bool has_consumer(const struct gathering *g)
{
	return any_group_of_type(g, "consumer");
}

static bool has_share(const struct gathering *g)
{
	return any_group_of_type(g, "share");
}

static bool has_streams(const struct gathering *g)
{
	return any_group_of_type(g, "streams");
}

static bool any_seen(const struct gathering *g, size_t counter)
{
	for (int i = 0; g->seen[SIDE_SOURCE] && i < g->topic_count; i++)
		if (*(const uint64_t *)((const char *)&g->seen[SIDE_SOURCE][i] + counter))
			return true;
	return false;
}

static bool of_family(const struct gathering *g, const char *topic)
{
	for (int i = 0; i < g->topic_count; i++)
		if (view_is(g->topics[i].source, topic))
			return true;
	return false;
}

static bool has_transactions(const struct gathering *g)
{
	const struct active_producer_list *producers = &side_of(g, SIDE_SOURCE)->producers;

	for (int i = 0; i < producers->count; i++)
		if (producers->at[i].coordinator_epoch >= 0 && of_family(g, producers->at[i].topic))
			return true;
	return any_seen(g, offsetof(struct seen, transactional));
}

static bool has_idempotence(const struct gathering *g)
{
	const struct active_producer_list *producers = &side_of(g, SIDE_SOURCE)->producers;

	for (int i = 0; i < producers->count; i++)
		if (of_family(g, producers->at[i].topic))
			return true;
	return has_transactions(g) || any_seen(g, offsetof(struct seen, idempotent));
}

static const struct use uses[] = {
	{ "reading and writing", always, { 0, 1, 2, 3, 18, -1 } },
	{ "consumer groups", has_classic, { 8, 9, 10, 11, 12, 13, 14, -1 } },
	{ "the consumer protocol of KIP-848", has_consumer, { 68, 69, -1 } },
	{ "share groups", has_share, { 76, 78, 79, -1 } },
	{ "streams groups", has_streams, { 88, -1 } },
	{ "idempotent producers", has_idempotence, { 22, -1 } },
	{ "transactions", has_transactions, { 22, 24, 25, 26, 28, -1 } },
};

/* How one API stands on one broker of the target against the source's: 0 fine, else what is wrong. */
static const char *api_wrong(const struct facts_side *source, const struct broker_detail *target, int16_t key)
{
	const struct api_range *there = NULL;

	for (int i = 0; i < target->api_count; i++)
		if (target->apis[i].key == key)
			there = &target->apis[i];
	if (!there)
		return "is missing";
	for (int b = 0; b < source->detail.broker_count; b++) {
		const struct broker_detail *broker = &source->detail.brokers[b];

		for (int i = 0; i < broker->api_count; i++) {
			const struct api_range *here = &broker->apis[i];

			if (here->key == key && (here->until < there->since || there->until < here->since))
				return "has no version in common with the other side's";
		}
	}
	return NULL;
}

/* Versions that the source still speaks and the target does not: a client may be older than both. */
static void say_dropped(struct draft *d, const struct gathering *g, int16_t key, const char *name)
{
	const struct facts_side *source = side_of(g, SIDE_SOURCE), *target = side_of(g, SIDE_TARGET);
	int since[2] = { -1, -1 };

	for (int side = 0; side < 2; side++) {
		const struct facts_side *at = side ? target : source;

		for (int b = 0; b < at->detail.broker_count; b++)
			for (int i = 0; i < at->detail.brokers[b].api_count; i++)
				if (at->detail.brokers[b].apis[i].key == key &&
				    at->detail.brokers[b].apis[i].since > since[side])
					since[side] = at->detail.brokers[b].apis[i].since;
	}
	if (since[0] >= 0 && since[1] > since[0])
		draft_say(d, "%s below v%d is spoken by the source only, and clients of that age with it",
			  name, since[1]);
}

static void features_of_use(struct draft *d, const struct gathering *g, const struct use *use, int *missing)
{
	const struct facts_side *source = side_of(g, SIDE_SOURCE), *target = side_of(g, SIDE_TARGET);
	bool lacking = false;

	for (int b = 0; b < target->detail.broker_count; b++) {
		const struct broker_detail *broker = &target->detail.brokers[b];

		if (broker->err)
			continue;
		for (int i = 0; use->apis[i] >= 0; i++) {
			const char *wrong = api_wrong(source, broker, use->apis[i]);

			if (wrong && !lacking)
				draft_say(d, "%s: API %d %s on broker %d of the target", use->name,
					  use->apis[i], wrong, broker->info.id);
			lacking |= wrong != NULL;
		}
	}
	*missing += lacking;
}

static int gather_features(struct gathering *g, struct fault *fault)
{
	struct draft d;
	int missing = 0, used = 0;

	draft_begin(&d, g, "compatibility.features", VIEW_NULL, METHOD);
	draft_of_facts(&d);
	for (int side = 0; side < SIDE_COUNT; side++) {
		const struct facts_side *at = side_of(g, (enum side)side);

		exclude_answer(&d, (enum side)side, "versions", &at->detail_answer);
		for (int b = 0; b < at->detail.broker_count; b++)
			if (at->detail.brokers[b].err)
				draft_exclude(
					&d, "versions", "broker %d of the %s did not tell its versions: %s",
					at->detail.brokers[b].info.id, gathering_side(g, (enum side)side),
					at->detail.brokers[b].fault.text);
	}
	for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
		if (!uses[i].by(g))
			continue;
		used++;
		features_of_use(&d, g, &uses[i], &missing);
	}
	draft_value(&d, "missing", "features", missing);
	d.item.total = d.item.covered = (uint64_t)used;
	if (!missing)
		draft_say(&d, "%d of %d features that the family uses are there", used, used);
	say_dropped(&d, g, 0, "Produce");
	say_dropped(&d, g, 1, "Fetch");
	return draft_end(&d, fault);
}

/* ---- topics ---- */

static int gather_topic(struct gathering *g, const struct gather_topic *topic, struct fault *fault)
{
	const struct topic_info *here = facts_topic(side_of(g, SIDE_SOURCE), topic->source);
	const struct topic_info *there = facts_topic(side_of(g, SIDE_TARGET), topic->target);
	struct draft d;

	draft_begin(&d, g, "compatibility.topic", topic->source, METHOD);
	draft_of_facts(&d);
	if (there && there->error)
		draft_exclude(&d, "topics", "the target does not show it: error %d", there->error);
	if (here && here->error)
		draft_exclude(&d, "topics", "the source does not show it: error %d", here->error);
	draft_value(&d, "missing", "topics", !there);
	if (here && there) {
		draft_value(&d, "partitions", "partitions",
			    abs(here->partition_count - there->partition_count));
		draft_say(&d, "%d partitions on the source, %d on the target", here->partition_count,
			  there->partition_count);
	} else {
		draft_say(&d, "'%.*s' does not exist on the %s",
			  VIEW_ARGS(there ? topic->source : topic->target),
			  gathering_side(g, there ? SIDE_SOURCE : SIDE_TARGET));
	}
	return draft_end(&d, fault);
}

static int gather_configs(struct gathering *g, const struct gather_topic *topic, struct fault *fault)
{
	const struct config_list *here = facts_topic_configs(side_of(g, SIDE_SOURCE), topic->source);
	const struct config_list *there = facts_topic_configs(side_of(g, SIDE_TARGET), topic->target);
	int harmful = 0, harmless = 0;
	struct draft d;

	draft_begin(&d, g, "compatibility.configs", topic->source, METHOD);
	draft_of_facts(&d);
	exclude_answer(&d, SIDE_SOURCE, "configs", &side_of(g, SIDE_SOURCE)->configs_answer);
	exclude_answer(&d, SIDE_TARGET, "configs", &side_of(g, SIDE_TARGET)->configs_answer);
	if (!here && !side_of(g, SIDE_SOURCE)->configs_answer.err)
		draft_exclude(&d, "configs", "those of the source's topic could not be read");
	if (!there && !side_of(g, SIDE_TARGET)->configs_answer.err)
		draft_exclude(&d, "configs", "those of the target's topic could not be read");
	for (int i = 0; here && there && i < here->count; i++) {
		const struct config_entry *a = &here->entries[i], *b = facts_config(there, a->name);
		const char *harm;

		if (!b || !a->value || !b->value || strcmp(a->value, b->value) == 0)
			continue;
		harm = config_harm(a->name, a->value, b->value, here);
		if (harm) {
			harmful++;
			draft_say(&d, "%s is %s on the source and %s on the target: %s", a->name, a->value,
				  b->value, harm);
		} else {
			harmless++;
			draft_normaliser(&d, a->name, 1);
		}
	}
	draft_value(&d, "harmful", "configs", harmful);
	draft_value(&d, "other", "configs", harmless);
	if (here && there) {
		d.item.total = d.item.covered = (uint64_t)here->count;
		if (!harmful)
			draft_say(&d, "%d configs side by side, %d differ without harm", here->count,
				  harmless);
	}
	return draft_end(&d, fault);
}

/* ---- records ---- */

static const char *const codec_names[] = { "none", "gzip", "snappy", "lz4", "zstd" };

static int gather_records(struct gathering *g, int index, struct fault *fault)
{
	const struct gather_topic *topic = &g->topics[index];
	const struct seen *seen = g->seen[SIDE_SOURCE] ? &g->seen[SIDE_SOURCE][index] : NULL;
	const struct config_list *there = facts_topic_configs(side_of(g, SIDE_TARGET), topic->target);
	const struct config_entry *size = there ? facts_config(there, "max.message.bytes") : NULL;
	const struct config_entry *cleanup = there ? facts_config(there, "cleanup.policy") : NULL;
	const struct config_entry *ahead =
		there ? facts_config(there, "message.timestamp.after.max.ms") : NULL;
	int refused = 0;
	struct draft d;

	draft_begin(&d, g, "compatibility.records", topic->source, "sample");
	d.item.samples = seen ? seen->records : 0;
	d.item.traffic_bytes = seen ? seen->bytes : 0;
	if (!seen || !seen->sampled) {
		draft_exclude(&d, "records", "none could be sampled: %s",
			      seen && seen->why ? seen->why : "not tried");
	} else {
		if (size && size->value && seen->batch_size_max > strtoull(size->value, NULL, 10)) {
			refused++;
			draft_say(&d, "a batch of %llu bytes was seen, and the target takes %s",
				  (unsigned long long)seen->batch_size_max, size->value);
		}
		if (ahead && ahead->value && seen->ahead_ms_max > strtoll(ahead->value, NULL, 10)) {
			refused++;
			draft_say(&d,
				  "a record was seen whose time is %lld ms ahead, and the target takes %s",
				  (long long)seen->ahead_ms_max, ahead->value);
		}
		/* A broker refuses a record without a key where a topic is compacted. */
		if (cleanup && cleanup->value && strstr(cleanup->value, "compact") && seen->null_keys) {
			refused++;
			draft_say(&d,
				  "%llu records without a key were seen, and the target's topic is compacted",
				  (unsigned long long)seen->null_keys);
		}
		if (seen->unreadable)
			draft_exclude(&d, "records", "%llu batches of the source cannot be read",
				      (unsigned long long)seen->unreadable);
		for (unsigned codec = 0; codec < 5; codec++)
			if (seen->codecs & 1u << codec)
				draft_say(&d, "codec %s", codec_names[codec]);
		if (seen->headers)
			draft_say(&d, "headers");
		if (seen->transactional)
			draft_say(&d, "transactions");
		if (seen->log_append)
			draft_say(&d, "times set by the broker");
		draft_say(&d, "%llu records sampled, the largest batch %llu bytes",
			  (unsigned long long)seen->records, (unsigned long long)seen->batch_size_max);
	}
	draft_value(&d, "refused", "kinds", refused);
	return draft_end(&d, fault);
}

/* ---- groups ---- */

static bool target_has_api(const struct gathering *g, int16_t key)
{
	const struct facts_side *target = side_of(g, SIDE_TARGET);
	bool asked = false;

	for (int b = 0; b < target->detail.broker_count; b++) {
		bool found = false;

		if (target->detail.brokers[b].err)
			continue;
		asked = true;
		for (int i = 0; i < target->detail.brokers[b].api_count; i++)
			found |= target->detail.brokers[b].apis[i].key == key;
		if (!found)
			return false;
	}
	return asked;
}

static int gather_group(struct gathering *g, struct view group, struct fault *fault)
{
	const struct facts_side *source = side_of(g, SIDE_SOURCE);
	int at = facts_group(source, group);
	const char *type = at >= 0 && source->group_details && source->group_details[at].type
				   ? source->group_details[at].type
			   : at >= 0 && source->groups.at[at].type ? source->groups.at[at].type
								   : "classic";
	int16_t api = strcmp(type, "consumer") == 0  ? 68
		      : strcmp(type, "share") == 0   ? 76
		      : strcmp(type, "streams") == 0 ? 88
						     : 11;
	struct draft d;

	draft_begin(&d, g, "compatibility.group", group, METHOD);
	draft_of_facts(&d);
	exclude_answer(&d, SIDE_SOURCE, "groups", &source->groups_answer);
	exclude_answer(&d, SIDE_TARGET, "versions", &side_of(g, SIDE_TARGET)->detail_answer);
	draft_value(&d, "missing", "protocols", !target_has_api(g, api));
	draft_say(&d, "speaks the %s protocol", type);
	if (at >= 0 && source->group_details)
		for (int i = 0; i < source->group_details[at].member_count && i < 3; i++)
			draft_say(&d, "member %s from %s",
				  source->group_details[at].members[i].client_id
					  ? source->group_details[at].members[i].client_id
					  : "?",
				  source->group_details[at].members[i].client_host
					  ? source->group_details[at].members[i].client_host
					  : "?");
	return draft_end(&d, fault);
}

/* ---- rights ---- */

static const char *broker_config(const struct facts_side *side, const char *name)
{
	for (int b = 0;
	     side->broker_configs && !side->broker_configs_answer.err && b < side->detail.broker_count; b++) {
		const struct config_entry *entry =
			side->broker_configs[b].err ? NULL : facts_config(&side->broker_configs[b], name);

		if (entry && entry->value)
			return entry->value;
	}
	return NULL;
}

static struct rights_view rights_view_of(const struct facts_side *side)
{
	const char *everyone = broker_config(side, "allow.everyone.if.no.acl.found");

	return (struct rights_view){ &side->acls, broker_config(side, "super.users"),
				     everyone && strcmp(everyone, "true") == 0 };
}

struct rights_count {
	int missing, asked;
};

static void compare_right(struct draft *d, const char *principal, int operation, int type, struct view here,
			  struct view there, struct rights_count *count)
{
	const struct rights_view source = rights_view_of(side_of(d->g, SIDE_SOURCE)),
				 target = rights_view_of(side_of(d->g, SIDE_TARGET));
	enum rights_answer a = rights_of(&source, principal, operation, type, (const char *)here.at);
	enum rights_answer b = rights_of(&target, principal, operation, type, (const char *)there.at);
	const char *what = operation == ACL_OPERATION_WRITE ? "write" : "read";
	const char *kind = type == ACL_RESOURCE_GROUP ? "group" : "topic";

	if (!rights_allow(a))
		return;
	count->asked++;
	if (a == RIGHTS_HOST || b == RIGHTS_HOST) {
		draft_exclude(d, "rights", "whether it may %s %s %.*s depends on the host that it comes from",
			      what, kind, VIEW_ARGS(there));
		return;
	}
	if (rights_allow(b))
		return;
	count->missing++;
	draft_say(d, "may %s %s %.*s on the source (%s), not on the target (%s)", what, kind,
		  VIEW_ARGS(there), rights_text(a), rights_text(b));
}

static bool is_producer(const struct gathering *g, struct view principal)
{
	for (int i = 0; i < g->family->producers.count; i++)
		if (view_equal(g->family->producers.at[i].text, principal))
			return true;
	return false;
}

static int gather_rights(struct gathering *g, struct view principal, struct fault *fault)
{
	const char *name = (const char *)principal.at;
	bool everybody = side_of(g, SIDE_SOURCE)->acls.no_authorizer;
	struct rights_count count = { 0, 0 };
	struct draft d;

	draft_begin(&d, g, "compatibility.rights", principal, "acl");
	draft_of_facts(&d);
	exclude_answer(&d, SIDE_SOURCE, "ACLs", &side_of(g, SIDE_SOURCE)->acls_answer);
	exclude_answer(&d, SIDE_TARGET, "ACLs", &side_of(g, SIDE_TARGET)->acls_answer);
	for (int i = 0; i < g->topic_count; i++) {
		compare_right(&d, name, ACL_OPERATION_WRITE, ACL_RESOURCE_TOPIC, g->topics[i].source,
			      g->topics[i].target, &count);
		/* Where everybody may everything, what a producer needs is to write. */
		if (!everybody || !is_producer(g, principal))
			compare_right(&d, name, ACL_OPERATION_READ, ACL_RESOURCE_TOPIC, g->topics[i].source,
				      g->topics[i].target, &count);
	}
	for (int i = 0; i < g->family->groups.count && !(everybody && is_producer(g, principal)); i++)
		compare_right(&d, name, ACL_OPERATION_READ, ACL_RESOURCE_GROUP, g->family->groups.at[i].text,
			      g->family->groups.at[i].text, &count);
	if (!count.asked && is_producer(g, principal) && !side_of(g, SIDE_TARGET)->acls.no_authorizer)
		draft_exclude(&d, "RIGHTS_UNKNOWN",
			      "no ACL of the source lets it at the family, yet the plan names it: a super "
			      "user, perhaps");
	if (count.missing && !rights_view_of(side_of(g, SIDE_TARGET)).super_users)
		draft_say(&d, "unless it is a super user there, which the target does not tell");
	draft_value(&d, "missing", "rights", count.missing);
	d.item.samples = (uint64_t)count.asked;
	if (!count.missing)
		draft_say(&d, "%d rights on the source, all of them on the target", count.asked);
	if (!side_of(g, SIDE_TARGET)->acls.no_authorizer &&
	    !rights_view_of(side_of(g, SIDE_TARGET)).super_users)
		draft_normaliser(&d, "super users of the target are not known", 1);
	return draft_end(&d, fault);
}

/* ---- quotas ---- */

/* The quota that binds a user: its own, else that of the default user; entities with a client id are shown, not judged. */
static const struct quota *quota_of(const struct facts_side *side, const char *user, const char *key)
{
	const struct quota *found = NULL;

	for (int i = 0; i < side->quotas.count; i++) {
		const struct quota *quota = &side->quotas.at[i];

		if (quota->entity_count != 1 || strcmp(quota->entities[0].type, "user") != 0 ||
		    strcmp(quota->key, key) != 0)
			continue;
		if (quota->entities[0].name && strcmp(quota->entities[0].name, user) == 0)
			return quota;
		if (!quota->entities[0].name)
			found = quota;
	}
	return found;
}

static int gather_quotas(struct gathering *g, struct view principal, struct fault *fault)
{
	static const char *const keys[] = { "producer_byte_rate", "consumer_byte_rate",
					    "request_percentage" };
	const char *colon = strchr((const char *)principal.at, ':');
	const char *user = colon ? colon + 1 : (const char *)principal.at;
	int tighter = 0;
	struct draft d;

	draft_begin(&d, g, "compatibility.quotas", principal, METHOD);
	draft_of_facts(&d);
	exclude_answer(&d, SIDE_SOURCE, "quotas", &side_of(g, SIDE_SOURCE)->quotas_answer);
	exclude_answer(&d, SIDE_TARGET, "quotas", &side_of(g, SIDE_TARGET)->quotas_answer);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		const struct quota *a = quota_of(side_of(g, SIDE_SOURCE), user, keys[i]);
		const struct quota *b = quota_of(side_of(g, SIDE_TARGET), user, keys[i]);

		if (!b || (a && b->value >= a->value))
			continue;
		tighter++;
		if (a)
			draft_say(&d, "%s is %.0f on the source and %.0f on the target", keys[i], a->value,
				  b->value);
		else
			draft_say(&d, "%s is not limited on the source and %.0f on the target", keys[i],
				  b->value);
	}
	draft_value(&d, "tighter", "quotas", tighter);
	if (!tighter)
		draft_say(&d, "none is tighter on the target");
	return draft_end(&d, fault);
}

/* ---- credentials ---- */

static bool has_user(const struct scram_user_list *users, const struct scram_user *user)
{
	for (int i = 0; i < users->count; i++)
		if (users->at[i].mechanism == user->mechanism && strcmp(users->at[i].name, user->name) == 0)
			return true;
	return false;
}

static bool user_matters(const struct gathering *g, const char *user)
{
	char principal[400];

	snprintf(principal, sizeof principal, "User:%s", user);
	for (int i = 0; i < g->principal_count; i++)
		if (view_is(g->principals[i], principal))
			return true;
	return false;
}

static int gather_credentials(struct gathering *g, struct fault *fault)
{
	const struct facts_side *source = side_of(g, SIDE_SOURCE), *target = side_of(g, SIDE_TARGET);
	int missing = 0, compared = 0;
	struct draft d;

	draft_begin(&d, g, "compatibility.credentials", VIEW_NULL, METHOD);
	draft_of_facts(&d);
	exclude_answer(&d, SIDE_SOURCE, "SCRAM users", &source->scram_answer);
	if (source->scram_users.count)
		exclude_answer(&d, SIDE_TARGET, "SCRAM users", &target->scram_answer);
	for (int i = 0; i < source->scram_users.count; i++) {
		const struct scram_user *user = &source->scram_users.at[i];

		if (!user_matters(g, user->name))
			continue;
		compared++;
		if (has_user(&target->scram_users, user)) {
			draft_say(&d,
				  "open item: whether the password of %s is the same on both sides cannot be "
				  "read",
				  user->name);
			continue;
		}
		missing++;
		draft_say(&d, "%s has SCRAM-SHA-%d on the source only, and a password cannot be copied",
			  user->name, user->mechanism == 1 ? 256 : 512);
	}
	draft_value(&d, "missing", "users", missing);
	d.item.samples = (uint64_t)compared;
	if (!compared)
		draft_say(&d, "no user of the family logs in by SCRAM");
	return draft_end(&d, fault);
}

/* ---- all of it ---- */

int gather_compatibility(struct gathering *g, struct fault *fault)
{
	int err = gather_features(g, fault);

	for (int i = 0; i < g->topic_count && !err; i++) {
		err = gather_topic(g, &g->topics[i], fault);
		err = err ? err : gather_configs(g, &g->topics[i], fault);
		err = err ? err : gather_records(g, i, fault);
	}
	for (int i = 0; i < g->family->groups.count && !err; i++)
		err = gather_group(g, g->family->groups.at[i].text, fault);
	for (int i = 0; g->principals_known && i < g->principal_count && !err; i++) {
		err = gather_rights(g, g->principals[i], fault);
		err = err ? err : gather_quotas(g, g->principals[i], fault);
	}
	return err ? err : gather_credentials(g, fault);
}

/*
 * lever_probe.c - changes a real cluster as the levers do, and says what came; for the tests on real Kafka and for people
 * who develop.
 *
 *	lever_probe CLUSTER deny|undeny|seen PRINCIPAL TOPIC... | bound PRINCIPAL | canary TOPIC... | canary-id ID... |
 *	      quiet|ends-only TOPIC... | name PRODUCER-ID | look ID | fence ID TIMEOUT-MS |
 *	      config TOPIC KEY [VALUE] | config-seen TOPIC KEY | quota USER KEY [VALUE] | quota-seen USER KEY |
 *	      group-delete GROUP... | topic-delete TOPIC... | whoami
 *	lever_probe CLUSTER acl PRINCIPALS TOPICS IDS WITNESS THEN | transactions IDS THEN | configs TOPICS KEY SETTING THEN |
 *	      quotas USERS KEY LIMIT THEN
 *
 * where lists are split at commas, "-" is an empty one, and THEN is observe, aim WORD [BEFORE], set VALUE, describe WORD;
 * for acl also felt denied|allowed, bounds and pace TIMES.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "client/admin_acls.h"
#include "client/admin_alter.h"
#include "client/admin_fence.h"
#include "client/canary.h"
#include "client/config.h"
#include "client/principal.h"
#include "client/quiet.h"
#include "exit/lever_acl.h"
#include "exit/lever_config.h"
#include "exit/lever_quota.h"
#include "exit/lever_transaction.h"
#include "wire/kafka_error.h"

#define TIMEOUT_MS 10000
#define MOST       200

static struct loop *loop;
static struct cluster *cluster;
static const struct cluster_config *config;
static struct arena arena;
static struct fault fault;
static int argument_count;
static char **arguments;

static int failed(void)
{
	printf("error %d: %s\n", fault.err, fault.text);
	return 1;
}

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

/* ---- ACLs ---- */

static struct acl bindings[MOST];
static int binding_count;

static void bindings_make(void)
{
	for (int i = 1; i < argument_count && binding_count < MOST; i++)
		bindings[binding_count++] = (struct acl){ .resource_type = ACL_RESOURCE_TOPIC,
							  .pattern_type = ACL_PATTERN_LITERAL,
							  .operation = ACL_OPERATION_WRITE,
							  .permission = ACL_PERMISSION_DENY,
							  .resource = arguments[i],
							  .principal = arguments[0],
							  .host = "*" };
}

static int probe_deny(void)
{
	bindings_make();
	if (acls_create(cluster, bindings, binding_count, TIMEOUT_MS, &fault) < 0)
		return failed();
	printf("created\n");
	return 0;
}

static int probe_undeny(void)
{
	int removed;

	bindings_make();
	if (acls_delete(cluster, bindings, binding_count, TIMEOUT_MS, &removed, &fault) < 0)
		return failed();
	printf("removed %d\n", removed);
	return 0;
}

static int probe_seen(void)
{
	struct acl_sight *sights;
	int count;

	bindings_make();
	if (acls_seen(cluster, bindings, binding_count, TIMEOUT_MS, &arena, &sights, &count, &fault) < 0)
		return failed();
	for (int i = 0; i < count; i++) {
		printf("broker %d err %d bindings %d%s\n", sights[i].node, sights[i].err,
		       sights[i].list.count, sights[i].list.no_authorizer ? " no authorizer" : "");
		for (int a = 0; a < sights[i].list.count; a++)
			printf("  %s %s from %s\n", sights[i].list.at[a].principal,
			       sights[i].list.at[a].resource, sights[i].list.at[a].host);
	}
	return 0;
}

/* All that a principal may and must not, as each broker has it. */
static int probe_bound(void)
{
	struct acl filter = { .resource_type = ACL_RESOURCE_ANY,
			      .pattern_type = ACL_PATTERN_ANY,
			      .operation = ACL_OPERATION_ANY,
			      .permission = ACL_PERMISSION_ANY,
			      .principal = arguments[0] };
	struct acl_sight *sights;
	int count;

	if (acls_seen(cluster, &filter, 1, TIMEOUT_MS, &arena, &sights, &count, &fault) < 0)
		return failed();
	for (int i = 0; i < count; i++) {
		printf("broker %d err %d\n", sights[i].node, sights[i].err);
		for (int a = 0; a < sights[i].list.count; a++) {
			const struct acl *acl = &sights[i].list.at[a];

			printf("  %s %s %s %s %s\n", acl->principal,
			       acl->permission == ACL_PERMISSION_DENY ? "must not" : "may",
			       acl_operation_name(acl->operation), acl_resource_name(acl->resource_type),
			       acl->resource);
		}
	}
	return 0;
}

static int canary(bool of_ids)
{
	const char *const *names = (const char *const *)arguments;
	struct canary_list list;

	if (canary_look(cluster, names, of_ids ? 0 : argument_count, names, of_ids ? argument_count : 0,
			TIMEOUT_MS, &arena, &list, &fault) < 0)
		return failed();
	printf("denied %d allowed %d unknown %d\n", list.denied, list.allowed, list.unknown);
	for (int i = 0; i < list.count; i++)
		printf("  %s %d at %d%s: %s %s%s%s\n", list.at[i].topic, list.at[i].partition,
		       list.at[i].node, list.at[i].leader ? " leader" : "", canary_word(list.at[i].answer),
		       kafka_error_name(list.at[i].error_code), list.at[i].fault ? " " : "",
		       list.at[i].fault ? list.at[i].fault->text : "");
	return 0;
}

static int probe_canary(void)
{
	return canary(false);
}

static int probe_canary_id(void)
{
	return canary(true);
}

/* ---- rest ---- */

static void look_print(const struct quiet_look *first, const struct quiet_look *look, int64_t took_us)
{
	printf("level %s same %s producers %d err %d transactions %d err %d took %" PRId64 " us\n",
	       look->all_level ? "yes" : "no", quiet_same(first, look) ? "yes" : "no", look->producer_count,
	       look->producers_err, look->transaction_count, look->transactions_err, took_us);
	for (int i = 0; i < look->partition_count; i++) {
		const struct quiet_partition *at = &look->partitions[i];

		printf("  %s-%d leader %d epoch %d stable %" PRId64 " high %" PRId64 " end %" PRId64
		       " %s err %d\n",
		       at->topic, at->partition, at->leader, at->leader_epoch, at->last_stable,
		       at->high_watermark, at->end, at->level ? "level" : "open", at->err);
	}
	for (int i = 0; i < look->producer_count; i++)
		printf("  producer %" PRId64 " epoch %d on %s-%d\n", look->producers[i].id,
		       look->producers[i].epoch, look->producers[i].topic, look->producers[i].partition);
	for (int i = 0; i < look->transaction_count; i++)
		printf("  transaction %s %s partitions %d\n", look->transactions[i].id,
		       look->transactions[i].state, look->transactions[i].partition_count);
}

/* Ten looks and the time of the fastest: what one costs once the leaders are known and the connections are there. */
static int quiet_ask(int what)
{
	struct quiet *quiet;
	struct quiet_look first, look;
	int64_t fastest_us = INT64_MAX;
	int status = 0;

	if (quiet_new(cluster, (const char *const *)arguments, argument_count, &quiet, &fault) < 0)
		return failed();
	for (int i = 0; i < 10 && !status; i++) {
		int64_t began = clock_system.monotonic_ns(&clock_system), took_us;

		if (quiet_look(quiet, what, TIMEOUT_MS, &arena, i ? &look : &first, &fault) < 0)
			status = failed();
		took_us = (clock_system.monotonic_ns(&clock_system) - began) / 1000;
		if (took_us < fastest_us)
			fastest_us = took_us;
	}
	if (!status)
		look_print(&first, &look, fastest_us);
	quiet_free(quiet);
	return status;
}

static int probe_quiet(void)
{
	return quiet_ask(QUIET_WRITERS | QUIET_TRANSACTIONS);
}

static int probe_ends_only(void)
{
	return quiet_ask(QUIET_ENDS);
}

static int probe_name(void)
{
	const char *name;

	if (producer_name(cluster, atoll(arguments[0]), TIMEOUT_MS, &arena, &name, &fault) < 0)
		return failed();
	printf("name %s\n", or_none(name));
	return 0;
}

static int probe_look(void)
{
	struct transaction_identity identity;

	if (transaction_look(cluster, arguments[0], TIMEOUT_MS, &arena, &identity, &fault) < 0)
		return failed();
	printf("producer %" PRId64 " epoch %d timeout %d state %s\n", identity.producer_id,
	       identity.producer_epoch, identity.timeout_ms, or_none(identity.state));
	return 0;
}

static int probe_fence(void)
{
	struct transaction_identity identity;

	if (transaction_fence(cluster, arguments[0], atoi(arguments[1]), TIMEOUT_MS, &identity, &fault) < 0)
		return failed();
	printf("fenced producer %" PRId64 " epoch %d\n", identity.producer_id, identity.producer_epoch);
	return 0;
}

static int probe_config(void)
{
	if (topic_config_set(cluster, arguments[0], arguments[1], argument_count > 2 ? arguments[2] : NULL,
			     TIMEOUT_MS, &fault) < 0)
		return failed();
	printf("set\n");
	return 0;
}

static int probe_config_seen(void)
{
	struct config_sight *sights;
	int count;

	if (topic_config_seen(cluster, arguments[0], arguments[1], TIMEOUT_MS, &arena, &sights, &count,
			      &fault) < 0)
		return failed();
	for (int i = 0; i < count; i++)
		printf("broker %d err %d value %s from %s\n", sights[i].node, sights[i].err,
		       or_none(sights[i].entry.value), config_source_name(sights[i].entry.source));
	return 0;
}

static struct quota quota_of(void)
{
	struct quota quota = { .entity_count = 1, .key = arguments[1] };

	quota.entities[0] = (struct quota_entity){ "user", arguments[0] };
	quota.value = argument_count > 2 ? atof(arguments[2]) : 0;
	return quota;
}

static int probe_quota(void)
{
	struct quota quota = quota_of();

	if (quota_set(cluster, &quota, argument_count < 3, TIMEOUT_MS, &fault) < 0)
		return failed();
	printf("set\n");
	return 0;
}

static int probe_quota_seen(void)
{
	struct quota quota = quota_of();
	struct quota_sight *sights;
	int count;

	if (quota_seen(cluster, &quota, TIMEOUT_MS, &arena, &sights, &count, &fault) < 0)
		return failed();
	for (int i = 0; i < count; i++)
		printf("broker %d err %d %s %g\n", sights[i].node, sights[i].err,
		       sights[i].there ? "there" : "absent", sights[i].value);
	return 0;
}

static int probe_group_delete(void)
{
	if (groups_delete(cluster, (const char *const *)arguments, argument_count, TIMEOUT_MS, &fault) < 0)
		return failed();
	printf("deleted\n");
	return 0;
}

static int probe_topic_delete(void)
{
	if (topics_delete(cluster, (const char *const *)arguments, argument_count, TIMEOUT_MS, &fault) < 0)
		return failed();
	printf("deleted\n");
	return 0;
}

static int probe_whoami(void)
{
	struct buffer out;
	int status = 0;

	buffer_init(&out, 10000);
	if (principal_guess(config, &out, &fault) < 0)
		status = failed();
	else
		printf("%s\n", buffer_string(&out));
	buffer_done(&out);
	return status;
}

/* ---- levers ---- */

static int split(char *text, const char **out)
{
	int count = 0;

	if (strcmp(text, "-") == 0)
		return 0;
	for (char *at = strtok(text, ","); at && count < MOST; at = strtok(NULL, ","))
		out[count++] = at;
	return count;
}

static int bounds(struct lever *lever)
{
	struct lever_acl_bounds all;

	if (lever_acl_bounds(lever, TIMEOUT_MS, &arena, &all, &fault) < 0)
		return failed();
	printf("blocked %s\n", all.blocked ? "yes" : "no");
	for (int i = 0; i < all.count; i++)
		printf("%s %s\n", lever_acl_bound_code(all.at[i].bound), all.at[i].text);
	return 0;
}

static int until_felt(struct lever *lever, const char *value, bool denied, int64_t *took_us)
{
	int64_t began = clock_system.monotonic_ns(&clock_system), give_up = began + INT64_C(10000000000);
	struct buffer how;
	int err;

	buffer_init(&how, 1 << 16);
	err = lever_set(lever, value, 1, TIMEOUT_MS, &fault);
	while (err == 0 || err == ERR_STALE) {
		buffer_reset(&how);
		err = lever_acl_felt(lever, denied, TIMEOUT_MS, &how, &fault);
		if (err == 0 || clock_system.monotonic_ns(&clock_system) > give_up)
			break;
	}
	*took_us = (clock_system.monotonic_ns(&clock_system) - began) / 1000;
	buffer_done(&how);
	return err;
}

/* Fences and opens, so many times: how long until each broker denies, and until each allows again. */
static int pace(struct lever *lever, int times)
{
	struct buffer deny;
	int status = 0;

	buffer_init(&deny, LEVER_VALUE_SIZE_MAX);
	if (lever_aim(lever, "deny", "[]", &deny, &fault) < 0)
		status = failed();
	for (int i = 0; i < times && !status; i++) {
		int64_t denied_us = 0, allowed_us = 0;

		if (until_felt(lever, buffer_string(&deny), true, &denied_us) < 0 ||
		    until_felt(lever, "[]", false, &allowed_us) < 0)
			status = failed();
		else
			printf("denied after %" PRId64 " us, allowed after %" PRId64 " us\n", denied_us,
			       allowed_us);
	}
	buffer_done(&deny);
	return status;
}

/* What stands at `first` and behind it says what is to be done with the lever. */
static int then(struct lever *lever, int first)
{
	const char *word = arguments[first], *more = argument_count > first + 1 ? arguments[first + 1] : "";
	struct buffer out;
	int err = ERR_USAGE, status = 0;

	buffer_init(&out, 2 * LEVER_VALUE_SIZE_MAX);
	fault_set(&fault, ERR_USAGE, "%s?", word);
	if (strcmp(word, "bounds") == 0) {
		status = bounds(lever);
		err = 0;
	} else if (strcmp(word, "pace") == 0) {
		status = pace(lever, atoi(more));
		err = 0;
	} else if (strcmp(word, "observe") == 0) {
		err = lever_observe(lever, TIMEOUT_MS, &out, &fault);
	} else if (strcmp(word, "aim") == 0) {
		/* One of a config rests on the last look. */
		lever_observe(lever, TIMEOUT_MS, &out, NULL);
		buffer_reset(&out);
		err = lever_aim(lever, more, argument_count > first + 2 ? arguments[first + 2] : "", &out,
				&fault);
	} else if (strcmp(word, "set") == 0) {
		err = lever_set(lever, more, 1, TIMEOUT_MS, &fault);
	} else if (strcmp(word, "describe") == 0) {
		lever_describe(lever, more, &out);
		err = 0;
	} else if (strcmp(word, "felt") == 0) {
		err = lever_acl_felt(lever, strcmp(more, "denied") == 0, TIMEOUT_MS, &out, &fault);
	}
	if (out.size || err == ERR_STALE)
		printf("%s\n", buffer_string(&out));
	if (err < 0)
		status = failed();
	buffer_done(&out);
	lever_free(lever);
	return status;
}

static const char *names[3][MOST];

static int probe_acl_lever(void)
{
	struct lever_acl_options options = { .name = "acl:source",
					     .cluster = cluster,
					     .principals = names[0],
					     .topics = names[1],
					     .ids = names[2] };
	struct lever *lever;

	options.principal_count = split(arguments[0], names[0]);
	options.topic_count = split(arguments[1], names[1]);
	options.id_count = split(arguments[2], names[2]);
	options.witness = strcmp(arguments[3], "-") == 0 ? NULL : arguments[3];
	return lever_acl_new(&options, &lever, &fault) < 0 ? failed() : then(lever, 4);
}

static int probe_transaction_lever(void)
{
	struct lever *lever;
	int count = split(arguments[0], names[0]);

	return lever_transaction_new("transactional-ids:source", cluster, names[0], count, &lever, &fault) < 0
		       ? failed()
		       : then(lever, 1);
}

static int probe_config_lever(void)
{
	struct lever *lever;
	int count = split(arguments[0], names[0]);

	return lever_config_new("config:source", cluster, names[0], count, arguments[1], arguments[2], &lever,
				&fault) < 0
		       ? failed()
		       : then(lever, 3);
}

static int probe_quota_lever(void)
{
	struct lever *lever;
	int count = split(arguments[0], names[0]);

	return lever_quota_new("quota:source", cluster, names[0], count, arguments[1], atof(arguments[2]),
			       &lever, &fault) < 0
		       ? failed()
		       : then(lever, 3);
}

static const struct {
	const char *word;
	int arguments;
	int (*run)(void);
} verbs[] = {
	{ "deny", 2, probe_deny },
	{ "undeny", 2, probe_undeny },
	{ "seen", 2, probe_seen },
	{ "bound", 1, probe_bound },
	{ "canary", 1, probe_canary },
	{ "canary-id", 1, probe_canary_id },
	{ "quiet", 1, probe_quiet },
	{ "ends-only", 1, probe_ends_only },
	{ "name", 1, probe_name },
	{ "look", 1, probe_look },
	{ "fence", 2, probe_fence },
	{ "config", 2, probe_config },
	{ "config-seen", 2, probe_config_seen },
	{ "quota", 2, probe_quota },
	{ "quota-seen", 2, probe_quota_seen },
	{ "group-delete", 1, probe_group_delete },
	{ "topic-delete", 1, probe_topic_delete },
	{ "whoami", 0, probe_whoami },
	{ "acl", 5, probe_acl_lever },
	{ "transactions", 2, probe_transaction_lever },
	{ "configs", 4, probe_config_lever },
	{ "quotas", 4, probe_quota_lever },
};

int main(int argc, char **argv)
{
	int status = 64;

	if (argc < 3)
		return status;
	argument_count = argc - 3;
	arguments = argv + 3;
	arena_init(&arena, (size_t)256 << 20);
	if (loop_new(&clock_system, 1, &loop) < 0)
		return 70;
	if (config_load(argv[1], &config, &fault) < 0)
		return failed();
	if (cluster_new(loop, "probe", config, &cluster, &fault) < 0 ||
	    cluster_connect(cluster, TIMEOUT_MS, &fault) < 0)
		status = failed();
	else
		for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
			if (strcmp(argv[2], verbs[i].word) == 0 && argument_count >= verbs[i].arguments)
				status = verbs[i].run();
	cluster_free(cluster);
	config_release(config);
	loop_free(loop);
	arena_done(&arena);
	return status;
}

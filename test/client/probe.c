/*
 * probe.c - asks a real cluster each question that client/ can ask, and prints what came; for the tests on real Kafka
 * and for people who develop.
 *
 *	probe CLUSTER cluster | topics [PATTERN] | configs TOPIC | groups | group ID | acls | quotas | scram |
 *	      producers TOPIC | transactions | dirs | quorum | ends TOPIC |
 *	      create TOPIC PARTITIONS | commit GROUP TOPIC PARTITION OFFSET | put TOPIC PARTITION TEXT... |
 *	      tail TOPIC SECONDS [committed]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/admin_access.h"
#include "client/admin_cluster.h"
#include "client/admin_topics.h"
#include "client/admin_transactions.h"
#include "client/config.h"
#include "client/fetcher.h"
#include "client/offsets.h"
#include "client/producer.h"
#include "wire/batch.h"
#include "wire/batch_writer.h"
#include "wire/kafka_error.h"

#define TIMEOUT_MS 10000

static struct loop *loop;
static struct cluster *cluster;
static struct arena arena;
static struct fault fault;
static int argument_count;
static char **arguments;

static int failed(void)
{
	printf("error: %s\n", fault.text);
	return 1;
}

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

static int probe_cluster(void)
{
	struct cluster_detail detail;

	if (cluster_describe(cluster, TIMEOUT_MS, &arena, &detail, &fault) < 0)
		return failed();
	printf("cluster %s controller %d\n", or_none(detail.id), detail.controller);
	for (int i = 0; i < detail.broker_count; i++)
		printf("broker %d %s:%d rack %s apis %d%s%s\n", detail.brokers[i].info.id, detail.brokers[i].info.host,
		       detail.brokers[i].info.port, or_none(detail.brokers[i].info.rack), detail.brokers[i].api_count,
		       detail.brokers[i].err ? " " : "", detail.brokers[i].err ? detail.brokers[i].fault.text : "");
	for (int i = 0; i < detail.feature_count; i++)
		printf("feature %s %d-%d at %d\n", detail.features[i].name, detail.features[i].supported_since,
		       detail.features[i].supported_until, detail.features[i].finalized);
	return 0;
}

static int snapshot_of(const char *name, struct metadata_snapshot *out)
{
	struct view pattern = view_text(name);

	return metadata_snapshot(cluster, &pattern, name ? 1 : -1, TIMEOUT_MS, &arena, out, &fault);
}

static int probe_topics(void)
{
	struct metadata_snapshot snapshot;

	if (snapshot_of(argument_count > 0 ? arguments[0] : NULL, &snapshot) < 0)
		return failed();
	for (int t = 0; t < snapshot.topic_count; t++) {
		const struct topic_info *topic = &snapshot.topics[t];

		printf("topic %s id %s partitions %d %s%s\n", topic->name, uuid_is_zero(topic->id) ? "none" : "known",
		       topic->partition_count, kafka_error_name(topic->error), topic->internal ? " internal" : "");
		for (int p = 0; p < topic->partition_count; p++)
			printf("  %d leader %d epoch %d replicas %d in sync %d %s\n", topic->partitions[p].index,
			       topic->partitions[p].leader, topic->partitions[p].leader_epoch,
			       topic->partitions[p].replica_count, topic->partitions[p].in_sync_count,
			       kafka_error_name(topic->partitions[p].error));
	}
	return 0;
}

static int probe_configs(void)
{
	const char *const names[] = { arguments[0] };
	struct config_list *lists;

	if (configs_describe(cluster, CONFIG_RESOURCE_TOPIC, names, 1, TIMEOUT_MS, &arena, &lists, &fault) < 0)
		return failed();
	printf("configs of %s: %d %s %s\n", lists[0].resource, lists[0].count, kafka_error_name(lists[0].error_code),
	       or_none(lists[0].error_text));
	for (int i = 0; i < lists[0].count; i++)
		printf("  %s=%s (%s)\n", lists[0].entries[i].name, or_none(lists[0].entries[i].value),
		       config_source_name(lists[0].entries[i].source));
	return 0;
}

static int probe_groups(void)
{
	struct group_list list;

	if (groups_list(cluster, TIMEOUT_MS, &arena, &list, &fault) < 0)
		return failed();
	for (int i = 0; i < list.count; i++)
		printf("group %s %s state %s type %s at %d\n", list.at[i].id, or_none(list.at[i].protocol_type),
		       or_none(list.at[i].state), or_none(list.at[i].type), list.at[i].coordinator);
	if (list.failed_count)
		printf("failed %d: %s\n", list.failed_count, list.failed.text);
	return 0;
}

static int probe_group(void)
{
	const char *const ids[] = { arguments[0] };
	struct group_detail *details;
	struct group_positions *positions;

	if (groups_describe(cluster, ids, 1, TIMEOUT_MS, &arena, &details, &fault) < 0)
		return failed();
	printf("group %s err %d %s state %s type %s protocol %s assignor %s coordinator %d\n", details[0].id,
	       details[0].err, kafka_error_name(details[0].error_code), or_none(details[0].state),
	       or_none(details[0].type), or_none(details[0].protocol_type), or_none(details[0].assignor),
	       details[0].coordinator);
	for (int m = 0; m < details[0].member_count; m++) {
		const struct group_member *member = &details[0].members[m];

		printf("  member client %s host %s topics", member->client_id, member->client_host);
		for (int i = 0; i < member->topic_count; i++)
			printf(" %s", member->topics[i]);
		printf(" assigned");
		for (int i = 0; i < member->assigned_count; i++)
			printf(" %s-%d", member->assigned[i].topic, member->assigned[i].partition);
		printf("\n");
	}
	if (groups_positions(cluster, ids, 1, true, TIMEOUT_MS, &arena, &positions, &fault) < 0)
		return failed();
	printf("positions err %d %s\n", positions[0].err, kafka_error_name(positions[0].error_code));
	for (int i = 0; i < positions[0].count; i++)
		printf("  %s-%d %" PRId64 " epoch %d %s\n", positions[0].at[i].topic, positions[0].at[i].partition,
		       positions[0].at[i].offset, positions[0].at[i].leader_epoch, or_none(positions[0].at[i].metadata));
	return 0;
}

static int probe_commit(void)
{
	struct group_position position = { .topic = arguments[1], .partition = atoi(arguments[2]) };

	position.offset = atoll(arguments[3]);
	position.leader_epoch = -1;
	if (group_commit(cluster, arguments[0], &position, 1, TIMEOUT_MS, &fault) < 0)
		return failed();
	printf("committed\n");
	return 0;
}

static int probe_acls(void)
{
	struct acl_list list;

	if (acls_list(cluster, TIMEOUT_MS, &arena, &list, &fault) < 0)
		return failed();
	printf("%d acls%s\n", list.count, list.no_authorizer ? ", no authoriser" : "");
	for (int i = 0; i < list.count; i++)
		printf("  %s %s %s on %s %s%s from %s\n", list.at[i].principal,
		       list.at[i].permission == ACL_PERMISSION_ALLOW ? "may" : "must not",
		       acl_operation_name(list.at[i].operation), acl_resource_name(list.at[i].resource_type),
		       list.at[i].resource, list.at[i].pattern_type == ACL_PATTERN_PREFIXED ? "*" : "", list.at[i].host);
	return 0;
}

static int probe_quotas(void)
{
	struct quota_list list;

	if (quotas_list(cluster, TIMEOUT_MS, &arena, &list, &fault) < 0)
		return failed();
	printf("%d quotas\n", list.count);
	for (int i = 0; i < list.count; i++)
		printf("  %s %s %s %g\n", list.at[i].entities[0].type, or_none(list.at[i].entities[0].name),
		       list.at[i].key, list.at[i].value);
	return 0;
}

static int probe_scram(void)
{
	struct scram_user_list list;

	if (scram_users_list(cluster, TIMEOUT_MS, &arena, &list, &fault) < 0)
		return failed();
	printf("%d scram users\n", list.count);
	for (int i = 0; i < list.count; i++)
		printf("  %s mechanism %d iterations %d\n", list.at[i].name, list.at[i].mechanism,
		       list.at[i].iterations);
	return 0;
}

static int probe_producers(void)
{
	struct metadata_snapshot snapshot;
	struct group_partition partitions[100];
	struct active_producer_list list;
	int count = 0;

	if (snapshot_of(arguments[0], &snapshot) < 0)
		return failed();
	for (; count < 100 && count < snapshot.topics[0].partition_count; count++)
		partitions[count] = (struct group_partition){ arguments[0], count };
	if (producers_list(cluster, partitions, count, TIMEOUT_MS, &arena, &list, &fault) < 0)
		return failed();
	printf("%d producers, %d failed %s\n", list.count, list.failed_count,
	       list.failed_count ? list.failed.text : "");
	for (int i = 0; i < list.count; i++)
		printf("  %s-%d id %" PRId64 " epoch %d sequence %d open since %" PRId64 "\n", list.at[i].topic,
		       list.at[i].partition, list.at[i].id, list.at[i].epoch, list.at[i].last_sequence,
		       list.at[i].open_since_offset);
	return 0;
}

static int probe_transactions(void)
{
	struct transaction_list list;

	if (transactions_list(cluster, TIMEOUT_MS, &arena, &list, &fault) < 0)
		return failed();
	printf("%d transactions\n", list.count);
	for (int i = 0; i < list.count; i++)
		printf("  %s %s producer %" PRId64 " partitions %d err %d\n", list.at[i].id, list.at[i].state,
		       list.at[i].producer_id, list.at[i].partition_count, list.at[i].err);
	return 0;
}

static int probe_dirs(void)
{
	struct log_dirs dirs;
	const char *topics[] = { argument_count > 0 ? arguments[0] : NULL, NULL };

	if (log_dirs_describe(cluster, topics[0] ? topics : NULL, TIMEOUT_MS, &arena, &dirs, &fault) < 0)
		return failed();
	for (int i = 0; i < dirs.dir_count; i++)
		printf("broker %d dir %s total %" PRId64 " usable %" PRId64 "\n", dirs.dirs[i].broker, dirs.dirs[i].path,
		       dirs.dirs[i].total_bytes, dirs.dirs[i].usable_bytes);
	for (int i = 0; i < dirs.partition_count; i++)
		printf("  %s-%d on %d: %" PRId64 "\n", dirs.partitions[i].topic, dirs.partitions[i].partition,
		       dirs.partitions[i].broker, dirs.partitions[i].size);
	return 0;
}

static int probe_quorum(void)
{
	struct quorum quorum;

	if (quorum_describe(cluster, TIMEOUT_MS, &arena, &quorum, &fault) < 0)
		return failed();
	printf("quorum leader %d epoch %d high watermark %" PRId64 " members %d\n", quorum.leader, quorum.leader_epoch,
	       quorum.high_watermark, quorum.member_count);
	return 0;
}

static int probe_ends(void)
{
	struct metadata_snapshot snapshot;
	struct offset_query queries[300];
	int count = 0;

	if (snapshot_of(arguments[0], &snapshot) < 0)
		return failed();
	for (int p = 0; p < snapshot.topics[0].partition_count && p < 100; p++) {
		queries[count++] = (struct offset_query){ .topic = arguments[0], .partition = p, .at = OFFSETS_EARLIEST };
		queries[count++] = (struct offset_query){ .topic = arguments[0], .partition = p, .at = OFFSETS_LATEST };
		queries[count++] = (struct offset_query){ .topic = arguments[0], .partition = p, .at = 1 };
	}
	if (offsets_list(cluster, queries, count, true, TIMEOUT_MS, &fault) < 0)
		printf("error: %s\n", fault.text);
	for (int i = 0; i < count; i += 3)
		printf("%s-%d %" PRId64 " %" PRId64 " first by time %" PRId64 " epoch %d err %d\n", queries[i].topic,
		       queries[i].partition, queries[i].offset, queries[i + 1].offset, queries[i + 2].offset,
		       queries[i + 1].leader_epoch, queries[i].err);
	return 0;
}

static int probe_create(void)
{
	static const char *const configs[] = { "segment.bytes", "1048576", NULL };
	struct topic_spec spec = { .name = arguments[0], .partitions = atoi(arguments[1]), .replication = -1 };

	spec.configs = configs;
	if (topics_create(cluster, &spec, 1, false, TIMEOUT_MS, &arena, &fault) < 0)
		return failed();
	printf("created %s\n", uuid_is_zero(spec.id) ? "without id" : "with id");
	return 0;
}

static int probe_put(void)
{
	const struct producer_options options = { .acks = -1, .idempotent = true };
	struct producer *producer;
	int status = 0;

	if (producer_new(cluster, &options, &producer, &fault) < 0)
		return failed();
	for (int i = 2; i < argument_count && !status; i++) {
		struct batch_writer writer;
		struct buffer out;
		int64_t offset;

		buffer_init(&out, 1 << 20);
		batch_writer_init(&writer, &batch_options_default, NULL, 1 << 20);
		if (*arguments[i]) {
			batch_writer_add(&writer, 1700000000000, VIEW_NULL, view_text(arguments[i]), NULL, 0);
			batch_writer_finish(&writer, &out);
		}
		if (producer_put(producer, arguments[0], atoi(arguments[1]), buffer_bytes(&out), &offset, &fault) < 0)
			status = failed();
		else
			printf("offset %" PRId64 "\n", offset);
		batch_writer_done(&writer);
		buffer_done(&out);
	}
	producer_free(producer);
	return status;
}

static uint64_t tailed_records, tailed_aborted;

static void tail_records(void *context, const struct fetched *fetched)
{
	struct view left = fetched->records;
	struct batch batch;

	tailed_aborted += (uint64_t)fetched->aborted_count;
	while (batch_next(&left, &batch) > 0)
		tailed_records += batch.head.control ? 0 : (uint64_t)batch.head.count;
}

static void tail_event(void *context, const struct fetch_event *event)
{
	static const char *const words[] = { "UNREACHABLE", "REACHABLE", "LOG_START_MOVED", "TRUNCATED", "RECREATED",
					     "MISSING",	    "DENIED",	 "TOO_LARGE",	    "REFUSED" };

	printf("event %s offset %" PRId64 " epoch %d: %s\n", words[event->kind], event->offset, event->leader_epoch,
	       event->fault->text);
	fflush(stdout);
	if (event->kind == FETCH_LOG_START_MOVED || event->kind == FETCH_TRUNCATED)
		fetch_part_seek(event->part, event->offset, event->leader_epoch, INT64_MAX);
}

/* Follows all topics that the pattern names; the line tells of the first partition. */
static int probe_tail(void)
{
	struct metadata_snapshot snapshot;
	struct fetcher_options options = { .records = tail_records, .event = tail_event };
	struct fetcher *fetcher;
	struct fetch_part *first = NULL, *part;
	struct fetch_totals totals;
	bool never = false;
	int64_t end = loop_now_ms(loop) + 1000 * atoll(arguments[1]);

	options.committed = argument_count > 2;
	if (snapshot_of(arguments[0], &snapshot) < 0)
		return failed();
	if (allowance_new(loop, (size_t)32 << 20, 0, &options.allowance) < 0 ||
	    fetcher_new(cluster, &options, &fetcher) < 0)
		return 1;
	for (int t = 0; t < snapshot.topic_count; t++)
		for (int p = 0; p < snapshot.topics[t].partition_count; p++)
			if (fetch_part_add(fetcher, snapshot.topics[t].name, &snapshot.topics[t].id, p, 0, -1,
					   INT64_MAX, NULL, &part) == 0 &&
			    !first)
				first = part;
	while (loop_now_ms(loop) < end && first) {
		struct fetch_state state;

		loop_until(loop, &never, loop_now_ms(loop) + 1000);
		fetcher_totals(fetcher, &totals);
		fetch_part_state(first, &state);
		printf("records %" PRIu64 " requests %" PRIu64 " answers %" PRIu64 " errors %" PRIu64 " moves %" PRIu64
		       " sessions %" PRIu64 " aborted %" PRIu64 " at %" PRId64 " of %" PRId64 "/%" PRId64
		       " leader %d epoch %d unreachable %" PRId64 "\n",
		       tailed_records, totals.requests, totals.answers, totals.errors, totals.moves,
		       totals.full_sessions, tailed_aborted, state.position, state.last_stable_offset,
		       state.high_watermark, state.leader, state.leader_epoch,
		       state.unreachable_since_ms ? loop_now_ms(loop) - state.unreachable_since_ms : 0);
		fflush(stdout);
	}
	fetcher_free(fetcher);
	allowance_free(options.allowance);
	return 0;
}

static const struct {
	const char *word;
	int arguments;
	int (*run)(void);
} verbs[] = {
	{ "cluster", 0, probe_cluster }, { "topics", 0, probe_topics },	    { "configs", 1, probe_configs },
	{ "groups", 0, probe_groups },	 { "group", 1, probe_group },	    { "acls", 0, probe_acls },
	{ "quotas", 0, probe_quotas },	 { "scram", 0, probe_scram },	    { "producers", 1, probe_producers },
	{ "dirs", 0, probe_dirs },	 { "quorum", 0, probe_quorum },	    { "transactions", 0, probe_transactions },
	{ "ends", 1, probe_ends },	 { "create", 2, probe_create },	    { "commit", 4, probe_commit },
	{ "put", 3, probe_put },	 { "tail", 2, probe_tail },
};

int main(int argc, char **argv)
{
	const struct cluster_config *config;
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

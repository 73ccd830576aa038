/* admin_cluster.c - ApiVersions and DescribeCluster, DescribeLogDirs, DescribeQuorum. */
#include "client/admin_cluster.h"

#include "client/admin_inside.h"

static int range_order(const void *a, const void *b)
{
	return ((const struct api_range *)a)->key - ((const struct api_range *)b)->key;
}

const struct api_range *api_range_find(const struct broker_detail *broker, int16_t key)
{
	for (int i = 0; i < broker->api_count; i++)
		if (broker->apis[i].key == key)
			return &broker->apis[i];
	return NULL;
}

static int ranges_take(const struct api_versions_response *said, struct arena *arena, struct broker_detail *out)
{
	out->apis = arena_array(arena, (size_t)said->api_keys.count, sizeof *out->apis);
	if (!out->apis)
		return ERR_MEMORY;
	for (int32_t i = 0; i < said->api_keys.count; i++)
		out->apis[out->api_count++] = (struct api_range){ said->api_keys.at[i].api_key,
								  said->api_keys.at[i].min_version,
								  said->api_keys.at[i].max_version };
	if (out->api_count > 1)
		qsort(out->apis, (size_t)out->api_count, sizeof *out->apis, range_order);
	return 0;
}

static int features_take(const struct api_versions_response *said, struct arena *arena, struct cluster_detail *out)
{
	out->features = arena_array(arena, (size_t)said->supported_features.count, sizeof *out->features);
	if (!out->features)
		return ERR_MEMORY;
	for (int32_t i = 0; i < said->supported_features.count; i++) {
		struct feature *feature = &out->features[out->feature_count++];

		feature->name = admin_text(arena, said->supported_features.at[i].name);
		feature->supported_since = said->supported_features.at[i].min_version;
		feature->supported_until = said->supported_features.at[i].max_version;
		for (int32_t f = 0; f < said->finalized_features.count; f++)
			if (view_equal(said->finalized_features.at[f].name, said->supported_features.at[i].name))
				feature->finalized = said->finalized_features.at[f].max_version_level;
		if (!feature->name)
			return ERR_MEMORY;
	}
	return 0;
}

/* The versions of one broker and, from the first that answers, the features of the cluster. */
static int versions_take(const struct asks *asks, struct arena *arena, struct cluster_detail *out)
{
	bool featured = false;
	int err = 0;

	for (int i = 0; i < asks->count && err == 0; i++) {
		const struct api_versions_response *said = asks->at[i]->response;
		struct broker_detail *broker = asks->at[i]->context;

		broker->err = asks->at[i]->err;
		if (broker->err < 0) {
			broker->fault = asks->at[i]->fault;
			continue;
		}
		err = ranges_take(said, arena, broker);
		if (err == 0 && !featured)
			err = features_take(said, arena, out);
		featured = true;
	}
	return err;
}

/* Fenced brokers are told by DescribeCluster 2 (Kafka 4.0) alone; without it nobody is fenced. */
static void fenced_ask(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, struct cluster_detail *out)
{
	struct describe_cluster_request request;
	struct describe_cluster_response said;

	if (cluster_version_everywhere(cluster, API_DESCRIBE_CLUSTER) < 2)
		return;
	request_default(API_DESCRIBE_CLUSTER, &request);
	request.include_fenced_brokers = true;
	if (cluster_ask(cluster, NODE_ANY, API_DESCRIBE_CLUSTER, &request, timeout_ms, arena, &said, NULL) < 0)
		return;
	for (int32_t i = 0; i < said.brokers.count; i++)
		for (int b = 0; b < out->broker_count; b++)
			if (out->brokers[b].info.id == said.brokers.at[i].broker_id)
				out->brokers[b].fenced = said.brokers.at[i].is_fenced;
}

int cluster_describe(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, struct cluster_detail *out,
		     struct fault *fault)
{
	struct cluster_detail detail = { 0 };
	struct metadata_snapshot snapshot;
	struct api_versions_request request;
	struct asks asks;
	struct fault failed;
	int err = metadata_snapshot(cluster, NULL, 0, timeout_ms, arena, &snapshot, fault);

	if (err < 0)
		return err;
	detail.id = snapshot.cluster_id;
	detail.controller = snapshot.controller;
	detail.brokers = arena_array(arena, (size_t)snapshot.broker_count, sizeof *detail.brokers);
	if (!detail.brokers)
		return admin_no_memory(cluster, fault);
	request_default(API_API_VERSIONS, &request);
	request.client_software_name = VIEW_LITERAL("interlock");
	request.client_software_version = VIEW_LITERAL(INTERLOCK_VERSION);
	asks_init(&asks, cluster, timeout_ms, arena);
	for (int i = 0; i < snapshot.broker_count && err == 0; i++) {
		detail.brokers[i].info = snapshot.brokers[i];
		detail.broker_count++;
		err = asks_add(&asks, snapshot.brokers[i].id, API_API_VERSIONS, &request, &detail.brokers[i]);
	}
	int stopped = asks_wait(&asks);
	if (stopped < 0)
		return fault_set(fault, stopped, "%s: interrupted", cluster->name);
	if (asks_failed(&asks, &failed) == asks.count && asks.count > 0) {
		if (fault)
			*fault = failed;
		return failed.err;
	}
	if (err == 0)
		err = versions_take(&asks, arena, &detail);
	if (err < 0)
		return admin_no_memory(cluster, fault);
	fenced_ask(cluster, timeout_ms, arena, &detail);
	*out = detail;
	return 0;
}

/* ---- log directories ---- */

static int dirs_count(const struct asks *asks, size_t *dirs, size_t *partitions)
{
	*dirs = *partitions = 0;
	for (int i = 0; i < asks->count; i++) {
		const struct describe_log_dirs_response *said = asks->at[i]->response;

		for (int32_t d = 0; asks->at[i]->err == 0 && d < said->results.count; d++, ++*dirs)
			for (int32_t t = 0; t < said->results.at[d].topics.count; t++)
				*partitions += (size_t)said->results.at[d].topics.at[t].partitions.count;
	}
	return 0;
}

static int dir_take(const struct describe_log_dirs_response_result *said, int32_t broker, struct arena *arena,
		    struct log_dirs *out)
{
	struct log_dir *dir = &out->dirs[out->dir_count++];

	dir->broker = broker;
	dir->path = admin_text(arena, said->log_dir);
	dir->error_code = said->error_code;
	dir->err = error_code_err(said->error_code);
	dir->total_bytes = said->total_bytes;
	dir->usable_bytes = said->usable_bytes;
	if (!dir->path)
		return ERR_MEMORY;
	for (int32_t t = 0; t < said->topics.count; t++) {
		const char *topic = admin_text(arena, said->topics.at[t].name);

		for (int32_t p = 0; p < said->topics.at[t].partitions.count; p++) {
			const __typeof__(*said->topics.at->partitions.at) *part = &said->topics.at[t].partitions.at[p];

			out->partitions[out->partition_count++] = (struct log_dir_partition){
				.broker = broker,
				.dir = dir->path,
				.topic = topic,
				.partition = part->partition_index,
				.size = part->partition_size,
				.offset_lag = part->offset_lag,
				.future = part->is_future_key,
			};
		}
	}
	return 0;
}

/* With names a broker wants the partitions as well: all that the topics have. */
static int dirs_request(struct cluster *cluster, const char *const *topics, int64_t timeout_ms, struct arena *arena,
			struct describe_log_dirs_request *request, struct fault *fault)
{
	struct metadata_snapshot snapshot;
	struct view *names;
	int count = 0, err;

	request_default(API_DESCRIBE_LOG_DIRS, request);
	request->topics.count = -1;
	while (topics && topics[count])
		count++;
	if (!topics)
		return 0;
	names = arena_array(arena, (size_t)count, sizeof *names);
	request->topics.at = arena_array(arena, (size_t)count, sizeof *request->topics.at);
	if (!names || !request->topics.at)
		return admin_no_memory(cluster, fault);
	for (int i = 0; i < count; i++)
		names[i] = view_text(topics[i]);
	err = metadata_snapshot(cluster, names, count, timeout_ms, arena, &snapshot, fault);
	request->topics.count = 0;
	for (int i = 0; err == 0 && i < snapshot.topic_count && i < count; i++) {
		struct describe_log_dirs_request_topic *topic = &request->topics.at[request->topics.count++];

		topic->topic = view_text(snapshot.topics[i].name);
		topic->partitions.at =
			arena_array(arena, (size_t)snapshot.topics[i].partition_count, sizeof *topic->partitions.at);
		if (!topic->partitions.at)
			return admin_no_memory(cluster, fault);
		for (int32_t p = 0; p < snapshot.topics[i].partition_count; p++)
			topic->partitions.at[topic->partitions.count++] = snapshot.topics[i].partitions[p].index;
	}
	return err;
}

int log_dirs_describe(struct cluster *cluster, const char *const *topics, int64_t timeout_ms, struct arena *arena,
		      struct log_dirs *out, struct fault *fault)
{
	struct describe_log_dirs_request request;
	struct log_dirs dirs = { 0 };
	struct asks asks;
	size_t dir_count, partition_count;
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err == 0)
		err = dirs_request(cluster, topics, timeout_ms, arena, &request, fault);
	if (err < 0)
		return err;
	asks_init(&asks, cluster, timeout_ms, arena);
	err = asks_add_brokers(&asks, API_DESCRIBE_LOG_DIRS, &request);
	int stopped = asks_wait(&asks);
	if (err < 0 || stopped < 0)
		return fault_set(fault, err < 0 ? err : stopped, "%s: log directories: %s", cluster->name,
				 err_text(err < 0 ? err : stopped));
	for (int i = 0; i < asks.count; i++) {
		const struct describe_log_dirs_response *said = asks.at[i]->response;

		if (asks.at[i]->err == 0 && said->error_code)
			asks.at[i]->err = admin_refused(cluster, API_DESCRIBE_LOG_DIRS, said->error_code, VIEW_NULL,
							&asks.at[i]->fault);
	}
	dirs.failed_count = asks_failed(&asks, &dirs.failed);
	if (dirs.failed_count == asks.count) {
		if (fault)
			*fault = dirs.failed;
		return dirs.failed.err;
	}
	dirs_count(&asks, &dir_count, &partition_count);
	dirs.dirs = arena_array(arena, dir_count, sizeof *dirs.dirs);
	dirs.partitions = arena_array(arena, partition_count, sizeof *dirs.partitions);
	if (!dirs.dirs || !dirs.partitions)
		return admin_no_memory(cluster, fault);
	for (int i = 0; i < asks.count && err == 0; i++) {
		const struct describe_log_dirs_response *said = asks.at[i]->response;

		for (int32_t d = 0; asks.at[i]->err == 0 && err == 0 && d < said->results.count; d++)
			err = dir_take(&said->results.at[d], asks.at[i]->node, arena, &dirs);
	}
	if (err < 0)
		return admin_no_memory(cluster, fault);
	*out = dirs;
	return 0;
}

/* ---- quorum ---- */

static void members_take(const struct describe_quorum_response_replica_state *said, int32_t count, bool voter,
			 struct quorum *out)
{
	for (int32_t i = 0; i < count; i++)
		out->members[out->member_count++] = (struct quorum_member){
			.id = said[i].replica_id,
			.voter = voter,
			.log_end_offset = said[i].log_end_offset,
			.last_fetch_ms = said[i].last_fetch_timestamp,
			.last_caught_up_ms = said[i].last_caught_up_timestamp,
		};
}

int quorum_describe(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, struct quorum *out,
		    struct fault *fault)
{
	struct describe_quorum_request request;
	struct describe_quorum_request_topic topic = { .topic_name = VIEW_LITERAL("__cluster_metadata") };
	struct describe_quorum_request_partition partition = { .partition_index = 0 };
	struct describe_quorum_response said;
	const struct describe_quorum_response_partition *p;
	struct quorum quorum = { 0 };
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	request_default(API_DESCRIBE_QUORUM, &request);
	request.topics.at = &topic;
	request.topics.count = 1;
	topic.partitions.at = &partition;
	topic.partitions.count = 1;
	err = cluster_ask(cluster, NODE_ANY, API_DESCRIBE_QUORUM, &request, timeout_ms, arena, &said, fault);
	if (err < 0)
		return admin_unsupported(API_DESCRIBE_QUORUM, err, fault);
	if (said.error_code)
		return admin_refused(cluster, API_DESCRIBE_QUORUM, said.error_code, said.error_message, fault);
	if (said.topics.count != 1 || said.topics.at[0].partitions.count != 1)
		return fault_set(fault, ERR_MALFORMED, "%s: DescribeQuorum: an answer about something else",
				 cluster->name);
	p = &said.topics.at[0].partitions.at[0];
	if (p->error_code)
		return admin_refused(cluster, API_DESCRIBE_QUORUM, p->error_code, p->error_message, fault);
	quorum.leader = p->leader_id;
	quorum.leader_epoch = p->leader_epoch;
	quorum.high_watermark = p->high_watermark;
	quorum.members = arena_array(arena, (size_t)p->current_voters.count + (size_t)p->observers.count,
				     sizeof *quorum.members);
	if (!quorum.members)
		return admin_no_memory(cluster, fault);
	members_take(p->current_voters.at, p->current_voters.count, true, &quorum);
	members_take(p->observers.at, p->observers.count, false, &quorum);
	*out = quorum;
	return 0;
}

/* log_dirs.c - DescribeLogDirs (KIP-113, KIP-827): one directory, the store's, and what each partition takes there. */
#include "broker/access.h"
#include "broker/api.h"
#include "broker/nodes.h"

typedef struct describe_log_dirs_response_result result_t;
typedef struct describe_log_dirs_response_topic topic_t;

static void add_partition(const struct node *node, topic_t *out, const struct store_topic *topic,
			  int32_t index)
{
	struct describe_log_dirs_response_partition *one;
	struct store_partition_state state;

	if (index < 0 || index >= topic->partition_count || !node_leads(node, topic->partitions[index]))
		return; /* one copy, and its leader has it */
	store_partition_state(topic->partitions[index], &state);
	one = &out->partitions.at[out->partitions.count++];
	one->partition_index = index;
	one->partition_size = state.size_bytes;
}

/* Those in `asked`; all when `asked` is NULL. */
static bool add_topic(struct request *request, result_t *result, const struct store_topic *topic,
		      const struct describe_log_dirs_request_topic *asked)
{
	int32_t count = asked ? asked->partitions.count : topic->partition_count;
	topic_t *out = &result->topics.at[result->topics.count];

	out->name = view_text(topic->name);
	out->partitions.at = REQUEST_ARRAY(request, describe_log_dirs_response_partition_shape, count);
	if (!out->partitions.at)
		return false;
	for (int32_t i = 0; i < count; i++)
		add_partition(request->node, out, topic, asked ? asked->partitions.at[i] : i);
	result->topics.count += out->partitions.count > 0;
	return true;
}

static bool add_all(struct request *request, result_t *result)
{
	struct store *store = request->broker->store;
	struct store_topic *topic = NULL;
	int32_t count = 0;

	while ((topic = store_topic_next(store, topic)))
		count++;
	result->topics.at = REQUEST_ARRAY(request, describe_log_dirs_response_topic_shape, count);
	if (!result->topics.at)
		return false;
	while ((topic = store_topic_next(store, topic)))
		if (!add_topic(request, result, topic, NULL))
			return false;
	return true;
}

/* What is not there is left out, as Kafka does. */
static bool add_asked(struct request *request, const struct describe_log_dirs_request *in, result_t *result)
{
	result->topics.at = REQUEST_ARRAY(request, describe_log_dirs_response_topic_shape, in->topics.count);
	if (!result->topics.at)
		return false;
	for (int32_t i = 0; i < in->topics.count; i++) {
		struct store_topic *topic = store_topic_named(request->broker->store, in->topics.at[i].topic);

		if (topic && !add_topic(request, result, topic, &in->topics.at[i]))
			return false;
	}
	return true;
}

void handle_describe_log_dirs(struct request *request)
{
	const struct describe_log_dirs_request *in = request->message;
	struct describe_log_dirs_response *response = request_response(request);
	struct fault fault;
	result_t *result;
	bool ok;

	if (response)
		response->results.at = REQUEST_ARRAY(request, describe_log_dirs_response_result_shape, 1);
	if (!response || !response->results.at) {
		request_answer(request, NULL);
		return;
	}
	response->error_code = access_cluster(request, ACL_OPERATION_DESCRIBE);
	if (response->error_code) {
		request_answer(request, response);
		return;
	}
	response->results.count = 1;
	result = &response->results.at[0];
	result->log_dir = view_text(store_place(request->broker->store));
	/* -1, "not known", is what stands there otherwise. */
	store_room(request->broker->store, &result->total_bytes, &result->usable_bytes, &fault);
	ok = in->topics.count < 0 ? add_all(request, result) : add_asked(request, in, result);
	request_answer(request, ok ? response : NULL);
}

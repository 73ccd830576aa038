/* consumer_group.c - members of consumer groups, their subscriptions, and the assignment that follows. */
#include <stdlib.h>

#include "base/hash.h"
#include "broker/access.h"
#include "broker/consumer_assign.h"
#include "broker/consumer_classic.h"
#include "broker/consumer_group.h"
#include "broker/group_config.h"

static int64_t now_ms(const struct consumer_group *consumer)
{
	return loop_now_ms(consumer->group->groups->broker->loop);
}

/* ---- the group ------------------------------------------------------------------------------------------------------- */

struct consumer_group *consumer_new(struct group *group)
{
	struct consumer_group *consumer = calloc(1, sizeof *consumer);

	if (!consumer)
		return NULL;
	consumer->group = group;
	list_init(&consumer->members);
	list_init(&consumer->gone);
	group->consumer = consumer;
	return consumer;
}

static void member_free(struct consumer_member *member)
{
	for (int i = 0; i < member->topic_count; i++)
		free(member->topics[i]);
	free(member->topics);
	topic_pattern_free(member->pattern);
	consumer_current_done(&member->is);
	places_done(&member->target);
	places_done(&member->wanted);
	free(member->id);
	free(member->instance_id);
	free(member->rack_id);
	free(member->client_id);
	free(member->client_host);
	free(member->assignor);
	free(member->regex);
	free(member->principal);
	consumer_classic_free(member->classic);
	free(member);
}

void consumer_free(struct consumer_group *consumer)
{
	if (!consumer)
		return;
	LIST_EACH_SAFE(&consumer->members, link)
	member_free(container_of(link, struct consumer_member, link));
	consumer_gone_free(&consumer->gone);
	consumer->group->consumer = NULL;
	free(consumer);
}

const char *consumer_state_name(const struct consumer_group *consumer)
{
	if (consumer->member_count == 0)
		return "Empty";
	if (consumer->epoch > consumer->assignment_epoch)
		return "Assigning";
	LIST_EACH(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);

		if (member->is.state != CONSUMER_STABLE || member->is.epoch != consumer->assignment_epoch)
			return "Reconciling";
	}
	return "Stable";
}

const char *consumer_assignor(const struct consumer_group *consumer)
{
	const char *best = assignor_names[0];
	int best_votes = 0;

	for (int i = 0; assignor_names[i]; i++) {
		int votes = 0;

		LIST_EACH(&consumer->members, link)
		{
			const char *said = container_of(link, struct consumer_member, link)->assignor;

			votes += said && strcmp(said, assignor_names[i]) == 0;
		}
		if (votes > best_votes) {
			best = assignor_names[i];
			best_votes = votes;
		}
	}
	return best;
}

int64_t consumer_session_ms(const struct group *group)
{
	return group_config_value(group->groups->broker, view_text(group->id), GROUP_CONFIG_SESSION);
}

int64_t consumer_heartbeat_ms(const struct group *group)
{
	return group_config_value(group->groups->broker, view_text(group->id), GROUP_CONFIG_HEARTBEAT);
}

void consumer_epoch_next(struct consumer_group *consumer)
{
	consumer->epoch++;
	consumer->epoch_new = true;
}

/* ---- members --------------------------------------------------------------------------------------------------------- */

struct consumer_member *consumer_member_find(struct consumer_group *consumer, struct view id)
{
	LIST_EACH(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);

		if (view_is(id, member->id))
			return member;
	}
	return NULL;
}

struct consumer_member *consumer_member_static(struct consumer_group *consumer, struct view instance_id)
{
	LIST_EACH(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);

		if (member->instance_id && view_is(instance_id, member->instance_id))
			return member;
	}
	return NULL;
}

struct consumer_member *consumer_member_add(struct consumer_group *consumer, struct view id)
{
	struct consumer_member *member = calloc(1, sizeof *member);

	if (!member || !(member->id = view_string(id))) {
		free(member);
		return NULL;
	}
	member->rebalance_timeout_ms = -1;
	member->revoke_deadline_ms = INT64_MAX;
	member->deadline_ms = now_ms(consumer) + consumer_session_ms(consumer->group);
	member->said_new = member->target_new = member->current_new = true;
	list_append(&consumer->members, &member->link);
	consumer->member_count++;
	return member;
}

bool consumer_note_gone(struct list *gone, const char *id)
{
	struct consumer_gone *one = malloc(sizeof *one + strlen(id) + 1);

	if (!one)
		return false;
	list_init(&one->link);
	strcpy(one->id, id);
	list_append(gone, &one->link);
	return true;
}

void consumer_member_remove(struct consumer_group *consumer, struct consumer_member *member)
{
	consumer_note_gone(&consumer->gone, member->id);
	list_remove(&member->link);
	consumer->member_count--;
	member_free(member);
	if (consumer->member_count == 0)
		consumer->group->state_ms = broker_wall_ms(consumer->group->groups->broker);
}

int consumer_member_rename(struct consumer_group *consumer, struct consumer_member *member, struct view id)
{
	char *name = view_string(id);

	if (!name || !consumer_note_gone(&consumer->gone, member->id)) {
		free(name);
		return ERR_MEMORY;
	}
	free(member->id);
	member->id = name;
	member->is.epoch = member->is.previous_epoch = 0;
	member->said_new = member->target_new = member->current_new = true;
	return 0;
}

/* ---- what they subscribe to ------------------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void words_free(char **words, int count)
{
	for (int i = 0; words && i < count; i++)
		free(words[i]);
	free(words);
}

/* In order, each once; NULL when memory is out. */
static char **words_of(const struct view *topics, int *count)
{
	char **words = calloc((size_t)*count + 1, sizeof *words);
	int kept = 0;

	for (int i = 0; words && i < *count; i++) {
		words[i] = view_string(topics[i]);
		if (!words[i]) {
			words_free(words, *count);
			return NULL;
		}
	}
	if (words && *count > 1)
		qsort(words, (size_t)*count, sizeof *words, by_text);
	for (int i = 0; words && i < *count; i++) {
		if (kept && strcmp(words[kept - 1], words[i]) == 0)
			free(words[i]);
		else
			words[kept++] = words[i];
	}
	*count = kept;
	return words;
}

static bool words_equal(char **a, int a_count, char **b, int b_count)
{
	if (a_count != b_count)
		return false;
	for (int i = 0; i < a_count; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool has_topic(const struct places *places, const struct store_topic *topic)
{
	for (int i = 0; i < places->count; i++)
		if (memcmp(places->at[i].topic, topic->id, sizeof topic->id) == 0)
			return true;
	return false;
}

static bool may_see(const struct broker *broker, const struct consumer_member *member,
		    const struct store_topic *topic)
{
	if (!access_is_on(broker))
		return true;
	if (!member->principal)
		return has_topic(&member->target, topic) || has_topic(&member->is.assigned, topic);
	return access_allowed_to(broker, view_text(member->principal), member->client_host,
				 ACL_OPERATION_DESCRIBE, ACL_RESOURCE_TOPIC, view_text(topic->name));
}

/* Looks up which of the topics are there. */
static bool look_up(struct consumer_group *consumer, struct consumer_member *member)
{
	struct store *store = consumer->group->groups->broker->store;
	struct places found = { 0 };
	bool ok = true;

	for (int i = 0; ok && i < member->topic_count; i++) {
		struct store_topic *topic = store_topic_named(store, view_text(member->topics[i]));

		if (topic && topic->owner)
			ok = places_add(&found, topic->id, 0, 0);
	}
	/*
	 * Of a member that was not heard since the start nobody knows who it is; what it had it keeps until then, and gets
	 * nothing new.
	 */
	for (struct store_topic *topic = member->pattern ? store_topic_next(store, NULL) : NULL; ok && topic;
	     topic = store_topic_next(store, topic))
		if (topic->owner && topic_pattern_matches(member->pattern, view_text(topic->name)) &&
		    may_see(consumer->group->groups->broker, member, topic))
			ok = places_add(&found, topic->id, 0, 0);
	if (!ok) {
		places_done(&found);
		return false;
	}
	places_sort(&found);
	places_done(&member->wanted);
	member->wanted = found;
	return true;
}

static int take_regex(struct consumer_member *member, struct view regex, struct fault *fault)
{
	struct topic_pattern *pattern = NULL;
	char *text;
	int err = 0;

	if (!regex.at || (member->regex ? view_is(regex, member->regex) : regex.size == 0))
		return 0;
	if (regex.size > 0)
		err = topic_pattern_new(regex, &pattern, fault);
	text = err == 0 ? view_string(regex) : NULL;
	if (!text) {
		topic_pattern_free(pattern);
		return err < 0 ? err : ERR_MEMORY;
	}
	topic_pattern_free(member->pattern);
	free(member->regex);
	member->pattern = pattern;
	member->regex = text;
	return 1;
}

int consumer_subscribe(struct consumer_group *consumer, struct consumer_member *member,
		       const struct view *topics, int topic_count, struct view regex, struct fault *fault)
{
	int changed = take_regex(member, regex, fault);

	if (changed < 0)
		return changed;
	if (topics) {
		char **words = words_of(topics, &topic_count);

		if (!words)
			return ERR_MEMORY;
		if (words_equal(words, topic_count, member->topics, member->topic_count)) {
			words_free(words, topic_count);
		} else {
			words_free(member->topics, member->topic_count);
			member->topics = words;
			member->topic_count = topic_count;
			changed = 1;
		}
	}
	if (changed) {
		member->said_new = true;
		/* It may find a topic that the others have not seen: they are to be looked up by the next assignment as well. */
		groups_topics_again(consumer->group->groups);
		if (!look_up(consumer, member))
			return ERR_MEMORY;
	}
	return changed;
}

void consumer_look_again(struct consumer_group *consumer)
{
	consumer->topics_seen = 0;
}

bool consumer_subscribed(const struct consumer_group *consumer, struct view topic)
{
	struct store_topic *known = store_topic_named(consumer->group->groups->broker->store, topic);
	struct place place = { .partition = 0 };

	if (known)
		memcpy(place.topic, known->id, sizeof place.topic);
	LIST_EACH(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);

		if (known && places_have(&member->wanted, &place))
			return true;
		for (int i = 0; i < member->topic_count; i++)
			if (view_is(topic, member->topics[i]))
				return true;
	}
	return false;
}

/* All that somebody subscribes to and that is there, in order of id; NULL when memory is out. */
static struct assign_topic *gather(struct consumer_group *consumer, int *count)
{
	struct store *store = consumer->group->groups->broker->store;
	struct places all = { 0 };
	struct assign_topic *topics = NULL;
	bool ok = true;

	LIST_EACH(&consumer->members, link)
	{
		struct places more;

		if (!ok || !(ok = places_either(
				     &all, &container_of(link, struct consumer_member, link)->wanted, &more)))
			continue;
		places_done(&all);
		all = more;
	}
	if (ok)
		topics = calloc((size_t)all.count + 1, sizeof *topics);
	*count = 0;
	for (int i = 0; topics && i < all.count; i++) {
		struct store_topic *topic = store_topic_by_id(store, all.at[i].topic);

		if (!topic)
			continue; /* deleted this very moment: the next look tells */
		memcpy(topics[*count].id, topic->id, sizeof topics->id);
		topics[(*count)++].partition_count = topic->partition_count;
	}
	places_done(&all);
	return topics;
}

/* ---- the assignment -------------------------------------------------------------------------------------------------- */

static int topic_index(const struct assign_topic *topics, int count, const uint8_t id[16])
{
	int low = 0, high = count - 1;

	while (low <= high) {
		int mid = (low + high) / 2, order = memcmp(id, topics[mid].id, 16);

		if (order == 0)
			return mid;
		if (order < 0)
			high = mid - 1;
		else
			low = mid + 1;
	}
	return -1;
}

static void take_targets(struct consumer_group *consumer, struct assign_member *given)
{
	int i = 0;

	LIST_EACH(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);

		if (places_equal(&member->target, &given[i].gets)) {
			places_done(&given[i].gets);
		} else {
			places_done(&member->target);
			member->target = given[i].gets;
			member->target_new = true;
		}
		i++;
	}
	consumer->assignment_epoch = consumer->epoch;
	consumer->assignment_new = true;
}

static int assign(struct consumer_group *consumer, const struct assign_topic *topics, int topic_count)
{
	size_t members = (size_t)consumer->member_count, width = topic_count ? (size_t)topic_count : 1;
	struct assign_member *given = calloc(members + 1, sizeof *given);
	bool *wants = calloc(members + 1, width * sizeof *wants);
	int i = 0, err = given && wants ? 0 : ERR_MEMORY;

	LIST_EACH(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);

		if (err < 0)
			break;
		given[i] = (struct assign_member){ .id = member->id,
						   .instance_id = member->instance_id,
						   .wants = wants + (size_t)i * width,
						   .had = &member->target };
		for (int k = 0; k < member->wanted.count; k++) {
			int at = topic_index(topics, topic_count, member->wanted.at[k].topic);

			if (at >= 0)
				given[i].wants[at] = true;
		}
		i++;
	}
	if (err == 0)
		err = assignor_named(view_text(consumer_assignor(consumer)))(topics, topic_count, given,
									     consumer->member_count);
	if (err == 0)
		take_targets(consumer, given);
	free(wants);
	free(given);
	return err;
}

int consumer_refresh(struct consumer_group *consumer)
{
	uint64_t seen = groups_topics(consumer->group->groups);
	struct assign_topic *topics = NULL;
	int topic_count = 0, err = 0;
	int64_t hash;

	if (seen == consumer->topics_seen && consumer->epoch == consumer->assignment_epoch)
		return 0;
	LIST_EACH(&consumer->members, link)
	if (seen != consumer->topics_seen &&
	    !look_up(consumer, container_of(link, struct consumer_member, link)))
		return ERR_MEMORY;
	topics = gather(consumer, &topic_count);
	if (!topics)
		return ERR_MEMORY;
	consumer->topics_seen = seen;
	hash = topic_count ? (int64_t)hash64(topics, (size_t)topic_count * sizeof *topics, 0) : 0;
	if (hash != consumer->topics_hash) {
		consumer->topics_hash = hash;
		consumer->epoch_new = true;
		if (consumer->epoch == consumer->assignment_epoch)
			consumer_epoch_next(consumer);
	}
	if (consumer->epoch != consumer->assignment_epoch)
		err = assign(consumer, topics, topic_count);
	free(topics);
	return err;
}

/* ---- steps ----------------------------------------------------------------------------------------------------------- */

bool consumer_taken_by_others(struct consumer_group *consumer, const struct consumer_member *but,
			      const struct place *place)
{
	LIST_EACH(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);

		if (member != but &&
		    (places_have(&member->is.assigned, place) || places_have(&member->is.revoking, place)))
			return true;
	}
	return false;
}

struct others {
	struct consumer_group *consumer;
	struct consumer_member *but;
};

static bool taken(void *context, const struct place *place)
{
	struct others *others = context;

	return consumer_taken_by_others(others->consumer, others->but, place);
}

int consumer_step(struct consumer_group *consumer, struct consumer_member *member, const struct places *owned)
{
	struct others others = { consumer, member };
	struct consumer_current next;
	bool same;
	int result = consumer_reconcile(&member->is, &member->target, consumer->assignment_epoch, owned,
					taken, &others, &next);

	if (result != 1)
		return result;
	same = places_equal(&member->is.assigned, &next.assigned);
	if (next.state != CONSUMER_UNREVOKED)
		member->revoke_deadline_ms = INT64_MAX;
	else if (member->is.state != CONSUMER_UNREVOKED || member->is.epoch != next.epoch)
		member->revoke_deadline_ms = now_ms(consumer) + member->rebalance_timeout_ms;
	consumer_current_done(&member->is);
	member->is = next;
	member->current_new = true;
	return !same;
}

void consumer_begin_time(struct consumer_group *consumer)
{
	LIST_EACH(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);

		member->deadline_ms =
			now_ms(consumer) + (member->classic ? member->classic->session_timeout_ms
							    : consumer_session_ms(consumer->group));
		if (member->is.state == CONSUMER_UNREVOKED && member->is.epoch != CONSUMER_STATIC_AWAY)
			member->revoke_deadline_ms = now_ms(consumer) + member->rebalance_timeout_ms;
	}
}

void consumer_tick(struct consumer_group *consumer)
{
	int64_t now = now_ms(consumer);
	bool any = false;

	LIST_EACH_SAFE(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);

		if (now < member->deadline_ms && now < member->revoke_deadline_ms &&
		    (!member->classic || now < member->classic->act_deadline_ms))
			continue;
		consumer_member_remove(consumer, member);
		any = true;
	}
	if (!any || consumer_downgrade(consumer))
		return;
	consumer_epoch_next(consumer);
	consumer_save(consumer, NULL, NULL);
}

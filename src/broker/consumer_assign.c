/*
 * consumer_assign.c - the assignors.
 *
 * Both see a flat row of all partitions, topic after topic, and write the number of a member behind each.
 *
 * "uniform": everybody as many as everybody else, and as little as possible moves.  Where all subscribe to the same, quotas say
 * at once who keeps how much; else the lightest that may takes what is free, and places move from heavy to light members while
 * that evens them out.  Each such move makes the sum of squares smaller, so there is an end to it.
 *
 * "range": of each topic a run of neighbours, so that partitions with the same number of topics with as many partitions meet.
 */
#include <stdlib.h>

#include "base/err.h"
#include "broker/consumer_assign.h"

#define NOBODY (-1)

const char *const assignor_names[] = { "uniform", "range", NULL };

assign_function *assignor_named(struct view name)
{
	if (view_is(name, "uniform"))
		return assign_uniform;
	return view_is(name, "range") ? assign_range : NULL;
}

struct plan {
	const struct assign_topic *topics;
	struct assign_member **members; /* sorted */
	int topic_count, member_count, total;
	int *base;  /* by topic: where it begins in the row */
	int *topic; /* by place in the row */
	int *owner; /* by place in the row: the place of a member, or NOBODY */
	int *load;  /* by member */
};

static void plan_done(struct plan *plan)
{
	free(plan->members);
	free(plan->base);
	free(plan->topic);
	free(plan->owner);
	free(plan->load);
}

/* Static members first, by their name, so that one that comes back under another id gets the same. */
static int by_name(const void *a, const void *b)
{
	const struct assign_member *x = *(struct assign_member *const *)a,
				   *y = *(struct assign_member *const *)b;

	if (!x->instance_id != !y->instance_id)
		return x->instance_id ? -1 : 1;
	return x->instance_id ? strcmp(x->instance_id, y->instance_id) : strcmp(x->id, y->id);
}

static int plan_init(struct plan *plan, const struct assign_topic *topics, int topic_count,
		     struct assign_member *members, int member_count)
{
	int at = 0;

	*plan = (struct plan){ .topics = topics, .topic_count = topic_count, .member_count = member_count };
	for (int t = 0; t < topic_count; t++)
		plan->total += topics[t].partition_count;
	plan->members = calloc((size_t)member_count + 1, sizeof(struct assign_member *));
	plan->base = calloc((size_t)topic_count + 1, sizeof(int));
	plan->topic = calloc((size_t)plan->total + 1, sizeof(int));
	plan->owner = calloc((size_t)plan->total + 1, sizeof(int));
	plan->load = calloc((size_t)member_count + 1, sizeof(int));
	if (!plan->members || !plan->base || !plan->topic || !plan->owner || !plan->load) {
		plan_done(plan);
		return ERR_MEMORY;
	}
	for (int m = 0; m < member_count; m++)
		plan->members[m] = &members[m];
	if (member_count > 1)
		qsort(plan->members, (size_t)member_count, sizeof *plan->members, by_name);
	for (int t = 0; t < topic_count; t++) {
		plan->base[t] = at;
		for (int p = 0; p < topics[t].partition_count; p++) {
			plan->topic[at] = t;
			plan->owner[at++] = NOBODY;
		}
	}
	return 0;
}

/* The row becomes sets: in order, as topics and partitions are. */
static int plan_tell(struct plan *plan)
{
	int err = 0;

	for (int m = 0; m < plan->member_count; m++)
		plan->members[m]->gets = (struct places){ 0 };
	for (int i = 0; i < plan->total && err == 0; i++) {
		int t = plan->topic[i];

		if (plan->owner[i] != NOBODY && !places_add(&plan->members[plan->owner[i]]->gets,
							    plan->topics[t].id, i - plan->base[t], 0))
			err = ERR_MEMORY;
	}
	for (int m = 0; m < plan->member_count && err < 0; m++)
		places_done(&plan->members[m]->gets);
	plan_done(plan);
	return err;
}

static void give(struct plan *plan, int place, int member)
{
	plan->owner[place] = member;
	plan->load[member]++;
}

/* ---- uniform --------------------------------------------------------------------------------------------------------- */

static int topic_find(const struct plan *plan, const uint8_t id[16])
{
	int low = 0, high = plan->topic_count - 1;

	while (low <= high) {
		int mid = (low + high) / 2, order = memcmp(id, plan->topics[mid].id, 16);

		if (order == 0)
			return mid;
		if (order < 0)
			high = mid - 1;
		else
			low = mid + 1;
	}
	return -1;
}

/* What a member was to own it keeps, at first. */
static void keep(struct plan *plan)
{
	for (int m = 0; m < plan->member_count; m++) {
		const struct places *had = plan->members[m]->had;

		for (int i = 0; had && i < had->count; i++) {
			int t = topic_find(plan, had->at[i].topic), p = had->at[i].partition;

			if (t >= 0 && p >= 0 && p < plan->topics[t].partition_count &&
			    plan->members[m]->wants[t] && plan->owner[plan->base[t] + p] == NOBODY)
				give(plan, plan->base[t] + p, m);
		}
	}
}

static bool all_want_the_same(const struct plan *plan)
{
	for (int m = 1; m < plan->member_count; m++)
		if (memcmp(plan->members[m]->wants, plan->members[0]->wants,
			   (size_t)plan->topic_count * sizeof(bool)) != 0)
			return false;
	return true;
}

static void by_quota(struct plan *plan)
{
	int quota = plan->total / plan->member_count, extra = plan->total % plan->member_count;
	int next = 0;
	int *most = calloc((size_t)plan->member_count, sizeof *most);

	if (!most)
		return; /* uneven, and still each partition has one owner: the next assignment evens it */
	/* One more for those that hold more already; then for the first. */
	for (int m = 0; m < plan->member_count; m++) {
		most[m] = quota + (plan->load[m] > quota && extra > 0);
		extra -= most[m] > quota;
	}
	for (int m = 0; m < plan->member_count && extra > 0; m++)
		if (most[m] == quota) {
			most[m]++;
			extra--;
		}
	for (int i = plan->total - 1; i >= 0; i--) {
		int m = plan->owner[i];

		if (m != NOBODY && plan->load[m] > most[m]) {
			plan->load[m]--;
			plan->owner[i] = NOBODY;
		}
	}
	for (int i = 0; i < plan->total; i++) {
		if (plan->owner[i] != NOBODY)
			continue;
		while (next < plan->member_count && plan->load[next] >= most[next])
			next++;
		if (next < plan->member_count)
			give(plan, i, next);
	}
	free(most);
}

static int lightest(const struct plan *plan, int topic)
{
	int best = NOBODY;

	for (int m = 0; m < plan->member_count; m++)
		if (plan->members[m]->wants[topic] && (best == NOBODY || plan->load[m] < plan->load[best]))
			best = m;
	return best;
}

static void by_weight(struct plan *plan)
{
	bool moved = true;

	for (int i = 0; i < plan->total; i++)
		if (plan->owner[i] == NOBODY) {
			int m = lightest(plan, plan->topic[i]);

			if (m != NOBODY)
				give(plan, i, m);
		}
	while (moved) {
		moved = false;
		for (int i = plan->total - 1; i >= 0; i--) {
			int from = plan->owner[i], to = lightest(plan, plan->topic[i]);

			if (from == NOBODY || to == NOBODY || plan->load[to] + 1 >= plan->load[from])
				continue;
			plan->load[from]--;
			give(plan, i, to);
			moved = true;
		}
	}
}

int assign_uniform(const struct assign_topic *topics, int topic_count, struct assign_member *members,
		   int member_count)
{
	struct plan plan;
	int err = plan_init(&plan, topics, topic_count, members, member_count);

	if (err < 0)
		return err;
	keep(&plan);
	if (member_count > 0 && all_want_the_same(&plan))
		by_quota(&plan);
	by_weight(&plan);
	return plan_tell(&plan);
}

/* ---- range ----------------------------------------------------------------------------------------------------------- */

static void share_topic(struct plan *plan, int topic)
{
	int count = plan->topics[topic].partition_count, takers = 0, rank = 0, at = plan->base[topic];

	for (int m = 0; m < plan->member_count; m++)
		takers += plan->members[m]->wants[topic];
	for (int m = 0; m < plan->member_count; m++) {
		int share;

		if (!plan->members[m]->wants[topic])
			continue;
		share = count / takers + (rank++ < count % takers);
		while (share-- > 0)
			give(plan, at++, m);
	}
}

int assign_range(const struct assign_topic *topics, int topic_count, struct assign_member *members,
		 int member_count)
{
	struct plan plan;
	int err = plan_init(&plan, topics, topic_count, members, member_count);

	if (err < 0)
		return err;
	for (int t = 0; t < topic_count; t++)
		share_topic(&plan, t);
	return plan_tell(&plan);
}

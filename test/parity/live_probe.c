/*
 * live_probe.c - a follower that is asked line by line, for test/real/test_live.py and for people who develop.
 *
 *	live_probe SOURCE TARGET CLAIM SETTLE_MS CHECKPOINT|- TOPIC[=TOPIC]...
 *
 * Commands on stdin, one answer each as a line of JSON:
 *
 *	glance
 *	ends [source|target]   reads the ends of that side and keeps them for `level`
 *	level MS [kept]        takes the source's ends now (or those kept) and asks; `kept` also those of the target, if any
 *	judge MS
 *	leak source|target     what stands behind the ends that were kept of that side
 *	compare FILE [LATE]    an ordinary comparison that goes onward from that checkpoint; `-`: that is not kept
 *	group NAME             where the group goes on at the target, and how long it took to say so
 *	quit
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/config.h"
#include "client/metadata.h"
#include "client/offsets.h"
#include "parity/compare.h"
#include "parity/group_map.h"
#include "parity/leak.h"
#include "parity/live.h"

#define TIMEOUT_MS 5000
#define ENDS_MOST  1000

static struct loop *loop;
static struct cluster *clusters[2];
static struct arena arena;
static struct fault fault;
static struct topic_choice topics[100];
static size_t topic_count;
static struct live_end ends[2][ENDS_MOST];
static size_t end_count[2];

static void print(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

static int read_ends(int side)
{
	struct offset_query queries[ENDS_MOST];
	int count = 0, err = 0;

	for (size_t i = 0; i < topic_count && err == 0; i++) {
		const char *name = side == SOURCE || !topics[i].target ? topics[i].source : topics[i].target;
		struct view pattern = view_text(name);
		struct metadata_snapshot snapshot;
		const struct topic_info *info;

		err = metadata_snapshot(clusters[side], &pattern, 1, TIMEOUT_MS, &arena, &snapshot, &fault);
		info = err == 0 ? metadata_find(&snapshot, name) : NULL;
		for (int32_t p = 0; info && p < info->partition_count && count < ENDS_MOST; p++)
			queries[count++] =
				(struct offset_query){ .topic = name, .partition = p, .at = OFFSETS_LATEST };
	}
	if (err == 0)
		err = offsets_list(clusters[side], queries, count, false, TIMEOUT_MS, &fault);
	for (int i = 0; i < count && err == 0; i++)
		ends[side][i] = (struct live_end){ queries[i].topic, queries[i].partition,
						   queries[i].leader_epoch, queries[i].offset };
	end_count[side] = err == 0 ? (size_t)count : 0;
	return err;
}

static void print_failure(void)
{
	print(json_pack("{s:s}", "error", fault.text));
}

static json_t *place_json(const struct record_place *place)
{
	return place->known ? json_pack("[iI]", place->partition, (json_int_t)place->offset) : json_null();
}

static json_t *findings_json(const uint64_t *findings)
{
	json_t *object = json_object();

	for (int class = 0; class < FINDING_CLASSES; class ++)
		if (findings[class])
			json_object_set_new(object, finding_word((enum finding_class) class),
					    json_integer((json_int_t)findings[class]));
	return object;
}

static void glance(struct live *live)
{
	struct live_glance seen;
	json_t *partitions = json_array(), *suspects = json_array(), *reasons = json_array();

	if (live_glance(live, &seen) < 0)
		exit(1);
	for (size_t i = 0; i < seen.partition_count; i++) {
		const struct live_partition *p = &seen.partitions[i];

		json_array_append_new(
			partitions,
			json_pack("{s:s s:i s:[II] s:[II] s:[II] s:[II] s:[II]}", "topic", p->topic[SOURCE],
				  "partition", p->partition, "position", (json_int_t)p->side[SOURCE].position,
				  (json_int_t)p->side[TARGET].position, "high",
				  (json_int_t)p->side[SOURCE].high, (json_int_t)p->side[TARGET].high,
				  "pending", (json_int_t)p->side[SOURCE].pending,
				  (json_int_t)p->side[TARGET].pending, "overdue",
				  (json_int_t)p->side[SOURCE].overdue, (json_int_t)p->side[TARGET].overdue,
				  "silent_ms", (json_int_t)p->side[SOURCE].silent_ms,
				  (json_int_t)p->side[TARGET].silent_ms));
	}
	for (size_t i = 0; i < seen.suspect_count; i++)
		json_array_append_new(suspects, json_pack("{s:s s:i s:o}", "topic", seen.suspects[i].topic,
							  "side", seen.suspects[i].side, "place",
							  place_json(&seen.suspects[i].place)));
	for (size_t i = 0; i < seen.reason_count; i++)
		json_array_append_new(reasons, json_pack("{s:s s:s}", "code", seen.reasons[i].code, "text",
							 seen.reasons[i].text));
	print(json_pack("{s:s s:b s:[II] s:I s:[II] s:[II] s:o s:[ff] s:I s:o s:o s:o s:s}", "state",
			live_state_word(seen.state), "caught_up", seen.caught_up, "records",
			(json_int_t)seen.records[SOURCE], (json_int_t)seen.records[TARGET], "matched",
			(json_int_t)seen.matched, "pending", (json_int_t)seen.pending[SOURCE],
			(json_int_t)seen.pending[TARGET], "overdue", (json_int_t)seen.overdue[SOURCE],
			(json_int_t)seen.overdue[TARGET], "findings", findings_json(seen.findings), "rate",
			seen.records_per_second[SOURCE], seen.bytes_per_second[SOURCE], "age_ms",
			(json_int_t)seen.age_ms, "partitions", partitions, "suspects", suspects, "reasons",
			reasons, "fault", seen.fault.text));
	live_glance_done(&seen);
}

static void level(struct live *live, int64_t timeout_ms, bool kept)
{
	struct live_answer answer;
	json_t *examples = json_array(), *lags = json_array(), *reached = json_array();
	int err = kept ? 0 : read_ends(SOURCE);

	if (err == 0)
		err = live_level(live, ends[SOURCE], end_count[SOURCE],
				 kept && end_count[TARGET] ? ends[TARGET] : NULL, end_count[TARGET],
				 timeout_ms, &answer);
	if (err < 0) {
		json_decref(examples);
		json_decref(lags);
		json_decref(reached);
		print_failure();
		return;
	}
	for (size_t i = 0; i < answer.example_count; i++)
		json_array_append_new(examples,
				      json_pack("{s:s s:s s:o s:o}", "class",
						finding_word(answer.examples[i].class), "topic",
						answer.example_topics[i], "source",
						place_json(&answer.examples[i].place[SOURCE]), "target",
						place_json(&answer.examples[i].place[TARGET])));
	for (size_t i = 0; i < answer.lag_count; i++)
		json_array_append_new(lags,
				      json_pack("{s:s s:i s:[II] s:[II] s:[II]}", "topic",
						answer.lags[i].topic, "partition", answer.lags[i].partition,
						"position", (json_int_t)answer.lags[i].position[SOURCE],
						(json_int_t)answer.lags[i].position[TARGET], "end",
						(json_int_t)answer.lags[i].end[SOURCE],
						(json_int_t)answer.lags[i].end[TARGET], "pending",
						(json_int_t)answer.lags[i].pending[SOURCE],
						(json_int_t)answer.lags[i].pending[TARGET]));
	for (size_t i = 0; i < answer.reached_count; i++)
		json_array_append_new(reached,
				      json_pack("[siiI]", answer.reached[i].topic,
						(int)answer.reached[i].side, answer.reached[i].partition,
						(json_int_t)answer.reached[i].offset));
	print(json_pack("{s:s s:s s:s s:s? s:I s:[II] s:o s:o s:o s:o s:I s:I}", "verdict",
			live_verdict_word(answer.verdict), "code", answer.code, "text", answer.text, "proved",
			claim_word(answer.proved), "matched", (json_int_t)answer.matched, "pending",
			(json_int_t)answer.pending[SOURCE], (json_int_t)answer.pending[TARGET], "findings",
			findings_json(answer.findings), "examples", examples, "lags", lags, "reached",
			reached, "took_us", (json_int_t)answer.took_us, "asked_us",
			(json_int_t)answer.asked_us));
	live_answer_done(&answer);
}

static void judge(struct live *live, int64_t timeout_ms)
{
	struct parity_report report;
	json_t *examples = json_array(), *reasons = json_array(), *findings = json_object();
	json_int_t matched = 0;
	int err = live_judge(live, timeout_ms, &report, &fault);

	for (size_t i = 0; i < report.reason_count; i++)
		json_array_append_new(reasons, json_string(report.reasons[i].code));
	for (size_t i = 0; i < report.topic_count; i++) {
		const struct topic_report *topic = &report.topics[i];
		json_t *found = findings_json(topic->findings);

		matched += (json_int_t)topic->matched;
		json_object_update(findings, found);
		json_decref(found);
		for (size_t e = 0; e < topic->example_count; e++)
			json_array_append_new(
				examples,
				json_pack("{s:s s:o s:o}", "class", finding_word(topic->examples[e].class),
					  "source", place_json(&topic->examples[e].place[SOURCE]), "target",
					  place_json(&topic->examples[e].place[TARGET])));
	}
	if (err < 0)
		json_array_append_new(reasons, json_string(fault.text));
	print(json_pack("{s:s s:o s:o s:o s:I}", "verdict", parity_verdict_word(report.verdict), "reasons",
			reasons, "findings", findings, "examples", examples, "matched", matched));
	parity_report_done(&report);
}

static void group(const char *name)
{
	const struct group_map_options options = { .groups = &name,
						   .group_count = 1,
						   .topics = topics,
						   .topic_count = topic_count,
						   .settle_ms = 1000,
						   .deadline_ms = TIMEOUT_MS };
	int64_t began_ns = clock_system.monotonic_ns(&clock_system);
	struct group_map map;
	json_t *places = json_array();
	int err = group_map_compute(loop, clusters[SOURCE], clusters[TARGET], &options, &map, &fault);

	for (size_t i = 0; i < map.place_count; i++)
		json_array_append_new(
			places, json_pack("[iIIs?s?]", map.places[i].partition,
					  (json_int_t)map.places[i].source, (json_int_t)map.places[i].target,
					  place_proof_word(map.places[i].proof), map.places[i].code));
	print(json_pack("{s:s s:o s:I}", "verdict", err < 0 ? fault.text : parity_verdict_word(map.verdict),
			"places", places, "took_us",
			(json_int_t)((clock_system.monotonic_ns(&clock_system) - began_ns) / 1000)));
	group_map_done(&map);
}

static void leak(int side)
{
	struct leak_watch watches[ENDS_MOST];
	int64_t began_ns = clock_system.monotonic_ns(&clock_system);
	json_t *list = json_array();
	int count = (int)end_count[side], found;

	for (int i = 0; i < count; i++)
		watches[i] = (struct leak_watch){ .topic = ends[side][i].topic,
						  .partition = ends[side][i].partition,
						  .end = ends[side][i].offset };
	found = leak_look(loop, clusters[side], watches, count, TIMEOUT_MS, &fault);
	for (int i = 0; i < count; i++)
		if (watches[i].leaked)
			json_array_append_new(list, json_pack("[iIIIib]", watches[i].partition,
							      (json_int_t)watches[i].offset,
							      (json_int_t)watches[i].timestamp,
							      (json_int_t)watches[i].producer_id,
							      (int)watches[i].producer_epoch,
							      watches[i].transactional));
	print(json_pack("{s:i s:o s:s s:I}", "found", found, "leaks", list, "fault",
			found < 0 ? fault.text : "", "took_us",
			(json_int_t)((clock_system.monotonic_ns(&clock_system) - began_ns) / 1000)));
}

/* `checkpoint` is "-" for a look that nothing is kept of. */
static void compare(const struct parity_options *base, const char *checkpoint, int64_t late_ms)
{
	struct parity_options options = *base;
	struct parity_report report;
	json_t *reasons = json_array(), *findings = json_object();
	int err;

	options.goes_on = true;
	options.onward = strcmp(checkpoint, "-") != 0;
	options.checkpoint = options.onward ? checkpoint : NULL;
	options.late_ms = late_ms;
	err = parity_compare(loop, clusters[SOURCE], clusters[TARGET], &options, NULL, NULL, &report, &fault);
	for (size_t i = 0; i < report.reason_count; i++)
		json_array_append_new(reasons, json_string(report.reasons[i].code));
	for (size_t i = 0; i < report.topic_count; i++) {
		json_t *found = findings_json(report.topics[i].findings);

		json_object_update(findings, found);
		json_decref(found);
	}
	print(json_pack("{s:s s:o s:o s:I s:[II] s:I}", "verdict",
			err < 0 ? fault.text : parity_verdict_word(report.verdict), "reasons", reasons,
			"findings", findings, "matched",
			report.topic_count ? (json_int_t)report.topics[0].matched : 0, "records",
			report.topic_count ? (json_int_t)report.topics[0].records[SOURCE] : 0,
			report.topic_count ? (json_int_t)report.topics[0].records[TARGET] : 0, "bytes_read",
			(json_int_t)report.speed.bytes_read));
	parity_report_done(&report);
}

static void ends_of(int side)
{
	json_t *list = json_array();

	if (read_ends(side) < 0) {
		json_decref(list);
		print_failure();
		return;
	}
	for (size_t i = 0; i < end_count[side]; i++)
		json_array_append_new(list, json_pack("[siiI]", ends[side][i].topic, ends[side][i].partition,
						      ends[side][i].leader_epoch,
						      (json_int_t)ends[side][i].offset));
	print(json_pack("{s:o}", "ends", list));
}

static void serve(struct live *live, const struct parity_options *parity)
{
	char line[200], name[200], word[20], more[20];
	long long number;

	while (fgets(line, sizeof line, stdin)) {
		more[0] = 0;
		if (!strcmp(line, "glance\n"))
			glance(live);
		else if (sscanf(line, "level %lld %19s", &number, more) >= 1)
			level(live, number, !strcmp(more, "kept"));
		else if (sscanf(line, "judge %lld", &number) == 1)
			judge(live, number);
		else if (sscanf(line, "leak %19s", word) == 1)
			leak(!strcmp(word, "target"));
		else if (sscanf(line, "compare %199s %lld", name, &number) == 2)
			compare(parity, name, number);
		else if (sscanf(line, "compare %199s", name) == 1)
			compare(parity, name, parity->late_ms);
		else if (sscanf(line, "group %199s", name) == 1)
			group(name);
		else if (sscanf(line, "ends %19s", word) == 1)
			ends_of(!strcmp(word, "target"));
		else
			break;
	}
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "source", "target" };
	const struct cluster_config *configs[2] = { NULL, NULL };
	struct parity_options parity;
	struct live_options options = { .parity = &parity };
	struct live *live = NULL;
	int err = argc >= 7 ? 0 : ERR_USAGE;

	arena_init(&arena, 64 << 20);
	parity_options_init(&parity);
	for (int i = 6; i < argc && topic_count < sizeof topics / sizeof topics[0]; i++) {
		char *equals = strchr(argv[i], '=');

		topics[topic_count++] = (struct topic_choice){ argv[i], equals ? equals + 1 : NULL };
		if (equals)
			*equals = 0;
	}
	if (err == 0)
		err = loop_new(&clock_system, 1, &loop);
	for (int side = 0; side < 2 && err == 0; side++) {
		err = config_load(argv[1 + side], &configs[side], &fault);
		if (err == 0)
			err = cluster_new(loop, names[side], configs[side], &clusters[side], &fault);
		options.configs[side] = configs[side];
	}
	if (err == 0) {
		parity.claim = claim_parse(argv[3]);
		parity.settle_ms = atoll(argv[4]);
		parity.checkpoint = strcmp(argv[5], "-") ? argv[5] : NULL;
		parity.topics = topics;
		parity.topic_count = topic_count;
		err = live_start(&options, &live, &fault);
	}
	if (err < 0)
		print_failure();
	else
		serve(live, &parity);
	live_stop(live);
	for (int side = 0; side < 2; side++) {
		cluster_free(clusters[side]);
		config_release(configs[side]);
	}
	loop_free(loop);
	arena_done(&arena);
	return err < 0;
}

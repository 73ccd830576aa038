/*
 * registry.c - schema ids of both sides' records, looked up in both registries, judged one by one.
 *
 * First everything is asked, then everything is judged: the judgement sees all answers and waits for nothing.
 */
#include "exit/registry.h"

#include <stdio.h>

#include "exit/registry_client.h"

#define TIMEOUT_MS      10000
#define WHOLE_MS        120000
#define AT_ONCE         8
#define SCHEMA_SIZE_MAX (4 * 1024 * 1024)

struct comparison {
	struct loop *loop;
	const struct registry_topic *topics;
	int topic_count;
	const struct registry_options *options;
	struct registry_config configs[SIDE_COUNT]; /* with the options' addresses */
	struct registry_client *clients[SIDE_COUNT];
	struct arena *arena;
	struct registry_report *report;
	int err;
};

/* ---- findings ---- */

static struct registry_finding *finding_add(struct comparison *c, const struct registry_topic *topic,
					    enum side side, const struct schema_use *use)
{
	struct registry_finding *finding = &c->report->at[c->report->count++];

	*finding = (struct registry_finding){
		.topic = topic->topic,
		.side = side,
		.place = use->place,
		.id = use->id,
		.ids = 1,
		.count = use->count,
		.first_partition = use->first_partition,
		.first_offset = use->first_offset,
	};
	return finding;
}

__attribute__((format(printf, 5, 6))) static void conclude(struct comparison *c,
							   struct registry_finding *finding,
							   enum verdict verdict, const char *code,
							   const char *format, ...)
{
	char text[2000];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	finding->verdict = verdict;
	finding->code = code;
	finding->reason = arena_text(c->arena, text);
	if (!finding->reason)
		c->err = ERR_MEMORY;
	c->report->shut += verdict == VERDICT_SHUT;
	c->report->unknown += verdict == VERDICT_UNKNOWN;
}

static void conclude_open(struct comparison *c, struct registry_finding *finding)
{
	finding->verdict = VERDICT_OPEN;
	c->report->open++;
}

/* "id 7 of the values of orders". */
static const char *subject_of(const struct registry_finding *finding, char out[400])
{
	char id[SCHEMA_ID_TEXT_SIZE];

	snprintf(out, 400, "schema id %s of the %ss of %.250s", schema_id_text(&finding->id, id),
		 schema_place_word(finding->place), finding->topic);
	return out;
}

/* ---- judging ---- */

static struct registry_schema answer_of(struct comparison *c, enum side side, const struct schema_id *id)
{
	struct registry_schema schema = { .answer = REGISTRY_MISSING };

	if (c->clients[side])
		registry_client_get(c->clients[side], id, &schema);
	return schema;
}

static void show(struct registry_found *out, const struct registry_schema *schema)
{
	if (schema->answer == REGISTRY_FOUND)
		*out = (struct registry_found){ true, schema->type, schema->print };
}

static bool carries(const struct schema_uses *uses, const struct schema_use *use)
{
	for (int i = 0; uses && i < uses->count; i++)
		if (uses->at[i].place == use->place && schema_id_equal(&uses->at[i].id, &use->id))
			return true;
	return false;
}

/* The target's own writers gave the same schema another number: no record there carries the source's. */
static bool has_other_number(struct comparison *c, const struct registry_topic *topic,
			     const struct schema_use *use, const struct registry_schema *source)
{
	const struct schema_uses *there = topic->uses[SIDE_TARGET];

	if (!there || carries(there, use))
		return false;
	for (int i = 0; i < there->count; i++) {
		struct registry_schema schema;

		if (there->at[i].place != use->place)
			continue;
		schema = answer_of(c, SIDE_TARGET, &there->at[i].id);
		if (schema.answer == REGISTRY_FOUND && sha256_equal(schema.print, source->print))
			return true;
	}
	return false;
}

/* True when one of the ids at this place leads to a schema: then they are ids, whatever they look like. */
static bool any_resolves(struct comparison *c, const struct registry_topic *topic, enum schema_place place)
{
	for (int side = 0; side < SIDE_COUNT; side++)
		for (int i = 0; topic->uses[side] && i < topic->uses[side]->count; i++)
			if (topic->uses[side]->at[i].place == place &&
			    answer_of(c, (enum side)side, &topic->uses[side]->at[i].id).answer ==
				    REGISTRY_FOUND)
				return true;
	return false;
}

static void differ(struct comparison *c, struct registry_finding *finding,
		   const struct registry_schema *source, const struct registry_schema *target)
{
	char subject[400], here[SHA256_TEXT_SIZE], there[SHA256_TEXT_SIZE];

	subject_of(finding, subject);
	if (source->as_it_stands && target->as_it_stands)
		conclude(c, finding, VERDICT_UNKNOWN, "SCHEMA_UNREADABLE",
			 "%s is written differently in both registries, and of %s it cannot be said here "
			 "whether that "
			 "matters: compare the two by hand",
			 subject,
			 source->type == SCHEMA_OTHER ? "this type of schema"
						      : "a text that is not in its format");
	else
		conclude(c, finding, VERDICT_SHUT, "SCHEMA_DIFFERS",
			 "%s is another schema in the target's registry (%s %.8s on the source, %s %.8s on "
			 "the "
			 "target): records would be read wrongly; give the target's registry the source's "
			 "schemas "
			 "under their own ids",
			 subject, schema_type_word(source->type), sha256_text(source->print, here),
			 schema_type_word(target->type), sha256_text(target->print, there));
}

static void not_answered(struct comparison *c, struct registry_finding *finding, enum side side,
			 const struct registry_schema *schema)
{
	char subject[400];

	conclude(c, finding, VERDICT_UNKNOWN,
		 schema->unreachable ? "REGISTRY_UNREACHABLE" : "SCHEMA_UNRESOLVED",
		 "%s could not be looked up: the %s's registry: %s", subject_of(finding, subject),
		 side_word(side), schema->why ? schema->why : "no answer");
}

static void judge_found(struct comparison *c, const struct registry_topic *topic,
			const struct schema_use *use, const struct registry_schema *source)
{
	struct registry_finding *finding = finding_add(c, topic, SIDE_SOURCE, use);
	struct registry_schema target = answer_of(c, SIDE_TARGET, &use->id);
	char subject[400];

	show(&finding->sides[SIDE_SOURCE], source);
	show(&finding->sides[SIDE_TARGET], &target);
	if (target.answer == REGISTRY_FOUND && sha256_equal(source->print, target.print) &&
	    source->type == target.type)
		conclude_open(c, finding);
	else if (has_other_number(c, topic, use, source))
		conclude_open(c, finding);
	else if (target.answer == REGISTRY_FOUND)
		differ(c, finding, source, &target);
	else if (target.answer == REGISTRY_FAILED)
		not_answered(c, finding, SIDE_TARGET, &target);
	else
		conclude(c, finding, VERDICT_SHUT, "SCHEMA_MISSING",
			 "%s (%s) is not in the target's registry%s: nobody could read these records there; "
			 "register "
			 "it under the same id",
			 subject_of(finding, subject), schema_type_word(source->type),
			 c->configs[SIDE_TARGET].none ? " (schema.registry.url=none)" : "");
}

static void judge_source(struct comparison *c, const struct registry_topic *topic,
			 const struct schema_use *use)
{
	bool likely = use->by_header || schema_uses_likely(topic->uses[SIDE_SOURCE], use->place);
	struct registry_schema source = answer_of(c, SIDE_SOURCE, &use->id);
	struct registry_finding *finding;
	char subject[400];

	if (source.answer == REGISTRY_FOUND) {
		judge_found(c, topic, use, &source);
	} else if (!likely) {
		c->report->noise += use->count;
	} else if (source.answer == REGISTRY_FAILED) {
		finding = finding_add(c, topic, SIDE_SOURCE, use);
		not_answered(c, finding, SIDE_SOURCE, &source);
	} else {
		finding = finding_add(c, topic, SIDE_SOURCE, use);
		conclude(c, finding, VERDICT_UNKNOWN, "SCHEMA_UNRESOLVED",
			 "%s is not in the source's own registry: is it the registry that the writers use? "
			 "If these "
			 "bytes are no schema ids, say 'registries: none' in the plan",
			 subject_of(finding, subject));
	}
}

/* An id that only the target's records carry: its own registry must know it. */
static void judge_target(struct comparison *c, const struct registry_topic *topic,
			 const struct schema_use *use)
{
	bool likely = use->by_header || schema_uses_likely(topic->uses[SIDE_TARGET], use->place);
	struct registry_schema target = answer_of(c, SIDE_TARGET, &use->id);
	struct registry_finding *finding;
	char subject[400];

	if (target.answer != REGISTRY_FOUND && !likely) {
		c->report->noise += use->count;
		return;
	}
	finding = finding_add(c, topic, SIDE_TARGET, use);
	show(&finding->sides[SIDE_TARGET], &target);
	subject_of(finding, subject);
	if (target.answer == REGISTRY_FOUND)
		conclude_open(c, finding);
	else if (target.answer == REGISTRY_FAILED)
		not_answered(c, finding, SIDE_TARGET, &target);
	else if (any_resolves(c, topic, use->place))
		conclude(c, finding, VERDICT_SHUT, "SCHEMA_MISSING",
			 "%s, which records of the target carry, is not in the target's registry", subject);
	else
		conclude(c, finding, VERDICT_UNKNOWN, "SCHEMA_UNRESOLVED",
			 "%s, which records of the target carry, is not in the target's registry: is it the "
			 "registry that the writers use? If these bytes are no schema ids, say 'registries: "
			 "none' in the plan",
			 subject);
}

static void judge_dropped(struct comparison *c, const struct registry_topic *topic, enum side side,
			  const struct schema_use *use)
{
	uint64_t dropped = topic->uses[side]->shares[use->place].dropped;
	struct registry_finding *finding;

	if (!dropped || !schema_uses_likely(topic->uses[side], use->place))
		return;
	finding = finding_add(c, topic, side, use);
	finding->count = dropped;
	conclude(c, finding, VERDICT_UNKNOWN, "SCHEMA_IDS_DROPPED",
		 "the %ss of %.250s carry more than %d different schema ids on the %s; not all of them were "
		 "looked up. "
		 "If these bytes are no schema ids, say 'registries: none' in the plan",
		 schema_place_word(use->place), topic->topic, SCHEMA_USES_MAX, side_word(side));
}

/* The first use at a place stands for all of them there. */
static bool is_first(const struct schema_uses *uses, const struct schema_use *use)
{
	for (const struct schema_use *before = uses->at; before < use; before++)
		if (before->place == use->place)
			return false;
	return true;
}

static void judge(struct comparison *c)
{
	for (int t = 0; t < c->topic_count; t++) {
		const struct registry_topic *topic = &c->topics[t];

		for (int side = 0; side < SIDE_COUNT; side++) {
			const struct schema_uses *uses = topic->uses[side];

			for (int i = 0; uses && i < uses->count; i++) {
				const struct schema_use *use = &uses->at[i];

				if (side == SIDE_SOURCE)
					judge_source(c, topic, use);
				else if (!carries(topic->uses[SIDE_SOURCE], use))
					judge_target(c, topic, use);
				if (is_first(uses, use))
					judge_dropped(c, topic, (enum side)side, use);
			}
		}
	}
}

/* ---- registries that nobody named ---- */

static bool named(const struct registry_config *config)
{
	return config->urls != NULL;
}

static void judge_unnamed(struct comparison *c)
{
	const char *which = named(&c->configs[SIDE_SOURCE])   ? "the target"
			    : named(&c->configs[SIDE_TARGET]) ? "the source"
							      : "both clusters";

	for (int t = 0; t < c->topic_count; t++) {
		const struct schema_uses *uses = c->topics[t].uses[SIDE_SOURCE];
		struct registry_finding *finding = NULL;

		/* A target may be looked at that carries what the source does not. */
		if (uses && !uses->count && c->topics[t].uses[SIDE_TARGET])
			uses = c->topics[t].uses[SIDE_TARGET];
		for (int place = 0; uses && place < SCHEMA_PLACES; place++) {
			finding = NULL;
			for (int i = 0; i < uses->count; i++) {
				if (uses->at[i].place != (enum schema_place)place) {
					continue;
				} else if (!schema_uses_likely(uses, (enum schema_place)place)) {
					c->report->noise += uses->at[i].count;
				} else if (finding) {
					finding->ids++;
					finding->count += uses->at[i].count;
				} else {
					finding = finding_add(c, &c->topics[t], SIDE_SOURCE, &uses->at[i]);
				}
			}
			if (finding)
				conclude(c, finding, VERDICT_UNKNOWN, "REGISTRY_NOT_NAMED",
					 "the %ss of %.250s look as if they carried schema ids, and no "
					 "registry is "
					 "named for %s: name 'registries' in the plan, or "
					 "schema.registry.url in the property "
					 "file; where these are no schema ids, say none there",
					 schema_place_word((enum schema_place)place), c->topics[t].topic,
					 which);
		}
	}
}

/* ---- asking ---- */

static int start(struct comparison *c, enum side side)
{
	const struct registry_options *o = c->options;
	struct registry_client_options options = {
		.rules = o->rules,
		.timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS,
		.at_once = o->at_once ? o->at_once : AT_ONCE,
		.schema_size_max = o->schema_size_max ? o->schema_size_max : SCHEMA_SIZE_MAX,
	};

	if (c->configs[side].none)
		return 0;
	return registry_client_new(c->loop, &c->configs[side], &options, &c->clients[side]);
}

static int ask_all(struct comparison *c)
{
	int err = 0;

	for (int t = 0; t < c->topic_count; t++) {
		for (int side = 0; side < SIDE_COUNT; side++) {
			const struct schema_uses *uses = c->topics[t].uses[side];

			/* The source's ids in both registries, the target's in its own. */
			for (int i = 0; uses && i < uses->count && err == 0; i++) {
				if (side == SIDE_SOURCE && c->clients[SIDE_SOURCE])
					err = registry_client_want(c->clients[SIDE_SOURCE], &uses->at[i].id);
				if (err == 0 && c->clients[SIDE_TARGET])
					err = registry_client_want(c->clients[SIDE_TARGET], &uses->at[i].id);
			}
		}
	}
	return err;
}

static int wait_all(struct comparison *c)
{
	int64_t deadline = loop_now_ms(c->loop) + (c->options->whole_ms ? c->options->whole_ms : WHOLE_MS);
	int err = 0;

	for (int side = 0; side < SIDE_COUNT && err == 0; side++) {
		if (!c->clients[side])
			continue;
		err = registry_client_wait(c->clients[side], deadline);
		c->report->requests += registry_client_requests(c->clients[side]);
	}
	return err;
}

/* ---- from outside ---- */

static bool same_addresses(const struct registry_config *a, const struct registry_config *b)
{
	if (!a->urls || !b->urls)
		return false;
	for (int i = 0; a->urls[i]; i++)
		for (int j = 0; b->urls[j]; j++)
			if (strcmp(a->urls[i], b->urls[j]) == 0)
				return true;
	return false;
}

/* The property file's, or the address that the caller gives, which goes with the property file's credentials. */
static int take_config(struct comparison *c, enum side side, const struct cluster_config *config)
{
	const char *url = c->options->urls[side];
	const char **urls;
	char *copy;
	size_t size;

	if (config)
		c->configs[side] = config->registry;
	if (!url)
		return 0;
	urls = arena_array(c->arena, 2, sizeof *urls);
	copy = arena_text(c->arena, url);
	if (!urls || !copy)
		return ERR_MEMORY;
	size = strlen(copy);
	while (size && copy[size - 1] == '/')
		copy[--size] = '\0';
	urls[0] = copy;
	c->configs[side].urls = urls;
	c->configs[side].none = false;
	return 0;
}

static int make_room(struct comparison *c)
{
	size_t count = 1;

	for (int t = 0; t < c->topic_count; t++)
		for (int side = 0; side < SIDE_COUNT; side++)
			if (c->topics[t].uses[side])
				count += (size_t)c->topics[t].uses[side]->count + SCHEMA_PLACES;
	c->report->at = arena_array(c->arena, count, sizeof *c->report->at);
	return c->report->at ? 0 : ERR_MEMORY;
}

static int compare(struct comparison *c)
{
	bool source_named = named(&c->configs[SIDE_SOURCE]);
	bool target_named = named(&c->configs[SIDE_TARGET]) || c->configs[SIDE_TARGET].none;
	int err = make_room(c);

	if (err < 0)
		return err;
	c->report->none_declared = c->configs[SIDE_SOURCE].none;
	c->report->same_registry = same_addresses(&c->configs[SIDE_SOURCE], &c->configs[SIDE_TARGET]);
	if (c->report->none_declared)
		return 0;
	if (!source_named || !target_named) {
		judge_unnamed(c);
		return c->err;
	}
	for (int side = 0; side < SIDE_COUNT && err == 0; side++)
		err = start(c, (enum side)side);
	if (err == 0)
		err = ask_all(c);
	if (err == 0)
		err = wait_all(c);
	if (err == 0)
		judge(c);
	return err < 0 ? err : c->err;
}

int registry_compare(struct loop *loop, const struct cluster_config *source,
		     const struct cluster_config *target, const struct registry_topic *topics,
		     int topic_count, const struct registry_options *options, struct arena *arena,
		     struct registry_report *report, struct fault *fault)
{
	static const struct registry_options plain = { 0 };
	struct comparison c = { .loop = loop,
				.topics = topics,
				.topic_count = topic_count,
				.options = options ? options : &plain,
				.arena = arena,
				.report = report };
	int err;

	*report = (struct registry_report){ 0 };
	err = take_config(&c, SIDE_SOURCE, source);
	if (err == 0)
		err = take_config(&c, SIDE_TARGET, target);
	if (err == 0)
		err = compare(&c);
	for (int side = 0; side < SIDE_COUNT; side++)
		registry_client_free(c.clients[side]);
	return err < 0 ? fault_set(fault, err, "the schema registries could not be asked: %s", err_text(err))
		       : 0;
}

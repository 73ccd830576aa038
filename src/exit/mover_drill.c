/*
 * mover_drill.c - a rehearsal: forward and back on a shadow of the family, by the code that moves the family itself.
 *
 *	DRILL began --> SCAFFOLD (topic on either side) --> load --> crossing --> crossing back --> comparison
 *	            --> DRILL with what was measured --> SCAFFOLD absent
 *
 * The load lives in this process and ends with it, so a drill that was cut short is never gone on with: it is given up, what
 * it left is taken away, and when its act still waits it begins anew.  A drill gives way to hold and rollback of any family.
 */
#include <stdio.h>

#include "exit/drill_load.h"
#include "exit/drill_shadow.h"
#include "exit/mover_inside.h"

#define FORECAST_MS 60000
#define COMPARE_MS  60000
#define END_MS      30000
#define LOOK_MS     5000
#define REST_MS     100

struct drill {
	struct crossing *c; /* of the family */
	struct crossing sc; /* of its shadow */
	uint64_t act;
	const struct world_drill_ops *ops;
	struct shadow shadow;
	struct drill_count counted;
	json_t *levers;
	int64_t forward_ms, return_ms, total_ms;
	bool ok, gave_way;
	char text[1000];
};

static struct world *world_of(const struct drill *d)
{
	return d->c->mover->world;
}

static int fails(struct drill *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fails(struct drill *d, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	if (!d->text[0])
		vsnprintf(d->text, sizeof d->text, format, list);
	va_end(list);
	d->ok = false;
	return 0;
}

/* ---- what is left behind ---- */

static int put_item(struct crossing *c, const char *name, const char *side, const char *event,
		    const char *proof)
{
	char item[400];
	json_t *body;

	snprintf(item, sizeof item, "topic %s on the %s", name, side);
	body = json_pack("{s:s, s:s, s:s, s:s, s:s}", "item", item, "kind", "drill", "name", name, "side",
			 side, "event", event);
	if (body && proof)
		json_object_set_new(body, "proof", json_string(proof));
	return crossing_frame(c, FRAME_SCAFFOLD, body, NULL);
}

/* The next thing of a drill's that stands, or may stand, somewhere. */
static const json_t *next_left(const struct crossing *c)
{
	json_t *item;
	const char *key;

	json_object_foreach(json_object_get(c->now.json, "scaffold"), key, item)
	{
		const char *kind = body_text(item, "kind");

		if (kind && strcmp(kind, "drill") == 0)
			return item;
	}
	return NULL;
}

int mover_drill_clear(struct crossing *c)
{
	const struct world_drill_ops *ops = c->mover->world->ops->drill;
	const json_t *left;

	while ((left = next_left(c))) {
		const char *name = arena_text(&c->arena, body_text(left, "name")),
			   *side = arena_text(&c->arena, body_text(left, "side"));
		int err;

		if (!name || !side)
			return fault_set(&c->fault, ERR_MEMORY, "no memory to clear up after a drill");
		err = put_item(c, name, side, "removing", NULL);
		if (err < 0)
			return err;
		if (!ops)
			return fault_set(&c->fault, ERR_UNSUPPORTED,
					 "topic %s on the %s cannot be removed here", name, side);
		err = ops->strike(c->mover->world,
				  strcmp(side, "target") == 0 ? AUTHORITY_TARGET : AUTHORITY_SOURCE, name,
				  name, &c->fault);
		err = err ? err
			  : put_item(c, name, side, "absent", "no broker that was asked knows it any more");
		if (err < 0)
			return err;
	}
	return 0;
}

static int give_up(struct crossing *c, const char *shadow, const char *why)
{
	return crossing_frame(
		c, FRAME_DRILL,
		json_pack("{s:s, s:s, s:s}", "event", "abandoned", "shadow", shadow, "text", why), NULL);
}

static bool shadow_stands(const struct crossing *c, const char *name)
{
	struct standing shadow;

	return state_family(journal_state(c->mover->journal), name, &shadow) && shadow.of;
}

int mover_drill_recover(struct crossing *c)
{
	const char *name = shadow_name(c->family, &c->arena);
	int err = 0;

	if (!name)
		return fault_set(&c->fault, ERR_MEMORY, "no memory to clear up after a drill");
	if (shadow_stands(c, name)) {
		crossing_tell(c, "a drill was cut short, and is given up");
		err = give_up(c, name, "it was cut short");
	}
	if (err < 0 || !next_left(c))
		return err;
	err = mover_drill_clear(c);
	if (err < 0 && !mover_must_stop(c, err)) {
		crossing_tell(c, "what a drill left stands still: %s", c->fault.text);
		err = 0;
	}
	return err;
}

/* ---- the stage ---- */

static int build(struct drill *d)
{
	static const enum authority sides[] = { AUTHORITY_SOURCE, AUTHORITY_TARGET };
	struct crossing *c = d->c;
	int err = crossing_frame(c, FRAME_DRILL,
				 json_pack("{s:s, s:s, s:s, s:I}", "event", "began", "shadow", d->shadow.name,
					   "topic", d->shadow.topic, "act", (json_int_t)d->act),
				 NULL);

	for (int i = 0; i < 2 && !err; i++) {
		const char *side = authority_word(sides[i]);

		err = put_item(c, d->shadow.topic, side, "making", NULL);
		err = err ? err
			  : d->ops->make(world_of(d), c->family, &d->shadow.family, sides[i], &c->fault);
		err = err ? err : put_item(c, d->shadow.topic, side, "present", NULL);
	}
	err = err ? err : d->ops->begin(world_of(d), c->family, &d->shadow.family, &c->fault);
	err = err ? err : crossing_stage(&d->sc, STAGE_OBSERVING, -1, "a drill begins", NULL);
	err = err ? err
		  : crossing_stage(&d->sc, STAGE_ARMED, -1, "it is a shadow, and needs no verdict", NULL);
	return err;
}

/* ---- in between ---- */

/* Somebody wants something that cannot wait. */
static void look_for_acts(struct drill *d)
{
	json_t *act;
	const char *key;

	json_object_foreach(json_object_get(journal_state(d->c->mover->journal)->root, "acts"), key, act)
	{
		const char *word = body_text(act, "act");

		if (word && (strcmp(word, "hold") == 0 || strcmp(word, "rollback") == 0)) {
			d->gave_way = true;
			fails(d, "it gave way to %s of %s", word, body_text(act, "family"));
		}
	}
}

static int rest(struct drill *d, int64_t ms)
{
	int64_t until_ms = clock_monotonic_ms(journal_clock(d->c->mover->journal)) + ms;
	int err = 0;

	while (!err && !d->gave_way && clock_monotonic_ms(journal_clock(d->c->mover->journal)) < until_ms) {
		err = journal_sync(d->c->mover->journal, &d->c->fault);
		if (err < 0) {
			d->c->stopped = true;
			return err;
		}
		look_for_acts(d);
		err = world_of(d)->ops->pause(world_of(d), ms < REST_MS ? ms : REST_MS);
	}
	crossing_look(d->c);
	return err;
}

/* ---- a crossing of the shadow ---- */

static void put_lever(struct drill *d, const char *name, bool ok, const char *text)
{
	json_t *lever = json_pack("{s:s, s:b}", "name", name, "ok", ok);

	if (lever && text)
		json_object_set_new(lever, "text", json_string(text));
	json_array_append_new(d->levers, lever);
}

/* Ready, or says why not; where ACLs cannot bind us it goes on without them, and that is told. */
static int preflight(struct drill *d, enum authority to, bool *may)
{
	struct plan_number *acl = &d->shadow.family.levers.acl;

	for (;;) {
		struct forecast forecast = { 0 };
		struct fault *fault = &d->c->fault;
		int err = world_of(d)->ops->forecast(world_of(d), &d->shadow.family, to, FORECAST_MS,
						     &forecast, fault);

		*may = err == 0 && forecast.may;
		if (err == ERR_CANCELLED || err == ERR_MEMORY)
			return err;
		if (*may)
			return 0;
		if (err == 0 && to == AUTHORITY_TARGET && acl->value && !forecast.acl_binds) {
			put_lever(d, "acl", false, forecast.text);
			acl->value = 0;
			continue;
		}
		return fails(d, "preflight to the %s: %s", authority_word(to),
			     err ? fault->text : forecast.text);
	}
}

static int cross(struct drill *d, enum authority to, bool *arrived)
{
	struct crossing *sc = &d->sc;
	enum authority from = to == AUTHORITY_TARGET ? AUTHORITY_SOURCE : AUTHORITY_TARGET;
	enum mover_answer answer = MOVER_UNKNOWN;
	int err = preflight(d, to, arrived);

	if (err < 0 || !*arrived)
		return err;
	*arrived = false;
	err = d->ops->place(world_of(d), &d->shadow.family, from, &d->c->fault);
	if (err < 0)
		return err == ERR_CANCELLED
			       ? err
			       : fails(d, "the shadow's group could not be placed: %s", d->c->fault.text);
	crossing_look(sc);
	sc->to = to;
	err = steps_make(&d->shadow.family, to, &sc->arena, &sc->steps);
	err = err ? err : crossing_move(sc, to, 0, json_object());
	err = err ? err : mover_carry(sc, &answer);
	crossing_look(d->c);
	if (err < 0) {
		d->c->stopped = true;
		d->c->fault = sc->fault;
		return err;
	}
	*arrived = answer == MOVER_DONE && sc->now.authority == to;
	d->gave_way = sc->asked_to_stop;
	return *arrived ? 0
			: fails(d, "the crossing to the %s did not arrive: %s", authority_word(to),
				sc->now.cause ? sc->now.cause : "");
}

/* ---- what it came to ---- */

/* Every record that was acknowledged is on both sides, once. */
static int compare(struct drill *d)
{
	struct world *world = world_of(d);
	const struct plan_family *shadow = &d->shadow.family;
	int64_t until_ms = clock_monotonic_ms(journal_clock(d->c->mover->journal)) + COMPARE_MS;
	struct fault *fault = &d->c->fault;
	struct level level = { 0 };
	struct look look = { 0 };
	int err = d->ops->end(world, shadow, END_MS, fault);

	err = err ? err : world->ops->look(world, shadow, AUTHORITY_SOURCE, LOOK_MS, &look, fault);
	while (!err) {
		err = world->ops->level(world, shadow, AUTHORITY_TARGET, look.ends, LOOK_MS, &level, fault);
		if (err || level.answer == LEVEL_YES || level.answer == LEVEL_DIFFERENT ||
		    clock_monotonic_ms(journal_clock(d->c->mover->journal)) >= until_ms)
			break;
		err = world->ops->pause(world, REST_MS / 4);
	}
	json_decref(look.ends);
	d->ops->count(world, shadow, &d->counted);
	if (err < 0)
		return err == ERR_CANCELLED || err == ERR_MEMORY
			       ? err
			       : fails(d, "what it wrote could not be compared: %s", fault->text);
	if (d->counted.failed)
		return fails(d, "%llu records of its load failed: %s", (unsigned long long)d->counted.failed,
			     d->counted.text);
	if (level.answer != LEVEL_YES)
		return fails(d, "both sides are not equal after it: %s", level.text);
	if (level.matched != d->counted.written || level.matched != d->counted.mirrored)
		return fails(d, "%llu records were acknowledged and %llu are on both sides",
			     (unsigned long long)d->counted.written, (unsigned long long)level.matched);
	return 0;
}

/* What was measured must be what the family's crossing would be allowed. */
static void judge(struct drill *d)
{
	int64_t most_ms = d->c->family->class->limits[LIMIT_PAUSE].value;
	int64_t worst_ms = d->forward_ms > d->return_ms ? d->forward_ms : d->return_ms;

	if (d->counted.due > d->counted.written + d->counted.due / 10)
		fails(d, "its load wrote %llu records where the plan's rate asks for %llu",
		      (unsigned long long)d->counted.written, (unsigned long long)d->counted.due);
	if (worst_ms > most_ms)
		fails(d, "writes paused for %lld ms, and the class allows %lld ms", (long long)worst_ms,
		      (long long)most_ms);
	if (d->ok)
		snprintf(d->text, sizeof d->text,
			 "forward and back with %llu records, none lost and none doubled; writes paused %lld "
			 "ms "
			 "forward and %lld ms back, the way back took %lld ms",
			 (unsigned long long)d->counted.written, (long long)d->forward_ms,
			 (long long)d->return_ms, (long long)d->total_ms);
}

static int pause_of(struct drill *d, int64_t *out)
{
	d->ops->count(world_of(d), &d->shadow.family, &d->counted);
	*out = d->counted.pause_ms < 0 ? 0 : d->counted.pause_ms;
	return 0;
}

static int go_and_return(struct drill *d)
{
	const struct clock *clock = journal_clock(d->c->mover->journal);
	int64_t third_ms = d->c->family->drill.duration_ms.value / 3, began_ms;
	bool arrived = false;
	int err = rest(d, third_ms);

	crossing_tell(d->c, "drill: to the target");
	err = err || !d->ok ? err : cross(d, AUTHORITY_TARGET, &arrived);
	if (err || !d->ok)
		return err;
	err = rest(d, third_ms);
	pause_of(d, &d->forward_ms);
	began_ms = clock_monotonic_ms(clock);
	/* Whoever wants us gone does not want the shadow left over there: it is taken down all the same. */
	if (err || !d->ok)
		return err;
	crossing_tell(d->c, "drill: back to the source");
	err = cross(d, AUTHORITY_SOURCE, &arrived);
	d->total_ms = clock_monotonic_ms(clock) - began_ms;
	if (err || !d->ok)
		return err;
	if (d->c->family->levers.acl.value && d->shadow.family.levers.acl.value)
		put_lever(d, "acl", true, NULL);
	err = rest(d, third_ms);
	pause_of(d, &d->return_ms);
	return err || !d->ok ? err : compare(d);
}

/* ---- the family's own levers ---- */

static int ask_lever(struct drill *d, const char *name)
{
	struct fault fault = { 0 };
	int refuses = d->ops->guard(world_of(d), d->c->family, name, d->c->now.epoch, &fault);

	if (refuses == ERR_CANCELLED || refuses == ERR_MEMORY) {
		d->c->fault = fault;
		return refuses;
	}
	put_lever(d, name, refuses >= 0,
		  refuses < 0    ? fault.text
		  : refuses == 0 ? "it accepts an epoch older than one that it has seen"
				 : NULL);
	return 0;
}

static int ask_levers(struct drill *d)
{
	const struct plan_levers *levers = &d->c->family->levers;
	int err = 0;

	if (levers->flag.head.given)
		err = ask_lever(d, "flag");
	if (!err && levers->bootstrap.head.given)
		err = ask_lever(d, "bootstrap");
	for (int i = 0; i < levers->group_count && !err; i++) {
		char name[STEP_NAME_SIZE];

		snprintf(name, sizeof name, "group:%.*s", VIEW_ARGS(levers->groups[i].head.name));
		err = ask_lever(d, name);
	}
	return err;
}

/* ---- all of it ---- */

static int put_result(struct drill *d)
{
	char hash[SHA256_TEXT_SIZE];

	if (d->gave_way)
		return give_up(d->c, d->shadow.name, d->text);
	return crossing_frame(
		d->c, FRAME_DRILL,
		json_pack("{s:s, s:I, s:b, s:I, s:I, s:I, s:I, s:s, s:O, s:s}", "shadow", d->shadow.name,
			  "act", (json_int_t)d->act, "ok", d->ok, "forward_ms", (json_int_t)d->forward_ms,
			  "return_ms", (json_int_t)d->return_ms, "total_ms", (json_int_t)d->total_ms,
			  "records", (json_int_t)d->counted.written, "plan",
			  sha256_text(d->c->mover->plan->hash, hash), "levers", d->levers, "text", d->text),
		NULL);
}

static int rehearse(struct drill *d)
{
	struct crossing *c = d->c;
	int err = build(d);

	if (mover_must_stop(c, err))
		return err;
	if (err < 0)
		fails(d, "its stage could not be built: %s", c->fault.text);
	err = d->ok ? go_and_return(d) : 0;
	if (err == 0 && d->ok)
		err = ask_levers(d);
	if (err < 0)
		return err;
	judge(d);
	return put_result(d);
}

static int run(struct drill *d)
{
	struct crossing *c = d->c;
	int err = shadow_make(c->family, journal_state(c->mover->journal)->sequence, &c->arena, &d->shadow);

	d->levers = json_array();
	if (err < 0 || !d->levers)
		return fault_set(&c->fault, ERR_MEMORY, "no memory for a drill");
	err = crossing_open(&d->sc, c->mover, &d->shadow.family);
	if (err < 0) {
		c->fault = d->sc.fault;
		return err;
	}
	d->ok = true;
	err = rehearse(d);
	d->ops->forget(world_of(d), &d->shadow.family);
	crossing_close(&d->sc);
	crossing_look(c);
	return err;
}

static const char *refusal(struct crossing *c)
{
	if (!c->mover->world->ops->drill)
		return "no drill can be held here";
	if (!c->family->drill.head.given)
		return "the plan declares no load for it: give the family `drill: {rate, size, for}`";
	if (c->now.moving != AUTHORITY_NONE)
		return "the family is crossing, and cannot be drilled meanwhile";
	if (c->now.overlay == OVERLAY_UNKNOWN)
		return "the family is UNKNOWN: that comes first";
	if (c->now.stage >= STAGE_SEALED)
		return "the way back is closed, and there is nothing left to rehearse";
	return NULL;
}

/* It had ended, and only its answer is missing. */
static bool was_done(const struct crossing *c, uint64_t act)
{
	return (uint64_t)body_number(json_object_get(c->now.json, "drill"), "act") == act;
}

static int answer(struct crossing *c, uint64_t act, bool ok, const char *text, enum mover_answer *out)
{
	*out = ok ? MOVER_DONE : MOVER_RETURNED;
	return mover_answer_act(c, act, *out, text);
}

int mover_drill(struct crossing *c, uint64_t act, const json_t *json, enum mover_answer *out)
{
	struct drill d = { .c = c, .act = act, .ops = c->mover->world->ops->drill };
	const char *why = refusal(c);
	int err;

	(void)json;
	*out = MOVER_REFUSED;
	if (why)
		return mover_answer_act(c, act, *out, why);
	err = mover_drill_recover(c);
	if (err < 0)
		return err;
	if (was_done(c, act)) {
		const json_t *done = json_object_get(c->now.json, "drill");

		snprintf(d.text, sizeof d.text, "%s", body_text(done, "text") ? body_text(done, "text") : "");
		return answer(c, act, json_is_true(json_object_get(done, "ok")), d.text, out);
	}
	err = run(&d);
	json_decref(d.levers);
	if (err == 0) {
		err = mover_drill_clear(c);
		if (err < 0 && !mover_must_stop(c, err)) {
			size_t used = strlen(d.text);

			snprintf(d.text + used, sizeof d.text - used, "; what it left stands still: %s",
				 c->fault.text);
			err = 0;
		}
	}
	if (err < 0)
		return err;
	return answer(c, act, d.ok, d.text, out);
}

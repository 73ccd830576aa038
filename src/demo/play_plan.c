/* plan.c - the plan of the play's exit. */
#include <stdio.h>

#include "demo/play.h"

/*
 * `rehearsal` asks for no prices, no on-call and no alerts; everything about the records is as strict as ever.
 * The two numbers are ports of levers, the words at the end the group and the owners.
 */
static const char plan_text[] =
	"# The exit of the demo: two brokers on this machine, one family.\n"
	"exit: shop\n"
	"source: source.properties\n"
	"target: target.properties\n"
	"state: interlock.db\n"
	"checkpoints: { topic: __interlock, file: checkpoints.txt }\n"
	"reading: { every: 2s }\n"
	"classes:\n"
	"  shop:\n"
	"    like: rehearsal\n"
	"    parity:   { settle: 1s, late: 1s, age: 20s }\n"
	"    rollback: { drill: 1d, return: none, keep: 1h }\n"
	"    observe: 5s\n"
	"    stop: { parity: revert }\n"
	"families:\n"
	"  - name: " PLAY_FAMILY "\n"
	"    class: shop\n"
	"    pattern: dual-write\n"
	"    topics: [ " ORDER_TOPIC " ]\n"
	"    groups: [ " BILLING_GROUP " ]\n"
	"    owners: { decision: " PLAY_OWNER ", target: " PLAY_SECOND " }\n"
	"    match: { identity: header:id }\n"
	"    levers:\n"
	"      flag:\n"
	"        get: http://127.0.0.1:%1$u/flag\n"
	"        set: http://127.0.0.1:%1$u/flag\n"
	"        drained: http://127.0.0.1:%1$u/flag/drained\n"
	"      groups:\n"
	"        " BILLING_GROUP ":\n"
	"          get: http://127.0.0.1:%2$u/group\n"
	"          set: http://127.0.0.1:%2$u/group\n"
	"    counters:\n"
	"      - { name: revenue, source: exec cat revenue.source, target: exec cat revenue.target }\n"
	"    drill: { rate: 500/s, size: 1KiB, for: 4s }\n"
	"    scaffold:\n"
	"      - what: the dashboard of the mirror writes\n"
	"        probe: exec ./there\n"
	"        remove: exec rm mirror-dashboard\n"
	"        restore: exec touch mirror-dashboard\n";

int play_plan_revenue(const struct play *play, int side, const char *revenue, struct fault *fault)
{
	char name[32], text[40];

	snprintf(name, sizeof name, "revenue.%s", side_words[side]);
	snprintf(text, sizeof text, "%s\n", revenue);
	return place_write(play->folder, name, text, false, fault);
}

int play_plan_write(const struct play *play, struct fault *fault)
{
	static const char there[] =
		"#!/bin/sh\nif [ -e mirror-dashboard ]; then echo yes; else echo no; fi\n";
	char text[sizeof plan_text + 200];
	int err = 0;

	snprintf(text, sizeof text, plan_text, play->shop.lever_port, play->billing.lever_port);
	err = place_write(play->folder, "exit.yaml", text, false, fault);
	for (int side = 0; side < SIDES && err == 0; side++) {
		char name[32];

		snprintf(name, sizeof name, "%s.properties", side_words[side]);
		snprintf(text, sizeof text, "bootstrap.servers=127.0.0.1:%u\n", play->brokers[side].port);
		err = place_write(play->folder, name, text, false, fault);
		if (err == 0)
			err = play_plan_revenue(play, side, "1204.50", fault);
	}
	if (err == 0)
		err = place_write(play->folder, "mirror-dashboard", "for the time of the move\n", false,
				  fault);
	if (err == 0)
		err = place_write(play->folder, "there", there, true, fault);
	return err;
}

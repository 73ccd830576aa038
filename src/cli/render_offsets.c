/*
 * render_offsets.c - a line a group and partition: where it stands, where it goes on, and what makes that certain.
 *
 * What auto.offset.reset would have done instead is said a line a topic, because that is the mistake which is made most:
 * a group that is moved without positions begins at one end of the log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/json.h"
#include "cli/render_offsets.h"

static void offset_cell(struct table *table, int64_t offset)
{
	if (offset < 0)
		table_cell(table, INK_DIM, "-");
	else
		table_cell(table, INK_PLAIN, "%lld", (long long)offset);
}

static void count_cell(struct table *table, uint64_t count, bool bad)
{
	char text[UNIT_TEXT_SIZE];

	table_cell(table, bad && count ? INK_BAD : INK_PLAIN, "%s", count_text(count, text));
}

static void places_table(struct paper *paper, const struct group_map *map)
{
	struct table table;

	table_init(&table, "llrrrlrrrl", 2);
	table_head(&table, "group", "topic", "partition", "source", "target", "proof", "skipped",
		   "read again", "to come", "committed", NULL);
	for (size_t index = 0; index < map->place_count; index++) {
		const struct group_place *place = &map->places[index];
		const char *proof = place_proof_word(place->proof),
			   *applied = place_applied_word(place->applied);
		char current[40] = "-";

		if (place->current >= 0)
			snprintf(current, sizeof current, "%lld", (long long)place->current);
		table_name(&table, INK_PLAIN, view_text(place->group));
		table_name(&table, INK_PLAIN, view_text(place->topic[TARGET]));
		table_cell(&table, INK_PLAIN, "%d", place->partition);
		offset_cell(&table, place->source);
		offset_cell(&table, place->target);
		table_cell(&table,
			   proof         ? INK_GOOD
			   : place->shut ? INK_BAD
					 : INK_DOUBT,
			   "%s", proof ? proof : "none");
		count_cell(&table, place->skipped, true);
		count_cell(&table, place->reread, false);
		count_cell(&table, place->awaited, false);
		table_cell(&table, INK_PLAIN, "%s%s%s", current, applied ? ", " : "", applied ? applied : "");
	}
	table_print(&table, paper);
	table_done(&table);
}

static void reasons_table(struct paper *paper, const struct group_map *map)
{
	struct table table;

	table_init(&table, "ll", 2);
	for (size_t index = 0; index < map->place_count; index++) {
		const struct group_place *place = &map->places[index];
		char *text = NULL;

		if (!place->code)
			continue;
		if (asprintf(&text, "%s, %s-%d: %s (%s)", place->group, place->topic[TARGET],
			     place->partition, place->why, place->code) < 0)
			text = NULL;
		table_cell(&table, place->shut ? INK_BAD : INK_DOUBT, "%s", place->shut ? "shut" : "unknown");
		table_name(&table, INK_PLAIN, view_text(text ? text : place->why));
		free(text);
	}
	if (table.count) {
		paper_gap(paper);
		table_print(&table, paper);
	}
	table_done(&table);
}

/* The sums over the partitions of one group in one topic, which stand together in the report. */
static void forecast_lines(struct paper *paper, const struct group_map *map)
{
	struct table table;
	bool any = false;

	table_init(&table, "llrr", 2);
	table_head(&table, "group", "topic", "earliest: read again", "latest: skipped", NULL);
	for (size_t index = 0; index < map->place_count;) {
		const struct group_place *first = &map->places[index];
		uint64_t reread = 0, skipped = 0;

		for (; index < map->place_count && strcmp(map->places[index].group, first->group) == 0 &&
		       strcmp(map->places[index].topic[TARGET], first->topic[TARGET]) == 0;
		     index++) {
			reread += map->places[index].earliest_reread;
			skipped += map->places[index].latest_skipped;
		}
		if (!reread && !skipped)
			continue;
		any = true;
		table_name(&table, INK_PLAIN, view_text(first->group));
		table_name(&table, INK_PLAIN, view_text(first->topic[TARGET]));
		count_cell(&table, reread, false);
		count_cell(&table, skipped, true);
	}
	if (any) {
		paper_line(paper, "\n  without a position there, auto.offset.reset would mean");
		table_print(&table, paper);
	}
	table_done(&table);
}

void offsets_paper(struct paper *paper, const struct group_map *map)
{
	const char *verdict = parity_verdict_word(map->verdict);
	char size[UNIT_TEXT_SIZE], time[UNIT_TEXT_SIZE];

	paper_ink(paper, INK_PLAIN, "offsets: ");
	paper_ink(paper, ink_of_verdict(verdict), "%s", verdict);
	paper_line(paper, "\n");
	places_table(paper, map);
	reasons_table(paper, map);
	forecast_lines(paper, map);
	paper_ink(paper, INK_DIM, "\n  %s read in %s", size_text(map->speed.bytes_read, size),
		  duration_text((int64_t)(map->speed.seconds * 1000), time));
	paper_gap(paper);
}

static json_t *offset_json(int64_t offset)
{
	return offset < 0 ? json_null() : json_integer(offset);
}

static json_t *place_json(const struct group_place *place)
{
	json_t *forecast = json_pack(
		"{s:{s:o, s:o}, s:{s:o, s:o}}", "earliest", "position", offset_json(place->earliest),
		"reread", json_count(place->earliest_reread), "latest", "position",
		offset_json(place->latest), "skipped", json_count(place->latest_skipped));
	json_t *topic = json_pack("{s:o, s:o}", "source", json_words(place->topic[SOURCE]), "target",
				  json_words(place->topic[TARGET]));
	json_t *counts = json_pack("{s:o, s:o, s:o, s:o}", "tail", json_count(place->tail), "skipped",
				   json_count(place->skipped), "reread", json_count(place->reread), "awaited",
				   json_count(place->awaited));
	json_t *object =
		json_pack("{s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "group", json_words(place->group),
			  "topic", topic, "partition", (int)place->partition, "source",
			  offset_json(place->source), "target", offset_json(place->target), "current",
			  offset_json(place->current), "proof", json_words(place_proof_word(place->proof)),
			  "digest", *place->digest ? json_string(place->digest) : json_null());

	json_object_update(object, counts);
	json_decref(counts);
	json_object_set_new(object, "auto_offset_reset", forecast);
	json_object_set_new(object, "applied", json_words(place_applied_word(place->applied)));
	if (place->code)
		json_object_set_new(object, "reason",
				    json_pack("{s:s, s:s, s:o}", "code", place->code, "verdict",
					      place->shut ? "shut" : "unknown", "text",
					      json_words(place->why)));
	return object;
}

json_t *offsets_json(const struct group_map *map)
{
	json_t *places = json_array();

	for (size_t index = 0; index < map->place_count; index++)
		json_array_append_new(places, place_json(&map->places[index]));
	return json_pack("{s:s, s:o, s:{s:f, s:f, s:o, s:o}, s:o, s:o}", "verdict",
			 parity_verdict_word(map->verdict), "positions", places, "speed", "seconds",
			 map->speed.seconds, "cpu_seconds", map->speed.cpu_seconds, "bytes_read",
			 json_count(map->speed.bytes_read), "peak_rss_bytes",
			 json_count(map->speed.peak_rss_bytes), "started", json_time(map->started_ms),
			 "ended", json_time(map->ended_ms));
}

enum status render_offsets(struct output *output, const struct group_map *map)
{
	struct paper paper;

	if (output->json) {
		output_json(output, offsets_json(map));
	} else {
		output_paper(output, &paper);
		offsets_paper(&paper, map);
		output_show(output, &paper);
	}
	return map->verdict == PARITY_OPEN   ? STATUS_OPEN
	       : map->verdict == PARITY_SHUT ? STATUS_SHUT
					     : STATUS_UNKNOWN;
}

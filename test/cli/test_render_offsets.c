/* test_render_offsets.c - positions of groups, as an operator and as a script see them. */
#include "cli/harness.h"

#include "cli/render_offsets.h"

static struct group_place places[] = {
	{ .group = "billing",
	  .topic = { "orders", "orders.v2" },
	  .partition = 0,
	  .source = 17,
	  .target = 21,
	  .current = -1,
	  .proof = PROOF_NEXT,
	  .digest = "00112233445566778899aabbccddeeff",
	  .tail = 983,
	  .reread = 2,
	  .awaited = 1,
	  .earliest = 0,
	  .latest = 1003,
	  .earliest_reread = 21,
	  .latest_skipped = 982 },
	{ .group = "billing",
	  .topic = { "orders", "orders.v2" },
	  .partition = 1,
	  .source = 1000,
	  .target = 1004,
	  .current = 1004,
	  .proof = PROOF_END,
	  .digest = "ffeeddccbbaa99887766554433221100",
	  .earliest = 0,
	  .latest = 1004,
	  .earliest_reread = 1004,
	  .applied = APPLIED_ALREADY },
	{ .group = "search",
	  .topic = { "orders", "orders.v2" },
	  .partition = 0,
	  .source = 17,
	  .target = 21,
	  .current = 3,
	  .proof = PROOF_NEXT,
	  .digest = "00112233445566778899aabbccddeeff",
	  .tail = 983,
	  .skipped = 2,
	  .earliest = 0,
	  .latest = 1003,
	  .earliest_reread = 21,
	  .latest_skipped = 982,
	  .applied = APPLIED_REFUSED,
	  .code = "POSITION_SKIPS",
	  .why = "2 records that the group has still to read are not on the target",
	  .shut = true },
};

static void fill(struct group_map *map)
{
	*map = (struct group_map){
		.places = places,
		.place_count = 3,
		.verdict = PARITY_SHUT,
		.speed = { 0.5, 0.25, 208000, 30000000 },
		.started_ms = 1700000000000,
		.ended_ms = 1700000000500,
	};
}

static void test_paper(void **state)
{
	struct group_map map;
	struct paper paper;

	fill(&map);
	paper_init(&paper, 110, false);
	offsets_paper(&paper, &map);
	golden("offsets.txt", buffer_string(&paper.text));
	paper_done(&paper);
}

static void test_json(void **state)
{
	struct group_map map;
	json_t *object;
	char *text;

	fill(&map);
	object = offsets_json(&map);
	text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	golden("offsets.json", text);
	free(text);
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paper),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

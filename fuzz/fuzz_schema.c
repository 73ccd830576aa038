/*
 * fuzz_schema.c - schema texts of any registry, and the ids that any record seems to carry.
 *
 * A canonical form is its own canonical form's equal: what was taken out once is not there to be taken out again.
 */
#include <assert.h>

#include "exit/schema_compare.h"
#include "exit/schema_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(enum schema_type type, struct view text)
{
	const struct schema_rules rules = { .ignore_docs = text.size & 1 };
	struct buffer once, twice;
	int how;

	buffer_init(&once, 1 << 22);
	buffer_init(&twice, 1 << 22);
	how = schema_canonical(type, text, &rules, &once);
	assert(how == 0 || how == 1 || how == ERR_LIMIT || how == ERR_MEMORY);
	if (how == 0 && type == SCHEMA_PROTOBUF) {
		assert(schema_canonical(type, buffer_bytes(&once), &rules, &twice) == 0);
		assert(view_equal(buffer_bytes(&once), buffer_bytes(&twice)));
	}
	buffer_done(&twice);
	buffer_done(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record record;
	struct arena arena;
	struct schema_uses uses;
	struct view text;
	int32_t indexes[8];
	int count;

	if (size < 1)
		return 0;
	text = view_of(data + 1, size - 1);
	compare((enum schema_type)(data[0] % (SCHEMA_OTHER + 1)), text);
	if (schema_id_message_indexes(text, indexes, 8, &count) >= 0)
		assert(count >= 1 && count <= 8);
	arena_init(&arena, 1 << 20);
	schema_uses_init(&uses, &arena);
	if (record_split(text, &record) == 0) {
		assert(schema_uses_add(&uses, &record, 0, 0) == 0);
		assert(uses.count <= 2 + record.header_count);
	}
	arena_done(&arena);
	return 0;
}

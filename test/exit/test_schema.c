/* test_schema.c - ids in records, and schemas that say the same in other words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "exit/schema_compare.h"
#include "exit/schema_id.h"

#define V(text) VIEW_LITERAL(text)

static void payloads_carry_ids(void **state)
{
	static const struct {
		struct view payload;
		int32_t number; /* 0: none */
	} table[] = {
		{ V("\0\0\0\0\1x"), 1 },
		{ V("\0\0\0\0\1"), 1 }, /* an empty record of Avro takes no bytes */
		{ V("\0\x7f\xff\xff\xff"), INT32_MAX },
		{ V("\0\0\0\0\0x"), 0 },
		{ V("\0\x80\0\0\0x"), 0 },
		{ V("\1\0\0\0\1x"), 0 },
		{ V("\0\0\0\1"), 0 },
		{ V(""), 0 },
		{ VIEW_NULL, 0 },
		{ V("{\"a\":1}"), 0 },
	};
	struct schema_id id;
	char text[SCHEMA_ID_TEXT_SIZE];

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		assert_int_equal(schema_id_in_payload(table[i].payload, &id), table[i].number != 0);
		if (table[i].number)
			assert_int_equal(id.number, table[i].number);
	}
	assert_true(schema_id_in_payload(V("\0\0\0\0\x2a"), &id));
	assert_string_equal(schema_id_text(&id, text), "42");
}

static void headers_carry_ids(void **state)
{
	const struct header guid = {
		V("__value_schema_id"),
		V("\1\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff")
	};
	const struct header number = { V("__key_schema_id"), V("\0\0\0\0\7") };
	const struct header wrong[] = { { V("__value_schema_id"), V("\1short") },
					{ V("__value_schema_id"), VIEW_NULL },
					{ V("__value_schema_id"), V("\2\0\0\0\7") },
					{ V("value_schema_id"), V("\0\0\0\0\7") } };
	enum schema_place place;
	struct schema_id id, other;
	char text[SCHEMA_ID_TEXT_SIZE];

	assert_true(schema_id_in_header(&guid, &place, &id));
	assert_int_equal(place, SCHEMA_OF_VALUE);
	assert_string_equal(schema_id_text(&id, text), "00112233-4455-6677-8899-aabbccddeeff");
	assert_true(schema_id_in_header(&number, &place, &other));
	assert_int_equal(place, SCHEMA_OF_KEY);
	assert_int_equal(other.number, 7);
	assert_false(schema_id_equal(&id, &other));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(schema_id_in_header(&wrong[i], &place, &id));
}

static void protobuf_names_its_message(void **state)
{
	int32_t indexes[4];
	int count;

	assert_int_equal(schema_id_message_indexes(V("\0rest"), indexes, 4, &count), 1);
	assert_int_equal(count, 1);
	assert_int_equal(indexes[0], 0);
	assert_int_equal(schema_id_message_indexes(V("\4\2\6rest"), indexes, 4, &count), 3);
	assert_int_equal(count, 2);
	assert_int_equal(indexes[0], 1);
	assert_int_equal(indexes[1], 3);
	assert_int_equal(schema_id_message_indexes(V("\x0a\2\2\2\2\2"), indexes, 4, &count), ERR_MALFORMED);
	assert_int_equal(schema_id_message_indexes(V("\4\2"), indexes, 4, &count), ERR_MALFORMED);
	assert_int_equal(schema_id_message_indexes(V("\1"), indexes, 4, &count), ERR_MALFORMED);
	assert_int_equal(schema_id_message_indexes(V(""), indexes, 4, &count), ERR_MALFORMED);
}

static struct record record_of(struct view key, struct view value)
{
	return (struct record){ .key = key, .value = value };
}

static void a_topic_shows_its_ids(void **state)
{
	struct record framed = record_of(VIEW_NULL, V("\0\0\0\0\3abc")), plain = record_of(V("k"), V("{}"));
	struct schema_uses uses;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	schema_uses_init(&uses, &arena);
	for (int i = 0; i < 10; i++)
		assert_int_equal(schema_uses_add(&uses, &framed, 2, 100 + i), 0);
	assert_true(schema_uses_likely(&uses, SCHEMA_OF_VALUE) == false); /* all of them are 8 bytes long */
	framed.value = V("\0\0\0\0\4abcd");
	assert_int_equal(schema_uses_add(&uses, &framed, 1, 7), 0);
	assert_true(schema_uses_likely(&uses, SCHEMA_OF_VALUE));
	assert_false(schema_uses_likely(&uses, SCHEMA_OF_KEY));
	assert_int_equal(uses.count, 2);
	assert_int_equal(uses.at[0].id.number, 3);
	assert_int_equal(uses.at[0].count, 10);
	assert_int_equal(uses.at[0].first_partition, 2);
	assert_int_equal(uses.at[0].first_offset, 100);
	for (int i = 0; i < 12; i++)
		assert_int_equal(schema_uses_add(&uses, &plain, 0, i), 0);
	assert_false(schema_uses_likely(&uses, SCHEMA_OF_VALUE));
	arena_done(&arena);
}

static void headers_go_before_payloads(void **state)
{
	struct header header = { V("__value_schema_id"), V("\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1") };
	struct record record;
	struct schema_uses uses;
	struct arena arena;
	struct buffer slice;

	buffer_init(&slice, 1000);
	record_encode(&slice, VIEW_NULL, V("\0\0\0\0\3abc"), &header, 1);
	assert_int_equal(record_split(buffer_bytes(&slice), &record), 0);
	arena_init(&arena, 1 << 20);
	schema_uses_init(&uses, &arena);
	assert_int_equal(schema_uses_add(&uses, &record, 0, 0), 0);
	assert_int_equal(uses.count, 1);
	assert_true(uses.at[0].id.is_guid);
	assert_true(uses.at[0].by_header);
	assert_true(schema_uses_likely(&uses, SCHEMA_OF_VALUE));
	arena_done(&arena);
	buffer_done(&slice);
}

static void too_many_ids_are_counted(void **state)
{
	uint8_t bytes[6] = { 0 };
	struct record record = record_of(VIEW_NULL, view_of(bytes, sizeof bytes));
	struct schema_uses uses;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	schema_uses_init(&uses, &arena);
	for (int i = 1; i <= SCHEMA_USES_MAX + 5; i++) {
		bytes[3] = (uint8_t)(i >> 8);
		bytes[4] = (uint8_t)i;
		assert_int_equal(schema_uses_add(&uses, &record, 0, i), 0);
	}
	assert_int_equal(uses.count, SCHEMA_USES_MAX);
	assert_int_equal(uses.shares[SCHEMA_OF_VALUE].dropped, 5);
	arena_done(&arena);
}

static struct sha256 print(enum schema_type type, const char *text, bool ignore_docs, int how)
{
	struct schema_rules rules = { .ignore_docs = ignore_docs };
	struct sha256 hash = { 0 };

	assert_int_equal(schema_print(type, view_text(text), &rules, NULL, 0, &hash), how);
	return hash;
}

#define RECORD(rest) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" rest "]}"
#define FIELD(more)  "{\"name\":\"a\"," more "}"

static void schemas_are_told_apart(void **state)
{
	static const struct {
		enum schema_type type;
		bool same, same_without_docs;
		const char *a, *b;
	} table[] = {
		{ SCHEMA_AVRO, true, true, "\"string\"", " \"string\"\n" },
		{ SCHEMA_AVRO, true, true, "\"string\"", "{\"type\":\"string\"}" },
		{ SCHEMA_AVRO, true, true, "\"string\"", "{\"type\":{\"type\":\"string\"}}" },
		{ SCHEMA_AVRO, false, false, "\"string\"", "\"bytes\"" },
		{ SCHEMA_AVRO, false, false, "\"bytes\"",
		  "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4}" },
		{ SCHEMA_AVRO, true, true, RECORD(FIELD("\"type\":\"int\"")),
		  "{ \"fields\": [ {\"type\": {\"type\":\"int\"}, \"name\": \"a\"} ], \"name\": \"R\", "
		  "\"type\": \"record\" }" },
		{ SCHEMA_AVRO, false, false, RECORD(FIELD("\"type\":[\"null\",\"int\"]")),
		  RECORD(FIELD("\"type\":[\"int\",\"null\"]")) },
		{ SCHEMA_AVRO, false, false, RECORD(FIELD("\"type\":\"int\",\"default\":1")),
		  RECORD(FIELD("\"type\":\"int\",\"default\":2")) },
		{ SCHEMA_AVRO, true, true, RECORD(FIELD("\"type\":\"double\",\"default\":1")),
		  RECORD(FIELD("\"type\":\"double\",\"default\":1.0")) },
		{ SCHEMA_AVRO, false, true, RECORD(FIELD("\"type\":\"int\",\"doc\":\"x\"")),
		  RECORD(FIELD("\"type\":\"int\"")) },
		/* A default may have a member called doc or type; it is data. */
		{ SCHEMA_AVRO, false, false, RECORD(FIELD("\"type\":\"M\",\"default\":{\"doc\":1}")),
		  RECORD(FIELD("\"type\":\"M\",\"default\":{}")) },
		{ SCHEMA_AVRO, false, false, RECORD(FIELD("\"type\":\"M\",\"default\":{\"type\":\"int\"}")),
		  RECORD(FIELD("\"type\":\"M\",\"default\":\"int\"")) },
		{ SCHEMA_AVRO, true, true,
		  "{\"type\":\"record\",\"namespace\":\"x.y\",\"name\":\"R\",\"fields\":[" FIELD(
			  "\"type\":\"E\"") "]}",
		  "{\"type\":\"record\",\"name\":\"x.y.R\",\"fields\":[" FIELD("\"type\":\"x.y.E\"") "]}" },
		{ SCHEMA_AVRO, false, false,
		  "{\"type\":\"record\",\"namespace\":\"x\",\"name\":\"R\",\"fields\":[]}",
		  "{\"type\":\"record\",\"namespace\":\"y\",\"name\":\"R\",\"fields\":[]}" },
		{ SCHEMA_AVRO, false, false, "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}",
		  "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"B\",\"A\"]}" },
		{ SCHEMA_AVRO, true, true, "{\"type\":\"array\",\"items\":{\"type\":\"int\"}}",
		  "{\"items\":\"int\",\"type\":\"array\"}" },

		{ SCHEMA_JSON, true, true, "{\"type\":[\"string\",\"null\"],\"required\":[\"a\",\"b\"]}",
		  "{\"required\":[\"b\",\"a\"],\"type\":[\"null\",\"string\"]}" },
		{ SCHEMA_JSON, false, true, "{\"title\":\"x\"}", "{}" },
		{ SCHEMA_JSON, false, false, "{\"properties\":{\"title\":{}}}", "{\"properties\":{}}" },
		{ SCHEMA_JSON, false, false, "{\"items\":[{\"type\":\"string\"},{}]}",
		  "{\"items\":[{},{\"type\":\"string\"}]}" },
		{ SCHEMA_JSON, true, true, "{\"enum\":[{\"a\":1,\"b\":2},3]}",
		  "{\"enum\":[3,{\"b\":2,\"a\":1}]}" },
		{ SCHEMA_JSON, false, false, "{\"const\":{\"required\":[1,2]}}",
		  "{\"const\":{\"required\":[2,1]}}" },

		{ SCHEMA_PROTOBUF, true, true, "syntax = \"proto3\"; // c\nmessage M { int32 a=1; }",
		  "syntax='proto3';\n/* x ; */\nmessage M{\n\tint32 a = 1;\n}\n" },
		{ SCHEMA_PROTOBUF, false, false, "message M { int32 a = 1; }", "message M { int32 a = 2; }" },
		{ SCHEMA_PROTOBUF, false, false, "option a = \"// x\";", "option a = \"// y\";" },
		{ SCHEMA_PROTOBUF, true, true, "option a = 'it\\'s \"x\"';",
		  "option a = \"it's \\\"x\\\"\";" },
		{ SCHEMA_PROTOBUF, false, false, "message AB {}", "message A B {}" },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		for (int docs = 0; docs < 2; docs++) {
			struct sha256 a = print(table[i].type, table[i].a, docs, 0);
			struct sha256 b = print(table[i].type, table[i].b, docs, 0);

			if (sha256_equal(a, b) != (docs ? table[i].same_without_docs : table[i].same))
				fail_msg("%s and %s", table[i].a, table[i].b);
		}
	}
	assert_false(sha256_equal(print(SCHEMA_AVRO, "\"int\"", false, 0),
				  print(SCHEMA_JSON, "\"int\"", false, 0)));
}

static void what_is_no_schema_is_taken_as_it_stands(void **state)
{
	struct buffer out, deep;

	assert_true(sha256_equal(print(SCHEMA_AVRO, "not json ", false, 1),
				 print(SCHEMA_AVRO, "not json", false, 1)));
	assert_false(sha256_equal(print(SCHEMA_OTHER, "a", false, 1), print(SCHEMA_OTHER, "b", false, 1)));
	print(SCHEMA_PROTOBUF, "option a = \"no end", false, 1);
	print(SCHEMA_PROTOBUF, " // nothing\n", false, 1);
	print(SCHEMA_AVRO, "{\"a\":1,\"a\":2}", false, 1);
	print(SCHEMA_AVRO, "", false, 1);
	buffer_init(&out, 1 << 20);
	buffer_init(&deep, 1 << 20);
	for (int i = 0; i < 1000; i++)
		buffer_text(&deep, "[");
	for (int i = 0; i < 1000; i++)
		buffer_text(&deep, "]");
	assert_int_equal(schema_canonical(SCHEMA_AVRO, buffer_bytes(&deep), NULL, &out), ERR_LIMIT);
	assert_int_equal(schema_canonical(SCHEMA_JSON, buffer_bytes(&deep), NULL, &out), ERR_LIMIT);
	out.limit = 4;
	buffer_reset(&out);
	assert_int_equal(schema_canonical(SCHEMA_PROTOBUF, V("message M {}"), NULL, &out), ERR_LIMIT);
	buffer_done(&deep);
	buffer_done(&out);
}

static void references_are_part_of_a_schema(void **state)
{
	struct sha256 one = sha256_of(V("1")), two = sha256_of(V("2")), a, b, c;
	struct schema_link forth[] = { { V("x"), one }, { V("y"), two } };
	struct schema_link back[] = { { V("y"), two }, { V("x"), one } };
	struct schema_link other[] = { { V("x"), two }, { V("y"), one } };

	assert_int_equal(schema_print(SCHEMA_AVRO, V("\"x\""), NULL, forth, 2, &a), 0);
	assert_int_equal(schema_print(SCHEMA_AVRO, V("\"x\""), NULL, back, 2, &b), 0);
	assert_int_equal(schema_print(SCHEMA_AVRO, V("\"x\""), NULL, other, 2, &c), 0);
	assert_true(sha256_equal(a, b));
	assert_false(sha256_equal(a, c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payloads_carry_ids),
		cmocka_unit_test(headers_carry_ids),
		cmocka_unit_test(protobuf_names_its_message),
		cmocka_unit_test(a_topic_shows_its_ids),
		cmocka_unit_test(headers_go_before_payloads),
		cmocka_unit_test(too_many_ids_are_counted),
		cmocka_unit_test(schemas_are_told_apart),
		cmocka_unit_test(what_is_no_schema_is_taken_as_it_stands),
		cmocka_unit_test(references_are_part_of_a_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

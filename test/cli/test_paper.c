/* test_paper.c - wrapping, widths of wide and combining characters, aligned columns. */
#include "cli/harness.h"

#include "cli/paper.h"

static void test_columns(void **state)
{
	assert_int_equal(text_columns(view_text("")), 0);
	assert_int_equal(text_columns(view_text("orders")), 6);
	assert_int_equal(text_columns(view_text("caf\u00e9")), 4);
	assert_int_equal(text_columns(view_text("cafe\u0301")), 4);
	assert_int_equal(text_columns(view_text("\u6ce8\u6587")), 4);
	assert_int_equal(text_columns(view_text("\xe6\xb3")),
			 2); /* cut short: a column a byte, and no byte past the end */
}

static void test_wrap(void **state)
{
	struct paper paper;

	paper_init(&paper, 40, false);
	paper_wrap(&paper, 0, 4, "one two three four five six seven eight nine ten");
	paper_wrap(&paper, 0, 0, "averyveryveryveryveryveryveryveryverylongword and more");
	paper_wrap(&paper, 0, 0, "");
	assert_string_equal(buffer_string(&paper.text),
			    "one two three four five six seven eight\n    nine ten\n"
			    "averyveryveryveryveryveryveryveryverylongword\nand more\n\n");
	paper_done(&paper);
}

static void test_table(void **state)
{
	struct paper paper;
	struct table table;

	paper_init(&paper, 40, false);
	table_init(&table, "lrl", 2);
	table_head(&table, "name", "count", "says", NULL);
	table_name(&table, INK_PLAIN, view_text("\u6ce8\u6587"));
	table_cell(&table, INK_PLAIN, "%d", 7);
	table_cell(&table, INK_PLAIN, "a sentence that is longer than this paper is wide");
	table_name(&table, INK_PLAIN, view_of("a\033b\xff", 4));
	table_cell(&table, INK_PLAIN, "%d", 12345678);
	table_cell(&table, INK_PLAIN, "short");
	table_print(&table, &paper);
	assert_string_equal(buffer_string(&paper.text), "  name           count  says\n"
							"  \u6ce8\u6587               7  a sentence that\n"
							"                        is longer than\n"
							"                        this paper is\n"
							"                        wide\n"
							"  a\\x1bb\\xff  12345678  short\n");
	table_done(&table);
	paper_done(&paper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

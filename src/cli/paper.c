/* paper.c - colours, wrapping and tables, on a buffer. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/paper.h"

#define PAPER_SIZE_MAX  (256u << 20)
#define PAPER_WIDTH_MIN 40

struct table_cell {
	char *text;
	enum ink ink;
};

static const char *const inks[] = {
	[INK_PLAIN] = "",        [INK_BOLD] = "\033[1m",   [INK_DIM] = "\033[2m",
	[INK_GOOD] = "\033[32m", [INK_BAD] = "\033[1;31m", [INK_DOUBT] = "\033[33m",
};

void paper_init(struct paper *paper, int width, bool color)
{
	buffer_init(&paper->text, PAPER_SIZE_MAX);
	paper->width = width < PAPER_WIDTH_MIN ? PAPER_WIDTH_MIN : width;
	paper->color = color;
}

void paper_done(struct paper *paper)
{
	buffer_done(&paper->text);
}

static void ink_put(struct paper *paper, enum ink ink, const char *text)
{
	bool dipped = paper->color && ink != INK_PLAIN && *text;

	if (dipped)
		buffer_text(&paper->text, inks[ink]);
	buffer_text(&paper->text, text);
	if (dipped)
		buffer_text(&paper->text, "\033[0m");
}

void paper_ink(struct paper *paper, enum ink ink, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	ink_put(paper, ink, text ? text : "(out of memory)");
	free(text);
}

void paper_line(struct paper *paper, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	buffer_text(&paper->text, text ? text : "(out of memory)");
	buffer_text(&paper->text, "\n");
	free(text);
}

void paper_gap(struct paper *paper)
{
	buffer_text(&paper->text, "\n");
}

void paper_safe(struct paper *paper, struct view name)
{
	text_safe(&paper->text, name);
}

/* One code point of UTF-8 that is known to be valid or was made safe before; a stray byte counts as itself. */
static uint32_t rune_next(struct view *text)
{
	const uint8_t *at = text->at;
	int size = at[0] < 0x80 ? 1 : at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc0 ? 2 : 1;
	uint32_t rune = size == 1 ? at[0] : at[0] & (0x7fu >> size);

	if ((size_t)size > text->size)
		size = 1;
	for (int index = 1; index < size; index++)
		rune = rune << 6 | (at[index] & 0x3f);
	text->at += size;
	text->size -= (size_t)size;
	return rune;
}

/* The blocks that matter to names of topics and groups; the terminal's own table differs only in rare corners. */
static int rune_columns(uint32_t rune)
{
	static const struct {
		uint32_t from, to;
		int columns;
	} blocks[] = {
		{ 0x0300, 0x036f, 0 },   { 0x0483, 0x0489, 0 },   { 0x0591, 0x05bd, 0 },
		{ 0x0610, 0x061a, 0 },   { 0x064b, 0x065f, 0 },   { 0x0e34, 0x0e3a, 0 },
		{ 0x1100, 0x115f, 2 },   { 0x1ab0, 0x1aff, 0 },   { 0x1dc0, 0x1dff, 0 },
		{ 0x200b, 0x200f, 0 },   { 0x20d0, 0x20ff, 0 },   { 0x2e80, 0x303e, 2 },
		{ 0x3041, 0xa4cf, 2 },   { 0xac00, 0xd7a3, 2 },   { 0xf900, 0xfaff, 2 },
		{ 0xfe00, 0xfe0f, 0 },   { 0xfe30, 0xfe6f, 2 },   { 0xff00, 0xff60, 2 },
		{ 0xffe0, 0xffe6, 2 },   { 0x1f300, 0x1f64f, 2 }, { 0x1f680, 0x1f6ff, 2 },
		{ 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 },
	};

	for (size_t index = 0; index < sizeof blocks / sizeof blocks[0]; index++)
		if (rune >= blocks[index].from && rune <= blocks[index].to)
			return blocks[index].columns;
	return 1;
}

int text_columns(struct view text)
{
	int columns = 0;

	while (text.size)
		columns += rune_columns(rune_next(&text));
	return columns;
}

static void blanks(struct paper *paper, int count)
{
	buffer_printf(&paper->text, "%*s", count > 0 ? count : 0, "");
}

void paper_wrap(struct paper *paper, int first, int indent, const char *text)
{
	int column = first;
	bool fresh = true; /* nothing of the text stands on this line yet */

	while (*text) {
		size_t size = strcspn(text, " \n");
		int columns = text_columns(view_of(text, size));

		if (size && !fresh && column + 1 + columns > paper->width) {
			buffer_text(&paper->text, "\n");
			blanks(paper, indent);
			column = indent;
			fresh = true;
		}
		if (size) {
			if (!fresh)
				buffer_text(&paper->text, " ");
			column += columns + !fresh;
			buffer_put(&paper->text, text, size);
			fresh = false;
		}
		text += size;
		text += strspn(text, " \n");
	}
	buffer_text(&paper->text, "\n");
}

void paper_wrap_safe(struct paper *paper, int first, int indent, const char *text)
{
	struct buffer safe;

	buffer_init(&safe, 1u << 20);
	text_safe(&safe, view_text(text ? text : ""));
	paper_wrap(paper, first, indent, buffer_string(&safe));
	buffer_done(&safe);
}

void table_init(struct table *table, const char *layout, int indent)
{
	memset(table, 0, sizeof *table);
	table->indent = indent;
	for (; layout[table->columns] && table->columns < TABLE_COLUMNS_MAX; table->columns++)
		table->right[table->columns] = layout[table->columns] == 'r';
}

void table_done(struct table *table)
{
	for (int index = 0; index < table->count; index++)
		free(table->cells[index].text);
	free(table->cells);
	memset(table, 0, sizeof *table);
}

static void cell_add(struct table *table, enum ink ink, char *text)
{
	if (table->count == table->capacity) {
		int capacity = table->capacity ? table->capacity * 2 : 64;
		struct table_cell *cells = realloc(table->cells, (size_t)capacity * sizeof *cells);

		if (!cells) {
			table->failed = true;
			free(text);
			return;
		}
		table->cells = cells;
		table->capacity = capacity;
	}
	if (!text)
		table->failed = true;
	table->cells[table->count++] = (struct table_cell){ .text = text, .ink = ink };
}

void table_head(struct table *table, const char *first, ...)
{
	va_list names;

	va_start(names, first);
	for (const char *name = first; name; name = va_arg(names, const char *))
		cell_add(table, INK_DIM, strdup(name));
	va_end(names);
}

void table_cell(struct table *table, enum ink ink, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	cell_add(table, ink, text);
}

void table_name(struct table *table, enum ink ink, struct view name)
{
	struct buffer safe;

	buffer_init(&safe, PAPER_SIZE_MAX);
	text_safe(&safe, name);
	cell_add(table, ink, strdup(buffer_string(&safe)));
	buffer_done(&safe);
}

#define SENTENCE_COLUMNS 12

static void row_print(const struct table *table, struct paper *paper, int row, const int widths[])
{
	int column = table->indent;

	blanks(paper, table->indent);
	for (int index = 0; index < table->columns; index++) {
		const struct table_cell *cell = &table->cells[row * table->columns + index];
		int pad = widths[index] - text_columns(view_text(cell->text));
		bool last = index + 1 == table->columns;

		if (table->right[index])
			blanks(paper, pad);
		/* The last text may be a sentence; where there is no room for one, a long line is easier to read. */
		if (last && !table->right[index] && paper->width - column >= SENTENCE_COLUMNS) {
			paper_wrap(paper, column, column, cell->text);
			return;
		}
		ink_put(paper, cell->ink, cell->text);
		if (!last)
			blanks(paper, (table->right[index] ? 0 : pad) + 2);
		column += widths[index] + 2;
	}
	buffer_text(&paper->text, "\n");
}

void table_print(struct table *table, struct paper *paper)
{
	int widths[TABLE_COLUMNS_MAX] = { 0 };
	int rows = table->columns ? table->count / table->columns : 0;

	if (table->failed) {
		paper_line(paper, "(out of memory: a table is missing here)");
		return;
	}
	for (int index = 0; index < rows * table->columns; index++) {
		int columns = text_columns(view_text(table->cells[index].text));

		if (columns > widths[index % table->columns])
			widths[index % table->columns] = columns;
	}
	for (int row = 0; row < rows; row++)
		row_print(table, paper, row, widths);
}

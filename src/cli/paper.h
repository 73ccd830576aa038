/*
 * paper.h - text laid out for people: wrapped paragraphs, aligned tables, colour where it is wanted.
 *
 * A paper is only a buffer with a width; who made it decides where it goes.  So what a verb shows can be tested as a
 * text, and a test sees what an operator sees.  Names from outside go through paper_safe(): a topic or a group whose
 * name holds an escape sequence must not steer a terminal.
 */
#ifndef CLI_PAPER_H
#define CLI_PAPER_H

#include "base/buffer.h"

enum ink {
	INK_PLAIN,
	INK_BOLD,
	INK_DIM,
	INK_GOOD,  /* green: open */
	INK_BAD,   /* red: shut */
	INK_DOUBT, /* yellow: unknown */
};

struct paper {
	struct buffer text;
	int width; /* columns; paragraphs are wrapped to it */
	bool color;
};

#define PAPER_WIDTH_DEFAULT 100

void paper_init(struct paper *paper, int width, bool color);
void paper_done(struct paper *paper);

void paper_ink(struct paper *paper, enum ink ink, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void paper_line(struct paper *paper, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An empty line. */
void paper_gap(struct paper *paper);
void paper_safe(struct paper *paper, struct view name);

/* Words of `text` wrapped to the width; `first` columns before the first line are taken already, later lines start
 * with `indent` blanks.  Ends with a line feed. */
void paper_wrap(struct paper *paper, int first, int indent, const char *text);

/* The same for a text from outside, as paper_safe(). */
void paper_wrap_safe(struct paper *paper, int first, int indent, const char *text);

/* Columns that `text` takes on a terminal: 0 for a combining mark, 2 for a wide character. */
int text_columns(struct view text);

/* A table: cells from left to right, rows one after another; columns are as wide as their widest cell. */
#define TABLE_COLUMNS_MAX 16

struct table {
	int columns, indent;
	bool right[TABLE_COLUMNS_MAX]; /* numbers stand to the right */
	struct table_cell *cells;
	int count, capacity;
	bool failed; /* memory ran out: nothing is shown but a line that says so */
};

/* `layout` has a letter a column: l or r; the last l column is wrapped when the paper is too narrow. */
void table_init(struct table *table, const char *layout, int indent);
void table_done(struct table *table);
void table_head(struct table *table, const char *first, ...) __attribute__((sentinel));
void table_cell(struct table *table, enum ink ink, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void table_name(struct table *table, enum ink ink, struct view name); /* goes through text_safe() */
void table_print(struct table *table, struct paper *paper);

#endif

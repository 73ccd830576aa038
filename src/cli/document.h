/*
 * document.h - a page for people, as Markdown or as one HTML file: heads, paragraphs, lists, tables, commands.
 *
 * Whoever writes it says what a thing is, never how it looks.  Every text is escaped for where it stands: names, reasons
 * and answers come from outside, and must steer neither a terminal nor a browser.  The HTML needs nothing from elsewhere.
 */
#ifndef CLI_DOCUMENT_H
#define CLI_DOCUMENT_H

#include <stdbool.h>

#include "base/buffer.h"

#define DOCUMENT_SIZE_MAX (64u << 20)

struct document {
	struct buffer text;
	bool html;
	int open; /* what is not closed yet: a list, a table */
};

void document_init(struct document *document, bool html, const char *title);
void document_end(struct document *document); /* closes what is open; `text` is whole after it */
void document_done(struct document *document);

/* `level` 1 to 3. */
void document_head(struct document *document, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void document_say(struct document *document, const char *format, ...) __attribute__((format(printf, 2, 3)));
void document_item(struct document *document, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A command, in letters of equal width, alone on its line. */
void document_code(struct document *document, const char *text);

/* The cells of a row, ends with NULL.  The first row after something else is the head of a table. */
void document_row(struct document *document, const char *first, ...) __attribute__((sentinel));

#endif

/* document.c - Markdown and HTML. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/document.h"

enum { NOTHING, LIST, TABLE };

static const char style[] =
	"body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
	"table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2em .5em;text-align:left;"
	"vertical-align:top}pre{background:#f3f3f3;padding:.5em;white-space:pre-wrap}"
	"h2{border-bottom:1px solid #bbb}";

/* Bytes that steer a terminal go first, then what the language reads as its own. */
static void put(struct document *d, const char *text, bool code)
{
	struct buffer safe;

	buffer_init(&safe, DOCUMENT_SIZE_MAX);
	text_safe(&safe, view_text(text));
	for (size_t i = 0; i < safe.size; i++) {
		char c = (char)safe.at[i];

		if (d->html && c == '<')
			buffer_text(&d->text, "&lt;");
		else if (d->html && c == '>')
			buffer_text(&d->text, "&gt;");
		else if (d->html && c == '&')
			buffer_text(&d->text, "&amp;");
		else if (d->html && c == '"')
			buffer_text(&d->text, "&quot;");
		else if (!d->html && !code && strchr("<|`*\\", c))
			buffer_printf(&d->text, "\\%c", c);
		else
			buffer_put(&d->text, &c, 1);
	}
	buffer_done(&safe);
}

static void close_open(struct document *d, int but)
{
	if (d->open == but)
		return;
	if (d->html)
		buffer_text(&d->text, d->open == LIST ? "</ul>\n" : d->open == TABLE ? "</table>\n" : "");
	else if (d->open != NOTHING)
		buffer_text(&d->text, "\n");
	d->open = NOTHING;
}

static char *format_text(const char *format, va_list list) __attribute__((format(printf, 1, 0)));
static char *format_text(const char *format, va_list list)
{
	char *text = NULL;

	return vasprintf(&text, format, list) < 0 ? NULL : text;
}

static void put_line(struct document *d, const char *before, const char *format, va_list list,
		     const char *after) __attribute__((format(printf, 3, 0)));
static void put_line(struct document *d, const char *before, const char *format, va_list list,
		     const char *after)
{
	char *text = format_text(format, list);

	buffer_text(&d->text, before);
	put(d, text ? text : "", false);
	buffer_text(&d->text, after);
	free(text);
}

void document_init(struct document *d, bool html, const char *title)
{
	*d = (struct document){ .html = html };
	buffer_init(&d->text, DOCUMENT_SIZE_MAX);
	if (!html)
		return;
	buffer_text(&d->text, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>");
	put(d, title, false);
	buffer_printf(&d->text, "</title>\n<style>%s</style>\n", style);
}

void document_end(struct document *d)
{
	close_open(d, NOTHING);
	if (d->html)
		buffer_text(&d->text, "</html>\n");
}

void document_done(struct document *d)
{
	buffer_done(&d->text);
}

void document_head(struct document *d, int level, const char *format, ...)
{
	static const char *const marks[] = { "", "# ", "## ", "### " };
	char before[8], after[8];
	va_list list;

	close_open(d, NOTHING);
	snprintf(before, sizeof before, "<h%d>", level);
	snprintf(after, sizeof after, "</h%d>\n", level);
	va_start(list, format);
	put_line(d, d->html ? before : marks[level], format, list, d->html ? after : "\n\n");
	va_end(list);
}

void document_say(struct document *d, const char *format, ...)
{
	va_list list;

	close_open(d, NOTHING);
	va_start(list, format);
	put_line(d, d->html ? "<p>" : "", format, list, d->html ? "</p>\n" : "\n\n");
	va_end(list);
}

void document_item(struct document *d, const char *format, ...)
{
	va_list list;

	close_open(d, LIST);
	if (d->html && d->open != LIST)
		buffer_text(&d->text, "<ul>\n");
	d->open = LIST;
	va_start(list, format);
	put_line(d, d->html ? "<li>" : "- ", format, list, d->html ? "</li>\n" : "\n");
	va_end(list);
}

void document_code(struct document *d, const char *text)
{
	close_open(d, NOTHING);
	buffer_text(&d->text, d->html ? "<pre>" : "    ");
	put(d, text, true);
	buffer_text(&d->text, d->html ? "</pre>\n" : "\n\n");
}

void document_row(struct document *d, const char *first, ...)
{
	bool head = d->open != TABLE;
	const char *cell = first, *tag = head ? "th" : "td";
	int columns = 0;
	va_list list;

	close_open(d, TABLE);
	if (d->html && head)
		buffer_text(&d->text, "<table>\n");
	d->open = TABLE;
	va_start(list, first);
	buffer_text(&d->text, d->html ? "<tr>" : "|");
	for (; cell; cell = va_arg(list, const char *), columns++) {
		if (d->html)
			buffer_printf(&d->text, "<%s>", tag);
		else
			buffer_text(&d->text, " ");
		put(d, cell, false);
		if (d->html)
			buffer_printf(&d->text, "</%s>", tag);
		else
			buffer_text(&d->text, " |");
	}
	va_end(list);
	buffer_text(&d->text, d->html ? "</tr>\n" : "\n");
	if (!d->html && head) {
		buffer_text(&d->text, "|");
		while (columns-- > 0)
			buffer_text(&d->text, " --- |");
		buffer_text(&d->text, "\n");
	}
}

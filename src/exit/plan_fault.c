/* plan_fault.c - the list of what is wrong with a plan. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "exit/plan_fault.h"

#define PLAN_FAULT_TEXT_SIZE_MAX 1000

void plan_faults_init(struct plan_faults *faults, const char *file)
{
	*faults = (struct plan_faults){ 0 };
	arena_init(&faults->arena, 256 * 1024);
	faults->file = arena_text(&faults->arena, file);
	if (!faults->file)
		faults->file = "plan";
}

void plan_faults_done(struct plan_faults *faults)
{
	arena_done(&faults->arena);
	*faults = (struct plan_faults){ 0 };
}

static bool already_said(const struct plan_faults *faults, struct mark at, const char *text)
{
	for (int i = 0; i < faults->count; i++)
		if (faults->at[i].at.line == at.line && faults->at[i].at.column == at.column &&
		    strcmp(faults->at[i].text, text) == 0)
			return true;
	return false;
}

void plan_fault_add(struct plan_faults *faults, struct mark at, const char *format, ...)
{
	char raw[PLAN_FAULT_TEXT_SIZE_MAX];
	struct buffer safe;
	va_list args;
	const char *text;

	va_start(args, format);
	vsnprintf(raw, sizeof raw, format, args);
	va_end(args);

	buffer_init(&safe, 4 * PLAN_FAULT_TEXT_SIZE_MAX);
	text_safe(&safe, view_text(raw));
	text = buffer_string(&safe);
	if (!already_said(faults, at, text)) {
		text = faults->count < PLAN_FAULTS_MAX ? arena_text(&faults->arena, text) : NULL;
		if (text)
			faults->at[faults->count++] = (struct plan_fault){ at, text };
		else
			faults->more++;
	}
	buffer_done(&safe);
}

static int by_place(const void *a, const void *b)
{
	const struct plan_fault *x = a, *y = b;

	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	if (x->at.column != y->at.column)
		return x->at.column < y->at.column ? -1 : 1;
	return strcmp(x->text, y->text);
}

void plan_faults_sort(struct plan_faults *faults)
{
	qsort(faults->at, (size_t)faults->count, sizeof faults->at[0], by_place);
}

void plan_faults_print(const struct plan_faults *faults, struct buffer *out)
{
	for (int i = 0; i < faults->count; i++) {
		const struct plan_fault *fault = &faults->at[i];

		if (fault->at.line)
			buffer_printf(out, "%s:%d:%d: %s\n", faults->file, fault->at.line, fault->at.column,
				      fault->text);
		else
			buffer_printf(out, "%s: %s\n", faults->file, fault->text);
	}
	if (faults->more)
		buffer_printf(out, "%s: and %d more; mend these first\n", faults->file, faults->more);
}

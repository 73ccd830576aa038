/* log.c - lines to standard error, with the time in front. */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"

static enum log_level log_level_most = LOG_WARNING;

void log_set_level(enum log_level level)
{
	log_level_most = level;
}

void log_line(enum log_level level, const char *format, ...)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };
	char when[UNIT_TEXT_SIZE], line[2000];
	va_list arguments;

	if (level > log_level_most)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	fprintf(stderr, "%s %s: %s\n", time_text(clock_wall_ms(&clock_system), when), words[level], line);
}

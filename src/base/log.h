/*
 * log.h - one line to standard error, for the program to say what an operator should know.
 *
 * Only programs log (cli/ and the long-running jobs), once, where they decide what to do; lower floors return errors.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Lines above `level` are dropped.  The default is LOG_WARNING. */
void log_set_level(enum log_level level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

/*
 * parent.h - a process that shall not outlive the one that started it, not even when that one is killed.
 *
 * Who starts it puts parent_word() into its environment; it calls parent_watch() before anything else.  From then on it gets
 * SIGTERM when the thread that started it is gone.  Where the kernel has no such thing (it is Linux's) nothing happens.
 */
#ifndef BASE_PARENT_H
#define BASE_PARENT_H

#include <stddef.h>

/* "NAME=value" that names this process. */
void parent_word(char *out, size_t size);

/* Does nothing when nobody put a word there.  A parent that is gone already ends us at once.  The word is not passed on. */
void parent_watch(void);

#endif

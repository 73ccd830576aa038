/*
 * mirror.h - sentences about two sides, when the sides change places.
 *
 * While authority is on the target, the target is what the source is compared with.  Rules and collectors speak of the
 * side that is the reference as the source; a sentence for people must name the cluster that is meant.
 */
#ifndef EXIT_MIRROR_H
#define EXIT_MIRROR_H

#include <stddef.h>

/* Copies `text` with "source" and "target" exchanged; cut to `size` bytes, the NUL included. */
void mirror_words(const char *text, char *out, size_t size);

#endif

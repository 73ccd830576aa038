/*
 * plain.h - JSON of which one sees at once that it is canonical: no blank, no escape, no fraction, keys that ascend, and
 * letters of ASCII.  Nearly every body of a frame is such text, and to read it so costs half of what a general reader takes.
 */
#ifndef EXIT_PLAIN_H
#define EXIT_PLAIN_H

#include <jansson.h>

#include "base/view.h"

/*
 * The object, new; or NULL, which says nothing about the text (nor about memory): a general reader must look at it.  What
 * is read here that reader reads to the same value, and writing it in canonical form gives the same bytes again.
 */
json_t *plain_read(struct view text);

#endif

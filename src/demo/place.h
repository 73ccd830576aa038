/* place.h - the folder of a play: made, filled, and taken away. */
#ifndef DEMO_PLACE_H
#define DEMO_PLACE_H

#include <stdbool.h>

#include "base/err.h"

#define PLACE_PATH_SIZE 4096

/* `keep`: that folder, made or empty; NULL: a new one under TMPDIR.  Its absolute path. */
int place_make(const char *keep, char path[PLACE_PATH_SIZE], struct fault *fault);

/* The folder and everything in it; follows no link. */
void place_remove(const char *path);

/* FOLDER/NAME with this text; `executable`: it may be run. */
int place_write(const char *folder, const char *name, const char *text, bool executable, struct fault *fault);

#endif

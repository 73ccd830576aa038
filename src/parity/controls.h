/*
 * controls.h - is the instrument itself in order?  Asked before a verdict may be open.
 *
 * Each class that the engine can find is planted into a small log of its own, through the same decoder, join and
 * resolution as the real ones; exactly it must be found.  A log held against itself must show nothing.
 */
#ifndef PARITY_CONTROLS_H
#define PARITY_CONTROLS_H

#include "base/err.h"

/* 0 when all is well; ERR_INTERNAL with the control that failed, ERR_MEMORY. */
int controls_run(struct fault *fault);

#endif

/*
 * units.h - values with units, as operators write them.
 *
 * Durations `500ms 5s 10m 2h 7d`, sizes `64KiB 256MiB 1GB` (bare digits are bytes), rates `100MB/s`, percentages
 * `30%`, times RFC 3339 or back from now (`-2h`).  A number without its unit is refused with the words that would do.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include "base/err.h"
#include "base/view.h"

int duration_parse(struct view text, int64_t *out_ms, struct fault *fault);
int size_parse(struct view text, uint64_t *out_bytes, struct fault *fault);
int rate_parse(struct view text, uint64_t *out_bytes_per_s, struct fault *fault);
int percent_parse(struct view text, double *out_percent, struct fault *fault);
int count_parse(struct view text, uint64_t *out, struct fault *fault);

/* `now_ms` is wall time; "-2h" means two hours before it. */
int time_parse(struct view text, int64_t now_ms, int64_t *out_ms, struct fault *fault);

/* Each writes a short text for people into `out` and returns it: "1.5 s", "2 h 5 min", "12.3 MiB", "104,000". */
#define UNIT_TEXT_SIZE 40
char *duration_text(int64_t ms, char out[UNIT_TEXT_SIZE]);
char *size_text(uint64_t bytes, char out[UNIT_TEXT_SIZE]);
char *count_text(uint64_t count, char out[UNIT_TEXT_SIZE]);

/* RFC 3339 in UTC with milliseconds: "2026-11-22T12:00:00.000Z". */
char *time_text(int64_t wall_ms, char out[UNIT_TEXT_SIZE]);

#endif

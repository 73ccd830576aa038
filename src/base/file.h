/* file.h - whole files: read with a limit, replaced in one step. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buffer.h"
#include "base/err.h"

/* Appends the file to `out`.  ERR_NOT_FOUND, ERR_IO, or ERR_LIMIT past the buffer's limit, each with a sentence. */
int file_read(const char *path, struct buffer *out, struct fault *fault);

/*
 * Replaces `path` by `bytes`: a new file beside it, synced, renamed over it, the folder synced.  After a failure the
 * old file is as it was and the new one is gone.  ERR_FULL when the disk is.  The file is readable by its owner only.
 */
int file_replace(const char *path, struct view bytes, struct fault *fault);

#endif

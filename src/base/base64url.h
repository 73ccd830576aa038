/* base64url.h - base64 in the letters of URLs, without padding (RFC 4648, section 5): how tokens and keys are written. */
#ifndef BASE_BASE64URL_H
#define BASE_BASE64URL_H

#include "base/buffer.h"

/* Appends the bytes.  False for any other character, a length that cannot be, or a full buffer; then `out` holds a part. */
bool base64url_take(struct view text, struct buffer *out);

#endif

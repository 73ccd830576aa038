/*
 * property_help.h - what each property and each topic config does, in a sentence, and the page that is made of them.
 *
 * A name that the tables have and this one has not stands on the page without a sentence, and a test refuses that.
 */
#ifndef BROKER_PROPERTY_HELP_H
#define BROKER_PROPERTY_HELP_H

#include "base/buffer.h"

/* docs/broker-properties.md. */
void properties_document(struct buffer *out);

#endif

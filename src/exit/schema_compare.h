/*
 * schema_compare.h - do two schema texts say the same?  Pure.
 *
 * Each text is brought into a canonical form, and the fingerprint is the SHA-256 of that: equal fingerprints, equal
 * schemas.  What the formats say does not matter is taken out, and nothing else:
 *
 *	AVRO      blanks, order of attributes, {"type": "int"} for "int", a name's namespace given in any of its ways
 *	          (https://avro.apache.org/docs/1.12.0/specification/#parsing-canonical-form-for-schemas); attributes
 *	          that a reader can see (default, aliases, logicalType, properties of one's own) stay
 *	JSON      blanks, order of members, order within `required`, `enum` and `type`
 *	PROTOBUF  comments, blanks, the kind of quotes
 *
 * Documentation (Avro's doc; title, description, $comment and examples of JSON Schema) counts, unless it is declared
 * that it does not.
 */
#ifndef EXIT_SCHEMA_COMPARE_H
#define EXIT_SCHEMA_COMPARE_H

#include "base/buffer.h"
#include "base/err.h"
#include "exit/sha256.h"

enum schema_type { SCHEMA_AVRO, SCHEMA_JSON, SCHEMA_PROTOBUF, SCHEMA_OTHER };

/* "AVRO" and so on; a registry that says nothing means AVRO. */
const char *schema_type_word(enum schema_type type);
enum schema_type schema_type_named(const char *word);

struct schema_rules {
	bool ignore_docs;
};

/*
 * Appends the canonical form.  0; 1 when the text is not in its format, or in a format that is not known here, so that
 * it is taken as it stands, but for blanks around it; ERR_LIMIT (nested too deep, or `out` is full), ERR_MEMORY.
 */
int schema_canonical(enum schema_type type, struct view text, const struct schema_rules *rules,
		     struct buffer *out);

/* A schema that this one refers to: by which name, and what it is. */
struct schema_link {
	struct view name;
	struct sha256 print;
};

/*
 * The fingerprint of a schema with all that it refers to.  Sorts `links` by name.  Returns as schema_canonical().
 */
int schema_print(enum schema_type type, struct view text, const struct schema_rules *rules,
		 struct schema_link *links, int link_count, struct sha256 *out);

#endif

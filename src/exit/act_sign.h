/*
 * act_sign.h - an owner's act under the owner's key: what is signed, and what a signature must satisfy to count.
 *
 * Signed are exit, family, act, by, reason and arguments, a nonce and a time, as one canonical text.  A signature counts
 * when it is by the key that the plan in force names for that owner, was made near the time of its frame, and its nonce
 * was not seen before: an act that was copied asks for nothing.
 *
 * Where an act takes two owners and the plan wants signatures, the second one (arguments.second) signs the same text under a
 * title of its own, so that neither signature can stand for the other: `second_signature`.
 */
#ifndef EXIT_ACT_SIGN_H
#define EXIT_ACT_SIGN_H

#include <jansson.h>

#include "exit/note.h"

#define ACT_NONCE_SIZE 16

/* Between signing and the frame; nonces are remembered for twice as long (state.h). */
#define ACT_SIGN_AGE_MS_MAX 3600000

/*
 * Adds `nonce`, `time` and `signature` to `body` (family, act, by, reason, arguments).  ERR_MALFORMED for a body that is
 * not all of that, ERR_MEMORY.
 */
int act_sign(json_t *body, const char *exit, const struct note_key *key, const uint8_t nonce[ACT_NONCE_SIZE],
	     int64_t wall_ms);

/* Adds `second_signature` to an act that is signed already.  ERR_MALFORMED for one that is not, ERR_MEMORY. */
int act_sign_second(json_t *body, const char *exit, const struct note_key *key);

/*
 * Whether an act of the state (state.h) may be carried out as far as signatures go.  `keys`, { owner: public key in
 * hexadecimal }, are those of the PLAN frame; NULL: none.  ERR_DENIED with a sentence: it is not signed and must be
 * (`required`), or its signature does not count.
 */
int act_signature_check(const json_t *act, const char *exit, const json_t *keys, bool required,
			struct fault *fault);

/* The same for the second owner, of an act that takes two and that act_signature_check() found no fault with. */
int act_second_signature_check(const json_t *act, const char *exit, const json_t *keys, bool required,
			       struct fault *fault);

#endif

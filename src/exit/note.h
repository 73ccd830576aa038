/*
 * note.h - a checkpoint of the journal as a signed note: what a holder outside keeps, so that rewriting shows.
 *
 *	interlock journal checkpoint 1
 *	exit orders-to-next
 *	size 4711
 *	root 9f86d0...			SHA-256 of frame 4711, which holds the hash of the one before, and so on
 *	time 1795695377852		wall ms
 *	key 2b1c...			the public key, Ed25519
 *	signature 77aa...		over all lines above, their line feeds included
 *
 * The hash chain is the one commitment: a note vouches for every frame up to its own.  A later note of the same exit must
 * have the same root at the same size.
 */
#ifndef EXIT_NOTE_H
#define EXIT_NOTE_H

#include "base/buffer.h"
#include "base/err.h"
#include "exit/sha256.h"

#define NOTE_KEY_SIZE       32
#define NOTE_SIGNATURE_SIZE 64
#define NOTE_SIZE_MAX       2000
#define NOTE_EXIT_SIZE_MAX  300

struct note {
	char exit[NOTE_EXIT_SIZE_MAX];
	uint64_t size;
	struct sha256 root;
	int64_t wall_ms;
	uint8_t key[NOTE_KEY_SIZE];
};

/* A private key that signs. */
struct note_key;

/*
 * Reads the key from `path` (PEM), or makes one there, readable by its owner only, when there is none and `make` is set.
 * ERR_NOT_FOUND, ERR_DENIED, ERR_IO, ERR_MALFORMED (it is no Ed25519 key).
 */
int note_key_open(const char *path, bool make, struct note_key **out, struct fault *fault);
void note_key_free(struct note_key *key); /* NULL is silent */
void note_key_public(const struct note_key *key, uint8_t out[NOTE_KEY_SIZE]);

/* The public key in the file `path` (PEM: "BEGIN PUBLIC KEY").  Errors as note_key_open(). */
int note_key_read_public(const char *path, uint8_t out[NOTE_KEY_SIZE], struct fault *fault);

/* Signs bytes; ERR_MEMORY. */
int note_key_sign(const struct note_key *key, struct view bytes, uint8_t out[NOTE_SIGNATURE_SIZE]);

/* Whether the signature is of these bytes, by that key. */
bool note_key_check(const uint8_t key[NOTE_KEY_SIZE], struct view bytes,
		    const uint8_t signature[NOTE_SIGNATURE_SIZE]);

/* Sets note->key and appends the text.  ERR_USAGE: an exit's name with control characters, or too long; ERR_MEMORY. */
int note_write(struct note *note, const struct note_key *key, struct buffer *out);

/*
 * Reads one note at the beginning of `text` and checks its signature by the key that it names.  Returns the bytes it took.
 * ERR_MALFORMED, ERR_CHECKSUM (the signature does not match).  Whose key it is, is for the caller to know.
 */
int note_read(struct view text, struct note *out, struct fault *fault);

#endif

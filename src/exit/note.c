/* note.c - signed notes, over OpenSSL's Ed25519 (RFC 8032). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "exit/note.h"

#define TITLE "interlock journal checkpoint 1\n"

struct note_key {
	EVP_PKEY *pair;
};

/* ---- keys ---- */

static int take_key(EVP_PKEY *pair, const char *path, struct note_key **out, struct fault *fault)
{
	struct note_key *key;

	if (!pair || EVP_PKEY_id(pair) != EVP_PKEY_ED25519) {
		EVP_PKEY_free(pair);
		return fault_set(fault, ERR_MALFORMED,
				 "%s holds no private key of the kind Ed25519 without a password", path);
	}
	key = calloc(1, sizeof *key);
	if (!key) {
		EVP_PKEY_free(pair);
		return fault_set(fault, ERR_MEMORY, "no memory for a key");
	}
	key->pair = pair;
	*out = key;
	return 0;
}

/* No password is ever asked for on a terminal: such a key is refused. */
static int no_password(char *text, int size, int writing, void *context)
{
	return 0;
}

static int cannot_open(const char *path, struct fault *fault)
{
	return fault_set(fault,
			 errno == ENOENT   ? ERR_NOT_FOUND
			 : errno == EACCES ? ERR_DENIED
					   : ERR_IO,
			 "the key %s cannot be read: %s", path, strerror(errno));
}

static int read_key(const char *path, struct note_key **out, struct fault *fault)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *pair;

	if (!file)
		return cannot_open(path, fault);
	pair = PEM_read_PrivateKey(file, NULL, no_password, NULL);
	fclose(file);
	return take_key(pair, path, out, fault);
}

/* Made once: whoever loses the race reads the winner's. */
static int make_key(const char *path, struct note_key **out, struct fault *fault)
{
	int number = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *file = number < 0 ? NULL : fdopen(number, "w");
	EVP_PKEY *pair;
	bool written;

	if (number < 0 && errno == EEXIST)
		return read_key(path, out, fault);
	if (!file)
		return fault_set(fault, errno == ENOSPC ? ERR_FULL : ERR_IO, "the key %s cannot be made: %s",
				 path, strerror(errno));
	pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	written = pair && PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL) == 1 &&
		  fflush(file) == 0 && fsync(number) == 0;
	if (fclose(file) != 0 || !written) {
		EVP_PKEY_free(pair);
		unlink(path);
		return fault_set(fault, ERR_IO, "the key %s cannot be written", path);
	}
	return take_key(pair, path, out, fault);
}

int note_key_open(const char *path, bool make, struct note_key **out, struct fault *fault)
{
	int err = read_key(path, out, fault);

	return err == ERR_NOT_FOUND && make ? make_key(path, out, fault) : err;
}

void note_key_free(struct note_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pair);
	free(key);
}

void note_key_public(const struct note_key *key, uint8_t out[NOTE_KEY_SIZE])
{
	size_t size = NOTE_KEY_SIZE;

	if (EVP_PKEY_get_raw_public_key(key->pair, out, &size) != 1)
		memset(out, 0, NOTE_KEY_SIZE);
}

int note_key_read_public(const char *path, uint8_t out[NOTE_KEY_SIZE], struct fault *fault)
{
	FILE *file = fopen(path, "re");
	uint8_t key[NOTE_KEY_SIZE];
	size_t size = sizeof key;
	EVP_PKEY *public;
	bool right;

	if (!file)
		return cannot_open(path, fault);
	public = PEM_read_PUBKEY(file, NULL, no_password, NULL);
	fclose(file);
	right = public && EVP_PKEY_id(public) == EVP_PKEY_ED25519 &&
		EVP_PKEY_get_raw_public_key(public, key, &size) == 1 && size == sizeof key;
	EVP_PKEY_free(public);
	if (!right)
		return fault_set(fault, ERR_MALFORMED, "%s holds no public key of the kind Ed25519", path);
	memcpy(out, key, sizeof key);
	return 0;
}

/* ---- signing ---- */

int note_key_sign(const struct note_key *key, struct view bytes, uint8_t out[NOTE_SIGNATURE_SIZE])
{
	size_t size = NOTE_SIGNATURE_SIZE;
	EVP_MD_CTX *signing = EVP_MD_CTX_new();
	bool done = signing && EVP_DigestSignInit(signing, NULL, NULL, NULL, key->pair) == 1 &&
		    EVP_DigestSign(signing, out, &size, bytes.at, bytes.size) == 1;

	EVP_MD_CTX_free(signing);
	return done ? 0 : ERR_MEMORY;
}

bool note_key_check(const uint8_t key[NOTE_KEY_SIZE], struct view bytes,
		    const uint8_t signature[NOTE_SIGNATURE_SIZE])
{
	EVP_PKEY *public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, NOTE_KEY_SIZE);
	EVP_MD_CTX *checking = EVP_MD_CTX_new();
	bool holds = public && checking && EVP_DigestVerifyInit(checking, NULL, NULL, NULL, public) == 1 &&
		     EVP_DigestVerify(checking, signature, NOTE_SIGNATURE_SIZE, bytes.at, bytes.size) == 1;

	EVP_MD_CTX_free(checking);
	EVP_PKEY_free(public);
	return holds;
}

/* ---- writing ---- */

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20)
			return false;
	return true;
}

int note_write(struct note *note, const struct note_key *key, struct buffer *out)
{
	uint8_t signature[NOTE_SIGNATURE_SIZE];
	size_t begins = out->size;
	char root[SHA256_TEXT_SIZE];

	if (!note->exit[0] || !is_plain(note->exit))
		return ERR_USAGE;
	note_key_public(key, note->key);
	buffer_printf(out, TITLE "exit %s\nsize %" PRIu64 "\nroot %s\ntime %" PRId64 "\nkey ", note->exit,
		      note->size, sha256_text(note->root, root), note->wall_ms);
	text_hex(out, view_of(note->key, NOTE_KEY_SIZE));
	buffer_text(out, "\n");
	if (out->err)
		return out->err;
	if (note_key_sign(key, view_of(out->at + begins, out->size - begins), signature) < 0)
		return ERR_MEMORY;
	buffer_text(out, "signature ");
	text_hex(out, view_of(signature, sizeof signature));
	buffer_text(out, "\n");
	return out->err;
}

/* ---- reading ---- */

struct reading {
	struct view rest;
	bool wrong;
};

/* The rest of a line that begins with `word` and a blank. */
static struct view line(struct reading *r, const char *word)
{
	size_t size = strlen(word);
	const uint8_t *end = r->wrong || !r->rest.size ? NULL : memchr(r->rest.at, '\n', r->rest.size);
	struct view value = VIEW_NULL;

	if (!end || (size_t)(end - r->rest.at) < size || memcmp(r->rest.at, word, size) != 0) {
		r->wrong = true;
		return value;
	}
	value = view_of(r->rest.at + size, (size_t)(end - r->rest.at) - size);
	r->rest = view_of(end + 1, r->rest.size - (size_t)(end + 1 - r->rest.at));
	return value;
}

static void hex_line(struct reading *r, const char *word, uint8_t *out, size_t size)
{
	struct view text = line(r, word);

	r->wrong = r->wrong || !text_unhex(text, out, size);
}

static int64_t number_line(struct reading *r, const char *word)
{
	struct view text = line(r, word);
	int64_t value = 0;

	if (text.size < 1 || text.size > 18)
		r->wrong = true;
	for (size_t i = 0; !r->wrong && i < text.size; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			r->wrong = true;
		value = 10 * value + (text.at[i] - '0');
	}
	return value;
}

int note_read(struct view text, struct note *out, struct fault *fault)
{
	struct reading r = { { text.at, text.size < NOTE_SIZE_MAX ? text.size : NOTE_SIZE_MAX }, false };
	uint8_t signature[NOTE_SIGNATURE_SIZE];
	struct note note = { 0 };
	struct view name, before;

	line(&r, "interlock journal checkpoint 1");
	name = line(&r, "exit ");
	note.size = (uint64_t)number_line(&r, "size ");
	hex_line(&r, "root ", note.root.bytes, SHA256_SIZE);
	note.wall_ms = number_line(&r, "time ");
	hex_line(&r, "key ", note.key, NOTE_KEY_SIZE);
	before = view_of(text.at, r.wrong ? 0 : (size_t)(r.rest.at - text.at));
	hex_line(&r, "signature ", signature, sizeof signature);
	if (r.wrong || !name.size || name.size >= sizeof note.exit || memchr(name.at, 0, name.size))
		return fault_set(fault, ERR_MALFORMED, "this is no checkpoint of a journal");
	memcpy(note.exit, name.at, name.size);
	if (!note_key_check(note.key, before, signature))
		return fault_set(fault, ERR_CHECKSUM,
				 "the checkpoint for %" PRIu64 " frames has a signature that does not match",
				 note.size);
	*out = note;
	return (int)(r.rest.at - text.at);
}

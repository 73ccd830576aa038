/* pkcs12.c - PKCS#12 by OpenSSL, into PEM. */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "loop/pkcs12.h"

#define CHAIN_MAX 16 /* names that vouch for each other in a ring */

struct store {
	EVP_PKEY *key;
	X509 *certificate; /* the key's; a trust store has none */
	STACK_OF(X509) * others;
};

static void store_done(struct store *store)
{
	EVP_PKEY_free(store->key);
	X509_free(store->certificate);
	sk_X509_pop_free(store->others, X509_free);
	ERR_clear_error();
}

/* JDKs before 17 and OpenSSL before 3 encrypt with what OpenSSL 3 no longer has by itself. */
static bool is_old_cipher(void)
{
	int reason = ERR_GET_REASON(ERR_peek_last_error());

	return reason == ERR_R_UNSUPPORTED || reason == PKCS12_R_UNKNOWN_DIGEST_ALGORITHM ||
	       reason == PKCS12_R_PKCS12_CIPHERFINAL_ERROR;
}

static int explain(const char *file, struct view bytes, PKCS12 *packed, const char *password,
		   struct fault *fault)
{
	if (bytes.size >= 4 && memcmp(bytes.at, "\xfe\xed\xfe\xed", 4) == 0)
		return fault_set(fault, ERR_CONFIG,
				 "%s: this is a store of the type JKS; convert it: keytool -importkeystore "
				 "-srckeystore STORE "
				 "-destkeystore store.p12 -deststoretype PKCS12",
				 file);
	if (!packed)
		return fault_set(fault, ERR_CONFIG, "%s: this is not a PKCS#12 store", file);
	if (PKCS12_mac_present(packed) && PKCS12_verify_mac(packed, password, -1) != 1 && !is_old_cipher())
		return fault_set(fault, ERR_CONFIG, "%s: the store cannot be opened; is its password right?",
				 file);
	return fault_set(fault, ERR_CONFIG,
			 "%s: what is in the store cannot be decrypted; an old keytool or openssl encrypts "
			 "as is not safe any "
			 "more: make the store again with newer ones (keytool -importkeystore ... "
			 "-deststoretype PKCS12)",
			 file);
}

static int store_open(const char *file, const char *password, struct store *out, struct fault *fault)
{
	struct store store = { 0 };
	PKCS12 *packed = NULL;
	struct buffer bytes;
	const unsigned char *at;
	int err;

	buffer_init(&bytes, PKCS12_SIZE_MAX);
	err = file_read(file, &bytes, fault);
	if (err < 0) {
		if (fault && err != ERR_MEMORY)
			fault->err = ERR_CONFIG;
		err = err == ERR_MEMORY ? err : ERR_CONFIG;
	} else {
		at = bytes.at;
		packed = d2i_PKCS12(NULL, &at, (long)bytes.size);
		if (!packed ||
		    PKCS12_parse(packed, password, &store.key, &store.certificate, &store.others) != 1)
			err = explain(file, buffer_bytes(&bytes), packed, password, fault);
	}
	PKCS12_free(packed);
	ERR_clear_error();
	buffer_done(&bytes);
	if (err == 0)
		*out = store;
	return err;
}

/* What a memory BIO holds, and the BIO gone. */
static void put_and_free(struct buffer *out, BIO *bio)
{
	char *at;
	long size = bio ? BIO_get_mem_data(bio, &at) : 0;

	if (size > 0) {
		buffer_put(out, at, (size_t)size);
		OPENSSL_cleanse(at, (size_t)size);
	}
	BIO_free(bio);
}

static bool put_certificate(struct buffer *out, X509 *certificate)
{
	size_t before = out->size;
	BIO *bio = BIO_new(BIO_s_mem());

	if (bio)
		PEM_write_bio_X509(bio, certificate);
	put_and_free(out, bio);
	return out->size > before;
}

static X509 *issuer_of(const struct store *store, X509 *certificate)
{
	for (int i = 0; i < sk_X509_num(store->others); i++) {
		X509 *other = sk_X509_value(store->others, i);

		if (X509_check_issued(other, certificate) == X509_V_OK && X509_cmp(other, certificate) != 0)
			return other;
	}
	return NULL;
}

int pkcs12_read_key(const char *file, const char *password, struct buffer *key, struct buffer *certificates,
		    struct fault *fault)
{
	struct store store;
	int count = 0;
	bool ok;
	BIO *bio;
	int err = store_open(file, password, &store, fault);

	if (err < 0)
		return err;
	if (!store.key || !store.certificate) {
		store_done(&store);
		return fault_set(fault, ERR_CONFIG,
				 "%s: there is no private key with a certificate in the store", file);
	}
	bio = BIO_new(BIO_s_mem());
	ok = bio && PEM_write_bio_PrivateKey(bio, store.key, NULL, NULL, 0, NULL, NULL) == 1;
	put_and_free(key, bio);
	/* In the order that peers expect: each vouched for by the next, and none of itself. */
	for (X509 *one = store.certificate; ok && one && count < CHAIN_MAX; count++) {
		ok = put_certificate(certificates, one);
		one = X509_self_signed(one, 0) == 1 ? NULL : issuer_of(&store, one);
	}
	store_done(&store);
	return ok && key->err == 0 && certificates->err == 0 ? 0
							     : fault_set(fault, ERR_MEMORY, "out of memory");
}

int pkcs12_read_trust(const char *file, const char *password, struct buffer *certificates,
		      struct fault *fault)
{
	struct store store;
	bool ok = true;
	int err = store_open(file, password, &store, fault);

	if (err < 0)
		return err;
	if (store.certificate)
		ok = put_certificate(certificates, store.certificate);
	for (int i = 0; ok && i < sk_X509_num(store.others); i++)
		ok = put_certificate(certificates, sk_X509_value(store.others, i));
	store_done(&store);
	if (!ok || certificates->err < 0)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	return certificates->size
		       ? 0
		       : fault_set(fault, ERR_CONFIG, "%s: there is no certificate in the store", file);
}

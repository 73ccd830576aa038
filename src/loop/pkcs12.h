/*
 * pkcs12.h - key stores and trust stores in PKCS#12, as keytool and openssl make them, turned into the PEM that tls.h reads.
 *
 * Nothing of the password or the key is put into a fault.
 */
#ifndef LOOP_PKCS12_H
#define LOOP_PKCS12_H

#include "base/buffer.h"
#include "base/err.h"

#define PKCS12_SIZE_MAX (4u << 20)

/* Our key into `key`; its certificate, and behind it the chain that vouches for it, into `certificates`.  ERR_CONFIG. */
int pkcs12_read_key(const char *file, const char *password, struct buffer *key, struct buffer *certificates,
		    struct fault *fault);

/* All certificates of a store, into `certificates`.  ERR_CONFIG. */
int pkcs12_read_trust(const char *file, const char *password, struct buffer *certificates,
		      struct fault *fault);

#endif

/*
 * tls.h - TLS by OpenSSL: one `struct tls` holds what all connections to one cluster share.
 *
 * Certificates and keys are PEM, in a file or as text.  At least TLS 1.2.  A failed handshake ends in a fault
 * that names the cause: which certificate expired when, which names it carries, that the peer does not speak
 * TLS.
 */
#ifndef LOOP_TLS_H
#define LOOP_TLS_H

#include <stdbool.h>

#include "base/err.h"

struct tls;

/* All texts may be NULL.  Nothing is kept of them but what OpenSSL copies. */
struct tls_options {
	const char *ca_file, *ca_pem;                   /* whom to trust; neither: the system's store */
	const char *certificate_file, *certificate_pem; /* ours, with the chain behind it */
	const char *key_file, *key_pem;                 /* neither: looked for beside the certificate */
	const char *key_password;
	const char *cipher_suites; /* as Java or OpenSSL name them, separated by commas or colons */
	const char *protocols;     /* "TLSv1.2,TLSv1.3"; NULL: both */
	bool verify;               /* the chain; off only when an operator asks for it */
	bool verify_host;          /* the name or address in the certificate */
	bool server;          /* the accepting side; `verify` then means: ask for the client's certificate */
	bool verify_optional; /* as a server: who shows none comes in all the same */
};

/* ERR_CONFIG with the file and OpenSSL's reason. */
int tls_new(const struct tls_options *options, struct tls **out, struct fault *fault);
void tls_free(struct tls *tls);

#endif

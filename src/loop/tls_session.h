/* tls_session.h - what tls.c makes and tls_session.c uses. */
#ifndef LOOP_TLS_SESSION_H
#define LOOP_TLS_SESSION_H

#include <openssl/ssl.h>

#include "loop/tls.h"

struct tls {
	SSL_CTX *context;
	bool verify, verify_host, verify_optional, server, has_certificate;
};

#endif

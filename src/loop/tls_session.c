/*
 * tls_session.c - TLS as the layer between a stream and its socket.
 *
 * What goes wrong here is what operators meet on the first day: so every failure is turned into a sentence
 * that says which certificate, which name, which date.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/buffer.h"
#include "base/text.h"
#include "loop/dns.h"
#include "loop/layer.h"
#include "loop/tls_session.h"

struct session {
	struct layer layer;
	SSL *ssl;
	struct tls *tls;
	bool starved; /* the last read used up all whole records */
	bool shaken;
	char name[256];
	char refusal[800]; /* why the peer's certificate was refused */
};

static void append_subject(struct buffer *out, X509 *certificate)
{
	char text[256] = "";

	X509_NAME_oneline(X509_get_subject_name(certificate), text, sizeof text);
	buffer_text(out, "'");
	text_safe(out, view_text(text[0] == '/' ? text + 1 : text));
	buffer_text(out, "'");
}

static void append_time(struct buffer *out, const ASN1_TIME *at)
{
	struct tm tm = { 0 };

	if (ASN1_TIME_to_tm(at, &tm) == 1)
		buffer_printf(out, "%04d-%02d-%02d %02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1,
			      tm.tm_mday, tm.tm_hour, tm.tm_min);
	else
		buffer_text(out, "an unreadable date");
}

static void append_address(struct buffer *out, const ASN1_OCTET_STRING *address)
{
	const unsigned char *b = ASN1_STRING_get0_data(address);

	if (ASN1_STRING_length(address) == 4)
		buffer_printf(out, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	else if (ASN1_STRING_length(address) == 16)
		for (int i = 0; i < 16; i += 2)
			buffer_printf(out, "%s%x", i ? ":" : "", b[i] << 8 | b[i + 1]);
}

/* The names that the certificate does carry. */
static void append_names(struct buffer *out, X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	size_t before = out->size;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_DNS && name->type != GEN_IPADD)
			continue;
		if (out->size > before)
			buffer_text(out, ", ");
		if (name->type == GEN_DNS)
			text_safe(out, view_of(ASN1_STRING_get0_data(name->d.dNSName),
					       (size_t)ASN1_STRING_length(name->d.dNSName)));
		else
			append_address(out, name->d.iPAddress);
	}
	if (out->size == before)
		append_subject(out, certificate);
	GENERAL_NAMES_free(names);
}

static void explain_refusal(struct session *session, X509_STORE_CTX *store)
{
	X509 *certificate = X509_STORE_CTX_get_current_cert(store);
	int code = X509_STORE_CTX_get_error(store);
	struct buffer text;

	buffer_init(&text, sizeof session->refusal - 1);
	if (!certificate)
		certificate = X509_STORE_CTX_get0_cert(store);
	switch (code) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		buffer_text(&text, "the certificate ");
		append_subject(&text, certificate);
		buffer_text(&text, " expired on ");
		append_time(&text, X509_get0_notAfter(certificate));
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		buffer_text(&text, "the certificate ");
		append_subject(&text, certificate);
		buffer_text(&text, " is not valid before ");
		append_time(&text, X509_get0_notBefore(certificate));
		buffer_text(&text, "; is the clock of this machine right?");
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		buffer_printf(&text, "the certificate is not for '%s' but for ", session->name);
		append_names(&text, certificate);
		break;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		buffer_text(&text, "the certificate ");
		append_subject(&text, certificate);
		buffer_text(&text,
			    " was issued by an authority that is not trusted here; give the authority's "
			    "certificate "
			    "(ssl.ca.location, or ssl.truststore.location with ssl.truststore.type=PEM)");
		break;
	default:
		buffer_text(&text, "the certificate ");
		append_subject(&text, certificate);
		buffer_printf(&text, " was refused: %s", X509_verify_cert_error_string(code));
	}
	if (session->refusal[0] == 0)
		snprintf(session->refusal, sizeof session->refusal, "%s", buffer_string(&text));
	buffer_done(&text);
}

static int certificate_judged(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct session *session = SSL_get_app_data(ssl);

	if (!ok)
		explain_refusal(session, store);
	return ok;
}

/* True when the peer's alert speaks of our certificate, or of our having none. */
static bool is_about_our_certificate(int reason)
{
	return reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
	       reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE || reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA ||
	       reason == SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED ||
	       reason == SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED ||
	       reason == SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN ||
	       reason == SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE ||
	       reason == SSL_R_TLSV1_ALERT_ACCESS_DENIED || reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
}

static bool is_not_tls(int reason)
{
	return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
	       reason == SSL_R_PACKET_LENGTH_TOO_LONG || reason == SSL_R_HTTPS_PROXY_REQUEST ||
	       reason == SSL_R_RECORD_TOO_SMALL;
}

static int explain_protocol(struct session *session, struct fault *fault)
{
	int reason = ERR_GET_REASON(ERR_peek_last_error());
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	if (session->refusal[0])
		return fault_set(fault, ERR_TLS, "%s", session->refusal);
	if (!session->shaken && is_not_tls(reason))
		return fault_set(
			fault, ERR_TLS,
			"the peer does not speak TLS on this port; with security.protocol PLAINTEXT or "
			"SASL_PLAINTEXT it might answer");
	if (is_about_our_certificate(reason) && !session->tls->server && !session->tls->has_certificate)
		return fault_set(fault, ERR_TLS,
				 "the peer wants a client certificate and none is configured; give "
				 "ssl.certificate.location and ssl.key.location (its words: %s)",
				 text);
	if (is_about_our_certificate(reason))
		return fault_set(fault, ERR_TLS, "the peer refused our certificate: %s", text);
	if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING && !session->shaken)
		return fault_set(
			fault, ERR_TLS,
			"the peer closed the connection during the TLS handshake; does it speak TLS on "
			"this port?");
	if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return fault_set(fault, ERR_NETWORK, "the peer closed the connection");
	return fault_set(fault, ERR_TLS, "TLS failed: %s", text ? text : "no reason given");
}

/* What `result` of an SSL_* call means: 0 to wait, or an error. */
static int explain(struct session *session, int result, struct fault *fault)
{
	int saved = errno;

	switch (SSL_get_error(session->ssl, result)) {
	case SSL_ERROR_WANT_READ: return 0;
	case SSL_ERROR_WANT_WRITE: session->layer.wants_write = true; return 0;
	case SSL_ERROR_ZERO_RETURN: return fault_set(fault, ERR_NETWORK, "the peer closed the connection");
	case SSL_ERROR_SYSCALL:
		if (!session->shaken)
			return fault_set(
				fault, ERR_TLS,
				"the connection was lost during the TLS handshake (%s); does the peer "
				"speak TLS on this port?",
				saved ? strerror(saved) : "closed");
		return fault_set(fault, ERR_NETWORK, "the connection was lost: %s",
				 saved ? strerror(saved) : "closed");
	default: return explain_protocol(session, fault);
	}
}

static int session_handshake(struct layer *layer, struct fault *fault)
{
	struct session *session = (struct session *)layer;
	int result;

	ERR_clear_error();
	errno = 0;
	layer->wants_write = false;
	result = SSL_do_handshake(session->ssl);
	if (result == 1) {
		session->shaken = true;
		return 1;
	}
	return explain(session, result, fault);
}

static ssize_t session_read(struct layer *layer, void *at, size_t size, struct fault *fault)
{
	struct session *session = (struct session *)layer;
	int result;

	ERR_clear_error();
	errno = 0;
	layer->wants_write = false;
	result = SSL_read(session->ssl, at, size > 1 << 30 ? 1 << 30 : (int)size);
	session->starved = result <= 0;
	return result > 0 ? result : explain(session, result, fault);
}

static ssize_t session_write(struct layer *layer, const void *at, size_t size, struct fault *fault)
{
	struct session *session = (struct session *)layer;
	int result;

	ERR_clear_error();
	errno = 0;
	layer->wants_write = false;
	result = SSL_write(session->ssl, at, size > 1 << 30 ? 1 << 30 : (int)size);
	return result > 0 ? result : explain(session, result, fault);
}

static bool session_pending(const struct layer *layer)
{
	const struct session *session = (const struct session *)layer;

	/* Half a record inside OpenSSL counts as pending there, but only the socket can bring the other half.
	 */
	return !session->starved && SSL_has_pending(session->ssl);
}

static bool session_subject(const struct layer *layer, struct buffer *out)
{
	X509 *certificate = SSL_get0_peer_certificate(((const struct session *)layer)->ssl);
	BIO *text = certificate ? BIO_new(BIO_s_mem()) : NULL;
	char *at;
	long size;

	if (text) {
		/* As Java writes names: most telling part first, UTF-8 as it is. */
		X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0,
				   XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
		size = BIO_get_mem_data(text, &at);
		buffer_put(out, at, (size_t)(size > 0 ? size : 0));
	}
	BIO_free(text);
	ERR_clear_error();
	return certificate != NULL && out->err == 0;
}

static void session_free(struct layer *layer)
{
	struct session *session = (struct session *)layer;

	if (session->shaken)
		SSL_shutdown(session->ssl); /* says goodbye if the socket takes it, and waits for nothing */
	SSL_free(session->ssl);
	ERR_clear_error();
	free(session);
}

static const struct layer_functions session_functions = {
	session_handshake, session_read, session_write, session_pending, session_subject, session_free,
};

/* Whom the certificate must name.  A name is also told to the peer (SNI); an address must not be. */
static bool expect_peer(struct session *session, const char *name)
{
	X509_VERIFY_PARAM *parameters = SSL_get0_param(session->ssl);
	bool address = dns_is_address(name);

	snprintf(session->name, sizeof session->name, "%s", name);
	if (!address && SSL_set_tlsext_host_name(session->ssl, name) != 1)
		return false;
	if (!session->tls->verify_host)
		return true;
	X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1
		       : X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1;
}

struct layer *layer_tls(int fd, struct tls *tls, const char *name)
{
	struct session *session = calloc(1, sizeof *session);
	int mode = SSL_VERIFY_NONE;

	if (!session)
		return NULL;
	session->layer.functions = &session_functions;
	session->layer.fd = fd;
	session->tls = tls;
	session->ssl = SSL_new(tls->context);
	if (!session->ssl || SSL_set_fd(session->ssl, fd) != 1)
		goto fail;
	SSL_set_app_data(session->ssl, session);
	if (tls->verify)
		mode = SSL_VERIFY_PEER |
		       (tls->server && !tls->verify_optional ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
	SSL_set_verify(session->ssl, mode, certificate_judged);
	if (tls->server) {
		SSL_set_accept_state(session->ssl);
	} else {
		SSL_set_connect_state(session->ssl);
		if (!expect_peer(session, name))
			goto fail;
	}
	return &session->layer;

fail:
	SSL_free(session->ssl);
	ERR_clear_error();
	free(session);
	return NULL;
}

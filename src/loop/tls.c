/* tls.c - what the connections to one cluster share: an OpenSSL context made from PEM. */
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "loop/tls_session.h"

#define PEM_SIZE_MAX (16u << 20) /* the CA bundle of a large company is a few hundred kilobytes */

/* The last word of OpenSSL's queue, and the queue emptied. */
static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return text ? text : "no reason given";
}

static int password_give(char *out, int size, int writing, void *password)
{
	size_t length = password ? strlen(password) : 0;

	(void)writing;
	if (length == 0 || length > (size_t)size)
		return -1;
	memcpy(out, password, length);
	return (int)length;
}

/* The PEM text of a file or of an option, as a BIO that reads `text`.  `name` is for faults. */
static int pem_open(const char *file, const char *pem, const char *what, struct buffer *text, BIO **out,
		    const char **out_name, struct fault *fault)
{
	int err = 0;

	if (file)
		err = file_read(file, text, fault);
	else
		buffer_text(text, pem);
	if (err < 0) {
		/* Whatever is wrong with the file, it is the setting that must change. */
		if (fault && err != ERR_MEMORY)
			fault->err = ERR_CONFIG;
		return fault_at(fault, "%s", what);
	}
	*out_name = file ? file : what;
	*out = BIO_new_mem_buf(text->at, (int)text->size);
	return *out ? 0 : fault_set(fault, ERR_MEMORY, "out of memory");
}

static int load_ca(SSL_CTX *context, const struct tls_options *options, struct fault *fault)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	struct buffer text;
	const char *name;
	BIO *bio = NULL;
	X509 *certificate;
	int count = 0, err;

	if (!options->ca_file && !options->ca_pem) {
		if (SSL_CTX_set_default_verify_paths(context) != 1)
			return fault_set(fault, ERR_CONFIG,
					 "the system's certificate store cannot be read: %s", reason());
		return 0;
	}
	buffer_init(&text, PEM_SIZE_MAX);
	err = pem_open(options->ca_file, options->ca_pem, "the CA certificates", &text, &bio, &name, fault);
	while (err == 0 && (certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL))) {
		if (X509_STORE_add_cert(store, certificate) != 1)
			err = fault_set(fault, ERR_CONFIG, "%s: certificate %d cannot be used: %s", name,
					count + 1, reason());
		X509_free(certificate);
		count++;
	}
	if (err == 0 && count == 0)
		err = fault_set(fault, ERR_CONFIG,
				"%s: no PEM certificate in it; a PKCS#12 store is read with "
				"ssl.truststore.type=PKCS12, and JKS must be converted first",
				name);
	ERR_clear_error();
	BIO_free(bio);
	buffer_done(&text);
	return err;
}

/* Our certificate first, the chain that vouches for it behind. */
static int load_certificate(SSL_CTX *context, const struct tls_options *options, struct fault *fault)
{
	struct buffer text;
	const char *name;
	BIO *bio = NULL;
	X509 *certificate;
	int count = 0, err;

	buffer_init(&text, PEM_SIZE_MAX);
	err = pem_open(options->certificate_file, options->certificate_pem, "the client certificate", &text,
		       &bio, &name, fault);
	while (err == 0 && (certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL))) {
		int ok = count == 0 ? SSL_CTX_use_certificate(context, certificate)
				    : SSL_CTX_add1_chain_cert(context, certificate);

		if (ok != 1)
			err = fault_set(fault, ERR_CONFIG, "%s: certificate %d cannot be used: %s", name,
					count + 1, reason());
		X509_free(certificate);
		count++;
	}
	if (err == 0 && count == 0)
		err = fault_set(fault, ERR_CONFIG, "%s: no PEM certificate in it", name);
	ERR_clear_error();
	BIO_free(bio);
	buffer_done(&text);
	return err;
}

static int load_key(SSL_CTX *context, const struct tls_options *options, struct fault *fault)
{
	bool own = options->key_file || options->key_pem;
	char *password = (char *)options->key_password;
	struct buffer text;
	const char *name;
	BIO *bio = NULL;
	EVP_PKEY *key = NULL;
	int err;

	buffer_init(&text, PEM_SIZE_MAX);
	err = pem_open(own ? options->key_file : options->certificate_file,
		       own ? options->key_pem : options->certificate_pem, "the private key", &text, &bio,
		       &name, fault);
	if (err < 0)
		goto out;
	key = PEM_read_bio_PrivateKey(bio, NULL, password_give, password);
	if (!key) {
		bool encrypted = memmem(text.at, text.size, "ENCRYPTED", 9) != NULL;

		if (encrypted && !password)
			err = fault_set(fault, ERR_CONFIG,
					"%s: the private key is encrypted; give its password "
					"(ssl.key.password)",
					name);
		else if (encrypted)
			err = fault_set(fault, ERR_CONFIG,
					"%s: the private key cannot be decrypted; is the password right?",
					name);
		else
			err = fault_set(fault, ERR_CONFIG, "%s: no PEM private key in it", name);
		goto out;
	}
	if (SSL_CTX_use_PrivateKey(context, key) != 1 || SSL_CTX_check_private_key(context) != 1)
		err = fault_set(fault, ERR_CONFIG,
				"%s: the private key does not belong to the certificate: %s", name, reason());
out:
	ERR_clear_error();
	EVP_PKEY_free(key);
	BIO_free(bio);
	if (text.at)
		OPENSSL_cleanse(text.at, text.capacity);
	buffer_done(&text);
	return err;
}

/* Java names every suite TLS_..., OpenSSL only those of TLS 1.3; each version has a list of its own. */
static int load_suites(SSL_CTX *context, const char *names, struct fault *fault)
{
	struct buffer old, new;
	int err = 0;

	buffer_init(&old, 8192);
	buffer_init(&new, 8192);
	while (*names) {
		size_t size = strcspn(names, ",: \t");
		char name[128];
		const char *openssl_name;

		snprintf(name, sizeof name, "%.*s", (int)size, names);
		names += size + strspn(names + size, ",: \t");
		if (!*name)
			continue;
		openssl_name = strncmp(name, "TLS_", 4) == 0 ? OPENSSL_cipher_name(name) : name;
		if (!openssl_name || strcmp(openssl_name, "(NONE)") == 0) {
			err = fault_set(fault, ERR_CONFIG, "cipher suite '%s' is not one that OpenSSL knows",
					name);
			goto out;
		}
		if (strncmp(openssl_name, "TLS_", 4) == 0)
			buffer_printf(&new, "%s%s", new.size ? ":" : "", openssl_name);
		else
			buffer_printf(&old, "%s%s", old.size ? ":" : "", openssl_name);
	}
	if (new.size > 0 && SSL_CTX_set_ciphersuites(context, buffer_string(&new)) != 1)
		err = fault_set(fault, ERR_CONFIG, "cipher suites '%s': %s", buffer_string(&new), reason());
	else if (old.size > 0 && SSL_CTX_set_cipher_list(context, buffer_string(&old)) != 1)
		err = fault_set(fault, ERR_CONFIG, "cipher suites '%s': %s", buffer_string(&old), reason());
	/* Only suites of one version were named: the other version is not wanted. */
	else if (new.size > 0 && old.size == 0)
		SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	else if (old.size > 0 && new.size == 0)
		SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
out:
	buffer_done(&old);
	buffer_done(&new);
	return err;
}

static int load_protocols(SSL_CTX *context, const char *names, struct fault *fault)
{
	bool has_12 = strstr(names, "TLSv1.2") != NULL, has_13 = strstr(names, "TLSv1.3") != NULL;

	if (!has_12 && !has_13)
		return fault_set(fault, ERR_CONFIG,
				 "TLS protocols '%s': name TLSv1.2, TLSv1.3 or both; older ones are not safe",
				 names);
	SSL_CTX_set_min_proto_version(context, has_12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	SSL_CTX_set_max_proto_version(context, has_13 ? TLS1_3_VERSION : TLS1_2_VERSION);
	return 0;
}

static int load_all(SSL_CTX *context, const struct tls_options *options, struct fault *fault)
{
	int err = 0;

	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	/* A handshake costs the server more than the client: one a connection. */
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	/* One read of the socket brings many records: large answers come at a quarter of the system calls. */
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, 128 * 1024);
	SSL_CTX_set_session_id_context(context, (const unsigned char *)"interlock", 9);
	if (options->protocols)
		err = load_protocols(context, options->protocols, fault);
	if (err == 0 && options->cipher_suites && *options->cipher_suites)
		err = load_suites(context, options->cipher_suites, fault);
	if (err == 0 && options->verify)
		err = load_ca(context, options, fault);
	if (err == 0 && (options->certificate_file || options->certificate_pem))
		err = load_certificate(context, options, fault);
	if (err == 0 && (options->certificate_file || options->certificate_pem))
		err = load_key(context, options, fault);
	return err;
}

int tls_new(const struct tls_options *options, struct tls **out, struct fault *fault)
{
	struct tls *tls = calloc(1, sizeof *tls);
	int err;

	if (!tls)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	tls->context = SSL_CTX_new(options->server ? TLS_server_method() : TLS_client_method());
	if (!tls->context) {
		free(tls);
		return fault_set(fault, ERR_MEMORY, "OpenSSL: %s", reason());
	}
	tls->verify = options->verify;
	tls->verify_host = options->verify && options->verify_host;
	tls->server = options->server;
	tls->verify_optional = options->verify_optional;
	tls->has_certificate = options->certificate_file || options->certificate_pem;
	err = load_all(tls->context, options, fault);
	if (err < 0) {
		tls_free(tls);
		return err;
	}
	*out = tls;
	return 0;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->context);
	free(tls);
}

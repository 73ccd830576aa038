/* principal.c - Kafka's DefaultKafkaPrincipalBuilder, seen from the client's side. */
#include "client/principal.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

/* The subject as Java's X500Principal.getName() writes it: RFC 2253. */
static int subject_put(const struct tls_options *tls, struct buffer *out, struct fault *fault)
{
	BIO *file = tls->certificate_pem ? BIO_new_mem_buf(tls->certificate_pem, -1)
					 : BIO_new_file(tls->certificate_file, "r");
	X509 *certificate = file ? PEM_read_bio_X509_AUX(file, NULL, NULL, NULL) : NULL;
	BIO *text = certificate ? BIO_new(BIO_s_mem()) : NULL;
	char *at;
	long size = 0;
	int err = 0;

	if (text && X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0)
		size = BIO_get_mem_data(text, &at);
	if (size > 0) {
		buffer_text(out, "User:");
		buffer_put(out, at, (size_t)size);
	} else {
		err = fault_set(fault, ERR_UNSUPPORTED, "the subject of the client certificate cannot be read");
	}
	BIO_free(text);
	X509_free(certificate);
	BIO_free(file);
	return err;
}

int principal_guess(const struct cluster_config *config, struct buffer *out, struct fault *fault)
{
	if (!config->mechanism && config->use_tls && (config->tls.certificate_file || config->tls.certificate_pem))
		return subject_put(&config->tls, out, fault);
	if (!config->mechanism) {
		buffer_text(out, "User:ANONYMOUS");
		return 0;
	}
	if (strcmp(config->mechanism, "GSSAPI") == 0 && config->kerberos_principal) {
		/* The default of sasl.kerberos.principal.to.local.rules: what stands before the first / or @. */
		buffer_printf(out, "User:%.*s", (int)strcspn(config->kerberos_principal, "/@"),
			      config->kerberos_principal);
		return 0;
	}
	if (config->username) {
		buffer_printf(out, "User:%s", config->username);
		return 0;
	}
	return fault_set(fault, ERR_UNSUPPORTED, "with %s only the brokers know who we are", config->mechanism);
}

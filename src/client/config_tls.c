/*
 * config_tls.c - TLS settings, from either family of names.
 *
 * The Java clients speak of stores, librdkafka of files; both mean: whom to trust, and who we are.  Stores are taken
 * in PEM and in PKCS#12, which becomes PEM here; JKS is refused with the way to convert it.
 */
#include <string.h>
#include <strings.h>

#include "client/config_inside.h"
#include "loop/pkcs12.h"

#define CONVERT                                                                                              \
	"keytool -importkeystore -srckeystore STORE -destkeystore store.p12 -deststoretype PKCS12, then"

static bool looks_like_pem(const char *path)
{
	size_t size = strlen(path);

	return size > 4 &&
	       (strcasecmp(path + size - 4, ".pem") == 0 || strcasecmp(path + size - 4, ".crt") == 0);
}

/* A store is usable when its type is PEM or PKCS12.  Without a type Java takes JKS; we look at the name before we refuse. */
static int check_store(struct config_draft *draft, enum config_key type, enum config_key file,
		       struct fault *fault)
{
	const char *given = draft->values[type];
	const char *name = type == KEY_TRUSTSTORE_TYPE ? "ssl.truststore.type" : "ssl.keystore.type";

	if (given && (strcasecmp(given, "PEM") == 0 || strcasecmp(given, "PKCS12") == 0))
		return 0;
	if (given)
		return draft_fault(draft, type, fault,
				   "stores of type %s cannot be read here; convert it: " CONVERT " %s=PKCS12",
				   given, name);
	if (!draft->values[file] || looks_like_pem(draft->values[file]))
		return 0;
	return draft_fault(draft, file, fault,
			   "this is a JKS store, as %s is not set; convert it: " CONVERT " %s=PKCS12", name,
			   name);
}

/* A PKCS#12 store as texts in the arena; `key` is NULL for whom to trust. */
static int read_pkcs12(struct config_draft *draft, enum config_key file, const char *password,
		       const char **key, const char **certificates, struct fault *fault)
{
	struct fault why = { 0 };
	struct buffer own, all;
	int err;

	buffer_init(&own, PKCS12_SIZE_MAX);
	buffer_init(&all, PKCS12_SIZE_MAX);
	err = key ? pkcs12_read_key(draft->values[file], password, &own, &all, &why)
		  : pkcs12_read_trust(draft->values[file], password, &all, &why);
	if (err < 0) {
		err = draft_fault(draft, file, fault, "%s", why.text);
	} else {
		*certificates = arena_text(draft->arena, buffer_string(&all));
		if (key)
			*key = arena_text(draft->arena, buffer_string(&own));
		if (!*certificates || (key && !*key))
			err = ERR_MEMORY;
	}
	if (own.at)
		memset(own.at, 0, own.capacity);
	buffer_done(&own);
	buffer_done(&all);
	return err;
}

static bool is_pkcs12(const char *type)
{
	return type && strcasecmp(type, "PKCS12") == 0;
}

static int make_trust(struct config_draft *draft, struct fault *fault)
{
	struct tls_options *tls = &draft->config->tls;
	int err = check_store(draft, KEY_TRUSTSTORE_TYPE, KEY_TRUSTSTORE_FILE, fault);

	if (err < 0)
		return err;
	tls->ca_file =
		draft->values[KEY_CA_FILE] ? draft->values[KEY_CA_FILE] : draft->values[KEY_TRUSTSTORE_FILE];
	tls->ca_pem =
		draft->values[KEY_CA_PEM] ? draft->values[KEY_CA_PEM] : draft->values[KEY_TRUSTSTORE_PEM];
	if (draft->values[KEY_CA_FILE] && draft->values[KEY_TRUSTSTORE_FILE])
		return draft_fault(draft, KEY_CA_FILE, fault,
				   "ssl.truststore.location is given too; keep one of the two");
	if (tls->ca_file && tls->ca_pem)
		return draft_fault(draft, draft->values[KEY_CA_PEM] ? KEY_CA_PEM : KEY_TRUSTSTORE_PEM, fault,
				   "the certificates are given as a file and as text; keep one of the two");
	if (!draft->values[KEY_TRUSTSTORE_FILE] || !is_pkcs12(draft->values[KEY_TRUSTSTORE_TYPE]))
		return 0;
	tls->ca_file = NULL;
	return read_pkcs12(draft, KEY_TRUSTSTORE_FILE, draft->values[KEY_TRUSTSTORE_PASSWORD], NULL,
			   &tls->ca_pem, fault);
}

static int make_identity(struct config_draft *draft, struct fault *fault)
{
	const char *const *v = draft->values;
	struct tls_options *tls = &draft->config->tls;
	int err = check_store(draft, KEY_KEYSTORE_TYPE, KEY_KEYSTORE_FILE, fault);

	if (err < 0)
		return err;
	tls->certificate_file = v[KEY_CERTIFICATE_FILE] ? v[KEY_CERTIFICATE_FILE] : v[KEY_KEYSTORE_FILE];
	tls->certificate_pem = v[KEY_CERTIFICATE_PEM] ? v[KEY_CERTIFICATE_PEM] : v[KEY_KEYSTORE_CHAIN];
	tls->key_file = v[KEY_KEY_FILE];
	tls->key_pem = v[KEY_KEY_PEM] ? v[KEY_KEY_PEM] : v[KEY_KEYSTORE_KEY];
	tls->key_password = v[KEY_KEY_PASSWORD];
	if (tls->certificate_file && tls->certificate_pem)
		return draft_fault(draft, v[KEY_CERTIFICATE_PEM] ? KEY_CERTIFICATE_PEM : KEY_KEYSTORE_CHAIN,
				   fault,
				   "the certificate is given as a file and as text; keep one of the two");
	if ((tls->key_file || tls->key_pem) && !tls->certificate_file && !tls->certificate_pem)
		return draft_fault(draft,
				   v[KEY_KEY_FILE]  ? KEY_KEY_FILE
				   : v[KEY_KEY_PEM] ? KEY_KEY_PEM
						    : KEY_KEYSTORE_KEY,
				   fault, "a private key needs its certificate (ssl.certificate.location)");
	if (!v[KEY_KEYSTORE_FILE] || v[KEY_CERTIFICATE_FILE] || !is_pkcs12(v[KEY_KEYSTORE_TYPE]))
		return 0;
	if (tls->key_file || tls->key_pem)
		return draft_fault(draft, KEY_KEYSTORE_FILE, fault,
				   "a PKCS12 store has its own key; take the other one out");
	tls->certificate_file = NULL;
	return read_pkcs12(draft, KEY_KEYSTORE_FILE, v[KEY_KEYSTORE_PASSWORD], &tls->key_pem,
			   &tls->certificate_pem, fault);
}

static int make_verification(struct config_draft *draft, struct fault *fault)
{
	const char *identification = draft->values[KEY_ENDPOINT_IDENTIFICATION];
	const char *verify = draft->values[KEY_VERIFY];
	struct tls_options *tls = &draft->config->tls;

	tls->verify = tls->verify_host = true;
	if (verify && strcasecmp(verify, "false") == 0)
		tls->verify = false;
	else if (verify && strcasecmp(verify, "true") != 0)
		return draft_fault(draft, KEY_VERIFY, fault, "write true or false");
	if (identification && (!*identification || strcasecmp(identification, "none") == 0))
		tls->verify_host = false;
	else if (identification && strcasecmp(identification, "https") != 0)
		return draft_fault(draft, KEY_ENDPOINT_IDENTIFICATION, fault,
				   "write https, or nothing to leave the name unchecked");
	return 0;
}

int config_make_tls(struct config_draft *draft, struct fault *fault)
{
	const char *protocol = draft->values[KEY_PROTOCOL];
	int err;

	if (draft->values[KEY_ENGINE])
		return draft_fault(draft, KEY_ENGINE, fault,
				   "a TLS engine written in Java cannot run here; give PEM files instead");
	if (protocol && strcmp(protocol, "TLSv1.2") != 0 && strcmp(protocol, "TLSv1.3") != 0 &&
	    strcmp(protocol, "TLS") != 0)
		return draft_fault(draft, KEY_PROTOCOL, fault,
				   "write TLSv1.2 or TLSv1.3; older ones are not safe");
	draft->config->tls.cipher_suites = draft->values[KEY_CIPHERS];
	/* ssl.protocol alone is where Java's negotiation starts, not a limit; the list of enabled ones is. */
	if (draft->values[KEY_PROTOCOLS] && *draft->values[KEY_PROTOCOLS])
		draft->config->tls.protocols = draft->values[KEY_PROTOCOLS];
	err = make_trust(draft, fault);
	if (err == 0)
		err = make_identity(draft, fault);
	return err == 0 ? make_verification(draft, fault) : err;
}

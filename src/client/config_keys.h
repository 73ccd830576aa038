/* config_keys.h - the keys of a property file: those that mean something here, and those that do not.  For config*.c. */
#ifndef CLIENT_CONFIG_KEYS_H
#define CLIENT_CONFIG_KEYS_H

#include <stdbool.h>

#include "base/view.h"

/* Every key that means something, once: an index into the raw values.  Two names may lead to one. */
enum config_key {
	KEY_BOOTSTRAP, KEY_SECURITY_PROTOCOL, KEY_CLIENT_ID, KEY_DNS_LOOKUP,
	KEY_MECHANISM, KEY_USERNAME, KEY_PASSWORD, KEY_JAAS, KEY_KERBEROS_SERVICE, KEY_KERBEROS_PRINCIPAL, KEY_KERBEROS_KEYTAB,
	KEY_OAUTH_METHOD, KEY_OAUTH_URL, KEY_OAUTH_CLIENT_ID, KEY_OAUTH_CLIENT_SECRET, KEY_OAUTH_SCOPE, KEY_OAUTH_EXTENSIONS,
	KEY_OAUTH_FILE, KEY_OAUTH_COMMAND, KEY_LOGIN_HANDLER, KEY_CLIENT_HANDLER,
	KEY_CA_FILE, KEY_CA_PEM, KEY_CERTIFICATE_FILE, KEY_CERTIFICATE_PEM, KEY_KEY_FILE, KEY_KEY_PEM, KEY_KEY_PASSWORD,
	KEY_TRUSTSTORE_TYPE, KEY_TRUSTSTORE_FILE, KEY_TRUSTSTORE_PASSWORD, KEY_TRUSTSTORE_PEM,
	KEY_KEYSTORE_TYPE, KEY_KEYSTORE_FILE, KEY_KEYSTORE_PASSWORD, KEY_KEYSTORE_KEY, KEY_KEYSTORE_CHAIN,
	KEY_ENDPOINT_IDENTIFICATION, KEY_VERIFY, KEY_CIPHERS, KEY_PROTOCOLS, KEY_PROTOCOL, KEY_HTTPS_CA, KEY_ENGINE,
	KEY_REQUEST_TIMEOUT, KEY_CONNECT_TIMEOUT, KEY_CONNECT_TIMEOUT_MAX, KEY_IDLE, KEY_RECONNECT, KEY_RECONNECT_MAX,
	KEY_RETRY, KEY_RETRY_MAX, KEY_METADATA_AGE, KEY_RECEIVE_BUFFER, KEY_SEND_BUFFER, KEY_FRAME_MAX,
	KEY_REGISTRY_URL, KEY_REGISTRY_USER_SOURCE, KEY_REGISTRY_USER, KEY_REGISTRY_TOKEN_SOURCE, KEY_REGISTRY_TOKEN,
	KEY_REGISTRY_CA_FILE, KEY_REGISTRY_CA_PEM, KEY_REGISTRY_CERTIFICATE_FILE, KEY_REGISTRY_CERTIFICATE_PEM,
	KEY_REGISTRY_KEY_FILE, KEY_REGISTRY_KEY_PEM, KEY_REGISTRY_KEY_PASSWORD, KEY_REGISTRY_ENDPOINT_IDENTIFICATION,
	CONFIG_KEYS,
};

struct config_word {
	const char *name;
	int key;		/* enum config_key, or -1 for a key that says nothing to us */
	bool secret;		/* the value is shown as *** */
};

/* In no order; ends with name == NULL. */
extern const struct config_word config_words[];

/* NULL for a key that nobody knows.  Keys of other people's tools (`schema.registry.`) are known by their beginning. */
const struct config_word *config_word_find(struct view key);

/* The key that was probably meant, or NULL. */
const char *config_word_nearest(struct view key);

#endif

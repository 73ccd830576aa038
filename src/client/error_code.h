/* error_code.h - what an error code of a broker (wire/kafka_error.h) is to our own callers. */
#ifndef CLIENT_ERROR_CODE_H
#define CLIENT_ERROR_CODE_H

#include "wire/kafka_error.h"

/* ERR_DENIED, ERR_UNSUPPORTED, ERR_NOT_FOUND, ERR_CONFLICT, ERR_TIMEOUT, ...; ERR_BROKER for the rest; 0 for 0. */
int error_code_err(int16_t code);

#endif

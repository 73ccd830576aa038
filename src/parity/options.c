/* options.c - what holds when an operator says nothing. */
#include "parity/options.h"

void parity_options_init(struct parity_options *options)
{
	*options = (struct parity_options){
		.claim = CLAIM_KEY_ORDER,
		.settle_ms = PARITY_SETTLE_DEFAULT_MS,
		.late_ms = PARITY_LATE_DEFAULT_MS,
		.since_ms = PARITY_TIME_NONE,
		.until_ms = PARITY_TIME_NONE,
		.memory = PARITY_MEMORY_DEFAULT,
		.findings = PARITY_FINDINGS_DEFAULT,
	};
}

/*
 * fuzz_plan.c - the plan file against any bytes.
 *
 * What is refused must say why; what is accepted must read the same a second time.
 */
#include <assert.h>

#include "exit/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan *plan = NULL, *again = NULL;
	struct plan_faults faults;
	struct buffer text;
	int err;

	plan_faults_init(&faults, "plan");
	buffer_init(&text, 1 << 20);
	err = plan_parse(view_of(data, size), "", &faults, &plan);
	assert(err == 0 || err == ERR_CONFIG || err == ERR_MEMORY);
	assert(err != ERR_CONFIG || faults.count > 0);
	if (err == 0) {
		assert(faults.count == 0);
		assert(plan_parse(view_of(data, size), "", &faults, &again) == 0);
		assert(sha256_equal(plan->hash, again->hash));
	}
	plan_faults_print(&faults, &text);
	plan_free(plan);
	plan_free(again);
	buffer_done(&text);
	plan_faults_done(&faults);
	return 0;
}

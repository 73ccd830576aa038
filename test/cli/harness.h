/* harness.h - what every test of this floor includes; cmocka wants its includes in this order. */
#ifndef TEST_CLI_HARNESS_H
#define TEST_CLI_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#endif

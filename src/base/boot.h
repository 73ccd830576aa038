/* boot.h - which boot of which machine this is: monotonic times of two boots cannot be compared. */
#ifndef BASE_BOOT_H
#define BASE_BOOT_H

#include <stdint.h>

/* The kernel's id of this boot; zero when it tells none, and then only wall time can be believed. */
void boot_id(uint8_t out[16]);

#endif

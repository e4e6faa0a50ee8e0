/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file of a server with the line protocol: written, read and checked, again and
 * again. One at a time. */
#ifndef PL_TESTS_SETTINGS_RIG_H
#define PL_TESTS_SETTINGS_RIG_H

#include "settings_yaml.h"

#include <paceline/http.h>
#include <paceline/limits.h>
#include <paceline/line.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct settings_rig {
    struct pl_settings_schema schema;
    struct pl_settings settings; /* as they were read */
    struct pl_error error;
    char path[64]; /* of the file */
};

extern struct settings_rig rig;
extern const struct pl_modules settings_rig_modules;

int settings_rig_setup(void **state);
int settings_rig_teardown(void **state);

/* Both write the file, and read it into settings that were never used. Errors: those of reading it
 * and of checking it; rig.error says why. */
int settings_rig_read_bytes(const char *text, size_t length);
__attribute__((format(printf, 1, 2))) int settings_rig_read(const char *format, ...);

#define SETTINGS_CASE(name)                                                                        \
    cmocka_unit_test_setup_teardown(name, settings_rig_setup, settings_rig_teardown)

#endif

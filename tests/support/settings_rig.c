/* SPDX-License-Identifier: Apache-2.0 */
#include "settings_rig.h"

#include <unistd.h>

static const struct pl_protocol *const protocols[] = { &pl_line_protocol, &pl_http_protocol };
const struct pl_modules settings_rig_modules = { .protocols = protocols, .count = 2 };

struct settings_rig rig;

int settings_rig_setup(void **state)
{
    int fd;

    (void)state;
    rig = (struct settings_rig){ .path = "/tmp/settings_test.XXXXXX" };
    pl_settings_schema_init(&rig.schema, &settings_rig_modules);
    fd = mkstemp(rig.path);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : pl_settings_fill(rig.schema.rows, &rig.settings);
}

int settings_rig_teardown(void **state)
{
    (void)state;
    unlink(rig.path);
    pl_settings_free(rig.schema.rows, &rig.settings, &settings_rig_modules);
    return 0;
}

static void write_file(const char *text, size_t length)
{
    FILE *file = fopen(rig.path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

int settings_rig_read_bytes(const char *text, size_t length)
{
    int err;

    write_file(text, length);
    pl_settings_free(rig.schema.rows, &rig.settings, &settings_rig_modules);
    memset(&rig.settings, 0, sizeof(rig.settings));
    memset(&rig.error, 0, sizeof(rig.error));
    assert_int_equal(pl_settings_fill(rig.schema.rows, &rig.settings), 0);
    err = pl_settings_read(&rig.schema, rig.path, &rig.settings, &rig.error);
    return err < 0 ? err : pl_settings_check(&rig.settings, &rig.schema, rig.path, &rig.error);
}

int settings_rig_read(const char *format, ...)
{
    va_list arguments;
    char *text;
    int length, err;

    va_start(arguments, format);
    length = vasprintf(&text, format, arguments);
    va_end(arguments);
    assert_true(length > 0);
    err = settings_rig_read_bytes(text, (size_t)length);
    free(text);
    return err;
}

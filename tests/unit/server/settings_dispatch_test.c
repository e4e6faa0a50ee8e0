/* SPDX-License-Identifier: Apache-2.0 */
/* `dispatch:` and what of a service belongs to it: the words that are taken, and the mistakes. */
#include "settings_yaml.h"

#include "model.h"

#include <paceline/limits.h>
#include <paceline/line.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>
#include <cmocka.h>

static const struct pl_protocol *const protocols[] = { &pl_line_protocol };
static const struct pl_modules modules = { .protocols = protocols, .count = 1 };

static struct pl_settings_schema schema;
static struct pl_settings settings;
static struct pl_error error;
static char path[64];

static int setup(void **state)
{
    int fd;

    (void)state;
    pl_settings_schema_init(&schema, &modules);
    snprintf(path, sizeof(path), "/tmp/settings_dispatch_test.XXXXXX");
    fd = mkstemp(path);
    if (fd >= 0)
        close(fd);
    memset(&settings, 0, sizeof(settings));
    return fd < 0 ? -1 : pl_settings_fill(schema.rows, &settings);
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    pl_settings_free(schema.rows, &settings, &modules);
    return 0;
}

/* `service` stands in the only service, `dispatch` on line 2 of the file. */
static int read_settings(const char *service, const char *dispatch)
{
    FILE *file = fopen(path, "w");
    int err;

    assert_non_null(file);
    assert_true(fprintf(file, "services: [{listen: ['127.0.0.1:0']%s}]\ndispatch: {%s}\n", service,
                        dispatch) > 0);
    assert_int_equal(fclose(file), 0);
    pl_settings_free(schema.rows, &settings, &modules);
    memset(&settings, 0, sizeof(settings));
    memset(&error, 0, sizeof(error));
    assert_int_equal(pl_settings_fill(schema.rows, &settings), 0);
    err = pl_settings_read(&schema, path, &settings, &error);
    return err < 0 ? err : pl_settings_check(&settings, &schema, path, &error);
}

static void expect_taken(const char *service, const char *dispatch)
{
    if (read_settings(service, dispatch) < 0)
        fail_msg("%s %s: %s", service, dispatch, error.message);
}

static const struct pl_service_settings *service_settings(void)
{
    return settings.services.items;
}

static void what_is_not_said_is_the_default(void **state)
{
    (void)state;
    expect_taken("", "");
    assert_string_equal(pl_models[settings.dispatch.model]->name, "leader_followers");
    assert_int_equal(settings.dispatch.promotion, PL_PROMOTION_ADAPTIVE);
    assert_true(settings.dispatch.is_inlining);
    assert_false(settings.dispatch.is_pinning);
    assert_false(settings.dispatch.is_balancing);
    assert_true(service_settings()->has_deferral);
}

static void every_promotion_has_its_word(void **state)
{
    (void)state;
    expect_taken("", "promotion: adaptive");
    assert_int_equal(settings.dispatch.promotion, PL_PROMOTION_ADAPTIVE);
    expect_taken("", "promotion: always");
    assert_int_equal(settings.dispatch.promotion, PL_PROMOTION_ALWAYS);
    expect_taken("", "promotion: kernel");
    assert_int_equal(settings.dispatch.promotion, PL_PROMOTION_KERNEL);
}

static void every_switch_is_its_own(void **state)
{
    (void)state;
    expect_taken("", "inline: false");
    assert_false(settings.dispatch.is_inlining || settings.dispatch.is_pinning ||
                 settings.dispatch.is_balancing);
    expect_taken("", "pin: true");
    assert_true(settings.dispatch.is_pinning && settings.dispatch.is_inlining);
    assert_false(settings.dispatch.is_balancing);
    expect_taken("", "balance: true");
    assert_true(settings.dispatch.is_balancing && settings.dispatch.is_inlining);
    assert_false(settings.dispatch.is_pinning);
    expect_taken(", defer_accept: false", "");
    assert_false(service_settings()->has_deferral);
}

static void a_service_inherits_what_it_does_not_say(void **state)
{
    const struct pl_dispatch_settings *own;

    (void)state;
    expect_taken(", dispatch: {model: per_core, balance: false}",
                 "promotion: kernel, inline: false, pin: true, balance: true");
    own = &service_settings()->dispatch;
    assert_true(service_settings()->has_dispatch);
    assert_string_equal(pl_models[own->model]->name, "per_core");
    assert_int_equal(own->promotion, PL_PROMOTION_KERNEL);
    assert_false(own->is_inlining);
    assert_true(own->is_pinning);
    assert_false(own->is_balancing);
    assert_true(settings.dispatch.is_balancing);
}

static void per_core_is_known_by_its_spellings(void **state)
{
    static const char *const spellings[] = { "per_core", "per-core", "loops", "loop_per_core" };

    (void)state;
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        char dispatch[64];

        snprintf(dispatch, sizeof(dispatch), "model: %s", spellings[i]);
        expect_taken("", dispatch);
        assert_string_equal(pl_models[settings.dispatch.model]->name, "per_core");
        assert_ptr_equal(pl_model_find(spellings[i]), &pl_per_core_ops);
    }
    assert_null(pl_model_find("per"));
    assert_null(pl_model_find("per_core|per-core"));
    assert_null(pl_model_find(""));
}

static void mistakes_are_named_where_they_stand(void **state)
{
    static const struct {
        const char *service, *dispatch, *said;
    } rows[] = {
        { "", "promotion: sometimes", "adaptive" },
        { "", "promotion: Always", "promotion" },
        { "", "promotoin: always", "promotion" },
        { "", "inline: perhaps", "inline" },
        { "", "pin: 2", "pin" },
        { "", "balance: [true]", "balance" },
        { "", "balanced: true", "balance" },
        { "", "model: per_cores", "per_core" },
        { ", defer_accept: never", "", "defer_accept" },
        { ", defer: true", "", "defer" },
        { ", promotion: always", "", "promotion" },
        { ", dispatch: {promotion: 1}", "", "promotion" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *line = rows[i].service[0] == '\0' ? ":2:" : ":1:";

        if (read_settings(rows[i].service, rows[i].dispatch) == 0)
            fail_msg("%s %s: taken", rows[i].service, rows[i].dispatch);
        assert_int_equal(error.exit_code, EX_CONFIG);
        if (strstr(error.message, line) == NULL || strstr(error.message, rows[i].said) == NULL)
            fail_msg("%s %s: %s", rows[i].service, rows[i].dispatch, error.message);
    }
}

static void a_loop_per_core_needs_a_core(void **state)
{
    (void)state;
    assert_true(read_settings("", "model: per_core, threads: 0") < 0);
    assert_int_equal(error.exit_code, EX_CONFIG);
    assert_non_null(strstr(error.message, "per_core needs at least 1 thread"));
    expect_taken("", "model: per_core, threads: 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_said_is_the_default, setup, teardown),
        cmocka_unit_test_setup_teardown(every_promotion_has_its_word, setup, teardown),
        cmocka_unit_test_setup_teardown(every_switch_is_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_service_inherits_what_it_does_not_say, setup, teardown),
        cmocka_unit_test_setup_teardown(per_core_is_known_by_its_spellings, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_are_named_where_they_stand, setup, teardown),
        cmocka_unit_test_setup_teardown(a_loop_per_core_needs_a_core, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `dispatch:` and what of a service belongs to it: the words that are taken, and the mistakes. */
#include "settings_rig.h"

#include "model.h"

/* `service` stands in the only service, `dispatch` on line 2 of the file. */
static int read_settings(const char *service, const char *dispatch)
{
    return settings_rig_read("services: [{listen: ['127.0.0.1:0']%s}]\ndispatch: {%s}\n", service,
                             dispatch);
}

static void expect_taken(const char *service, const char *dispatch)
{
    if (read_settings(service, dispatch) < 0)
        fail_msg("%s %s: %s", service, dispatch, rig.error.message);
}

static const struct pl_service_settings *service_settings(void)
{
    return rig.settings.services.items;
}

static void what_is_not_said_is_the_default(void **state)
{
    (void)state;
    expect_taken("", "");
    assert_string_equal(pl_models[rig.settings.dispatch.model]->name, "leader_followers");
    assert_int_equal(rig.settings.dispatch.promotion, PL_PROMOTION_ADAPTIVE);
    assert_true(rig.settings.dispatch.is_inlining);
    assert_false(rig.settings.dispatch.is_pinning);
    assert_false(rig.settings.dispatch.is_balancing);
    assert_true(service_settings()->has_deferral);
}

static void every_promotion_has_its_word(void **state)
{
    (void)state;
    expect_taken("", "promotion: adaptive");
    assert_int_equal(rig.settings.dispatch.promotion, PL_PROMOTION_ADAPTIVE);
    expect_taken("", "promotion: always");
    assert_int_equal(rig.settings.dispatch.promotion, PL_PROMOTION_ALWAYS);
    expect_taken("", "promotion: kernel");
    assert_int_equal(rig.settings.dispatch.promotion, PL_PROMOTION_KERNEL);
}

static void every_switch_is_its_own(void **state)
{
    (void)state;
    expect_taken("", "inline: false");
    assert_false(rig.settings.dispatch.is_inlining || rig.settings.dispatch.is_pinning ||
                 rig.settings.dispatch.is_balancing);
    expect_taken("", "pin: true");
    assert_true(rig.settings.dispatch.is_pinning && rig.settings.dispatch.is_inlining);
    assert_false(rig.settings.dispatch.is_balancing);
    expect_taken("", "balance: true");
    assert_true(rig.settings.dispatch.is_balancing && rig.settings.dispatch.is_inlining);
    assert_false(rig.settings.dispatch.is_pinning);
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
    assert_true(rig.settings.dispatch.is_balancing);
}

static void per_core_is_known_by_its_spellings(void **state)
{
    static const char *const spellings[] = { "per_core", "per-core", "loops", "loop_per_core" };

    (void)state;
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        char dispatch[64];

        snprintf(dispatch, sizeof(dispatch), "model: %s", spellings[i]);
        expect_taken("", dispatch);
        assert_string_equal(pl_models[rig.settings.dispatch.model]->name, "per_core");
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
        assert_int_equal(rig.error.exit_code, EX_CONFIG);
        if (strstr(rig.error.message, line) == NULL ||
            strstr(rig.error.message, rows[i].said) == NULL)
            fail_msg("%s %s: %s", rows[i].service, rows[i].dispatch, rig.error.message);
    }
}

static void a_loop_per_core_needs_a_core(void **state)
{
    (void)state;
    assert_true(read_settings("", "model: per_core, threads: 0") < 0);
    assert_int_equal(rig.error.exit_code, EX_CONFIG);
    assert_non_null(strstr(rig.error.message, "per_core needs at least 1 thread"));
    expect_taken("", "model: per_core, threads: 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTINGS_CASE(what_is_not_said_is_the_default),
        SETTINGS_CASE(every_promotion_has_its_word),
        SETTINGS_CASE(every_switch_is_its_own),
        SETTINGS_CASE(a_service_inherits_what_it_does_not_say),
        SETTINGS_CASE(per_core_is_known_by_its_spellings),
        SETTINGS_CASE(mistakes_are_named_where_they_stand),
        SETTINGS_CASE(a_loop_per_core_needs_a_core),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "server_rig.h"

#include "client.h"
#include "model_words.h"
#include "rig.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

const struct server_combination server_combinations[] = {
    { "leader_followers", "oneshot", 4 },
    { "leader_followers", "edge", 4, .is_in_short = true },
    { "leader_followers+always", "oneshot", 4 },
    { "leader_followers+kernel", "edge", 4 },
    { "half_sync_half_async", "oneshot", 3, .is_in_short = true },
    { "half_sync_half_async+handed", "edge", 3 },
    { "reactor+handed", "oneshot", 3 },
    { "reactor", "edge", 3, .is_in_short = true },
    { "reactor", "oneshot", 0, .is_in_short = true },
    { "reactor", "edge", 0 },
    { "proactor+handed", "oneshot", 3 },
    { "proactor", "edge", 3, .is_in_short = true },
    { "per_core", "oneshot", 2 },
    { "per_core", "edge", 3, .is_in_short = true },
};
const size_t server_combinations_count =
    sizeof(server_combinations) / sizeof(server_combinations[0]);
const struct server_combination *server_current = server_combinations;

bool server_has_pool(void)
{
    return server_current->threads > 0 && strcmp(server_current->model, "per_core") != 0;
}

#define SETS_MAX 20

void server_rig_start(struct server_rig *rig, const struct pl_app *app, const char *const *sets)
{
    struct pl_error error = { .message = "" };
    const struct model_words words = model_words_of(server_current->model);
    char model[64], arming[64], threads[64], promotion[64];
    const char *all[SETS_MAX + 1] = { model,
                                      arming,
                                      threads,
                                      promotion,
                                      "log.level=error",
                                      words.is_inlining ? "dispatch.inline=true"
                                                        : "dispatch.inline=false" };
    size_t count = 6;

    if (rig->config_path == NULL)
        all[count++] = "services.0.listen=[127.0.0.1:0]";
    for (size_t i = 0; sets != NULL && sets[i] != NULL && count < SETS_MAX; i++)
        all[count++] = sets[i];
    snprintf(model, sizeof(model), "dispatch.model=%s", words.model);
    snprintf(promotion, sizeof(promotion), "dispatch.promotion=%s", words.promotion);
    snprintf(arming, sizeof(arming), "dispatch.arming=%s", server_current->arming);
    snprintf(threads, sizeof(threads), "dispatch.threads=%u", server_current->threads);
    descriptors_now(&rig->descriptors_before);
    if (pl_server_open(app, rig->config_path, all, &rig->server, &error) < 0)
        fail_msg("open: %s", error.message);
    if (pl_server_start(rig->server, &error) < 0)
        fail_msg("start: %s", error.message);
    rig->port = server_rig_port(rig, 0);
}

uint16_t server_rig_port(const struct server_rig *rig, size_t listener)
{
    const char *address = pl_server_address(rig->server, listener);
    const char *colon = address == NULL ? NULL : strrchr(address, ':');

    return colon == NULL ? 0 : (uint16_t)strtoul(colon + 1, NULL, 10);
}

const char *server_rig_folder(struct server_rig *rig)
{
    if (rig->folder[0] == '\0') {
        snprintf(rig->folder, sizeof(rig->folder), "/tmp/paceline-test-XXXXXX");
        assert_non_null(mkdtemp(rig->folder));
    }
    return rig->folder;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

void server_rig_stop(struct server_rig *rig)
{
    assert_int_equal(pl_server_stop(rig->server, CLIENT_DEADLINE_MS / 2), 0);
    pl_server_close(rig->server);
    rig->server = NULL;
    if (rig->folder[0] != '\0')
        nftw(rig->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    rig->folder[0] = '\0';
    descriptors_expect_no_new(&rig->descriptors_before);
}

static int run(const struct server_combination *combination, const struct CMUnitTest *cases,
               size_t count)
{
    char name[96];

    server_current = combination;
    snprintf(name, sizeof(name), "%s/%s/%u threads", combination->model, combination->arming,
             combination->threads);
    return _cmocka_run_group_tests(name, cases, count, NULL, NULL);
}

int server_run_cases(int argc, char **argv, const struct CMUnitTest *cases, size_t count)
{
    bool is_short = getenv("PL_TEST_SHORT") != NULL;
    int failed = 0;

    if (argc == 5)
        cmocka_set_test_filter(argv[4]);
    if (argc >= 4) {
        struct server_combination one = { argv[1], argv[2], (uint32_t)strtoul(argv[3], NULL, 10) };

        return run(&one, cases, count) != 0;
    }
    for (size_t i = 0; i < server_combinations_count; i++)
        if (!is_short || server_combinations[i].is_in_short)
            failed += run(&server_combinations[i], cases, count);
    return failed != 0;
}

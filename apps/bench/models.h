/* SPDX-License-Identifier: Apache-2.0 */
/* One application under every model: its options, and how it is started. */
#ifndef BENCH_MODELS_H
#define BENCH_MODELS_H

#include "load.h"
#include "measure.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "request.h"
#include "server.h"

#define MODELS_MAX       (REPORT_ROWS_MAX - 1)
#define APP_SERVICES_MAX 16
/* Those of the command line, and some of a measurement's own. */
#define APP_SETS_MAX (OPTION_SETS_MAX + 4)

/* As `--print-config` shows it. */
struct app_service {
    char name[64];
    char listen[128]; /* the first TCP address; empty: none */
    bool is_http;
};

struct app {
    char program[4096], config[4096]; /* config empty: the application's own default */
    const char *sets[APP_SETS_MAX];   /* borrowed: KEY=VALUE */
    size_t sets_count;
    struct app_service services[APP_SERVICES_MAX];
    size_t services_count, target; /* the service that is loaded */
    char directory[256];           /* for logs and a configuration of our own */
    const cpu_set_t *cpus;         /* borrowed: where it runs; NULL: everywhere */
};

/* A row: "reactor+0" is the model reactor with dispatch.threads 0. */
struct model_choice {
    char name[48], model[32], threads[16];
    bool is_absent; /* it did not start in the first round: it is not tried again */
};

struct models {
    struct common_options common;
    struct app app;
    struct model_choice choices[MODELS_MAX];
    size_t choices_count;
    struct load_plan plan;
    struct request request;
    const char *target; /* borrowed: a path from / on, else a line */
    size_t rounds;
    double warm_up_s, seconds;
    bool is_wrk;
    struct progress progress;
    struct report report;
    bool has_failed; /* a load run was wrong, or a server did not start: exit code 1 */
};

/* Reads the command line; what is wrong in it ends the program. */
void models_read_options(struct models *models, int argc, char **argv);

/* Reads "reactor+0"; what is wrong in it ends the program. `choice` is zeroed. */
void model_choice_read(struct model_choice *choice, const char *text);

/* Finds the program and what it serves; ends this program when there is nothing to load. `app`
 * stays where it is until this program ends, which closes it at the latest. */
void app_open(struct app *app, const char *program, const char *config, bool is_http);
/* Ends this program when the application refuses the model, which the command line named behind
 * `option`. */
void app_check_choice(const struct app *app, const char *option, const struct model_choice *choice);
/* Fine on one that is closed already. */
void app_close(struct app *app);
/* Starts it under a model and gives the address to load. False: `note` says why not. */
bool app_start(const struct app *app, const struct model_choice *choice, struct server *server,
               struct address *ret_target, char *note, size_t note_size);

#endif

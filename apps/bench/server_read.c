/* SPDX-License-Identifier: Apache-2.0 */
/* What a process tree has used, read from outside. */
#include "server.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the tree ------------------------------------------------------------------------------- */

/* Calls back with the number of each entry of a directory that is one. */
static void each_number(const char *path, void (*take)(struct server *server, pid_t pid, pid_t tid),
                        struct server *server, pid_t pid)
{
    DIR *directory = opendir(path);
    struct dirent *entry;

    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            take(server, pid, (pid_t)strtol(entry->d_name, NULL, 10));
    closedir(directory);
}

static void add_children(struct server *server, pid_t pid, pid_t tid)
{
    char path[64];
    FILE *file;
    int child;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)tid);
    file = fopen(path, "re");
    if (file == NULL)
        return;
    while (server->tree_count < SERVER_PIDS_MAX && fscanf(file, "%d", &child) == 1)
        server->tree[server->tree_count++] = child;
    fclose(file);
}

void server_find_tree(struct server *server)
{
    char path[64];

    if (server->pid == 0)
        return;
    server->tree[0] = server->pid;
    server->tree_count = 1;
    for (size_t i = 0; i < server->tree_count; i++) {
        snprintf(path, sizeof(path), "/proc/%d/task", (int)server->tree[i]);
        each_number(path, add_children, server, server->tree[i]);
    }
}

/* ---- CPU time ------------------------------------------------------------------------------- */

uint64_t server_cpu_ns(const struct server *server)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < server->tree_count; i++) {
        clockid_t clock;
        struct timespec used;

        if (clock_getcpuclockid(server->tree[i], &clock) == 0 && clock_gettime(clock, &used) == 0)
            sum += (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
    }
    return sum;
}

/* ---- context switches ----------------------------------------------------------------------- */

/* The sum of the numbers behind the lines that hold `word`; 0 without any. */
static uint64_t sum_of_lines(const char *path, const char *word)
{
    FILE *file = fopen(path, "re");
    char line[256];
    uint64_t sum = 0;

    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strchr(line, ':');

        if (strstr(line, word) != NULL && colon != NULL)
            sum += strtoull(colon + 1, NULL, 10);
    }
    fclose(file);
    return sum;
}

static uint64_t switches_found;

static void add_switches(struct server *server, pid_t pid, pid_t tid)
{
    char path[64];

    (void)server;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid);
    switches_found += sum_of_lines(path, "ctxt_switches");
}

uint64_t server_switches(const struct server *server)
{
    switches_found = 0;
    for (size_t i = 0; i < server->tree_count; i++) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/task", (int)server->tree[i]);
        each_number(path, add_switches, NULL, server->tree[i]);
    }
    return switches_found;
}

/* ---- memory --------------------------------------------------------------------------------- */

double server_pss_bytes(const struct server *server)
{
    uint64_t kilobytes = 0;

    for (size_t i = 0; i < server->tree_count; i++) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)server->tree[i]);
        kilobytes += sum_of_lines(path, "Pss:");
    }
    return kilobytes == 0 ? (double)NAN : (double)kilobytes * 1024;
}

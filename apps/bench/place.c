/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include "bench.h"
#include "server.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static char made[512];
static pid_t made_by;

/* Also where the program ends by die(); a child that does so owns nothing. */
static void remove_made(void)
{
    if (made[0] != '\0' && getpid() == made_by)
        place_remove(made);
}

void place_make(char *directory, size_t size)
{
    const char *base = getenv("TMPDIR");

    snprintf(directory, size, "%s/paceline-bench.XXXXXX",
             base == NULL || base[0] == '\0' ? "/tmp" : base);
    if (mkdtemp(directory) == NULL)
        die(EX_CANTCREAT, "%s: %s", directory, strerror(errno));
    snprintf(made, sizeof(made), "%s", directory);
    made_by = getpid();
    (void)atexit(remove_made);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *ftw)
{
    (void)about;
    (void)kind;
    (void)ftw;
    (void)remove(path);
    return 0;
}

void place_remove(const char *directory)
{
    (void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void place_find_app(const char *name, char *path, size_t size)
{
    ssize_t length = strchr(name, '/') != NULL ? 0 : readlink("/proc/self/exe", path, size - 1);
    char *slash, whole[PATH_MAX];

    if (length > 0) {
        path[length] = '\0';
        slash = strrchr(path, '/');
        snprintf(slash + 1, size - (size_t)(slash + 1 - path), "%s", name);
        if (access(path, X_OK) == 0)
            return;
    }
    if (!server_find_program(name, path, size))
        die(EX_UNAVAILABLE, "no program '%s' beside this one or in PATH", name);
    /* Whoever runs it may stand in another folder. */
    if (path[0] != '/' && realpath(name, whole) != NULL)
        snprintf(path, size, "%s", whole);
}

struct placement place_cpus(enum placing placing)
{
    struct placement placement;
    cpu_set_t usable;
    size_t found[2] = { 0, 0 }, count = 0;

    CPU_ZERO(&placement.server);
    CPU_ZERO(&placement.load);
    CPU_ZERO(&usable);
    (void)sched_getaffinity(0, sizeof(usable), &usable);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
        if (CPU_ISSET(cpu, &usable))
            found[count++] = cpu;
    if (count < 2)
        found[1] = found[0];
    CPU_SET(found[0], &placement.server);
    CPU_SET(placing == PLACE_TOGETHER ? found[0] : found[1], &placement.load);
    if (placing == PLACE_BOTH) {
        CPU_SET(found[1], &placement.server);
        CPU_SET(found[0], &placement.load);
        snprintf(placement.text, sizeof(placement.text), "server and load share CPUs %zu and %zu",
                 found[0], found[1]);
        return placement;
    }
    snprintf(placement.text, sizeof(placement.text), "server on CPU %zu, load on CPU %zu", found[0],
             placing == PLACE_TOGETHER ? found[0] : found[1]);
    return placement;
}

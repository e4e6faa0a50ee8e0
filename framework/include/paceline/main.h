/* SPDX-License-Identifier: Apache-2.0 */
/* The whole life of a server process in one call. */
#ifndef PACELINE_MAIN_H
#define PACELINE_MAIN_H

#include <paceline/events.h>
#include <paceline/server.h>

/*
 * Command line, configuration, signals, serving, stopping. Returns the process's exit code
 * (sysexits.h): 0 after a stop by signal, 64 for a wrong command line, 66 for a missing file, 69
 * for an address that cannot be had, 70 for handlers that would not end, 78 for a wrong
 * configuration.
 *
 * Thread: the process's main thread; it returns when the server has stopped.
 */
PL_API int pl_main(int argc, char **argv, const struct pl_app *app);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One more server in the process, for those who look after the other: the control socket and the
 * admin pages. It has a thread, a memory pool and limits of its own, so that it answers when every
 * worker of the other is busy and every limit there reached.
 *
 * Thread: control, all of it.
 */
#ifndef PL_PROCESS_ADMIN_H
#define PL_PROCESS_ADMIN_H

#include <paceline/attributes.h>
#include <paceline/error.h>

struct pl_admin;
struct pl_server;

/*
 * Opens what `control` and `admin` in the settings of `watched` ask for; nothing runs yet.
 * *ret_admin is NULL, which costs nothing, when they ask for nothing.
 *
 * Owner:  the caller, until pl_admin_close(). `watched` is borrowed until then.
 * Errors: those of pl_server_open().
 */
PL_MUST_CHECK int pl_admin_open(struct pl_server *watched, struct pl_admin **ret_admin,
                                struct pl_error *error);
/* After the watched server has started. All of these do nothing with NULL. */
PL_MUST_CHECK int pl_admin_start(struct pl_admin *admin, struct pl_error *error);
/* After the watched server has stopped: until then its drain can be followed. */
void pl_admin_stop(struct pl_admin *admin);
void pl_admin_close(struct pl_admin *admin);

#endif

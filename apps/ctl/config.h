/* SPDX-License-Identifier: Apache-2.0 */
/* Where the socket is: the one key of a server's configuration that a client needs. */
#ifndef CTL_CONFIG_H
#define CTL_CONFIG_H

/* Reads `control: { socket: … }` from the YAML file; a relative path is relative to its folder.
 * Returns 0, or the exit code after saying what is wrong. Owner: the caller, who frees
 * *ret_path. */
int ctl_config_socket(const char *file, char **ret_path);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of `control` and `admin`: a row each, what the rows alone cannot say, and what they cost
 * in descriptors. Who serves them stands in framework/process/. */
#include "settings.h"

#include "address.h"

#include <paceline/limits.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sysexits.h>

/* Beside connections: a handle set with its wakers and timers, a file being sent, a pipe. */
#define DESCRIPTORS_BESIDE 16

const struct pl_setting pl_settings_control_rows[] = {
    { .name = "socket",
      .type = PL_SETTING_PATH,
      .offset = offsetof(struct pl_control_settings, socket),
      .help = "A unix socket's file, mode 0600, for `paceline-ctl`; empty: none." },
    { .name = NULL },
};

const struct pl_setting pl_settings_admin_rows[] = {
    { .name = "listen",
      .type = PL_SETTING_TEXTS,
      .offset = offsetof(struct pl_admin_settings, listen),
      .item_bytes = sizeof(char *),
      .help = "Addresses as those of a service, without `udp:`; a unix socket gets mode 0600. "
              "Without them there is no such server." },
    { .name = "page",
      .type = PL_SETTING_BOOL,
      .offset = offsetof(struct pl_admin_settings, has_page),
      .by_default = "true",
      .help = "The page that shows the threads and swaps models, beside health and figures." },
    { .name = NULL },
};

static bool has_socket(const struct pl_control_settings *control)
{
    return control->socket != NULL && control->socket[0] != '\0';
}

static int check_address(const char *text, const char *key, const char *source,
                         struct pl_error *error)
{
    struct pl_error detail;
    struct pl_address address;

    if (pl_address_parse(text, &address, &detail) < 0)
        return pl_error_set(error, EX_CONFIG, -EINVAL, "%s: %s: %.300s", source, key,
                            detail.message);
    if (address.is_datagram)
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: %s: '%s': expected a TCP address or unix:/path", source, key,
                            text);
    return 0;
}

int pl_settings_check_admin(const struct pl_settings *settings, const char *source,
                            struct pl_error *error)
{
    char *const *listen = settings->admin.listen.items;
    char text[4400];
    int err = 0;

    if (has_socket(&settings->control)) {
        snprintf(text, sizeof(text), "unix:%.4300s", settings->control.socket);
        err = check_address(text, "control.socket", source, error);
    }
    if (err == 0 && settings->admin.listen.count > PL_ADMIN_LISTEN_MAX)
        return pl_error_set(error, EX_CONFIG, -EINVAL, "%s: admin.listen: more than %d addresses",
                            source, PL_ADMIN_LISTEN_MAX);
    for (uint32_t i = 0; i < settings->admin.listen.count && err == 0; i++)
        err = check_address(listen[i], "admin.listen", source, error);
    return err;
}

bool pl_settings_have_admin(const struct pl_settings *settings)
{
    return has_socket(&settings->control) || settings->admin.listen.count > 0;
}

uint32_t pl_settings_admin_descriptors(const struct pl_settings *settings)
{
    if (!pl_settings_have_admin(settings))
        return 0;
    /* A listener keeps a descriptor in reserve. */
    return PL_ADMIN_CONNS_MAX + DESCRIPTORS_BESIDE +
           2 * (has_socket(&settings->control) + settings->admin.listen.count);
}

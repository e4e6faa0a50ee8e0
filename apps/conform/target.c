/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

static const struct {
    const char *name;
    const char *text;
} files[] = {
    { "index.html", INDEX_TEXT }, { "plain.txt", PLAIN_TEXT },      { "hidden.txt", HIDDEN_TEXT },
    { "fence.txt", FENCE_TEXT },  { "dir/index.html", INDEX_TEXT },
};
#define FILES_COUNT (sizeof(files) / sizeof(files[0]))

bool target_set_host(struct target *target, enum transport transport, const char *text)
{
    struct addrinfo hints = { .ai_socktype =
                                  transport == TRANSPORT_UDP ? SOCK_DGRAM : SOCK_STREAM };
    struct addrinfo *found;
    struct address *address = &target->addresses[transport];
    const char *colon = strrchr(text, ':'), *begin = text, *end = colon;
    char host[256];

    if (colon == NULL || colon[1] == '\0' || strlen(text) >= sizeof(target->host))
        return false;
    if (*begin == '[' && colon > begin && colon[-1] == ']') {
        begin++;
        end--;
    }
    snprintf(host, sizeof(host), "%.*s", (int)(end - begin), begin);
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return false;
    memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
    address->length = found->ai_addrlen;
    freeaddrinfo(found);
    if (transport == TRANSPORT_TCP)
        snprintf(target->host, sizeof(target->host), "%s", text);
    return true;
}

bool target_set_unix(struct target *target, const char *path)
{
    struct address *address = &target->addresses[TRANSPORT_UNIX];
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&address->storage;

    if (*path == '\0' || strlen(path) >= sizeof(un->sun_path))
        return false;
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    address->length = sizeof(*un);
    return true;
}

int target_make_root(const char *directory, char *path, size_t size)
{
    snprintf(path, size, "%s", directory);
    if (mkdir(directory, 0755) < 0 && errno != EEXIST)
        return -errno;
    snprintf(path, size, "%s/dir", directory);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    for (size_t i = 0; i < FILES_COUNT; i++) {
        FILE *file;
        bool is_written;

        snprintf(path, size, "%s/%s", directory, files[i].name);
        file = fopen(path, "we");
        if (file == NULL)
            return -errno;
        is_written = fputs(files[i].text, file) >= 0;
        if (fclose(file) != 0 || !is_written)
            return errno == 0 ? -EIO : -errno;
    }
    return 0;
}

int target_check_root(const char *directory, char *path, size_t size)
{
    for (size_t i = 0; i < FILES_COUNT; i++) {
        char text[200] = "";
        size_t length;
        FILE *file;

        snprintf(path, size, "%s/%s", directory, files[i].name);
        file = fopen(path, "re");
        if (file == NULL)
            return -errno;
        length = fread(text, 1, sizeof(text) - 1, file);
        fclose(file);
        if (length != strlen(files[i].text) || memcmp(text, files[i].text, length) != 0)
            return -EINVAL;
    }
    return 0;
}

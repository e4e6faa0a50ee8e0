/* SPDX-License-Identifier: Apache-2.0 */
/* paceline-bench floor: the bare loops as servers of their own. */
#include "bench.h"
#include "floor.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define LOOPS_MAX       64
#define BACKLOG         4096
#define REPLY_BYTES_MAX (1024 * 1024)

static const char usage_text[] =
    "Usage: paceline-bench floor http|connection|file|echo --listen HOST:PORT [OPTION]...\n"
    "\n"
    "Serves with the least a server can do: one recv and one send a request, nothing read.\n"
    "\n"
    "      --listen HOST:PORT   the address; port 0 takes a free one, which is printed\n"
    "      --loops N            processes, each with a SO_REUSEPORT listener of its own (1)\n"
    "      --request-bytes N    how long a request is (needed to count pipelined ones)\n"
    "      --reply FILE         the bytes of the reply; for kind file those of its head\n"
    "      --file FILE          kind file: what is sent behind the head\n"
    "  -h, --help               print this, and end\n";

static const struct option long_options[] = {
    { "listen", required_argument, NULL, 'l' },
    { "loops", required_argument, NULL, 'n' },
    { "request-bytes", required_argument, NULL, 'q' },
    { "reply", required_argument, NULL, 'r' },
    { "file", required_argument, NULL, 'f' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static const char default_reply[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                    "Content-Length: 14\r\n\r\nHello, World!\n";

struct floor_options {
    struct floor_plan plan;
    struct address listen;
    size_t loops;
};

static enum floor_kind kind_of(const char *name)
{
    static const char *const names[] = { "http", "connection", "file", "echo" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return (enum floor_kind)i;
    die(EX_USAGE, "unknown floor '%s', expected http, connection, file or echo", name);
}

static void read_reply(struct floor_plan *plan, const char *path)
{
    char *bytes = must_alloc(1, REPLY_BYTES_MAX);
    FILE *file = fopen(path, "re");

    if (file == NULL)
        die(EX_NOINPUT, "%s: %s", path, strerror(errno));
    plan->reply_length = fread(bytes, 1, REPLY_BYTES_MAX, file);
    plan->reply = bytes;
    fclose(file);
}

static void open_file(struct floor_plan *plan, const char *path)
{
    struct stat about;

    plan->file_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (plan->file_fd < 0 || fstat(plan->file_fd, &about) < 0)
        die(EX_NOINPUT, "%s: %s", path, strerror(errno));
    plan->file_length = (size_t)about.st_size;
}

static void take_option(void *context, int option)
{
    struct floor_options *options = context;

    switch (option) {
    case 'l':
        options->listen = argument_address("listen", optarg);
        return;
    case 'n':
        options->loops = argument_count("loops", optarg, 1, LOOPS_MAX);
        return;
    case 'q':
        options->plan.request_length = argument_count("request-bytes", optarg, 1, 65536);
        return;
    case 'r':
        read_reply(&options->plan, optarg);
        return;
    case 'f':
        open_file(&options->plan, optarg);
        return;
    }
}

static const struct option_reader reader = { .command = "floor",
                                             .usage = usage_text,
                                             .short_options = "h",
                                             .options = long_options,
                                             .take = take_option,
                                             .has_arguments = true };

static void read_options(struct floor_options *options, int argc, char **argv)
{
    int first;

    *options = (struct floor_options){ .loops = 1,
                                       .plan = { .reply = default_reply,
                                                 .reply_length = sizeof(default_reply) - 1,
                                                 .request_length = 1,
                                                 .file_fd = -1 } };
    first = options_read(&reader, NULL, options, argc, argv);
    if (first + 1 != argc)
        die(EX_USAGE, "floor: expected one kind: http, connection, file or echo");
    options->plan.kind = kind_of(argv[first]);
    if (options->listen.length == 0)
        die(EX_USAGE, "floor: no address, expected --listen HOST:PORT");
    if (options->plan.kind == FLOOR_FILE && options->plan.file_fd < 0)
        die(EX_USAGE, "floor: the kind file needs --file FILE");
}

/* The first listener may take a free port, which the others then share. */
static int open_listener(struct address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int)) < 0 ||
        bind(fd, (const struct sockaddr *)&address->storage, address->length) < 0 ||
        listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&address->storage, &address->length) < 0)
        die(EX_UNAVAILABLE, "floor: no listener: %s", strerror(errno));
    return fd;
}

int floor_main(int argc, char **argv)
{
    struct floor_options options;
    int fds[LOOPS_MAX];
    pid_t parent = getpid();
    char text[80];

    read_options(&options, argc, argv);
    signal(SIGPIPE, SIG_IGN); /* sendfile() has no flag that would keep it away */
    for (size_t i = 0; i < options.loops; i++)
        fds[i] = open_listener(&options.listen);
    address_print(&options.listen, text, sizeof(text));
    fprintf(stderr, "floor: listening on %s\n", text);
    for (size_t i = 1; i < options.loops; i++) {
        if (fork() != 0)
            continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(EX_UNAVAILABLE);
        fds[0] = fds[i];
        break;
    }
    floor_serve(&options.plan, fds[0]);
}

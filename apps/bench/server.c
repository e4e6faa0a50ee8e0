/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include "arguments.h"
#include "bench.h"
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_NS_MAX UINT64_C(10000000000)
#define STOP_NS_MAX  UINT64_C(3000000000)
#define LOOK_NS      UINT64_C(2000000)
#define LOG_BYTES    (64 * 1024)

/* ---- starting ----------------------------------------------------------------------------------
 */

__attribute__((noreturn)) static void become(char *const argv[], const char *directory,
                                             const char *log_path, const cpu_set_t *cpus)
{
    int log_fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    int null_fd = open("/dev/null", O_RDONLY);

    if (log_fd < 0 || null_fd < 0 || chdir(directory) < 0)
        _exit(126);
    dup2(null_fd, STDIN_FILENO);
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    close(log_fd);
    close(null_fd);
    if (cpus != NULL)
        (void)sched_setaffinity(0, sizeof(*cpus), cpus);
    execv(argv[0], argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

bool server_start(struct server *server, char *const argv[], const char *directory,
                  const char *log_path, const cpu_set_t *cpus)
{
    pid_t parent = getpid();

    *server = (struct server){ .pid = 0 };
    snprintf(server->log_path, sizeof(server->log_path), "%s", log_path);
    /* Here, not in the child: the log of the server before names a port too. */
    (void)unlink(log_path);
    /* Workers whose master ended come to us, so that none is left behind. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1UL);
    server->pid = fork();
    if (server->pid < 0) {
        server->pid = 0;
        return false;
    }
    if (server->pid == 0) {
        signals_in_child(parent);
        /* A group of its own: Ctrl-C is for paceline-bench, which then stops it in order. */
        (void)setpgid(0, 0);
        signal(SIGINT, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        become(argv, directory, log_path, cpus);
    }
    server->tree[0] = server->pid;
    server->tree_count = 1;
    return true;
}

bool server_has_ended(struct server *server)
{
    siginfo_t about = { .si_pid = 0 };

    return waitid(P_PID, (id_t)server->pid, &about, WEXITED | WNOHANG | WNOWAIT) < 0 ||
           about.si_pid != 0;
}

int server_exit_code(const struct server *server)
{
    siginfo_t about = { .si_pid = 0 };

    if (waitid(P_PID, (id_t)server->pid, &about, WEXITED | WNOHANG | WNOWAIT) < 0 ||
        about.si_pid == 0)
        return -1;
    return about.si_code == CLD_EXITED ? about.si_status : 128 + about.si_status;
}

bool server_wait_port(struct server *server, unsigned port)
{
    struct address address = address_loopback(port);
    uint64_t end_ns = clock_ns() + START_NS_MAX;

    do {
        int fd = load_connect(&address);

        if (fd >= 0) {
            close(fd);
            server_find_tree(server);
            /* Else somebody else answers there, and this one found its port taken. */
            return !server_has_ended(server);
        }
    } while (!server_has_ended(server) && clock_ns() < end_ns && wait_ns(LOOK_NS, -1));
    return false;
}

/* The end of the log; an empty text without one. */
static void read_log(const struct server *server, char *text, size_t size)
{
    int fd = open(server->log_path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    if (fd >= 0) {
        off_t length = lseek(fd, 0, SEEK_END);

        (void)lseek(fd, length < (off_t)size ? 0 : length - (off_t)size + 1, SEEK_SET);
        got = read(fd, text, size - 1);
        close(fd);
    }
    text[got < 0 ? 0 : got] = '\0';
}

static unsigned find_port(const char *log, const char *who)
{
    char words[128];

    snprintf(words, sizeof(words), "%s: listening on ", who);
    for (const char *at = strstr(log, words); at != NULL; at = strstr(at + 1, words)) {
        const char *end = at + strcspn(at, "\n\"");
        const char *colon = memrchr(at + strlen(words), ':', (size_t)(end - at) - strlen(words));

        if (*end != '\0' && colon != NULL)
            return (unsigned)strtoul(colon + 1, NULL, 10);
    }
    return 0;
}

unsigned server_wait_logged_port(struct server *server, const char *who)
{
    uint64_t end_ns = clock_ns() + START_NS_MAX;
    char *log = must_alloc(1, LOG_BYTES);
    unsigned port;
    bool is_over;

    do {
        is_over = server_has_ended(server) || clock_ns() > end_ns;
        read_log(server, log, LOG_BYTES);
        port = find_port(log, who);
    } while (port == 0 && !is_over && wait_ns(LOOK_NS, -1));
    free(log);
    return port;
}

void server_words(const struct server *server, char *text, size_t size)
{
    size_t length;

    read_log(server, text, size);
    length = strlen(text);
    while (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    if (length == 0)
        snprintf(text, size, "it ended without a word");
}

void server_last_words(const struct server *server, char *text, size_t size)
{
    char words[2048];
    const char *newline;

    server_words(server, words, sizeof(words));
    newline = strrchr(words, '\n');
    snprintf(text, size, "%s", newline == NULL ? words : newline + 1);
}

/* ---- stopping ----------------------------------------------------------------------------------
 */

/* Everything that has ended; children of a stopped master are ours too. */
static void reap_all(void)
{
    int status;

    while (waitpid(-1, &status, WNOHANG) > 0)
        ;
}

static bool is_there(const struct server *server)
{
    reap_all();
    for (size_t i = 0; i < server->tree_count; i++)
        if (kill(server->tree[i], 0) == 0)
            return true;
    return false;
}

void server_stop(struct server *server)
{
    uint64_t end_ns = clock_ns() + STOP_NS_MAX;
    bool is_killed = false;

    if (server->pid == 0)
        return;
    server_find_tree(server);
    kill(server->pid, SIGTERM);
    while (is_there(server)) {
        struct timespec pause = { .tv_nsec = (long)LOOK_NS };

        if (clock_ns() > end_ns + STOP_NS_MAX)
            break;
        for (size_t i = 0; i < server->tree_count && !is_killed && clock_ns() > end_ns; i++)
            kill(server->tree[i], SIGKILL);
        is_killed = clock_ns() > end_ns;
        nanosleep(&pause, NULL);
    }
    server->pid = 0;
    server->tree_count = 0;
}

/* ---- finding -------------------------------------------------------------------------------- */

unsigned server_free_port(void)
{
    struct address address = address_loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned port = 0;

    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address.storage, address.length) == 0 &&
        getsockname(fd, (struct sockaddr *)&address.storage, &address.length) == 0)
        port = address_port(&address);
    if (fd >= 0)
        close(fd);
    return port;
}

bool server_find_program(const char *name, char *path, size_t size)
{
    const char *directories = getenv("PATH");
    char all[4096];

    if (strchr(name, '/') != NULL) {
        snprintf(path, size, "%s", name);
        return access(path, X_OK) == 0;
    }
    snprintf(all, sizeof(all), "%s:/usr/sbin:/sbin:/usr/local/sbin",
             directories == NULL ? "/usr/bin:/bin" : directories);
    for (char *rest = all, *one = strsep(&rest, ":"); one != NULL; one = strsep(&rest, ":")) {
        snprintf(path, size, "%s/%s", one, name);
        if (one[0] == '/' && access(path, X_OK) == 0)
            return true;
    }
    return false;
}

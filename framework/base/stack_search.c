/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of a waiting thread, and its stack searched from outside; see stack.h. */
#include "stack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- the kernel's view ---------------------------------------------------------------------- */

enum after_signal {
    IS_ENDED,     /* EINTR */
    IS_RESTARTED, /* SA_RESTART has it go on */
    IS_OF_SOCKET, /* the same, unless the socket has a timeout; the descriptor comes first */
    IS_OF_FUTEX,  /* the same, unless it has a timeout */
};

/* signal(7), "Interruption of system calls and library functions by signal handlers". A call that
 * is not here counts as one that is ended. */
static const struct known_call {
    long number;
    const char *name;
    enum after_signal after;
} known_calls[] = {
    { SYS_read, "read", IS_OF_SOCKET },
    { SYS_readv, "readv", IS_OF_SOCKET },
    { SYS_pread64, "pread64", IS_RESTARTED },
    { SYS_preadv, "preadv", IS_RESTARTED },
    { SYS_write, "write", IS_OF_SOCKET },
    { SYS_writev, "writev", IS_OF_SOCKET },
    { SYS_pwrite64, "pwrite64", IS_RESTARTED },
    { SYS_pwritev, "pwritev", IS_RESTARTED },
    { SYS_fsync, "fsync", IS_RESTARTED },
    { SYS_fdatasync, "fdatasync", IS_RESTARTED },
    { SYS_openat, "openat", IS_RESTARTED },
    { SYS_flock, "flock", IS_RESTARTED },
    { SYS_wait4, "wait4", IS_RESTARTED },
    { SYS_waitid, "waitid", IS_RESTARTED },
    { SYS_recvfrom, "recvfrom", IS_OF_SOCKET },
    { SYS_recvmsg, "recvmsg", IS_OF_SOCKET },
    { SYS_sendto, "sendto", IS_OF_SOCKET },
    { SYS_sendmsg, "sendmsg", IS_OF_SOCKET },
    { SYS_connect, "connect", IS_OF_SOCKET },
    { SYS_accept, "accept", IS_OF_SOCKET },
    { SYS_accept4, "accept4", IS_OF_SOCKET },
    { SYS_futex, "futex", IS_OF_FUTEX },
    { SYS_fcntl, "fcntl", IS_RESTARTED },
    { SYS_nanosleep, "nanosleep", IS_ENDED },
    { SYS_clock_nanosleep, "clock_nanosleep", IS_ENDED },
    { SYS_ppoll, "ppoll", IS_ENDED },
    { SYS_pselect6, "pselect6", IS_ENDED },
    { SYS_epoll_pwait, "epoll_pwait", IS_ENDED },
    { SYS_rt_sigtimedwait, "rt_sigtimedwait", IS_ENDED },
    { SYS_rt_sigsuspend, "rt_sigsuspend", IS_ENDED },
    { SYS_semtimedop, "semtimedop", IS_ENDED },
    { SYS_msgrcv, "msgrcv", IS_ENDED },
    { SYS_msgsnd, "msgsnd", IS_ENDED },
#ifdef SYS_open
    { SYS_open, "open", IS_RESTARTED },
#endif
#ifdef SYS_poll
    { SYS_poll, "poll", IS_ENDED },
    { SYS_select, "select", IS_ENDED },
    { SYS_epoll_wait, "epoll_wait", IS_ENDED },
    { SYS_pause, "pause", IS_ENDED },
#endif
};

static const struct known_call *find_call(long number)
{
    for (size_t i = 0; i < sizeof(known_calls) / sizeof(known_calls[0]); i++)
        if (known_calls[i].number == number)
            return &known_calls[i];
    return NULL;
}

const char *pl_kernel_wait_name(const struct pl_kernel_wait *wait)
{
    const struct known_call *call = find_call(wait->number);

    return call == NULL ? NULL : call->name;
}

/* "running", or "-1 SP PC", or "NUMBER six arguments SP PC" (proc(5)). */
static int parse(const char *text, struct pl_kernel_wait *wait)
{
    uint64_t *a = wait->arguments;

    memset(wait, 0, sizeof(*wait));
    wait->number = -1;
    if (strncmp(text, "running", 7) == 0)
        return 0;
    if (sscanf(text,
               "%ld 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64
               " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64,
               &wait->number, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &wait->stack_pointer,
               &wait->code) == 9)
        return 0;
    return wait->number == -1 ? 0 : -EPROTO;
}

int pl_kernel_wait_of(int thread, struct pl_kernel_wait *ret_wait)
{
    char path[64], text[256];
    ssize_t length;
    int fd;

    snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", thread);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    length = read(fd, text, sizeof(text) - 1);
    if (length < 0) {
        int err = -errno;

        (void)close(fd);
        return err;
    }
    (void)close(fd);
    text[length] = '\0';
    return parse(text, ret_wait);
}

static bool has_timeout(int fd, int option)
{
    struct timeval timeout = { .tv_sec = 0 };
    socklen_t size = sizeof(timeout);

    return getsockopt(fd, SOL_SOCKET, option, &timeout, &size) == 0 &&
           (timeout.tv_sec != 0 || timeout.tv_usec != 0);
}

static bool is_socket_restarted(int fd)
{
    return !has_timeout(fd, SO_RCVTIMEO) && !has_timeout(fd, SO_SNDTIMEO);
}

bool pl_kernel_wait_is_restarted(const struct pl_kernel_wait *wait)
{
    const struct known_call *call = find_call(wait->number);

    if (wait->number == -1)
        return true;
    if (call == NULL)
        return false;
    switch (call->after) {
    case IS_ENDED:
        return false;
    case IS_RESTARTED:
        return true;
    case IS_OF_SOCKET:
        return is_socket_restarted((int)wait->arguments[0]);
    case IS_OF_FUTEX:
        return wait->arguments[3] == 0;
    }
    return false;
}

/* ---- the search ------------------------------------------------------------------------------ */

#define CODE_RANGES_MAX 128
#define PAGE            4096

struct code_ranges {
    struct {
        uintptr_t begin, end;
    } ranges[CODE_RANGES_MAX];
    size_t count;
};

static int note_code(struct dl_phdr_info *module, size_t size, void *context)
{
    struct code_ranges *code = context;

    (void)size;
    for (size_t i = 0; i < module->dlpi_phnum && code->count < CODE_RANGES_MAX; i++) {
        const ElfW(Phdr) *segment = &module->dlpi_phdr[i];

        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
            continue;
        code->ranges[code->count].begin = module->dlpi_addr + segment->p_vaddr;
        code->ranges[code->count].end = module->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        code->count++;
    }
    return 0;
}

/* The eight bytes before an address that a call may return to; NULL: no code stands there. */
static const unsigned char *code_before(const struct code_ranges *code, uintptr_t address)
{
    for (size_t i = 0; i < code->count; i++)
        if (address >= code->ranges[i].begin + 8 && address < code->ranges[i].end)
            return (const unsigned char *)(address - 8);
    return NULL;
}

#if defined(__x86_64__)
/* call rel32; call [rip+disp32], [reg+disp32]; call [reg+disp8]; call [reg], reg; with a SIB byte
 * each a byte longer. */
static bool is_call(const unsigned char *before)
{
    static const struct {
        int length;
        unsigned char mode;
    } forms[] = { { 2, 0x10 }, { 2, 0xd0 }, { 3, 0x10 }, { 3, 0x50 },
                  { 4, 0x50 }, { 6, 0x10 }, { 6, 0x90 }, { 7, 0x90 } };

    if (before[3] == 0xe8)
        return true;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const unsigned char *at = before + 8 - forms[i].length;

        if (at[0] == 0xff && (at[1] & 0xf8) == forms[i].mode)
            return true;
    }
    return false;
}
#define CAN_SEARCH 1
#elif defined(__aarch64__)
/* bl; blr */
static bool is_call(const unsigned char *before)
{
    uint32_t code;

    memcpy(&code, before + 4, sizeof(code));
    return (code & 0xfc000000) == 0x94000000 || (code & 0xfffffc1f) == 0xd63f0000;
}
#define CAN_SEARCH 1
#else
static bool is_call(const unsigned char *before)
{
    (void)before;
    return false;
}
#define CAN_SEARCH 0
#endif

/* The thread may go on meanwhile, and its stack away: the kernel copies, and says so. */
static ssize_t copy_stack(uint64_t from, void *to, size_t bytes)
{
    struct iovec local = { .iov_base = to, .iov_len = bytes };
    struct iovec pages[PL_STACK_BYTES_MAX / PAGE + 1];
    size_t count = 0;
    ssize_t copied;

    while (bytes > 0) {
        size_t here = PAGE - from % PAGE;

        if (here > bytes)
            here = bytes;
        pages[count++] = (struct iovec){ .iov_base = (void *)(uintptr_t)from, .iov_len = here };
        from += here;
        bytes -= here;
    }
    copied = process_vm_readv(getpid(), &local, 1, pages, count, 0);
    return copied < 0 ? -errno : copied;
}

int pl_stack_search(const struct pl_kernel_wait *wait, struct pl_stack *ret_stack)
{
    uintptr_t words[PL_STACK_BYTES_MAX / sizeof(uintptr_t)];
    struct code_ranges code = { .count = 0 };
    struct pl_stack stack = { .count = 0 };
    ssize_t bytes;

    if (!CAN_SEARCH)
        return -ENOSYS;
    if (wait->code == 0 || wait->stack_pointer % sizeof(words[0]) != 0)
        return -EPROTO;
    bytes = copy_stack(wait->stack_pointer, words, sizeof(words));
    if (bytes < 0)
        return (int)bytes;
    (void)dl_iterate_phdr(note_code, &code);
    stack.addresses[stack.count++] = (void *)(uintptr_t)wait->code;
    for (size_t i = 0; i < (size_t)bytes / sizeof(words[0]); i++) {
        const unsigned char *before = code_before(&code, words[i]);

        if (stack.count == PL_STACK_FRAMES_MAX)
            break;
        if (before != NULL && is_call(before))
            stack.addresses[stack.count++] = (void *)words[i];
    }
    *ret_stack = stack;
    return 0;
}

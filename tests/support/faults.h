/* SPDX-License-Identifier: Apache-2.0 */
/* One system call, or allocation, that fails once: the n-th of its kind from now on, on whichever
 * thread it comes. For programs that are linked with FAULT_WRAPS. */
#ifndef PL_TESTS_FAULTS_H
#define PL_TESTS_FAULTS_H

#include <stdbool.h>

enum fault {
    FAULT_calloc,
    FAULT_epoll_ctl,
    FAULT_epoll_create1,
    FAULT_eventfd,
    FAULT_timerfd_create,
    FAULT_socket,
    FAULT_bind,
    FAULT_listen,
    FAULT_setsockopt,
    FAULT_getsockname,
    FAULT_accept4,
    FAULT_recv,
    FAULT_send,
    FAULT_sendmsg,
    FAULT_recvfrom,
    FAULT_pthread_create,
    FAULT_mmap,
    FAULT_open,
    FAULT_epoll_wait,
    FAULT_connect,
};

void fault_arm(enum fault fault, int number, int nth);
/* No call fails any more; did one? */
bool fault_disarm(void);

#endif

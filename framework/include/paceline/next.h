/* SPDX-License-Identifier: Apache-2.0 */
/* How a stage ends: what may come next, as a value and never as a nested call. */
#ifndef PACELINE_NEXT_H
#define PACELINE_NEXT_H

enum pl_next {
    PL_RUN_ACCEPT,  /* this stage can make progress now; */
    PL_RUN_RECEIVE, /* as the result of `process`: more input is wanted */
    PL_RUN_PROCESS,
    PL_RUN_SEND,  /* as the result of `process`: send what is there, then call me again */
    PL_HAND_OVER, /* as the result of `process`: pl_conn_begin_handler() wants another thread */
    PL_AGAIN,     /* budget used, work left: tail of the ready ring */
    PL_WAIT,      /* until one of the reasons waited for */
    PL_CLOSE,     /* the conversation is over; output that stands is sent before */
    PL_LEND,      /* the framework's own: to a thread of the application, which holds it then */
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "signals.h"

#include "engine.h"
#include "stack.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int own_signals[] = { SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGUSR2 };

/* What an application may watch: blocked from the start, so that none is missed. */
static const int free_signals[] = { SIGALRM, SIGCHLD, SIGURG, SIGWINCH, SIGIO };

static bool is_among(int signal, const int *signals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (signals[i] == signal)
            return true;
    return false;
}

/* On a thread of the application that does not block it: passed on to the main thread, which does
 * and will look for it; else the signal would be lost, or end the process. */
static void pass_to_main_thread(int signal)
{
    int error = errno;

    if (gettid() != getpid())
        (void)syscall(SYS_tgkill, getpid(), getpid(), signal);
    errno = error;
}

/* Unless the application has an action of its own for it. */
static void catch (int signal)
{
    struct sigaction pass = { .sa_handler = pass_to_main_thread, .sa_flags = SA_RESTART };
    struct sigaction before;

    if (sigaction(signal, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
        (void)sigaction(signal, &pass, NULL);
}

void pl_signals_init(struct pl_signals *signals)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };

    memset(signals, 0, sizeof(*signals));
    pthread_mutex_init(&signals->lock, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigemptyset(&signals->set);
    for (size_t i = 0; i < sizeof(own_signals) / sizeof(own_signals[0]); i++)
        sigaddset(&signals->set, own_signals[i]);
    for (size_t i = 0; i < sizeof(free_signals) / sizeof(free_signals[0]); i++)
        sigaddset(&signals->set, free_signals[i]);
    for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++)
        if (signal != PL_STACK_SIGNAL)
            sigaddset(&signals->set, signal);
    pthread_sigmask(SIG_BLOCK, &signals->set, NULL);
    for (int signal = 1; signal <= SIGRTMAX; signal++)
        if (sigismember(&signals->set, signal) == 1)
            catch (signal);
}

void pl_signals_deinit(struct pl_signals *signals)
{
    pthread_mutex_destroy(&signals->lock);
}

static bool is_free(int signal)
{
    return is_among(signal, free_signals, sizeof(free_signals) / sizeof(free_signals[0])) ||
           (signal >= SIGRTMIN && signal <= SIGRTMAX && signal != PL_STACK_SIGNAL);
}

int pl_signals_watch(struct pl_signals *signals, int signal, const struct pl_event_source *source)
{
    int err = 0;

    if (!is_free(signal))
        return -EINVAL;
    pthread_mutex_lock(&signals->lock);
    if (signals->watched_count == PL_SIGNALS_WATCHED_MAX) {
        err = -ENOBUFS;
    } else {
        signals->watched[signals->watched_count].signal = signal;
        signals->watched[signals->watched_count].source = *source;
        signals->watched_count++;
    }
    pthread_mutex_unlock(&signals->lock);
    return err;
}

static void forget(struct pl_signals *signals, const struct pl_event_source *source)
{
    pthread_mutex_lock(&signals->lock);
    for (size_t i = 0; i < signals->watched_count; i++)
        if (signals->watched[i].source.token == source->token &&
            signals->watched[i].source.engine == source->engine) {
            signals->watched[i] = signals->watched[--signals->watched_count];
            break;
        }
    pthread_mutex_unlock(&signals->lock);
}

/* Sources that were stopped meanwhile are forgotten on the way. */
static void pass_on(struct pl_signals *signals, int signal)
{
    struct pl_event_source sources[PL_SIGNALS_WATCHED_MAX];
    size_t count = 0;

    pthread_mutex_lock(&signals->lock);
    for (size_t i = 0; i < signals->watched_count; i++)
        if (signals->watched[i].signal == signal)
            sources[count++] = signals->watched[i].source;
    pthread_mutex_unlock(&signals->lock);
    for (size_t i = 0; i < count; i++)
        if (pl_engine_claim(sources[i].engine, sources[i].token, PL_COMPLETION) == PL_CLAIM_STALE)
            forget(signals, &sources[i]);
}

int pl_signals_next(struct pl_signals *signals)
{
    for (;;) {
        int signal = sigwaitinfo(&signals->set, NULL);

        if (signal <= 0)
            continue;
        if (!is_free(signal))
            return signal;
        pass_on(signals, signal);
    }
}

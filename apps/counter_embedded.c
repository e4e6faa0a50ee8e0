/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counts in a file, by LMDB: one short write transaction per count, which a killed process does
 * not lose. A thread of its own brings the file to the disk once a second, so that no count waits
 * for one; a power failure may cost that second.
 */
#include "counter_store.h"

#include <paceline/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_LMDB

#include <lmdb.h>

#define MAP_BYTES (256u * 1024 * 1024)

static MDB_env *env;
static MDB_dbi counts;

static struct {
    pthread_t thread;
    pthread_mutex_t lock; /* guards is_stopping */
    pthread_cond_t is_changed;
    bool is_stopping;
} syncer = { .lock = PTHREAD_MUTEX_INITIALIZER, .is_changed = PTHREAD_COND_INITIALIZER };

static void *sync_every_second(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&syncer.lock);
    while (!syncer.is_stopping) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        (void)pthread_cond_timedwait(&syncer.is_changed, &syncer.lock, &until);
        pthread_mutex_unlock(&syncer.lock);
        if (mdb_env_sync(env, 1) != 0)
            PL_LOG_RATED(PL_LOG_ERROR, "counter.file: cannot be brought to the disk");
        pthread_mutex_lock(&syncer.lock);
    }
    pthread_mutex_unlock(&syncer.lock);
    return NULL;
}

static int open_counts(void)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(env, NULL, 0, &txn);

    if (code != 0)
        return code;
    code = mdb_dbi_open(txn, NULL, 0, &counts);
    if (code != 0) {
        mdb_txn_abort(txn);
        return code;
    }
    return mdb_txn_commit(txn);
}

static int open_env(const char *file)
{
    int code = mdb_env_create(&env);

    if (code == 0)
        code = mdb_env_set_mapsize(env, MAP_BYTES);
    if (code == 0)
        code = mdb_env_open(env, file, MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOTLS, 0644);
    return code == 0 ? open_counts() : code;
}

static int open_store(struct pl_server *server, const struct counter_settings *settings)
{
    int code = open_env(settings->file);

    (void)server;
    if (code == 0) {
        syncer.is_stopping = false;
        code = pthread_create(&syncer.thread, NULL, sync_every_second, NULL);
    }
    if (code == 0)
        return 0;
    PL_LOG(PL_LOG_ERROR, "counter.file: %s: %s", settings->file, mdb_strerror(code));
    mdb_env_close(env);
    env = NULL;
    return -EIO;
}

static void close_store(void)
{
    pthread_mutex_lock(&syncer.lock);
    syncer.is_stopping = true;
    pthread_cond_signal(&syncer.is_changed);
    pthread_mutex_unlock(&syncer.lock);
    pthread_join(syncer.thread, NULL);
    mdb_env_close(env);
    env = NULL;
}

static int raise_count(MDB_txn *txn, struct pl_view name, int by, int64_t *ret_count)
{
    MDB_val key = { .mv_size = name.length, .mv_data = (void *)(size_t)name.bytes };
    MDB_val old, new = { .mv_size = sizeof(*ret_count), .mv_data = ret_count };
    int code = mdb_get(txn, counts, &key, &old);

    *ret_count = 0;
    if (code == 0 && old.mv_size == sizeof(*ret_count))
        memcpy(ret_count, old.mv_data, sizeof(*ret_count));
    else if (code != MDB_NOTFOUND)
        return code == 0 ? MDB_CORRUPTED : code;
    *ret_count += by;
    return by == 0 ? 0 : mdb_put(txn, counts, &key, &new, 0);
}

static const char *add_now(struct pl_view name, int by, int64_t *ret_count)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(env, NULL, by == 0 ? MDB_RDONLY : 0, &txn);

    if (code != 0)
        return mdb_strerror(code);
    code = raise_count(txn, name, by, ret_count);
    if (code == 0)
        code = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    return code == 0 ? NULL : mdb_strerror(code);
}

#else

static int open_store(struct pl_server *server, const struct counter_settings *settings)
{
    (void)server, (void)settings;
    PL_LOG(PL_LOG_ERROR, "counter.store: embedded was not built in: on Debian, apt-get install "
                         "liblmdb-dev and configure again; expected redis");
    return -ENOTSUP;
}

static void close_store(void)
{
}

static const char *add_now(struct pl_view name, int by, int64_t *ret_count)
{
    (void)name, (void)by, (void)ret_count;
    return "not built in";
}

#endif

static void add(struct pl_view name, int by, counter_done *done, void *context)
{
    int64_t count = 0;
    const char *problem = add_now(name, by, &count);

    done(count, problem, context);
}

const struct counter_store counter_store_embedded = { .name = "embedded",
                                                      .open = open_store,
                                                      .close = close_store,
                                                      .add = add,
                                                      .add_blocking = add_now };

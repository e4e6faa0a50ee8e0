/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bans functions that are not reentrant, not bounded, or hide a lock. The build includes this
 * header in front of every file of the framework and the protocols; the system's headers come
 * first because a poisoned name may not even be declared.
 */
#ifndef PL_BASE_POISON_H
#define PL_BASE_POISON_H

#include <arpa/inet.h>
#include <dirent.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#pragma GCC poison strtok strerror localtime gmtime ctime asctime gethostbyname gethostbyaddr
#pragma GCC poison getservbyname inet_ntoa inet_addr ttyname readdir_r rand srand tmpnam mktemp
#pragma GCC poison gets strcpy strcat setjmp longjmp putenv
#ifndef sprintf /* a macro in some fortified builds, which cannot be poisoned */
#pragma GCC poison sprintf vsprintf
#endif

#endif

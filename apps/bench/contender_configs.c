/* SPDX-License-Identifier: Apache-2.0 */
#include "contender_configs.h"

#include <unistd.h>

static void write_paceline(FILE *file, const struct contender_place *place, unsigned port)
{
    (void)port; /* it takes free ones and says which */
    fprintf(file,
            "services:\n"
            "  - name: web\n"
            "    protocol: http\n"
            "    listen: [ \"127.0.0.1:0\" ]\n"
            "    http:\n"
            "      root: %s/www\n"
            "      routes:\n"
            "        - { path: /ping, reply: { text: \"Hello, World!\\n\" } }\n"
            "  - name: echo\n"
            "    protocol: line\n"
            "    listen: [ \"127.0.0.1:0\" ]\n",
            place->directory);
}

static void write_nginx(FILE *file, const struct contender_place *place, unsigned port)
{
    const char *directory = place->directory;

    fprintf(file,
            "daemon off;\n"
            "%s"
            "worker_processes %zu;\n"
            "worker_rlimit_nofile 16384;\n"
            "pid %s/nginx.pid;\n"
            "error_log stderr crit;\n"
            "events { use epoll; worker_connections 8192; multi_accept on; }\n"
            "http {\n"
            "    access_log off;\n"
            "    default_type text/plain;\n"
            "    sendfile on;\n"
            "    tcp_nopush on;\n"
            "    tcp_nodelay on;\n"
            "    keepalive_timeout 3600s;\n"
            "    keepalive_requests 1000000000;\n"
            "    open_file_cache max=100 inactive=1h;\n"
            "    open_file_cache_valid 1h;\n"
            "    client_body_temp_path %s/nginx-body;\n"
            "    proxy_temp_path %s/nginx-proxy;\n"
            "    fastcgi_temp_path %s/nginx-fastcgi;\n"
            "    uwsgi_temp_path %s/nginx-uwsgi;\n"
            "    scgi_temp_path %s/nginx-scgi;\n",
            geteuid() == 0 ? "user root;\n" : "", place->threads, directory, directory, directory,
            directory, directory, directory);
    fprintf(file,
            "    server {\n"
            "        listen 127.0.0.1:%u backlog=4096%s;\n"
            "        root %s/www;\n"
            "        location = /ping { return 200 \"Hello, World!\\n\"; }\n"
            "        location / { }\n"
            "    }\n"
            "}\n",
            port, place->threads > 1 ? " reuseport" : "", directory);
}

static void write_h2o(FILE *file, const struct contender_place *place, unsigned port)
{
    fprintf(file,
            "%s"
            "num-threads: %zu\n"
            "max-connections: 8192\n"
            "http1-request-timeout: 3600\n"
            "file.send-compressed: OFF\n"
            "hosts:\n"
            "  default:\n"
            "    listen: { host: 127.0.0.1, port: %u }\n"
            "    paths:\n"
            "      \"/\":\n"
            "        file.dir: %s/www\n",
            geteuid() == 0 ? "user: root\n" : "", place->threads, port, place->directory);
}

static void write_lighttpd(FILE *file, const struct contender_place *place, unsigned port)
{
    fprintf(file,
            "server.document-root = \"%s/www\"\n"
            "server.bind = \"127.0.0.1\"\n"
            "server.port = %u\n"
            "server.event-handler = \"linux-sysepoll\"\n"
            "server.network-backend = \"sendfile\"\n"
            "server.listen-backlog = 4096\n"
            "server.max-fds = 16384\n"
            "server.max-connections = 8192\n"
            "server.max-keep-alive-requests = 65535\n"
            "server.max-keep-alive-idle = 3600\n"
            "server.max-worker = %zu\n"
            "mimetype.assign = ( \"\" => \"text/plain\" )\n",
            place->directory, port, place->threads > 1 ? place->threads : 0);
}

/* A reply has to fit into one of its buffers, so those are larger than usual. */
static void write_haproxy(FILE *file, const struct contender_place *place, unsigned port)
{
    fprintf(file,
            "global\n"
            "    nbthread %zu\n"
            "    maxconn 6000\n"
            "    tune.bufsize 73728\n"
            "defaults\n"
            "    mode http\n"
            "    timeout connect 5s\n"
            "    timeout client 1h\n"
            "    timeout server 1h\n"
            "    timeout http-keep-alive 1h\n"
            "frontend web\n"
            "    bind 127.0.0.1:%u backlog 4096%s\n"
            "    http-request return status 200 content-type text/plain"
            " string \"Hello, World!\\n\" if { path /ping }\n"
            "    http-request return status 200 content-type application/octet-stream"
            " file %s/www/file if { path /file }\n",
            place->threads, port, place->threads > 1 ? " shards by-thread" : "", place->directory);
}

const struct contender_kind contender_kinds[] = {
    { "paceline", "paceline", "paceline", write_paceline, { "-c", "%" } },
    { "nginx", "nginx", "nginx-light", write_nginx, { "-c", "%" } },
    { "h2o", "h2o", "h2o", write_h2o, { "-c", "%" } },
    { "lighttpd", "lighttpd", "lighttpd", write_lighttpd, { "-D", "-f", "%" } },
    { "haproxy", "haproxy", "haproxy", write_haproxy, { "-q", "-db", "-f", "%" } },
};
const size_t contender_kinds_count = sizeof(contender_kinds) / sizeof(contender_kinds[0]);

#include <paceline/http.h>
#include <paceline/main.h>

static void hello(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    pl_http_reply_text(exchange, 200, "Hello, World!\n");
}

int main(int argc, char **argv)
{
    static const struct pl_http_route routes[] = {
        { .method = "GET", .path = "/", .handler = hello },
    };
    return pl_main(argc, argv, &PL_APP(.name = "hello", PL_HTTP_ROUTES(routes)));
}

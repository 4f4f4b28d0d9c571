// What the three parts of loadgen share: settings from the command line, one connection, the result of one exchange.
#define _GNU_SOURCE
#include <netdb.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <sys/types.h>

enum { GET, PUSH_CHUNKED, PUSH_PATCH, PUSH_MONO };
typedef struct { const char *host, *port; char headers[16384]; int tls, newconn, timeout_s, verify, mode; struct addrinfo *ai; SSL_CTX *ctx; } Settings;
extern Settings set;

typedef struct { char *a, *b, *c; } Line;
typedef struct { int status; double hdr, ttfb, tot; long long in, out; int badsum; const char *err; } Res;
typedef struct {
  int fd; SSL *ssl; char buf[65536]; size_t pos, len;
  int status; long long clen; int chunked, close_; char loc[4096];
} Conn;

// connection.c: everything answers 0 when it worked
double now(void);
int c_open(Conn *c);
void c_close(Conn *c);
int c_write(Conn *c, const void *p, size_t n);
int c_head(Conn *c);
int c_body(Conn *c, const char *method, double t0, Res *r, EVP_MD_CTX *md, char *scratch);
int send_head(Conn *c, const char *method, const char *path, const char *extra);

// push.c: 0, or what went wrong
const char *do_push(Conn *c, Line *l, Res *r, char *scratch);

// loadgen: a small HTTP/1.1 load client for measuring a registry, cheap enough not to be what is measured.
// build: cc -O2 -pthread -o loadgen loadgen/*.c -lssl -lcrypto
// use:   loadgen --url URL --conc C [--total N | --duration S] [--header 'K: V']... [--new-conn] [--timeout S] [--verify] [--raw]
//                [--mode get|push-chunked|push-patch|push-mono] --plan FILE
//   plan lines for get:   METHOD <tab> PATH
//   plan lines for push:  REPO <tab> sha256:HEX <tab> FILE
// prints one JSON object.
#include "loadgen.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

Settings set = { .timeout_s = 300 };
static int conc = 1, raw; static double duration, deadline;
static long total = -1;
static Line *plan; static long nplan;
static Res *res;
static pthread_barrier_t barrier;
static volatile long next_i;

static void die(const char *m) { fprintf(stderr, "loadgen: %s\n", m); exit(2); }
static const char *do_get(Conn *c, Line *l, Res *r, char *scratch) {
  double t0 = now();
  if (set.newconn || c->fd < 0) if (c_open(c)) { r->tot = now() - t0; return "connect"; }
  if (send_head(c, l->a, l->b, "")) return "write";
  if (c_head(c)) { r->tot = now() - t0; return errno == EAGAIN ? "timeout" : "no response"; }
  r->hdr = now() - t0; r->status = c->status;
  EVP_MD_CTX *md = 0; char *want = strstr(l->b, "sha256:");
  if (set.verify && want && c->status == 200 && strcmp(l->a, "HEAD")) { md = EVP_MD_CTX_new(); EVP_DigestInit(md, EVP_sha256()); }
  int e = c_body(c, l->a, t0, r, md, scratch);
  r->tot = now() - t0; if (!r->ttfb) r->ttfb = r->hdr;
  if (md) {
    unsigned char d[32]; char hex[65]; unsigned n; EVP_DigestFinal(md, d, &n); EVP_MD_CTX_free(md);
    for (int i = 0; i < 32; i++) sprintf(hex + 2 * i, "%02x", d[i]);
    if (!e && strncmp(hex, want + 7, 64)) r->badsum = 1;
  }
  if (e) return errno == EAGAIN ? "timeout in body" : "short body";
  if (c->close_ || set.newconn) c_close(c);
  return 0;
}
static void *worker(void *x) {
  (void)x; Conn *c = calloc(1, sizeof *c); c->fd = -1; char *scratch = malloc(262144 > (4 << 20) ? 262144 : 4 << 20);
  if (!set.newconn && c_open(c)) c->fd = -1;
  pthread_barrier_wait(&barrier); pthread_barrier_wait(&barrier);
  for (;;) {
    if (duration > 0 && now() > deadline) break;
    long i = __sync_fetch_and_add(&next_i, 1); if (i >= total) break;
    errno = 0; Res *r = &res[i];
    r->err = set.mode == GET ? do_get(c, &plan[i % nplan], r, scratch) : do_push(c, &plan[i % nplan], r, scratch);
    if (r->err) c_close(c);
  }
  c_close(c); free(c); free(scratch); return 0;
}
static int cmpd(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }
static void stats(const char *name, double *v, long n) {
  qsort(v, n, sizeof *v, cmpd); double s = 0; for (long i = 0; i < n; i++) s += v[i];
#define Q(q) (n ? v[(long)((n - 1) * (q) + .5)] * 1e3 : 0)
  printf("\"%s\":{\"min\":%.3f,\"mean\":%.3f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f}", name, Q(0), n ? s / n * 1e3 : 0, Q(.5), Q(.9), Q(.99), Q(1));
}
int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN); const char *planf = 0, *url = 0;
  for (int i = 1; i < argc; i++) {
    char *a = argv[i]; 
#define ARG(n) (!strcmp(a, n) && i + 1 < argc)
    if (ARG("--url")) url = argv[++i];
    else if (ARG("--conc")) conc = atoi(argv[++i]);
    else if (ARG("--total")) total = atol(argv[++i]);
    else if (ARG("--plan")) planf = argv[++i];
    else if (ARG("--timeout")) set.timeout_s = atoi(argv[++i]);
    else if (ARG("--duration")) duration = atof(argv[++i]);
    else if (ARG("--header")) { strncat(set.headers, argv[++i], sizeof set.headers - strlen(set.headers) - 4); strcat(set.headers, "\r\n"); }
    else if (ARG("--mode")) { char *m = argv[++i]; set.mode = !strcmp(m, "get") ? GET : !strcmp(m, "push-chunked") ? PUSH_CHUNKED : !strcmp(m, "push-patch") ? PUSH_PATCH : !strcmp(m, "push-mono") ? PUSH_MONO : -1; if (set.mode < 0) die("mode"); }
    else if (!strcmp(a, "--new-conn")) set.newconn = 1;
    else if (!strcmp(a, "--verify")) set.verify = 1;
    else if (!strcmp(a, "--raw")) raw = 1;
    else die("bad option");
  }
  if (!url || !planf) die("--url and --plan are needed");
  set.tls = !strncmp(url, "https://", 8); const char *h = strstr(url, "://"); if (!h) die("url"); h += 3;
  static char host[256], port[16];
  size_t n = strcspn(h, ":/"); if (n >= sizeof host) die("host"); memcpy(host, h, n);
  if (h[n] == ':') { size_t k = strcspn(h + n + 1, "/"); if (k >= sizeof port) die("port"); memcpy(port, h + n + 1, k); } else strcpy(port, set.tls ? "443" : "80");
  set.host = host; set.port = port;
  struct addrinfo hint = { .ai_socktype = SOCK_STREAM }; if (getaddrinfo(host, port, &hint, &set.ai)) die("address");
  FILE *f = fopen(planf, "r"); if (!f) die("plan"); char *line = 0; size_t cap = 0; long pc = 0;
  while (getline(&line, &cap, f) > 0) {
    line[strcspn(line, "\r\n")] = 0; if (!*line) continue;
    if (nplan == pc) { pc = pc ? pc * 2 : 64; plan = realloc(plan, pc * sizeof *plan); }
    char *s = strdup(line); plan[nplan].a = strsep(&s, "\t"); plan[nplan].b = strsep(&s, "\t"); plan[nplan].c = strsep(&s, "\t"); nplan++;
  }
  if (!nplan) die("empty plan");
  if (duration > 0) total = 3000000; else if (total < 0) total = nplan;
  res = calloc(total, sizeof *res);
  if (set.tls) { set.ctx = SSL_CTX_new(TLS_client_method()); SSL_CTX_set_verify(set.ctx, SSL_VERIFY_NONE, 0); SSL_CTX_set_read_ahead(set.ctx, 1); SSL_CTX_set_default_read_buffer_len(set.ctx, 131072); }
  pthread_barrier_init(&barrier, 0, conc + 1); pthread_t *th = calloc(conc, sizeof *th);
  for (int i = 0; i < conc; i++) pthread_create(&th[i], 0, worker, 0);
  pthread_barrier_wait(&barrier); struct rusage u0, u1; getrusage(RUSAGE_SELF, &u0); double t0 = now(); deadline = t0 + duration;
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < conc; i++) pthread_join(th[i], 0);
  double wall = now() - t0; if (duration > 0 && next_i < total) total = next_i; getrusage(RUSAGE_SELF, &u1);
  double cpu = (u1.ru_utime.tv_sec - u0.ru_utime.tv_sec) + (u1.ru_stime.tv_sec - u0.ru_stime.tv_sec) + ((u1.ru_utime.tv_usec - u0.ru_utime.tv_usec) + (u1.ru_stime.tv_usec - u0.ru_stime.tv_usec)) / 1e6;
  long ok = 0, bad = 0, nerr = 0; long long in = 0, out = 0; long st[600] = { 0 };
  double *a = calloc(total, sizeof *a), *b = calloc(total, sizeof *b), *d = calloc(total, sizeof *d); long k = 0;
  const char *firsterr = 0;
  for (long i = 0; i < total; i++) {
    Res *r = &res[i]; in += r->in; out += r->out; if (r->status > 0 && r->status < 600) st[r->status]++;
    if (r->badsum) bad++;
    if (r->err) { nerr++; if (!firsterr) firsterr = r->err; } else if (r->status >= 200 && r->status < 300) ok++;
    if (!r->err) { a[k] = r->hdr; b[k] = r->ttfb; d[k] = r->tot; k++; }
  }
  printf("{\"wall_s\":%.6f,\"requests\":%ld,\"ok\":%ld,\"errors\":%ld,\"first_error\":\"%s\",\"bad_digest\":%ld,\"bytes_in\":%lld,\"bytes_out\":%lld,\"client_cpu_s\":%.4f,\"statuses\":{", wall, total, ok, nerr, firsterr ? firsterr : "", bad, in, out, cpu);
  int first = 1; for (int i = 0; i < 600; i++) if (st[i]) { printf("%s\"%d\":%ld", first ? "" : ",", i, st[i]); first = 0; }
  printf("},");
  if (raw) { printf("\"raw_ms\":["); for (long i = 0; i < total; i++) printf("%s%.3f", i ? "," : "", res[i].tot * 1e3); printf("],"); }
  stats("header_ms", a, k); printf(","); stats("first_byte_ms", b, k); printf(","); stats("total_ms", d, k); printf("}\n");
  return 0;
}

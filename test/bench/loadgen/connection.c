// One HTTP/1.1 connection, plain or TLS (the certificate is never verified: a measuring tool for loopback).
// Plain downloads are dropped in the kernel (recv MSG_TRUNC), so that the client is not the bottleneck.
#include "loadgen.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

void c_close(Conn *c) {
  if (c->ssl) { SSL_shutdown(c->ssl); SSL_free(c->ssl); c->ssl = 0; }
  if (c->fd >= 0) close(c->fd);
  c->fd = -1; c->pos = c->len = 0;
}
int c_open(Conn *c) {
  c_close(c);
  c->fd = socket(set.ai->ai_family, SOCK_STREAM, 0);
  if (c->fd < 0) return -1;
  int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct timeval tv = { set.timeout_s, 0 };
  setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
  if (connect(c->fd, set.ai->ai_addr, set.ai->ai_addrlen)) { c_close(c); return -1; }
  if (set.tls) {
    c->ssl = SSL_new(set.ctx); SSL_set_fd(c->ssl, c->fd); SSL_set_tlsext_host_name(c->ssl, set.host);
    if (SSL_connect(c->ssl) != 1) { c_close(c); return -1; }
  }
  return 0;
}
static ssize_t c_read(Conn *c, void *p, size_t n) {
  if (c->ssl) { int r = SSL_read(c->ssl, p, n > 1 << 30 ? 1 << 30 : (int)n); return r <= 0 ? (SSL_get_error(c->ssl, r) == SSL_ERROR_ZERO_RETURN ? 0 : -1) : r; }
  ssize_t r; do r = recv(c->fd, p, n, 0); while (r < 0 && errno == EINTR); return r;
}
int c_write(Conn *c, const void *p, size_t n) {
  const char *q = p;
  while (n) {
    ssize_t r = c->ssl ? SSL_write(c->ssl, q, n > 1 << 20 ? 1 << 20 : (int)n) : send(c->fd, q, n, MSG_NOSIGNAL);
    if (r <= 0) { if (!c->ssl && errno == EINTR) continue; return -1; }
    q += r; n -= r;
  }
  return 0;
}
static int c_fill(Conn *c) {
  if (c->pos == c->len) c->pos = c->len = 0;
  if (c->len == sizeof c->buf) return -1;
  ssize_t r = c_read(c, c->buf + c->len, sizeof c->buf - c->len);
  if (r <= 0) return -1;
  c->len += r; return 0;
}
// reads the response head; leaves what follows in buf
int c_head(Conn *c) {
  for (;;) {
    char *e = c->len > c->pos ? memmem(c->buf + c->pos, c->len - c->pos, "\r\n\r\n", 4) : 0;
    if (e) {
      *e = 0; char *p = c->buf + c->pos; c->status = 0; c->clen = -1; c->chunked = 0; c->close_ = 0; c->loc[0] = 0;
      sscanf(p, "HTTP/1.%*d %d", &c->status);
      for (char *l = strstr(p, "\r\n"); l; l = strstr(l, "\r\n")) {
        l += 2;
        if (!strncasecmp(l, "content-length:", 15)) c->clen = atoll(l + 15);
        else if (!strncasecmp(l, "transfer-encoding:", 18)) c->chunked = 1;
        else if (!strncasecmp(l, "connection: close", 17)) c->close_ = 1;
        else if (!strncasecmp(l, "location:", 9)) {
          char *s = l + 9; while (*s == ' ') s++;
          char *z = strstr(s, "\r\n"); size_t n = z ? (size_t)(z - s) : strlen(s);
          if (!strncasecmp(s, "http", 4)) { char *h = memmem(s, n, "://", 3); if (h) { h += 3; while (h < s + n && *h != '/') h++; n -= h - s; s = h; } }
          if (n >= sizeof c->loc) return -1;
          memcpy(c->loc, s, n); c->loc[n] = 0;
        }
      }
      c->pos = (e - c->buf) + 4;
      if (c->status >= 100 && c->status < 200) continue;
      return 0;
    }
    if (c->pos && c->len == sizeof c->buf) { memmove(c->buf, c->buf + c->pos, c->len - c->pos); c->len -= c->pos; c->pos = 0; }
    if (c_fill(c)) return -1;
  }
}
static ssize_t drain(Conn *c, long long want, EVP_MD_CTX *md, char *scratch) {
  if (!c->ssl && !md) return recv(c->fd, scratch, want > 4 << 20 ? 4 << 20 : want, MSG_TRUNC);
  ssize_t r = c_read(c, scratch, want > 262144 ? 262144 : want);
  if (r > 0 && md) EVP_DigestUpdate(md, scratch, r);
  return r;
}
int c_body(Conn *c, const char *method, double t0, Res *r, EVP_MD_CTX *md, char *scratch) {
  if (!strcmp(method, "HEAD") || c->status == 204 || c->status == 304) return 0;
  if (c->chunked) {
    for (;;) {
      char *nl;
      while (!(nl = c->len > c->pos ? memmem(c->buf + c->pos, c->len - c->pos, "\r\n", 2) : 0)) if (c_fill(c)) return -1;
      long long n = strtoll(c->buf + c->pos, 0, 16); c->pos = nl - c->buf + 2;
      if (!r->ttfb && n) r->ttfb = now() - t0;
      r->in += n;
      long long left = n + 2;
      while (left) {
        if (c->pos == c->len && c_fill(c)) return -1;
        size_t k = c->len - c->pos; if ((long long)k > left) k = left;
        if (md) { long long d = left - 2 < (long long)k ? left - 2 : (long long)k; if (d > 0) EVP_DigestUpdate(md, c->buf + c->pos, d); }
        c->pos += k; left -= k;
      }
      if (!n) return 0;
    }
  }
  if (c->clen < 0) { // until close
    c->close_ = 1;
    for (;;) { size_t k = c->len - c->pos; if (k && md) EVP_DigestUpdate(md, c->buf + c->pos, k); r->in += k; c->pos = c->len = 0; if (c_fill(c)) return 0; if (!r->ttfb) r->ttfb = now() - t0; }
  }
  long long left = c->clen;
  while (left > 0) {
    size_t k = c->len - c->pos;
    if (k) {
      if ((long long)k > left) k = left;
      if (!r->ttfb) r->ttfb = now() - t0;
      if (md) EVP_DigestUpdate(md, c->buf + c->pos, k);
      c->pos += k; left -= k; r->in += k; continue;
    }
    ssize_t n = drain(c, left, md, scratch);
    if (n <= 0) return -1;
    if (!r->ttfb) r->ttfb = now() - t0;
    left -= n; r->in += n;
  }
  return 0;
}
int send_head(Conn *c, const char *method, const char *path, const char *extra) {
  char h[24576];
  int n = snprintf(h, sizeof h, "%s %s HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: registry-bench\r\n%s%s\r\n", method, path, set.host, set.port, set.headers, extra);
  return c_write(c, h, n);
}

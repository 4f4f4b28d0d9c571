// Pushing one layer: POST, then PATCH and PUT as Docker does, or everything in one PUT. The layer is sent from an mmap.
#include "loadgen.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// one simple exchange in an upload
static const char *step(Conn *c, const char *m, const char *path, const char *extra, Res *r, char *scratch) {
  if (c->fd < 0 && c_open(c)) return "connect";
  if (send_head(c, m, path, extra)) return "write";
  if (c_head(c)) return "no response";
  Res tmp = { 0 }; if (c_body(c, m, now(), &tmp, 0, scratch)) return "short body";
  r->status = c->status; if (c->close_) c_close(c);
  return 0;
}
static int body_chunked(Conn *c, const char *p, long long n) {
  const size_t K = 32768; // what a Go client's io.Copy sends in a chunk
  if (c->ssl) {
    char *b = malloc(K + 32); long long o = 0; int e = 0;
    while (o < n && !e) {
      size_t k = n - o > (long long)K ? K : (size_t)(n - o); int h = sprintf(b, "%zx\r\n", k);
      memcpy(b + h, p + o, k); memcpy(b + h + k, "\r\n", 2); e = c_write(c, b, h + k + 2); o += k;
    }
    free(b); if (e) return -1;
  } else {
    long long o = 0; char hs[8][16]; struct iovec v[24];
    while (o < n) {
      int j = 0; size_t tot = 0;
      for (; j < 8 && o < n; j++) {
        size_t k = n - o > (long long)K ? K : (size_t)(n - o); int h = sprintf(hs[j], "%zx\r\n", k);
        v[3 * j] = (struct iovec){ hs[j], h }; v[3 * j + 1] = (struct iovec){ (void *)(p + o), k }; v[3 * j + 2] = (struct iovec){ "\r\n", 2 };
        tot += h + k + 2; o += k;
      }
      int iv = 0, cnt = 3 * j;
      while (tot) {
        ssize_t r = writev(c->fd, v + iv, cnt - iv); if (r <= 0) { if (errno == EINTR) continue; return -1; }
        tot -= r;
        while (r > 0) { if ((size_t)r >= v[iv].iov_len) { r -= v[iv].iov_len; iv++; } else { v[iv].iov_base = (char *)v[iv].iov_base + r; v[iv].iov_len -= r; r = 0; } }
      }
    }
  }
  return c_write(c, "0\r\n\r\n", 5);
}
const char *do_push(Conn *c, Line *l, Res *r, char *scratch) {
  double t0 = now(); const char *e; char path[8192], extra[256];
  int fd = open(l->c, O_RDONLY); struct stat st; if (fd < 0 || fstat(fd, &st)) return "open layer";
  char *p = st.st_size ? mmap(0, st.st_size, PROT_READ, MAP_SHARED, fd, 0) : ""; close(fd);
  if (p == MAP_FAILED) return "mmap";
  e = "flow";
  snprintf(path, sizeof path, "/v2/%s/blobs/uploads/", l->a);
  if ((e = step(c, "POST", path, "Content-Length: 0\r\n", r, scratch))) goto out;
  if (r->status != 202 || !c->loc[0]) { e = "POST status"; goto out; }
  char loc[4096]; strcpy(loc, c->loc);
  if (set.mode != PUSH_MONO) {
    if (c->fd < 0 && c_open(c)) { e = "connect"; goto out; }
    if (set.mode == PUSH_CHUNKED) { if (send_head(c, "PATCH", loc, "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n") || body_chunked(c, p, st.st_size)) { e = "write body"; goto out; } }
    else { snprintf(extra, sizeof extra, "Content-Type: application/octet-stream\r\nContent-Length: %lld\r\n", (long long)st.st_size); if (send_head(c, "PATCH", loc, extra) || c_write(c, p, st.st_size)) { e = "write body"; goto out; } }
    if (c_head(c)) { e = "no PATCH response"; goto out; }
    Res tmp = { 0 }; if (c_body(c, "PATCH", now(), &tmp, 0, scratch)) { e = "PATCH body"; goto out; }
    r->status = c->status; if (c->close_) c_close(c);
    if (c->status != 202) { e = "PATCH status"; goto out; }
    if (c->loc[0]) strcpy(loc, c->loc);
  }
  snprintf(path, sizeof path, "%s%cdigest=%s", loc, strchr(loc, '?') ? '&' : '?', l->b);
  if (set.mode == PUSH_MONO) {
    if (c->fd < 0 && c_open(c)) { e = "connect"; goto out; }
    snprintf(extra, sizeof extra, "Content-Type: application/octet-stream\r\nContent-Length: %lld\r\n", (long long)st.st_size);
    if (send_head(c, "PUT", path, extra) || c_write(c, p, st.st_size)) { e = "write body"; goto out; }
    if (c_head(c)) { e = "no PUT response"; goto out; }
    Res tmp = { 0 }; if (c_body(c, "PUT", now(), &tmp, 0, scratch)) { e = "PUT body"; goto out; }
    r->status = c->status; if (c->close_) c_close(c);
  } else if ((e = step(c, "PUT", path, "Content-Length: 0\r\n", r, scratch))) goto out;
  e = r->status == 201 ? 0 : "PUT status"; r->out = st.st_size;
out:
  if (st.st_size) munmap(p, st.st_size);
  r->tot = r->ttfb = r->hdr = now() - t0;
  return e;
}

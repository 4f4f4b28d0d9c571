// What `npm run bench` measures: each row's parts of the stack, its targets in turn (the first is the base), and the harness's arguments.
// A row that pushes deletes it again: after each push, or at its end where memory is to stay as it is on a box that has run
// for a day (`warmMemory`, see stacks/page-cache.mjs).
// `limits` are the smallest programs that could do the job; they take part with --limits.

const CHUNKED = ['--push-modes', 'chunked']

export const rows = {
  'pull-large': {
    about: 'one blob of 512 MiB over TLS to 1 and 4 clients',
    parts: ['peer', 'box'],
    targets: ['peer-nginx-tls', 'box-tls', 'peer-own-tls'],
    limits: ['limit-tls-tuned', 'limit-node-tls'],
    limitPart: 'pull-limits',
    args: ['--scenario', 'pull-large', '--clients', '1,4'],
  },
  small: {
    about: 'manifests, a 4 KiB blob and HEADs over TLS on 32 connections',
    parts: ['peer', 'box'],
    targets: ['peer-nginx-tls', 'box-tls'],
    limits: ['limit-direct-tls', 'limit-node-tls'],
    limitPart: 'pull-limits',
    args: ['--scenario', 'pull-small'],
  },
  login: {
    about: 'the same with a login, against the peer with htpasswd; beside it ours without a login',
    parts: ['peer', 'login-peer', 'box'],
    targets: ['peer-login-nginx-tls', 'box-login-tls', 'box-tls'],
    args: ['--scenario', 'pull-small'],
  },
  push: {
    about: "Docker's flow over TLS: 512 MiB, 8 x 32 MiB at once, 200 x 64 KiB",
    parts: ['peer', 'box'],
    targets: ['peer-nginx-tls', 'box-tls'],
    limits: ['limit-up-file-tls', 'limit-up-manual-tls', 'limit-up-tail-tls'],
    limitPart: 'upload-limits',
    args: ['--scenario', 'push', '--push', '1x512m,8x32m,200x64k', ...CHUNKED],
    pushes: true,
    warmMemory: true,
  },
  'upload-memory': {
    about: 'memory while 2 GiB arrive over TLS',
    parts: ['peer', 'ours'],
    targets: ['peer-nginx-tls', 'ours-nginx-tls'],
    limits: ['limit-up-manual-tls'],
    limitPart: 'upload-limits',
    args: ['--scenario', 'big-upload', '--big-gib', '2', ...CHUNKED],
    pushes: true,
  },
  catalog: {
    about: '10,000 repositories, and one of 10,000 tags',
    parts: ['catalog-peer', 'catalog-ours'],
    targets: ['peer-catalog-nginx-tls', 'ours-catalog-nginx-tls'],
    limits: ['limit-catalog-http'],
    limitPart: 'catalog-limit',
    args: ['--scenario', 'catalog'],
  },
  start: {
    about: 'first answer, idle memory, stopping; without nginx, over the store of 10,000 repositories',
    parts: [],
    starts: true,
    targets: ['peer', 'ours'],
    args: ['--scenario', 'start'],
  },
  'box-start': {
    about: 'npm start of what is built: first answers, idle memory and CPU of each part, stopping',
    parts: [],
    starts: 'box',
    targets: ['box'],
    args: ['--scenario', 'start'],
  },
  api: {
    about: 'the admin API of a box with 50 upstreams, 200 accounts, 10,000 states and 100,000 rows of audit',
    parts: ['box'],
    targets: ['box-api'],
    args: ['--scenario', 'api'],
  },
  'pull-http': {
    about: 'as pull-large, without TLS, behind nginx',
    parts: ['peer', 'ours'],
    targets: ['peer-nginx-http', 'ours-nginx-http', 'peer-http'],
    limits: ['limit-http', 'limit-node-http'],
    limitPart: 'pull-limits',
    args: ['--scenario', 'pull-large', '--clients', '1,4'],
  },
  stampede: {
    about: '32 cold clients of one image with a layer of 64 MiB over TLS, its upstream 40 ms away',
    parts: ['mirrors'],
    targets: ['peer-mirror-nginx-tls', 'ours-mirror-nginx-tls'],
    args: ['--scenario', 'stampede'],
  },
  'warm-mirror': {
    about: 'a cached image over TLS, while its upstream is up, refuses, fails or hangs',
    parts: ['mirrors'],
    targets: ['peer-mirror-nginx-tls', 'ours-mirror-nginx-tls'],
    args: ['--scenario', 'warm-mirror', '--total-gib', '2'],
  },
  crowd: {
    about: '1,000 clients of 100 images of 10 layers over one link of 50 MB/s, without TLS',
    parts: ['mirrors'],
    targets: ['peer-mirror-nginx-http', 'ours-mirror-nginx-http'],
    args: ['--scenario', 'crowd'],
  },
  direct: {
    about: 'everything once more over plain HTTP, neither behind nginx',
    parts: ['peer', 'ours'],
    targets: ['peer-http', 'ours-http'],
    args: ['--scenario', 'pull-large,pull-small,push', '--clients', '1,4', ...CHUNKED],
    pushes: true,
  },
}

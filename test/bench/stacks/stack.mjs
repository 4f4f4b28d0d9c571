// One set of processes behind one nginx: collects upstreams and servers, writes nginx.conf, starts, waits, records, stops.
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { once } from 'node:events'
import { execFileSync, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { sleep } from '../lib/processes.mjs'

/** Ports that were free a moment ago; all are held at once, so that no two are the same. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))))
  return ports
}

/** Until somebody listens there. */
export async function waitForPort(port, ms = 30000) {
  const attempt = () =>
    new Promise((resolve) => {
      const socket = net.connect({ port, host: '127.0.0.1' }, () => resolve(socket.destroy()))
      socket.on('error', () => resolve(null))
    })
  for (const start = Date.now(); Date.now() - start < ms; await sleep(50)) if (await attempt()) return
  throw new Error(`nothing listens on port ${port}`)
}

async function waitForFile(file, ms = 30000) {
  for (const start = Date.now(); Date.now() - start < ms; await sleep(20)) if (fs.existsSync(file)) return
  throw new Error(`${file} did not appear`)
}

export class Stack {
  children = []
  pids = {}
  targets = {}
  upstreams = []
  servers = []
  awaited = []
  /** Where the far upstream is asked what it has seen. */
  counter
  adopted = []
  stopping = false

  static async open(work) {
    fs.mkdirSync(work, { recursive: true })
    return new Stack(work, await freePorts(48))
  }

  constructor(work, ports) {
    this.work = work
    this.ports = ports
    this.store = path.join(work, 'store')
    this.v2 = path.join(this.store, 'docker/registry/v2')
    for (const name of ['store', 'nginx', 'sock', 'up', 'log', 'served']) this.dir(name)
    this.cert = path.join(work, 'tls.crt')
    this.key = path.join(work, 'tls.key')
    if (!fs.existsSync(this.cert)) this.#makeCertificate()
  }

  #makeCertificate() {
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30']
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
    const out = ['-keyout', this.key, '-out', this.cert]
    execFileSync('openssl', ['req', '-x509', ...ec, ...names, ...out], { stdio: 'ignore' })
  }

  takePort() {
    const port = this.ports.pop()
    if (!port) throw new Error('no port left: reserve more in Stack.open')
    return port
  }

  dir(name) {
    const full = path.join(this.work, name)
    fs.mkdirSync(full, { recursive: true })
    return full
  }

  /** Starts a program; its output goes to DIR/log/NAME.log. */
  start(name, cmd, args) {
    const out = fs.openSync(path.join(this.work, 'log', `${name}.log`), 'w')
    const child = spawn(cmd, args, { stdio: ['ignore', out, out] })
    fs.closeSync(out)
    child.on('error', (error) => console.error(`${name}: ${error.message}`))
    child.on('exit', (code, signal) => {
      if (!this.stopping) console.error(`${name} ended (${code ?? signal}), see ${this.work}/log/${name}.log`)
    })
    this.children.push(child)
    this.pids[name] = child.pid
    return name
  }

  /** Takes over something that was started elsewhere: it counts, and ends, with this stack. */
  adopt(name, running) {
    this.adopted.push(running)
    this.pids[name] = running.process.pid
    return name
  }

  /** Starts one of the programs under limits/. */
  startLimit(name, program, args) {
    const file = fileURLToPath(new URL(`../limits/${program}`, import.meta.url))
    return this.start(name, process.execPath, [file, ...args])
  }

  socket(name) {
    return `unix:${this.work}/sock/${name}`
  }

  /** A file (for example a unix socket) that must exist before the stack counts as up. */
  awaitFile(file) {
    this.awaited.push(file)
  }

  upstream(name, addresses) {
    const servers = addresses.map((a) => `server ${a};`).join(' ')
    this.upstreams.push(`  upstream ${name} { ${servers} keepalive 64; keepalive_requests 1000000; }`)
  }

  /** A target that is reached without this stack's nginx. */
  plain(name, url, kind, pids, extra = {}) {
    this.targets[name] = { url, kind, pids, ...extra }
  }

  /** A target that is an nginx server block. */
  server(name, { tls = false, body, kind, pids = [], extra }) {
    const port = this.takePort()
    const flags = tls ? ' ssl' : ''
    this.servers.push(
      `  server { # ${name}\n    listen 127.0.0.1:${port}${flags} reuseport backlog=4096;\n${body}\n  }`,
    )
    this.plain(name, `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, kind, ['nginx', ...pids], extra)
  }

  #nginxConf() {
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    const user = process.getuid() === 0 ? 'user root; ' : ''
    return `daemon off; ${user}worker_processes auto; worker_rlimit_nofile 20000;
pid ${this.work}/nginx/pid; error_log ${this.work}/log/nginx-error.log warn;
events { worker_connections 8192; }
http {
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; server_tokens off; types_hash_max_size 2048;
  keepalive_timeout 300; keepalive_requests 10000000;
${temp.map((t) => `  ${t}_temp_path ${this.work}/nginx/${t};`).join('\n')}
  ssl_certificate ${this.cert}; ssl_certificate_key ${this.key}; ssl_session_cache shared:SSL:10m; ssl_protocols TLSv1.2 TLSv1.3;
  map $realpath_root $realdigest { default ""; "~/(?<rh>[0-9a-f]+)$" "sha256:$rh"; }
${this.upstreams.join('\n')}
${this.servers.join('\n')}
}
`
  }

  /** Starts nginx, waits until everything listens, and writes DIR/stacks.json for the harness. */
  async up() {
    for (const file of this.awaited) await waitForFile(file)
    if (this.servers.length) {
      const conf = path.join(this.work, 'nginx/nginx.conf')
      fs.writeFileSync(conf, this.#nginxConf())
      execFileSync('nginx', ['-t', '-c', conf], { stdio: ['ignore', 'ignore', 'pipe'] })
      this.start('nginx', 'nginx', ['-c', conf])
    }
    for (const target of Object.values(this.targets)) await waitForPort(Number(new URL(target.url).port))
    const numbered = Object.entries(this.targets).map(([name, target]) => [
      name,
      { ...target, pids: target.pids.map((p) => this.pids[p]).filter(Boolean) },
    ])
    const file = path.join(this.work, 'stacks.json')
    const content = {
      store: this.store,
      counter: this.counter,
      pids: this.pids,
      targets: Object.fromEntries(numbered),
    }
    fs.writeFileSync(file, JSON.stringify(content, null, 1))
    return file
  }

  /** Asks every child to end and waits for it. */
  async stop() {
    this.stopping = true
    const living = this.children.filter(
      (child) => child.exitCode === null && child.signalCode === null && child.pid,
    )
    const ended = living.map((child) => once(child, 'exit'))
    for (const child of living) child.kill('SIGTERM')
    const timer = setTimeout(() => living.forEach((child) => child.kill('SIGKILL')), 10000)
    await Promise.all([...ended, ...this.adopted.map((running) => running.stop())])
    clearTimeout(timer)
  }
}

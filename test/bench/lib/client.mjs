// The two clients: loadgen (C, for load) and a small keep-alive HTTP client (for set-up and single requests).
import fs from 'node:fs'
import path from 'node:path'
import http from 'node:http'
import https from 'node:https'
import { execFileSync, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { counter, options } from './options.mjs'

/** Runs a command; resolves to its standard output, rejects when it fails. */
export function run(cmd, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(cmd, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', (d) => (out += d))
    child.stderr.on('data', (d) => (err += d))
    child.on('error', reject)
    child.on('close', (code) =>
      code ? reject(new Error(`${cmd}: ${code} ${err.slice(0, 500)} ${out.slice(0, 300)}`)) : resolve(out),
    )
  })
}
export const shell = (command) => run('sh', ['-c', command])

let loadgenPath
function loadgen() {
  if (loadgenPath) return loadgenPath
  const folder = fileURLToPath(new URL('../loadgen', import.meta.url))
  const sources = fs.readdirSync(folder).map((name) => path.join(folder, name))
  const binary = path.join(options.work, 'loadgen')
  const newest = Math.max(...sources.map((source) => fs.statSync(source).mtimeMs))
  if (!fs.existsSync(binary) || fs.statSync(binary).mtimeMs < newest) {
    fs.mkdirSync(options.work, { recursive: true })
    const programs = sources.filter((source) => source.endsWith('.c'))
    execFileSync('cc', ['-O2', '-pthread', '-o', binary, ...programs, '-lssl', '-lcrypto'], {
      stdio: 'inherit',
    })
  }
  return (loadgenPath = binary)
}

let plans = 0
/** Runs loadgen over a plan (see loadgen.c) and returns its figures. */
export async function load(target, plan, opt = {}) {
  const file = path.join(options.work, `plan-${process.pid}-${plans++}`)
  fs.mkdirSync(options.work, { recursive: true })
  fs.writeFileSync(file, plan.map((line) => line.join('\t')).join('\n') + '\n')
  const args = ['--url', target.url, '--plan', file, '--conc', opt.conc ?? 1, '--timeout', opt.timeout ?? 120]
  if (opt.total) args.push('--total', opt.total)
  if (opt.duration) args.push('--duration', opt.duration)
  if (opt.mode) args.push('--mode', opt.mode)
  if (opt.verify) args.push('--verify')
  for (const h of [...target.headers, ...(opt.headers ?? [])]) args.push('--header', h)
  try {
    return JSON.parse(await run(loadgen(), args.map(String)))
  } finally {
    fs.unlinkSync(file)
  }
}

const agents = new Map()
function agentFor(origin) {
  if (!agents.has(origin)) {
    const common = { keepAlive: true, maxSockets: 16 }
    const secure = origin.startsWith('https')
    agents.set(
      origin,
      secure ? new https.Agent({ ...common, rejectUnauthorized: false }) : new http.Agent(common),
    )
  }
  return agents.get(origin)
}

/** One request with its whole body. `target.headers` are sent along. */
export function request(target, method, where, { headers = {}, body, timeout = 120000 } = {}) {
  const url = new URL(where, target.url)
  const all = { ...headers }
  for (const line of target.headers)
    all[line.slice(0, line.indexOf(':'))] = line.slice(line.indexOf(':') + 1).trim()
  if (body || method === 'POST' || method === 'PUT') all['content-length'] = body?.length ?? 0
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? https.request : http.request
    const req = send(url, { method, headers: all, agent: agentFor(url.origin), timeout }, (res) => {
      const chunks = []
      res.on('data', (d) => chunks.push(d))
      res.on('end', () =>
        resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks) }),
      )
      res.on('error', reject)
    })
    req.on('timeout', () => req.destroy(new Error('timeout')))
    req.on('error', reject)
    req.end(body)
  })
}

/** Asks the control port of the far upstream (upstream/far-upstream.mjs). */
export async function upstream(query) {
  if (!counter) throw new Error('this scenario needs --stacks with a mirror')
  return JSON.parse((await request({ url: counter, headers: [] }, 'GET', query)).body)
}

// The command line of registry-bench.mjs, parsed once. Every other module reads `options` and `targets`.
import fs from 'node:fs'
import path from 'node:path'

const argv = process.argv.slice(2)
const all = (name) => argv.flatMap((value, i) => (value === name ? [argv[i + 1]] : []))
const one = (name, fallback) => all(name).at(-1) ?? fallback
const number = (name, fallback) => Number(one(name, fallback))
const list = (name, fallback) => one(name, fallback).split(',')

/** `--pids a=1,2 --pids b=3` becomes `{ a: '1,2', b: '3' }`. */
function perTarget(name) {
  return Object.fromEntries(all(name).map((s) => [s.slice(0, s.indexOf('=')), s.slice(s.indexOf('=') + 1)]))
}

export const MiB = 1 << 20

export const options = {
  work: path.resolve(one('--work', 'bench-work')),
  scenarios: list('--scenario', 'push,pull-large,pull-small'),
  case: one('--case'),
  json: one('--json'),
  rounds: number('--rounds', 3),
  seconds: number('--seconds', 4),
  conns: number('--conns', 32),
  clients: list('--clients', '1,4,16').map(Number),
  totalGiB: number('--total-gib', 4),
  blobMiB: number('--blob-mib', 512),
  pushSpecs: list('--push', '1x512m,8x32m,200x64k'),
  pushModes: list('--push-modes', 'chunked,mono'),
  bigGiB: number('--big-gib', 2),
  start: perTarget('--start-cmd'),
  admin: perTarget('--admin'),
  after: perTarget('--after'),
  hangSeconds: number('--hang-seconds', 20),
  help: argv.includes('--help') || !all('--target').length,
}

const stacks = one('--stacks') ? JSON.parse(fs.readFileSync(one('--stacks'), 'utf8')) : { targets: {} }
const pids = perTarget('--pids')
const auth = perTarget('--auth')
const readonly = new Set(all('--readonly'))

const basic = (login) => `Authorization: Basic ${Buffer.from(login).toString('base64')}`

/** One `--target NAME=URL`; a bare NAME is looked up in the stacks file. */
function target(spec) {
  const i = spec.indexOf('=')
  const name = i < 0 ? spec : spec.slice(0, i)
  const known = stacks.targets[name] ?? {}
  const url = (i < 0 ? known.url : spec.slice(i + 1))?.replace(/\/$/, '')
  if (!url) throw new Error(`--target ${name}: no URL given and none in the stacks file`)
  const prefix = `${name}=`
  const headers = all('--header')
    .filter((h) => h.startsWith(prefix))
    .map((h) => h.slice(prefix.length))
  headers.push(...(known.headers ?? []))
  const login = auth[name] ?? known.auth
  if (login) headers.push(basic(login))
  return {
    name,
    url,
    headers,
    /** Where only pushes need a login. */
    pushHeaders: known.pushAuth ? [...headers, basic(known.pushAuth)] : headers,
    pids: (pids[name]?.split(',') ?? known.pids ?? []).map(Number),
    readonly: readonly.has(name) || known.kind === 'limit',
    upstreams: known.upstreams,
    data: known.data,
  }
}

export const targets = all('--target').map(target)
export const base = one('--base', targets[0]?.name)

/** Where the far upstream tells what it has seen, for the rows of mirrors. */
export const counter = stacks.counter

// api: how long the admin API takes, route by route, on a box with 50 upstreams, 200 accounts, and years of history.
import { createRequire } from 'node:module'
import fs from 'node:fs'
import path from 'node:path'
import { request } from '../lib/client.mjs'
import { measured, othersBusy } from '../lib/processes.mjs'

const { Client } = createRequire(new URL('../../../control-plane/package.json', import.meta.url))('pg')

const UPSTREAMS = 50
const ACCOUNTS = 200
const HISTORY = 10_000
const AUDIT = 100_000
/** Requests of a sample, and how many are under way at once: a console and some scripts. */
const READS = 400
const AT_ONCE = 4
const WRITES = 8

const api = (target, method, where, body) =>
  request(target, method, `/api/v1/${where}`, {
    ...(body && { body: Buffer.from(JSON.stringify(body)), headers: { 'content-type': 'application/json' } }),
  })

async function expectDone(target, ...call) {
  const answer = await api(target, ...call)
  if (answer.status >= 300) throw new Error(`${call.slice(0, 2).join(' ')}: ${answer.status} ${answer.body}`)
  return answer
}

const accountBody = (n) => ({ rights: [{ repositories: [`team-${n}/**`], actions: ['pull', 'push'] }] })

/** What only time makes, by SQL: rows like the last ones. */
async function fillHistory(data) {
  const client = new Client({
    host: path.join(data, 'run/postgres'),
    user: 'entrepot',
    database: 'entrepot',
    password: fs.readFileSync(path.join(data, 'postgres/cluster/password'), 'utf8').trim(),
  })
  await client.connect()
  await client.query(
    `INSERT INTO configuration (at, author, reason, outcome, cause, intent, files)
     SELECT at - n * interval '1 minute', author, reason, outcome, cause, intent, files
     FROM (SELECT * FROM configuration WHERE outcome = 'applied' ORDER BY id DESC LIMIT 1) AS last,
          generate_series(1, $1::int) AS n`,
    [HISTORY],
  )
  await client.query(
    `INSERT INTO audit (at, author, address, "requestId", action, target, before, after)
     SELECT at - n * interval '1 minute', author, address, "requestId", action, target, before, after
     FROM (SELECT * FROM audit ORDER BY id DESC LIMIT 1) AS last, generate_series(1, $1::int) AS n`,
    [AUDIT],
  )
  await client.query('ANALYZE')
  const { rows } = await client.query(
    `SELECT pg_total_relation_size('configuration') AS history, pg_total_relation_size('audit') AS audit`,
  )
  await client.end()
  console.log(`   on disk: history ${mebibytes(rows[0].history)} MiB, audit ${mebibytes(rows[0].audit)} MiB`)
}

const mebibytes = (bytes) => Math.round(Number(bytes) / 2 ** 20)

/** Together, since each try of nginx and the core takes a second. */
async function fill(target) {
  const upstreams = Array.from({ length: UPSTREAMS }, (_, n) =>
    expectDone(target, 'PUT', `upstreams/hub-${n}.example.test`, {
      urls: [`https://hub-${n}.example.test`],
      maxConnections: 4,
    }),
  )
  const accounts = Array.from({ length: ACCOUNTS }, (_, n) =>
    expectDone(target, 'PUT', `accounts/team-${n}`, accountBody(n)),
  )
  await Promise.all([...upstreams, ...accounts])
  await fillHistory(target.data)
}

const filled = new Set()

const READ = [
  ...['health', 'settings/nginx', 'certificates', 'certificates/requests', 'certificates/ca.pem'],
  ...['upstreams?limit=100', 'upstreams/hub-7.example.test', 'upstreams/hub-7.example.test/state'],
  ...['accounts?limit=100', 'accounts/team-7', 'admin-tokens', 'clients/docker'],
  ...['audit?limit=100', 'audit?limit=100&after=MIDDLE', 'config/history?limit=100', 'config/history/MIDDLE'],
]

/** A row in the midst of the history that the pages come from. */
async function middleOf(target, where) {
  const [list] = where.split('?')[0].split('/MIDDLE')
  const { items } = JSON.parse((await expectDone(target, 'GET', `${list}?limit=1`)).body)
  const count = list === 'audit' ? AUDIT : HISTORY
  return String(Number(items[0].id) - Math.floor(count / 2))
}

async function timed(target, ...call) {
  const from = performance.now()
  await expectDone(target, ...call)
  return performance.now() - from
}

const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))]

async function manyReads(target, where) {
  const times = []
  const reader = async () => {
    while (times.length < READS) times.push(await timed(target, 'GET', where))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, reader))
  return times
}

async function manyWrites(target) {
  const times = []
  for (let n = 0; n < WRITES; n++)
    times.push(await timed(target, 'PUT', `accounts/team-${n}`, accountBody(n)))
  return times
}

export const adminApi = {
  async prepare(target) {
    if (filled.has(target)) return
    filled.add(target)
    await fill(target)
  },
  cases: () => [
    ...READ.map((where) => ({ label: `GET ${where}`, where })),
    { label: 'PUT accounts/:name, one after the other' },
  ],
  async run(target, { where }) {
    const asked = where?.includes('MIDDLE') ? where.replace('MIDDLE', await middleOf(target, where)) : where
    const m = await measured(target, () => (asked ? manyReads(target, asked) : manyWrites(target)))
    const sorted = m.result.toSorted((a, b) => a - b)
    return {
      'p50 ms': percentile(sorted, 0.5),
      'p99 ms': percentile(sorted, 0.99),
      // The programs that try a change have ended, and took their seconds with them.
      ...(asked && { 'server CPU ms/req': (m.cpu * 1e3) / sorted.length }),
      _others: othersBusy(m, 0),
    }
  },
}

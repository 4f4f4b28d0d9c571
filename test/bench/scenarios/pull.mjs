// pull-large: a big blob to N clients.   pull-small: manifests, a 4 KiB blob and HEADs, requests per second.
import { MiB, options } from '../lib/options.mjs'
import { load, request, run } from '../lib/client.mjs'
import { ACCEPT, ACCEPT_LINE, ensureFixture, fixture } from '../lib/fixtures.mjs'
import { endedChildrenCpu, measured, othersBusy } from '../lib/processes.mjs'

const GiB = 2 ** 30

export const pullLarge = {
  prepare: ensureFixture,
  cases: () => options.clients.map((clients) => ({ label: `${clients} clients`, clients })),
  async run(target, { label, clients }) {
    const f = fixture()
    const where = `/v2/${f.repo}/blobs/${f.big.digest}`
    const total = Math.max(clients, Math.round((options.totalGiB * 1024) / options.blobMiB))
    const bytes = total * options.blobMiB * MiB
    const m = await measured(target, async () => {
      const r = await load(target, [['GET', where]], { conc: clients, total })
      if (r.errors || r.ok !== total || r.bytes_in !== bytes) {
        throw new Error(`${target.name} ${label}: ${JSON.stringify(r).slice(0, 300)}`)
      }
      return r
    })
    return {
      'MB/s': bytes / 1e6 / m.result.wall_s,
      'server CPU s/GiB': m.cpu / (bytes / GiB),
      _others: othersBusy(m, m.result.client_cpu_s),
    }
  },
}

function smallCases() {
  const f = fixture()
  return [
    ['manifest tag GET', 'GET', `/v2/${f.repo}/manifests/${f.tag}`],
    ['manifest tag HEAD', 'HEAD', `/v2/${f.repo}/manifests/${f.tag}`],
    ['manifest digest GET', 'GET', `/v2/${f.repo}/manifests/${f.manifest}`],
    ['blob 4 KiB GET', 'GET', `/v2/${f.repo}/blobs/${f.small.digest}`],
    ['blob HEAD', 'HEAD', `/v2/${f.repo}/blobs/${f.small.digest}`],
  ].map(([label, method, where]) => ({ label, method, where }))
}

async function withLoadgen(target, { label, method, where }) {
  const opt = { conc: options.conns, duration: options.seconds, headers: [ACCEPT_LINE] }
  const m = await measured(target, () => load(target, [[method, where]], opt))
  const r = m.result
  if (r.errors || r.ok !== r.requests)
    throw new Error(`${target.name} ${label}: ${JSON.stringify(r).slice(0, 300)}`)
  return {
    'req/s': r.requests / r.wall_s,
    'server CPU us/req': (m.cpu * 1e6) / r.requests,
    'p50 ms': r.total_ms.p50,
    'p99 ms': r.total_ms.p99,
    _others: othersBusy(m, r.client_cpu_s),
  }
}

async function withWrk(target, { label, where }) {
  const headers = [ACCEPT_LINE, ...target.headers].flatMap((h) => ['-H', h])
  const args = [
    '-t1',
    `-c${options.conns}`,
    `-d${options.seconds}s`,
    '--latency',
    ...headers,
    target.url + where,
  ]
  const clientCpu0 = endedChildrenCpu()
  const m = await measured(target, () => run('wrk', args))
  const clientCpu = endedChildrenCpu() - clientCpu0
  const text = m.result
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(text)
  if (bad) throw new Error(`${target.name} ${label}: ${bad[1]} responses were not 2xx`)
  const percentile = (p) => {
    const x = new RegExp(`${p}%\\s+([\\d.]+)(us|ms|s)`).exec(text)
    return x ? Number(x[1]) * { us: 1e-3, ms: 1, s: 1e3 }[x[2]] : NaN
  }
  return {
    'req/s': Number(/Requests\/sec:\s+([\d.]+)/.exec(text)[1]),
    'server CPU us/req': (m.cpu * 1e6) / Number(/(\d+) requests in/.exec(text)[1]),
    'p50 ms': percentile(50),
    'p99 ms': percentile(99),
    _others: othersBusy(m, clientCpu),
  }
}

export const pullSmall = {
  prepare: ensureFixture,
  cases: smallCases,
  async run(target, one) {
    const check = await request(target, one.method, one.where, { headers: ACCEPT })
    if (check.status !== 200) throw new Error(`${target.name} ${one.label}: status ${check.status}`)
    return one.method === 'HEAD' ? withLoadgen(target, one) : withWrk(target, one) // wrk waits for a HEAD's body
  },
}

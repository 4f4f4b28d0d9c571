// start: time from --start-cmd to the first answer, memory and CPU when idle, time to stop; of a box part by part.
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { options } from '../lib/options.mjs'
import { request } from '../lib/client.mjs'
import { cpuSeconds, ownCpuSeconds, partsOf, proportionalMiB, residentMiB, sleep } from '../lib/processes.mjs'

const IDLE_MS = 10_000

async function firstAnswer(target, where) {
  const start = performance.now()
  for (;;) {
    const status = await request(target, 'GET', where, { timeout: 2000 }).then(
      (r) => r.status,
      () => 0,
    )
    if (status === 200 || status === 401) return performance.now() - start
    if (performance.now() - start > 120000) throw new Error(`${target.name}: no answer within 120 s`)
    await sleep(5)
  }
}

/** What an idle server takes; of a box, what each of its parts does. */
async function idleFigures(root, isBox) {
  const idle = residentMiB([root])
  const parts = isBox ? [...partsOf([root])] : []
  const cpu0 = cpuSeconds([root])
  const own0 = parts.map(([, pids]) => ownCpuSeconds(pids))
  await sleep(IDLE_MS)
  const percent = (cpu) => (1e5 * cpu) / IDLE_MS
  return {
    'idle RSS MiB': idle.sum,
    'largest process MiB': idle.largest,
    'idle CPU %': percent(cpuSeconds([root]) - cpu0),
    ...Object.fromEntries(
      parts.flatMap(([name, pids], i) => [
        [`${name} MiB`, proportionalMiB(pids)],
        [`${name} CPU %`, percent(ownCpuSeconds(pids) - own0[i])],
      ]),
    ),
  }
}

export const start = {
  cases: () => [{ label: 'start, idle, stop' }],
  async run(target) {
    if (!options.start[target.name]) return { _note: 'no --start-cmd' }
    const admin = options.admin[target.name]
    const child = spawn('sh', ['-c', `exec ${options.start[target.name]}`], { stdio: 'ignore' })
    const answers = [firstAnswer(target, '/v2/')]
    if (admin) answers.push(firstAnswer({ ...target, url: admin }, '/api/v1/health'))
    const [first, firstOfAdmin] = await Promise.all(answers)
    const startCpu = cpuSeconds([child.pid])
    await sleep(3000)
    const idle = await idleFigures(child.pid, admin !== undefined)
    const ended = once(child, 'exit')
    const stopping = performance.now()
    child.kill('SIGTERM')
    await ended
    return {
      'first answer ms': first,
      ...(admin && { 'first answer to an admin ms': firstOfAdmin }),
      'CPU until then ms': startCpu * 1e3,
      ...idle,
      'stop ms': performance.now() - stopping,
    }
  },
}

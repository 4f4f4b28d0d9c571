// start: time from --start-cmd to the first answer, memory and CPU when idle, time to stop.
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { options } from '../lib/options.mjs'
import { request } from '../lib/client.mjs'
import { cpuSeconds, residentMiB, sleep } from '../lib/processes.mjs'

async function firstAnswer(target) {
  const start = performance.now()
  for (;;) {
    const status = await request(target, 'GET', '/v2/', { timeout: 2000 }).then(
      (r) => r.status,
      () => 0,
    )
    if (status === 200 || status === 401) return performance.now() - start
    if (performance.now() - start > 120000) throw new Error(`${target.name}: no answer within 120 s`)
    await sleep(5)
  }
}

export const start = {
  cases: () => [{ label: 'start, idle, stop' }],
  async run(target) {
    if (!options.start[target.name]) return { _note: 'no --start-cmd' }
    const child = spawn('sh', ['-c', `exec ${options.start[target.name]}`], { stdio: 'ignore' })
    const first = await firstAnswer(target)
    const startCpu = cpuSeconds([child.pid])
    await sleep(3000)
    const idle = residentMiB([child.pid])
    const cpu0 = cpuSeconds([child.pid])
    await sleep(5000)
    const cpu = cpuSeconds([child.pid]) - cpu0
    const ended = once(child, 'exit')
    const stopping = performance.now()
    child.kill('SIGTERM')
    await ended
    return {
      'first answer ms': first,
      'CPU until then ms': startCpu * 1e3,
      'idle RSS MiB': idle.sum,
      'largest process MiB': idle.largest,
      'idle CPU %': (100 * cpu) / 5,
      'stop ms': performance.now() - stopping,
    }
  },
}

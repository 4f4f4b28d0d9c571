// What servers cost: CPU seconds and memory of process trees, read from /proc, and how busy the rest of the machine was.
import fs from 'node:fs'

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const HZ = 100
const statFields = (pid) => {
  const s = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
  return s.slice(s.lastIndexOf(')') + 2).split(' ')
}
const quiet = (fn, fallback) => {
  try {
    return fn()
  } catch {
    return fallback // the process ended meanwhile
  }
}

/** The given processes and all their descendants. */
function tree(roots) {
  const children = new Map()
  for (const pid of fs.readdirSync('/proc').filter((d) => /^\d+$/.test(d))) {
    const parent = quiet(() => Number(statFields(pid)[1]), 0)
    if (!children.has(parent)) children.set(parent, [])
    children.get(parent).push(Number(pid))
  }
  const seen = new Set()
  const visit = (pid) => {
    if (seen.has(pid)) return
    seen.add(pid)
    ;(children.get(pid) ?? []).forEach(visit)
  }
  roots.forEach(visit)
  return [...seen]
}

/** CPU seconds used so far (user + system) by the trees. */
export function cpuSeconds(roots) {
  let ticks = 0
  for (const pid of tree(roots)) {
    const f = quiet(() => statFields(pid), null)
    if (f) ticks += Number(f[11]) + Number(f[12])
  }
  return ticks / HZ
}

/** CPU seconds of this process's children that have ended: what a client program cost. */
export function endedChildrenCpu() {
  const f = statFields('self')
  return (Number(f[13]) + Number(f[14])) / HZ
}

const statusMiB = (pid, key) =>
  quiet(
    () =>
      Number(new RegExp(`${key}:\\s+(\\d+)`).exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024,
    0,
  )

/** The parts of a box, by what their processes are called. */
const PARTS = [
  ['registry-core', /registry-core\.js serve /],
  ['control plane', /control-plane\/dist\/main\.js/],
  ['Postgres', /\/bin\/postgres -D |^postgres: /],
  ['nginx', /^nginx: /],
  ['npm start', /^/],
]

/** Which processes of a tree belong to which part of a box. */
export function partsOf(roots) {
  const parts = new Map(PARTS.map(([name]) => [name, []]))
  for (const pid of tree(roots)) {
    const command = quiet(() => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '), '')
    const [name] = PARTS.find(([, pattern]) => pattern.test(command))
    parts.get(name).push(pid)
  }
  return parts
}

/** Resident memory of each of these processes alone, in MiB; of shared pages each has its share. */
export const proportionalMiB = (pids) =>
  pids.reduce(
    (sum, pid) =>
      sum +
      quiet(
        () => Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) / 1024,
        0,
      ),
    0,
  )

/** CPU seconds used so far by each of these processes, and by no child of theirs. */
export const ownCpuSeconds = (pids) =>
  pids.reduce((sum, pid) => {
    const f = quiet(() => statFields(pid), null)
    return f ? sum + (Number(f[11]) + Number(f[12])) / HZ : sum
  }, 0)

/** Resident memory now, in MiB: of all processes together and of the largest one. */
export function residentMiB(roots) {
  const each = tree(roots).map((pid) => statusMiB(pid, 'VmRSS'))
  return { sum: each.reduce((a, b) => a + b, 0), largest: Math.max(0, ...each) }
}

/** Samples resident memory until `stop()`, which returns the peaks in MiB. */
export function watchMemory(roots, everyMs = 20) {
  const peak = { sum: 0, largest: 0 }
  const sample = () => {
    const now = residentMiB(roots)
    peak.sum = Math.max(peak.sum, now.sum)
    peak.largest = Math.max(peak.largest, now.largest)
  }
  sample()
  const timer = setInterval(sample, everyMs)
  return {
    stop() {
      clearInterval(timer)
      return peak
    },
  }
}

function machine() {
  const f = fs.readFileSync('/proc/stat', 'utf8').split('\n')[0].trim().split(/\s+/).slice(1).map(Number)
  return { busy: (f[0] + f[1] + f[2] + f[5] + f[6]) / HZ, steal: f[7] / HZ }
}

/** Runs `fn` and says what it took: seconds of wall, CPU of the target, of this process, and of the whole machine. */
export async function measured(target, fn) {
  const cpu0 = cpuSeconds(target.pids)
  const machine0 = machine()
  const own0 = process.cpuUsage()
  const start = performance.now()
  const result = await fn()
  const wall = (performance.now() - start) / 1e3
  const machine1 = machine()
  const own = process.cpuUsage(own0)
  return {
    result,
    wall,
    cpu: cpuSeconds(target.pids) - cpu0,
    own: (own.user + own.system) / 1e6,
    busy: machine1.busy - machine0.busy,
    steal: machine1.steal - machine0.steal,
  }
}

/** Cores that were busy for neither the target nor the client: noise from others. */
export const othersBusy = (m, clientCpu) => Math.max(0, m.busy - m.cpu - m.own - clientCpu) / m.wall

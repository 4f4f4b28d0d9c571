import { readFile } from 'node:fs/promises'
import path from 'node:path'

/** Reloads stand seconds apart, the workers of one generation are started in one moment. */
const ONE_MOMENT_TICKS = 100

/** How many generations of nginx's workers only end what they have begun; 0 when nginx does not run here. */
export async function countDraining(prefix: string): Promise<number> {
  const master = (await read(path.join(prefix, 'nginx.pid'))).trim()
  if (!/^\d+$/.test(master)) return 0
  const children = (await read(`/proc/${master}/task/${master}/children`)).split(' ').filter(Boolean)
  const started = (await Promise.all(children.map(startOfDraining)))
    .filter((ticks) => ticks !== undefined)
    .toSorted((one, other) => one - other)
  return started.filter((ticks, at) => ticks - (started[at - 1] ?? -Infinity) > ONE_MOMENT_TICKS).length
}

/** When a worker that is shutting down was started, in hundredths of a second; `undefined` for any other process. */
async function startOfDraining(pid: string): Promise<number | undefined> {
  const title = await read(`/proc/${pid}/cmdline`)
  if (!title.startsWith('nginx: worker process is shutting down')) return undefined
  const [, rest = ''] = (await read(`/proc/${pid}/stat`)).split(') ')
  return Number(rest.split(' ')[19])
}

/** Nothing of a process that has just ended. */
async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    return ''
  }
}

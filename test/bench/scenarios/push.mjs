// push: layers through Docker's flow (POST, PATCH chunked, PUT) or in one PUT.   big-upload: memory while a large blob arrives.
import { execFileSync } from 'node:child_process'
import { MiB, options } from '../lib/options.mjs'
import { load, request, shell } from '../lib/client.mjs'
import { makeFresh, randomFile } from '../lib/fixtures.mjs'
import { measured, othersBusy, residentMiB, sleep, watchMemory } from '../lib/processes.mjs'

const parseSize = (s) => Number(s.slice(0, -1)) * { k: 1024, m: MiB, g: 1024 * MiB }[s.at(-1)]
const GiB = 2 ** 30

async function pushLayers(target, repo, layers, mode, conc) {
  const plan = layers.map((l) => [repo, l.digest, l.file])
  const pusher = { ...target, headers: target.pushHeaders }
  const r = await load(pusher, plan, { mode: `push-${mode}`, conc, timeout: 600 })
  if (r.errors)
    throw new Error(`${target.name}: ${r.errors} errors, ${r.first_error} ${JSON.stringify(r.statuses)}`)
  return r
}

async function mustHold(target, repo, layer, size) {
  const h = await request(target, 'HEAD', `/v2/${repo}/blobs/${layer.digest}`)
  if (h.status !== 200 || Number(h.headers['content-length']) !== size) {
    throw new Error(`${target.name}: a pushed blob is not there (${h.status})`)
  }
}

async function tidy(target) {
  const command = options.after[target.name] ?? options.after['*']
  if (command) await shell(command)
}

export const push = {
  cases: () =>
    options.pushSpecs.flatMap((spec) =>
      options.pushModes.map((mode) => ({ label: `${spec} ${mode}`, spec, mode })),
    ),
  async run(target, { spec, mode }, round) {
    const [count, size] = [Number(spec.split('x')[0]), parseSize(spec.split('x')[1])]
    const repo = `bench/push-${spec}-${process.pid}`
    const layers = Array.from({ length: count }, (_, i) => {
      const file = randomFile(`push-${spec}-${i}`, size, `push${spec}${i}`)
      return { file, digest: makeFresh(file) }
    })
    execFileSync('sync')
    const conc = count === 1 ? 1 : count <= 16 ? count : 5 // dockerd pushes five layers at a time
    const m = await measured(target, () => pushLayers(target, repo, layers, mode, conc))
    if (round === 0) await mustHold(target, repo, layers[count >> 1], size)
    await tidy(target)
    const bytes = count * size
    const wall = m.result.wall_s
    const figures =
      size >= MiB
        ? { 'MB/s': bytes / 1e6 / wall, 'server CPU s/GiB': m.cpu / (bytes / GiB) }
        : {
            'layers/s': count / wall,
            'server CPU ms/layer': (m.cpu * 1e3) / count,
            'p50 ms/layer': m.result.total_ms.p50,
          }
    return { ...figures, _others: othersBusy(m, m.result.client_cpu_s) }
  },
}

export const bigUpload = {
  cases: () => options.pushModes.map((mode) => ({ label: `${options.bigGiB} GiB, ${mode}`, mode })),
  async run(target, { mode }) {
    const size = options.bigGiB * GiB
    const file = randomFile(`big-upload-${options.bigGiB}g`, size, 'big-upload')
    const layer = { file, digest: makeFresh(file) }
    const repo = `bench/big-upload-${process.pid}`
    execFileSync('sync')
    await sleep(500)
    const idle = residentMiB(target.pids)
    const watch = watchMemory(target.pids)
    const m = await measured(target, () => pushLayers(target, repo, [layer], mode, 1))
    const peak = watch.stop()
    await mustHold(target, repo, layer, size)
    await tidy(target)
    return {
      'MB/s': size / 1e6 / m.result.wall_s,
      'server CPU s/GiB': m.cpu / options.bigGiB,
      'RSS before MiB': idle.sum,
      'RSS peak MiB': peak.sum,
      'largest process MiB': peak.largest,
      'largest process grew MiB': Math.max(0, peak.largest - idle.largest),
      _others: othersBusy(m, m.result.client_cpu_s),
    }
  },
}

// Measures OCI registries side by side, alternately (A B A B), on one machine. The first target is the base of every ratio.
// `npm run bench` (run.mjs) starts peer and product and calls this for each row; by hand:
//   node registry-bench.mjs --stacks DIR/stacks.json --target peer-nginx-tls --target mine=https://127.0.0.1:5443 --pids mine=PID
//        --scenario push,pull-large,pull-small --rounds 5 --work DIR --json out.json
//
//   --target NAME=URL        repeat; with --stacks FILE (written by run.mjs) a bare NAME is looked up there, with its pids
//   --base NAME              the base of the ratios, if not the first target
//   --pids NAME=PID,PID      server processes; their descendants count too (CPU seconds, memory)
//   --auth NAME=USER:PASS    Basic for that target           --header NAME='K: V'  any header for that target
//   --readonly NAME          no pushes to it: its content is there already
//   --scenario LIST          push big-upload pull-large pull-small catalog start api stampede crowd warm-mirror
//   --case TEXT              only the cases whose name has TEXT
//   --rounds N  --seconds S and --conns N (pull-small)  --clients 1,4,16 and --total-gib G (pull-large)  --blob-mib 512
//   --push 1x512m,8x32m,200x64k  --push-modes chunked,mono  --big-gib 2
//   --after NAME=SHELL       run after each push (not timed), e.g. to delete what was pushed; NAME may be *
//   --start-cmd NAME=SHELL   start: runs the server in the foreground until SIGTERM
//   --admin NAME=URL         start: where a box answers admins
// The clients are loadgen (C, built into the work folder with cc at the first run) and wrk.
import fs from 'node:fs'
import os from 'node:os'
import { fileURLToPath } from 'node:url'
import { format, othersIn, summarise } from './lib/figures.mjs'
import { base, options, targets } from './lib/options.mjs'
import { residentMiB, sleep } from './lib/processes.mjs'
import { bigUpload, push } from './scenarios/push.mjs'
import { pullLarge, pullSmall } from './scenarios/pull.mjs'
import { catalog } from './scenarios/catalog.mjs'
import { start } from './scenarios/start.mjs'
import { adminApi } from './scenarios/api.mjs'
import { crowd, stampede } from './scenarios/stampede.mjs'
import { warmMirror } from './scenarios/warm-mirror.mjs'

const scenarios = {
  push,
  'big-upload': bigUpload,
  'pull-large': pullLarge,
  'pull-small': pullSmall,
  catalog,
  start,
  api: adminApi,
  stampede,
  crowd,
  'warm-mirror': warmMirror,
}

if (options.help) {
  console.error(fs.readFileSync(fileURLToPath(import.meta.url), 'utf8').split('\nimport')[0])
  process.exit(2)
}

/** Every target in turn, `rounds` times. An error is recorded and does not end the run. */
async function alternate(name, scenario, one) {
  const samples = Object.fromEntries(targets.map((t) => [t.name, []]))
  for (let round = 0; round < options.rounds; round++) {
    for (const target of targets) {
      try {
        const figures = await scenario.run(target, one, round)
        samples[target.name].push({ ...figures, _rss: residentMiB(target.pids).sum })
      } catch (error) {
        samples[target.name].push({ _error: error.message })
        console.error(`! ${name} ${one.label} ${target.name}: ${error.message}`)
      }
      await sleep(150)
    }
  }
  return samples
}

function printTable(title, samples, rows) {
  const metrics = [...new Set(rows.map((r) => r.metric))]
  const nameWidth = Math.max(...targets.map((t) => t.name.length), 6)
  const width = (metric) => Math.max(18, metric.length + 2)
  console.log(`\n${title}`)
  console.log(' '.repeat(nameWidth) + metrics.map((m) => m.padStart(width(m))).join(''))
  for (const { name } of targets) {
    const cells = metrics.map((metric) => {
      const row = rows.find((r) => r.target === name && r.metric === metric)
      const ratio = name === base || !Number.isFinite(row.ratio) ? '' : ` ×${format(row.ratio)}`
      return (format(row.median) + ratio).padStart(width(metric))
    })
    const notes = [...new Set(samples[name].map((x) => x._note ?? x._error).filter(Boolean))]
      .join('; ')
      .slice(0, 160)
    console.log(name.padEnd(nameWidth) + cells.join('') + (notes ? `   (${notes})` : ''))
  }
  const others = othersIn(samples)
  if (others) {
    console.log(`   busy for others: median ${format(others.median)} cores, most ${format(others.most)}`)
  }
}

const machine = {
  cores: os.cpus().length,
  cpu: os.cpus()[0].model,
  kernel: os.release(),
  node: process.version,
}
const report = { date: new Date().toISOString(), machine, rounds: options.rounds, base, results: [], raw: [] }
for (const name of options.scenarios) {
  const scenario = scenarios[name]
  if (!scenario) throw new Error(`no scenario ${name}; there are ${Object.keys(scenarios).join(' ')}`)
  for (const target of targets) await scenario.prepare?.(target)
  for (const one of scenario.cases().filter((c) => !options.case || c.label.includes(options.case))) {
    const samples = await alternate(name, scenario, one)
    const metrics = [...new Set(Object.values(samples).flat().flatMap(Object.keys))].filter(
      (k) => !k.startsWith('_'),
    )
    const rows = targets.flatMap((t) =>
      metrics.map((m) => ({ target: t.name, ...summarise(samples, t.name, base, m) })),
    )
    printTable(`${name}: ${one.label}`, samples, rows)
    report.results.push(...rows.map((row) => ({ scenario: name, case: one.label, ...row })))
    report.raw.push({ scenario: name, case: one.label, samples })
    if (options.json) fs.writeFileSync(options.json, JSON.stringify(report, null, 1))
  }
}
process.exit(0)

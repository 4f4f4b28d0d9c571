// npm run bench -- [options]: starts the peer (CNCF Distribution behind nginx) and the product behind the same nginx, lets them
// take turns, and prints one table of medians and ratios. Everything runs on loopback, in a temporary folder.
//
//   --rows LIST    which rows, by name with commas (default: all but direct); "all" for all
//   --rounds N     alternating rounds (default 5)
//   --limits       the smallest programs that could do the job take part too
//   --case TEXT    only the cases whose name has TEXT
//   --json FILE    everything measured, every sample
//   --work DIR     keep stores and fixtures there (default: a temporary folder, removed at the end)
//   --seconds S    of each small-request sample (default 4)
//   --serve        start everything, say where it listens, stay until Ctrl-C (to measure by hand with registry-bench.mjs)
//   --help         this text and the rows
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { once } from 'node:events'
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { rows } from './rows.mjs'
import { printReport, resultsOf } from './report.mjs'
import { Stack } from './stacks/stack.mjs'
import { addPeers, registryConfig } from './stacks/peers.mjs'
import { addPullLimits } from './stacks/pull-limits.mjs'
import { addUploadLimits } from './stacks/upload-limits.mjs'
import { addCatalogLimit, addCatalogPeer, catalogStore } from './stacks/catalog.mjs'
import { addMirrors } from './stacks/mirrors.mjs'
import { fillPageCache } from './stacks/page-cache.mjs'
import { addBox, addLoginPeer, boxStartArgs } from './stacks/box.mjs'
import { CORE, addCatalogOurs, addOurs, coreConfig } from './stacks/ours.mjs'

const HARNESS = fileURLToPath(new URL('./registry-bench.mjs', import.meta.url))
const parts = {
  peer: addPeers,
  ours: addOurs,
  box: addBox,
  'login-peer': addLoginPeer,
  'pull-limits': addPullLimits,
  'upload-limits': addUploadLimits,
  'catalog-peer': addCatalogPeer,
  'catalog-ours': addCatalogOurs,
  'catalog-limit': addCatalogLimit,
  mirrors: addMirrors,
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      rows: {
        type: 'string',
        default: Object.keys(rows)
          .filter((name) => name !== 'direct')
          .join(),
      },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      case: { type: 'string' },
      json: { type: 'string' },
      work: { type: 'string' },
      limits: { type: 'boolean', default: false },
      serve: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const names = values.rows === 'all' ? Object.keys(rows) : values.rows.split(',')
  const unknown = names.find((name) => !rows[name])
  if (unknown) throw new Error(`no row ${unknown}; there are ${Object.keys(rows).join(', ')}`)
  return { ...values, names }
}

/** What is missing on this machine, as the sentence that mends it. */
function missingTools() {
  const packages = {
    'docker-registry': 'docker-registry',
    nginx: 'nginx',
    wrk: 'wrk',
    cc: 'gcc libc6-dev',
    openssl: 'openssl libssl-dev',
  }
  const there = (tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0
  const missing = Object.keys(packages).filter((tool) => !there(tool))
  if (!missing.length) return undefined
  return `not run: ${missing.join(', ')} missing; apt-get install ${missing.map((tool) => packages[tool]).join(' ')}`
}

async function harness(args) {
  const child = spawn(process.execPath, [HARNESS, ...args], { stdio: 'inherit' })
  const [code] = await once(child, 'exit')
  if (code) throw new Error(`the harness ended with ${code}`)
}

/** The start row runs the programs itself, over the big store, without nginx. */
function startArgs(stack) {
  const ports = [stack.takePort(), stack.takePort()]
  const stores = [catalogStore(stack, 'start-peer'), catalogStore(stack, 'start-ours')]
  const peer = registryConfig(stack, 'start-peer', ports[0], { root: stores[0] })
  const ours = coreConfig(stack, 'start-ours', ports[1], stores[1])
  return [
    ['--target', `peer=http://127.0.0.1:${ports[0]}`, '--start-cmd', `peer=docker-registry serve ${peer}`],
    [
      '--target',
      `ours=http://127.0.0.1:${ports[1]}`,
      '--start-cmd',
      `ours=${process.execPath} ${CORE} serve ${ours}`,
    ],
  ].flat()
}

/** The command that deletes what was pushed since now, for every target. */
function tidyCommand(stack) {
  const mark = path.join(stack.work, 'mark')
  fs.writeFileSync(mark, '')
  const stores = ['store', 'ours-store', 'box/store'].map((name) =>
    path.join(stack.work, name, 'docker/registry/v2/blobs'),
  )
  const find = `find ${stores.join(' ')} -mindepth 3 -maxdepth 3 -newer ${mark} -exec rm -rf {} + 2>/dev/null`
  const limit = `find ${stack.work}/up -maxdepth 1 -type f -newer ${mark} -delete`
  return `${find}; ${limit}; sync`
}

async function measureRow(stack, name, options) {
  const row = rows[name]
  const json = path.join(stack.work, `${name}.json`)
  const common = [
    '--work',
    path.join(stack.work, 'client'),
    '--rounds',
    options.rounds,
    '--seconds',
    options.seconds,
  ]
  const chosen = [...row.targets, ...(options.limits ? (row.limits ?? []) : [])]
  const targets = row.starts
    ? await (row.starts === 'box' ? boxStartArgs(stack) : startArgs(stack))
    : ['--stacks', path.join(stack.work, 'stacks.json'), ...chosen.flatMap((target) => ['--target', target])]
  const some = options.case ? ['--case', options.case] : []
  const tidy = tidyCommand(stack)
  const after = row.pushes && !row.warmMemory ? ['--after', `*=${tidy}`] : []
  if (row.warmMemory) fillPageCache(stack.work)
  await harness([...common, ...row.args, ...targets, ...some, ...after, '--json', json])
  if (row.pushes) spawnSync('sh', ['-c', tidy])
  return resultsOf(name, row, JSON.parse(fs.readFileSync(json, 'utf8')))
}

async function startParts(stack, options) {
  const wanted = options.names.flatMap((name) => [
    ...rows[name].parts,
    ...(options.limits && rows[name].limitPart ? [rows[name].limitPart] : []),
  ])
  for (const part of new Set(wanted)) await parts[part](stack)
  return stack.up()
}

async function measureAll(stack, options) {
  const results = []
  for (const name of options.names) {
    console.log(`\n# ${name}: ${rows[name].about}`)
    results.push(await measureRow(stack, name, options))
    if (options.json) fs.writeFileSync(options.json, JSON.stringify(results, null, 1))
  }
  printReport(results)
}

async function main() {
  const options = readOptions()
  if (options.help) {
    console.log(
      fs
        .readFileSync(fileURLToPath(import.meta.url), 'utf8')
        .split('\nimport')[0]
        .replace(/^\/\/ ?/gm, ''),
    )
    for (const [name, row] of Object.entries(rows)) console.log(`  ${name.padEnd(14)} ${row.about}`)
    return
  }
  const missing = missingTools()
  if (missing) throw new Error(missing)
  const work = path.resolve(options.work ?? fs.mkdtempSync(path.join(os.tmpdir(), 'e-bench-')))
  const stack = await Stack.open(work)
  const stop = async () => {
    await stack.stop()
    if (!options.work) fs.rmSync(work, { recursive: true, force: true })
  }
  const interrupted = new Promise((resolve) => ['SIGINT', 'SIGTERM'].forEach((s) => process.once(s, resolve)))
  try {
    const file = await startParts(stack, options)
    if (options.serve) console.log(`up, see ${file}; Ctrl-C ends it`)
    await (options.serve ? interrupted : Promise.race([measureAll(stack, options), interrupted]))
  } finally {
    await stop()
  }
}

await main().then(
  () => process.exit(0),
  (error) => {
    console.error(error.message)
    process.exit(1)
  },
)

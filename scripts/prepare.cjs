// What `npm start`, `npm test` and `npm run check` need first, in a bare clone too: packages, a Node that is new enough, a build.
// It runs under whatever Node the machine has (20 or later), before anything is installed. So: CommonJS, no imports of ours.
'use strict'
const { spawnSync } = require('child_process')
const fs = require('fs')
const path = require('path')

const ROOT = path.join(__dirname, '..')
const OLDEST_NODE = [24, 11]
const BUILT_EXTENSION = /\.(js|js\.map|d\.ts)$/
// npm puts this folder into PATH; it is named here because the Node in it may appear only now.
const BIN = path.join(ROOT, 'node_modules', '.bin')
const ENVIRONMENT = Object.assign({}, process.env, { PATH: BIN + path.delimiter + process.env.PATH })

function stop(sentence) {
  process.stderr.write(sentence + '\n')
  process.exit(1)
}

function modified(file) {
  const stat = fs.statSync(path.join(ROOT, file), { throwIfNoEntry: false })
  return stat ? stat.mtimeMs : 0
}

/** npm start asks for it in the end; who has to type a line for it learns that now, and types while packages come. */
function announceMissingNginx() {
  const isStart = process.env.npm_lifecycle_event === 'prestart'
  const isInstalledForRoot = process.getuid && process.getuid() === 0
  const folders = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`.split(':')
  const has = (name) => folders.some((folder) => fs.existsSync(path.join(folder, name)))
  if (!isStart || isInstalledForRoot || has('nginx') || !has('apt-get')) return
  const lines = ['apt-get update', 'apt-get install -y nginx-light']
  const line = has('sudo') ? lines.map((one) => `sudo ${one}`).join(' && ') : `su -c '${lines.join(' && ')}'`
  process.stderr.write(`nginx is missing. Type this in another terminal meanwhile: ${line}\n`)
}

function installPackages() {
  if (modified('node_modules/.package-lock.json') >= modified('package-lock.json')) return
  announceMissingNginx()
  process.stderr.write('Installing packages (npm ci), a minute the first time.\n')
  const { npm_execpath: program = '', npm_node_execpath: itsNode = process.execPath } = process.env
  const run = path.basename(program) === 'npm-cli.js' ? [itsNode, program] : ['npm']
  const args = run.slice(1).concat('ci', '--no-audit', '--no-fund', '--loglevel=error')
  const { status, error } = spawnSync(run[0], args, { cwd: ROOT, stdio: ['ignore', 2, 2] })
  if (status !== 0) stop(`npm ci failed${error ? ` (${error.message})` : ''}: the lines above say why.`)
}

function checkNode() {
  const { stdout, error } = spawnSync('node', ['--version'], { env: ENVIRONMENT, encoding: 'utf8' })
  const version = error ? process.version : stdout.trim()
  const [major, minor] = version.slice(1).split('.').map(Number)
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return
  stop(
    `Entrepot needs Node ${OLDEST_NODE.join('.')} or later and found ${version}: npm brings one on Linux x64 and arm64 ` +
      '(run npm ci without --omit=optional); elsewhere install it and put it first in PATH.',
  )
}

/** Every project of the build, with the folder its sources are in: names from tsconfig.json, never a pattern. */
function projects() {
  const { references } = JSON.parse(fs.readFileSync(path.join(ROOT, 'tsconfig.json'), 'utf8'))
  return references
    .map(({ path: folder }) => {
      const file = path.join(ROOT, folder, 'tsconfig.json')
      return { folder, options: JSON.parse(fs.readFileSync(file, 'utf8')).compilerOptions }
    })
    .filter(({ options }) => options.outDir === 'dist')
    .map(({ folder, options }) => ({
      sources: path.join(ROOT, folder, options.rootDir),
      built: path.join(ROOT, folder, 'dist'),
    }))
}

/**
 * The compiler leaves what it once wrote: the test of a deleted file would run for ever. Only such files go, not the whole
 * folder, because a registry or a test that was started from this clone may be running from it.
 */
function removeStale({ sources, built }, below) {
  const folder = path.join(built, below)
  if (!fs.existsSync(folder)) return
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const name = path.join(below, entry.name)
    if (entry.isDirectory()) removeStale({ sources, built }, name)
    else if (
      BUILT_EXTENSION.test(name) &&
      !fs.existsSync(path.join(sources, name.replace(BUILT_EXTENSION, '.ts')))
    )
      fs.rmSync(path.join(built, name))
  }
}

/** Compiles what changed. A release has no compiler, it ships what was built. */
function build() {
  const compiler = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  if (!fs.existsSync(compiler)) return
  if (modified('control-plane/dist') === 0)
    process.stdout.write('Building (tsc), 20 seconds the first time.\n')
  for (const project of projects()) removeStale(project, '')
  const { status } = spawnSync('node', [compiler, '-b'], {
    cwd: ROOT,
    env: ENVIRONMENT,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) stop('The build failed: the lines above say where.')
}

installPackages()
checkNode()
build()

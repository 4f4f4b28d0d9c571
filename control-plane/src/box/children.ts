import fs from 'node:fs'
import path from 'node:path'
import { nginxCommand } from '../front/applying/apply-script.js'
import type { Clock } from '../system/clock.js'
import { listensOn } from './listens-on.js'
import { type BoxMessage, findBoxMessage } from './box-message.js'
import { type ChildOptions, childPart, type Command } from './child-part.js'
import { endingWithUs } from './ending-with-us.js'
import type { NginxProgram } from './nginx-program.js'
import type { Part } from './part.js'
import { applyPlacesOf, type BoxPlaces } from './box-places.js'

/** What every child of the box is made of. */
export interface ChildrenOptions {
  /** The repository, or what a release unpacked. */
  readonly root: string
  readonly places: BoxPlaces
  /** That of `npm start`. */
  readonly environment: NodeJS.ProcessEnv
  readonly clock: Clock
  /** Takes the lines that they write. */
  readonly say: (lines: string) => void
}

const GUARD = path.join(import.meta.dirname, 'end-with-parent.js')
/** As long as registry-core lets transfers end (`http.draintimeout`): nginx waits for the same ones. */
const DRAIN_MS = 30_000
const CLOSING_MS = 5000
const SECRETS = ['ENTREPOT_ADMIN_TOKEN', 'DATABASE_URL']

/** registry-core on the configuration in force. */
export function corePart({ root, places, environment, clock, say }: ChildrenOptions): Part {
  const program = path.join(root, 'registry-core', 'bin', 'registry-core.js')
  return childPart({
    ...nodeChild(clock),
    ...{ name: 'registry-core', say },
    command: () => ({
      ...node([program, 'serve', path.join(places.currentConfig, 'registry.yml')]),
      environment: without(environment, (name) => isOfRegistry2(name) || SECRETS.includes(name)),
    }),
    isReady: () => listensOn(places.coreSocket),
    onMessage: () => undefined, // it says nothing; its channel tells it when we are gone
  })
}

/** `databaseUrl` is asked at each start, since an embedded server has none before it runs. */
export interface ControlPlaneOptions extends ChildrenOptions {
  readonly databaseUrl: () => string
  readonly onMessage: (message: BoxMessage, answer: (message: object) => void) => void
}

/** The control plane, which renders what nginx and registry-core run on. */
export function controlPlanePart(options: ControlPlaneOptions): Part {
  const { root, places, environment, clock, say, databaseUrl, onMessage } = options
  const program = path.join(root, 'control-plane', 'dist', 'main.js')
  return childPart({
    ...nodeChild(clock),
    ...{ name: 'control plane', say },
    command: () => ({
      ...node([program]),
      environment: {
        ...without(environment, isOfRegistry2),
        ENTREPOT_DATA: places.data, // absolute: it is relative to where npm start was typed
        DATABASE_URL: databaseUrl(),
      },
    }),
    isReady: () => listensOn(places.apiSocket),
    onMessage: (value, answer) => {
      const message = findBoxMessage(value)
      if (message !== undefined) onMessage(message, answer)
    },
  })
}

/** nginx on the configuration in force, by the script that also reloads it. QUIT lets transfers end. */
export function nginxPart(
  { places, clock, say }: ChildrenOptions,
  { file }: Pick<NginxProgram, 'file'>,
): Part {
  const pidFile = path.join(places.nginx, 'nginx.pid')
  return childPart({
    ...{ name: 'nginx', say },
    command: () => {
      fs.rmSync(pidFile, { force: true })
      const { command, environment } = nginxCommand(applyPlacesOf(places), { nginx: file })
      const [script, ...args] = command
      return { ...endingWithUs('QUIT', script, args), environment }
    },
    // It binds its ports before it writes this file.
    isReady: (pid) => fs.existsSync(pidFile) && fs.readFileSync(pidFile, 'utf8').trim() === String(pid),
    readyWithinMs: 30_000,
    stopSignal: 'SIGQUIT',
    stopWithinMs: DRAIN_MS,
    clock,
  })
}

/**
 * As whom nginx's workers run, for its `user`: as whoever starts the box, since they read the store that registry-core
 * writes. Undefined for a plain user, whose nginx cannot become another one.
 */
export function workersUser(uid = process.getuid?.()): 'root' | undefined {
  return uid === 0 ? 'root' : undefined
}

function nodeChild(
  clock: Clock,
): Pick<ChildOptions, 'clock' | 'readyWithinMs' | 'stopSignal' | 'stopWithinMs'> {
  return { clock, readyWithinMs: 60_000, stopSignal: 'SIGTERM', stopWithinMs: DRAIN_MS + CLOSING_MS }
}

function node(args: readonly string[]): Pick<Command, 'file' | 'args'> {
  return { file: process.execPath, args: ['--enable-source-maps', '--import', GUARD, ...args] }
}

function without(environment: NodeJS.ProcessEnv, isLeftOut: (name: string) => boolean): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !isLeftOut(name)))
}

/** What somebody set for a registry:2 of his own must not change this one. */
function isOfRegistry2(name: string): boolean {
  return name.startsWith('REGISTRY_')
}

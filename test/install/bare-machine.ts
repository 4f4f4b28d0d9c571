import { execFileSync } from 'node:child_process'
import { chownSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { attempt, type Outcome, run } from '../support/commands.js'
import { DockerDaemon } from '../support/docker-daemon.js'
import { eventually } from '../support/eventually.js'
import { type Ending, type RunningProcess, startProcess } from '../support/processes.js'
import { supportScript } from '../support/scripts.js'
import type { StateFolder } from '../support/state-folder.js'
import { copyTheRepository } from './copy-of-the-repository.js'

/** Its plain user. */
const ALICE = 1000
const CLONE = '/home/alice/entrepot'
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** How the dockerd's network knows itself from outside: no address that Docker trusts by itself. */
export const ADDRESS = '10.0.2.100'

export type User = 'root' | 'alice'

/**
 * A bare Debian 12 with Node 20 and npm, a clone in alice's home and a Docker: processes and network of its own, so that
 * every port is free and nothing of the machine that runs the tests is touched. No systemd, as in a container.
 */
export class BareMachine {
  readonly docker: DockerDaemon
  readonly #machine: RunningProcess
  /** The first process in it, as this machine numbers it. */
  readonly #init: string
  /** What this machine's npm needs to trust who it talks to. */
  readonly #trust: readonly string[]

  private constructor(docker: DockerDaemon, machine: RunningProcess, init: string, trust: readonly string[]) {
    this.docker = docker
    this.#machine = machine
    this.#init = init
    this.#trust = trust
  }

  static async start(state: StateFolder): Promise<BareMachine> {
    const root = (await run(supportScript('bare-debian.sh'), [])).trim()
    const docker = await DockerDaemon.start(
      state.join('docker'),
      { title: 'dockerd', suite: 'own', store: 'graph driver' },
      { bridge: true },
    )
    const [clone, shared] = [state.join('clone'), state.join('shared')]
    for (const folder of [clone, shared]) mkdirSync(folder)
    copyTheRepository(clone)
    execFileSync('chown', ['-R', String(ALICE), clone])
    chownSync(shared, ALICE, ALICE)
    const { NODE_EXTRA_CA_CERTS: authorities } = process.env
    if (authorities !== undefined) copyFileSync(authorities, path.join(shared, 'ca.pem'))
    const [program, ...beside] = docker.commandBeside(
      ...['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'],
      ...[supportScript('debian-root.sh'), 'run', root, state.join('machine')],
      ...['--bind', `${clone}=${CLONE}`, '--bind', `${shared}=/shared`],
      ...[
        'bash',
        '-c',
        `useradd -u ${ALICE} alice; chown alice /home/alice; touch /shared/up; sleep infinity & wait`,
      ],
    )
    const machine = await startProcess(program, beside)
    await eventually('the machine is up', () => existsSync(path.join(shared, 'up')), { deadlineMs: 30_000 })
    const init = firstChildOf(machine)
    const trust = authorities === undefined ? [] : ['NODE_EXTRA_CA_CERTS=/shared/ca.pem']
    return new BareMachine(docker, machine, init, trust)
  }

  /** Runs a line of shell in the clone, as at a login; the caller judges. */
  async attempt(user: User, line: string): Promise<Outcome> {
    const [program, ...args] = this.#command(user, line)
    return attempt(program, args)
  }

  /** The same; throws unless it succeeds. */
  async run(user: User, line: string): Promise<string> {
    const { code, output } = await this.attempt(user, line)
    if (code !== 0) throw new Error(`${user}'s ${line} ended with ${code}:\n${output}`)
    return output
  }

  /** Starts a box by a line of shell, and answers when it serves. */
  async startBox(user: User, line: string): Promise<StartedBox> {
    const pidFile = `/run/${user}.pid`
    await this.run('root', `install -m 666 /dev/null ${pidFile}`)
    const [program, ...args] = this.#command(user, `echo $$ > ${pidFile}; exec env ${line}`)
    const from = performance.now()
    const running = await startProcess(program, args)
    let ending: Ending | undefined
    void running.ended.then((how) => {
      ending = how
    })
    const serves = (): boolean => {
      if (ending !== undefined) throw new Error(`it ended with ${JSON.stringify(ending)}:\n${running.log()}`)
      return /^ {2}stop {7}/m.test(running.log())
    }
    await eventually('it says that it serves', serves, { deadlineMs: 240_000 })
    return {
      seconds: (performance.now() - from) / 1000,
      log: () => running.log(),
      stop: async (signal) => {
        await this.run('root', `kill -${signal} $(cat ${pidFile})`)
        return running.ended
      },
    }
  }

  /** Ends all that runs in it; the folder's keeper has the Docker. */
  async stop(): Promise<void> {
    this.#machine.signal('SIGKILL')
    await this.#machine.ended
  }

  #command(user: User, line: string): readonly [string, ...string[]] {
    const who = {
      root: [],
      alice: ['setpriv', '--reuid', String(ALICE), '--regid', String(ALICE), '--clear-groups'],
    }
    const home = { root: '/root', alice: '/home/alice' }[user]
    return [
      ...(['nsenter', '-t', this.#init, '-m', '-n', '-p', '-r', '-w'] as const),
      ...['env', '-i', `PATH=${PATH}`, `HOME=${home}`, ...this.#trust, ...who[user]],
      ...['bash', '-c', `cd ${CLONE}; ${line}`],
    ]
  }
}

export interface StartedBox {
  readonly seconds: number
  log(): string
  stop(signal: 'INT' | 'TERM'): Promise<Ending>
}

function firstChildOf({ pid }: RunningProcess): string {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const child = pids.find((name) => parentOf(name) === String(pid))
  if (child === undefined) throw new Error('the machine has ended')
  return child
}

function parentOf(pid: string): string | undefined {
  try {
    return /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  } catch {
    return undefined // ended meanwhile
  }
}

import { existsSync, readdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { findProgram } from '#control/box/find-program.js'
import { runToEnd } from './processes.js'

/** An nginx that can be run here. */
export interface NginxProgram {
  /** As in `1.22.1`. */
  readonly version: string
  /** The program and the arguments that come before nginx's own. */
  readonly command: readonly [file: string, ...args: string[]]
}

const LOADERS: Readonly<Record<string, readonly [loader: string, libraries: string]>> = {
  x64: ['lib64/ld-linux-x86-64.so.2', 'usr/lib/x86_64-linux-gnu'],
  arm64: ['lib/ld-linux-aarch64.so.1', 'usr/lib/aarch64-linux-gnu'],
}

/** The machine's own nginx first, then the newest Debian's where its folder is cached; empty when there is none. */
export async function nginxPrograms(): Promise<readonly [NginxProgram, ...NginxProgram[]] | readonly []> {
  const commands = [installed(), cachedSid()].filter((command) => command !== undefined)
  const [first, ...others] = await Promise.all(
    commands.map(async (command) => ({ version: await versionOf(command), command })),
  )
  return first ? [first, ...others] : []
}

function installed(): NginxProgram['command'] | undefined {
  const file = findProgram('nginx')
  return file === undefined ? undefined : [file]
}

/** Debian sid's nginx out of the folder that the clients' tests keep: by sid's own loader, it needs no chroot. */
function cachedSid(): NginxProgram['command'] | undefined {
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'), 'entrepot-ci')
  const [loader, libraries] = LOADERS[process.arch] ?? []
  if (!existsSync(cache) || loader === undefined || libraries === undefined) return undefined
  const roots = readdirSync(cache).filter((name) => /^sid-[\dW-]+$/.test(name))
  const root = roots.sort().findLast((name) => existsSync(path.join(cache, name, 'usr/sbin/nginx')))
  if (root === undefined) return undefined
  const below = (name: string): string => path.join(cache, root, name)
  return [below(loader), '--library-path', below(libraries), below('usr/sbin/nginx')]
}

async function versionOf([file, ...args]: NginxProgram['command']): Promise<string> {
  const { stderr } = await runToEnd(file, [...args, '-v'])
  const version = /nginx\/(\d+\.\d+\.\d+)/.exec(stderr)?.[1]
  if (version === undefined) throw new Error(`${file} -v says no version: ${stderr}`)
  return version
}

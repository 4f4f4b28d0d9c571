import { Command, Option } from 'commander'

import type { RouteSpec } from '../http/route.js'
import { type AnswerOf, call, type Sent } from './call.js'
import { type Connection, type ConnectionOptions, findConnection } from './connection.js'
import { CommandFailed } from './failures.js'
import { type Output, OUTPUTS, type Shown, written } from './output.js'
import { findLogin } from './stored-login.js'
import type { Terminal } from './terminal.js'

/** What a program is run with. */
export interface Run {
  readonly terminal: Terminal
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** What a command is given when it is called. */
export interface Called<O> {
  readonly args: readonly string[]
  readonly options: O
  readonly terminal: Terminal
  readonly connection: Connection
  readonly call: <R extends RouteSpec>(route: R, sent?: Sent) => Promise<AnswerOf<R>>
}

interface CommandSpec<O> {
  /** With its arguments: `show <host>`. */
  readonly usage: string
  readonly description: string
  /** Lines that can be typed as they stand. */
  readonly examples: readonly string[]
  readonly options?: readonly Option[]
  readonly run: (called: Called<O>) => Promise<Shown>
}

/** A group of commands about one noun. */
export function group(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description)
}

/** A command that makes one call of the API. */
export function apiCommand<O extends object>(
  parent: Command,
  { terminal, environment }: Run,
  { usage, description, examples, options = [], run }: CommandSpec<O>,
): Command {
  const command = parent.command(usage).description(description)
  for (const option of options) command.addOption(option)
  command
    .addOption(
      new Option('-o, --output <form>', 'how the answer is written').choices(OUTPUTS).default('table'),
    )
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`)
  addConnectionOptions(command)
  return command.action(async () => {
    const given = command.opts<O & ConnectionOptions & { output: Output }>()
    const connection = findConnection(given, environment, findLogin(environment))
    const shown = await run({
      ...{ args: command.args, options: given, terminal, connection },
      call: async (route, sent) => call(connection, route, sent),
    })
    terminal.out(written(shown, given.output))
    if (shown.finding !== undefined) throw new CommandFailed(1, shown.finding)
  })
}

/** Where the box is, and by which token: the same for every command. */
export function addConnectionOptions(command: Command): void {
  command
    .optionsGroup('Options of every command:')
    .option('--server <url>', 'the box; else ENTREPOT_SERVER, the last login, https://127.0.0.1:5445')
    .option('--token <token>', 'an admin token; else ENTREPOT_ADMIN_TOKEN, that of the last login')
    .option('--ca <file>', 'the authority of its certificate, PEM; else that of the last login, the system')
}

/** An option that may be given several times. */
export function listOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    value,
  ])
}

/** For lists: which part of it. */
export const PAGE_OPTIONS: readonly Option[] = [
  new Option('--limit <number>', 'the most that are listed, up to 1000 (100)'),
  new Option('--after <place>', 'goes on where the list before has ended'),
]

/** What `PAGE_OPTIONS` leave: texts, which the schema of the route makes numbers of. */
export interface PageOptions {
  readonly limit?: string
  readonly after?: string
}

import { z } from 'zod'
import type { Environment } from '../config/environment.js'
import { readSettings } from '../config/read-settings.js'
import { addressName } from '../http/listen.js'
import { askOperator } from '../http/probe.js'
import type { ExitCode, Terminal } from './terminal.js'

/** What `GET /status` answers; further fields are passed on as they are. */
const statusSchema = z.looseObject({
  ready: z.looseObject({
    status: z.string(),
    causes: z.array(z.string()).optional(),
    warnings: z.array(z.string()),
  }),
  upstreams: z.array(
    z.looseObject({
      host: z.string(),
      sentence: z.string(),
      rateLimit: z.looseObject({ limit: z.number(), remaining: z.number() }).optional(),
      gone: z.array(z.looseObject({ name: z.string(), since: z.string() })),
    }),
  ),
  collisions: z.array(z.looseObject({ local: z.string(), mirrored: z.string(), served: z.string() })),
  misdirected: z.looseObject({
    times: z.number(),
    names: z.array(z.looseObject({ name: z.string(), times: z.number(), client: z.string() })),
  }),
  droppedLogins: z.number(),
})

type Status = z.output<typeof statusSchema>

/** Asks the process that serves how it is, on its internal socket. */
export async function status(
  config: string,
  isJson: boolean,
  environment: Environment,
  terminal: Terminal,
): Promise<ExitCode> {
  const { operations } = readSettings(config, environment)
  const operator = operations.find(({ takesOrders }) => takesOrders)
  if (operator === undefined) {
    terminal.error(`${config} has no internal.socket to ask: write internal: {socket: run/control.sock}\n`)
    return 2
  }
  const answer = await askOperator(operator.address, '/status')
  if ('why' in answer) {
    terminal.error(`nobody answers on ${addressName(operator.address)}: ${answer.why}\n`)
    return 3
  }
  const found = statusSchema.parse(JSON.parse(answer.text))
  terminal.out(isJson ? `${JSON.stringify(found)}\n` : `${linesOf(found).join('\n')}\n`)
  return found.ready.status === 'ready' && found.ready.warnings.length === 0 ? 0 : 1
}

function linesOf({ ready, upstreams, collisions, misdirected, droppedLogins }: Status): readonly string[] {
  return [
    ready.status,
    ...[...(ready.causes ?? []), ...ready.warnings].map((sentence) => `  ${sentence}`),
    ...upstreams.flatMap(({ host, sentence, rateLimit, gone }) => [
      `${host} ${sentence}`,
      ...(rateLimit ? [`  ${rateLimit.remaining} of ${rateLimit.limit} requests are left`] : []),
      ...gone.map(({ name, since }) => `  ${name} is gone upstream since ${since}, and served from here`),
    ]),
    ...collisions.map(
      ({ local, mirrored, served }) =>
        `${local} was pushed here, and ${mirrored} mirrored: clients of the mirror get the ${served === 'local' ? 'first' : 'second'}`,
    ),
    ...(misdirected.times === 0
      ? []
      : [
          `${misdirected.times} requests of daemons that take the registry's address for a mirror ended in a 404:`,
        ]),
    ...misdirected.names.map(({ name, times, client }) => `  ${name}, ${times} times, last by ${client}`),
    ...(droppedLogins === 0
      ? []
      : [`${droppedLogins} logins that are not ours were sent to mirrors, and dropped`]),
  ]
}

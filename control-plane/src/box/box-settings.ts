import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { z } from 'zod'
import { isName } from '../front/certificates/names.js'
import { StartRefused, type WrongVariable } from './start-refused.js'

/** What `npm start` reads from the environment, as typed values; docs/reference/settings.md lists the same names. */
export interface BoxSettings {
  /** The folder of all state, absolute. */
  readonly data: string
  readonly ports: BoxPorts
  /** Where an ACME server asks; nobody listens there while there is none. */
  readonly acmePort: number
  /** Addresses of the TLS listeners, in nginx's order. */
  readonly bind: readonly string[]
  /** Addresses of the plain listeners: whoever reaches them may push and delete. */
  readonly httpBind: readonly string[]
  /** Names and addresses under which clients know this box, besides its loopback. */
  readonly names: readonly string[]
  /** Instead of the one that the first start makes. */
  readonly adminToken: string | undefined
  /** Instead of `secret.key` in the data folder, absolute. */
  readonly secretKeyFile: string | undefined
  /** A Postgres of one's own; without it the embedded one is started. */
  readonly databaseUrl: string | undefined
  /** Variables that mean nothing here, most likely typing errors. */
  readonly unknown: readonly string[]
}

/** Each kind of listener has its own, at all addresses of its kind. */
export interface BoxPorts {
  readonly registry: number
  readonly mirror: number
  readonly tls: number
  readonly mirrorTls: number
  readonly admin: number
}

/** What the settings depend on besides the environment. */
export interface Machine {
  /** The repository, in which npm runs what it starts. */
  readonly root: string
  readonly hasIPv6: boolean
}

/** The variable of each port. */
export const PORT_VARIABLES: Readonly<Record<keyof BoxPorts, string>> = {
  registry: 'ENTREPOT_REGISTRY_PORT',
  mirror: 'ENTREPOT_MIRROR_PORT',
  tls: 'ENTREPOT_TLS_PORT',
  mirrorTls: 'ENTREPOT_MIRROR_TLS_PORT',
  admin: 'ENTREPOT_ADMIN_PORT',
}

/** Their values are never printed. */
const SECRETS = ['ENTREPOT_ADMIN_TOKEN', 'DATABASE_URL']
const SHORTEST_TOKEN = 16

function port(usual: number) {
  return z
    .string()
    .default(String(usual))
    .refine((text) => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535, {
      message: 'it must be a number from 1 to 65535',
      abort: true,
    })
    .transform(Number)
}

const addresses = z
  .string()
  .transform(listOf)
  .refine((list) => list.length > 0 && list.every((one) => net.isIP(one) !== 0 && !one.includes('%')), {
    message:
      'it must be an address of this machine, such as 127.0.0.1, ::1 or 0.0.0.0, or several with commas between',
  })

const VARIABLES = z.object({
  ENTREPOT_DATA: z.string().optional(),
  ENTREPOT_REGISTRY_PORT: port(5000),
  ENTREPOT_MIRROR_PORT: port(5001),
  ENTREPOT_TLS_PORT: port(5443),
  ENTREPOT_MIRROR_TLS_PORT: port(5444),
  ENTREPOT_ADMIN_PORT: port(5445),
  ENTREPOT_ACME_PORT: port(80),
  ENTREPOT_BIND: addresses.optional(),
  ENTREPOT_HTTP_BIND: addresses.optional(),
  ENTREPOT_NAMES: z
    .string()
    .transform((text) => listOf(text.toLowerCase()))
    .refine((list) => list.every(isName), {
      message:
        'it must be names of hosts or addresses with commas between, such as registry.example.com,10.0.0.5',
    })
    .default([]),
  ENTREPOT_ADMIN_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must be printable characters of ASCII without spaces')
    .min(
      SHORTEST_TOKEN,
      `must have ${SHORTEST_TOKEN} characters or more: openssl rand -hex 24 makes a good one`,
    )
    .optional(),
  ENTREPOT_SECRET_KEY_FILE: z.string().optional(),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/\S+$/, {
      message: 'must be an address such as postgres://user:password@host:5432/database',
    })
    .optional(),
})

/** Every variable that `npm start` understands. */
export const BOX_VARIABLES: readonly string[] = Object.keys(VARIABLES.shape)

/** @throws StartRefused `variables-wrong`, which names all of them in one sentence, or `ports-equal` */
export function readBoxSettings(
  environment: NodeJS.ProcessEnv,
  machine: Machine = thisMachine(),
): BoxSettings {
  // A variable set to nothing is one that is not set, as compose files have it.
  const given = Object.fromEntries(Object.entries(environment).filter(([, text]) => text !== ''))
  const parsed = VARIABLES.safeParse(given)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => problemOf(issue, given))
    throw new StartRefused('variables-wrong', { problems })
  }
  const values = parsed.data
  // npm changes into the repository; a relative path is meant from where it was typed.
  const absolute = (file: string): string => path.resolve(given['INIT_CWD'] ?? '.', file)
  const { ENTREPOT_DATA, ENTREPOT_SECRET_KEY_FILE, ENTREPOT_BIND, ENTREPOT_HTTP_BIND } = values
  const loopback = machine.hasIPv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']
  return {
    data: ENTREPOT_DATA === undefined ? path.join(machine.root, 'data') : absolute(ENTREPOT_DATA),
    ports: differentPorts(values),
    acmePort: values.ENTREPOT_ACME_PORT,
    bind: ENTREPOT_BIND ?? loopback,
    httpBind: ENTREPOT_HTTP_BIND ?? loopback,
    names: values.ENTREPOT_NAMES,
    adminToken: values.ENTREPOT_ADMIN_TOKEN,
    secretKeyFile: ENTREPOT_SECRET_KEY_FILE === undefined ? undefined : absolute(ENTREPOT_SECRET_KEY_FILE),
    databaseUrl: values.DATABASE_URL,
    unknown: Object.keys(given).filter(
      (name) => name.startsWith('ENTREPOT_') && !BOX_VARIABLES.includes(name),
    ),
  }
}

function thisMachine(): Machine {
  const interfaces = Object.values(os.networkInterfaces()).flat()
  return {
    root: path.join(import.meta.dirname, '..', '..', '..'),
    hasIPv6: interfaces.some((one) => one?.address === '::1'),
  }
}

function problemOf({ path: [name], message }: z.core.$ZodIssue, given: NodeJS.ProcessEnv): WrongVariable {
  const variable = String(name)
  return { variable, found: SECRETS.includes(variable) ? undefined : given[variable], allowed: message }
}

function differentPorts(values: z.infer<typeof VARIABLES>): BoxPorts {
  const ports = {
    registry: values.ENTREPOT_REGISTRY_PORT,
    mirror: values.ENTREPOT_MIRROR_PORT,
    tls: values.ENTREPOT_TLS_PORT,
    mirrorTls: values.ENTREPOT_MIRROR_TLS_PORT,
    admin: values.ENTREPOT_ADMIN_PORT,
  }
  const byPort = Map.groupBy(Object.entries(PORT_VARIABLES), ([key]) => ports[key as keyof BoxPorts])
  for (const [number, users] of byPort) {
    const variables = users.map(([, variable]) => variable)
    if (variables.length > 1) throw new StartRefused('ports-equal', { variables, port: number })
  }
  return ports
}

function listOf(text: string): string[] {
  const parts = text.split(/[\s,]+/).filter(Boolean)
  return [...new Set(parts.map((part) => part.replace(/^\[(.*)\]$/, '$1')))]
}

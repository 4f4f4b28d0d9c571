import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { openApplyScript } from '../front/applying/apply-script.js'
import { findGeneration } from '../front/applying/apply-places.js'
import { productVersion } from '../system/product-version.js'
import { announcement, secretLines } from './announce.js'
import { findConfiguration, rememberAsked } from './asked-configuration.js'
import { type BoxOptions, openBox } from './box.js'
import { type FirstStart, SHOWN } from './box-message.js'
import { controlPlanePart, corePart, nginxPart } from './children.js'
import type { Part } from './part.js'
import { applyPlacesOf, type BoxPlaces } from './box-places.js'
import { postgresPart } from './postgres-part.js'
import { startPostgres } from './postgres/start-postgres.js'
import { type Prepared, type PrepareOptions, prepareBox } from './prepare-box.js'
import { stopWhenAsked } from './stop-when-asked.js'

export interface RunOptions extends PrepareOptions {
  /** The repository, or what a release unpacked: the programs of the parts lie in it. */
  readonly root: string
  /** `gone` is called once the line has left this process. */
  readonly say: (line: string, gone?: () => void) => void
}

/** The whole box, until it is told to stop; answers the exit code. @throws StartRefused */
export async function runBox(options: RunOptions): Promise<number> {
  const { clock, say } = options
  const prepared = await prepareBox(options)
  const talk = openTalk(options, prepared)
  await goBackToLastGood(prepared.places, say)
  const configuration = findConfiguration({ ...prepared, version: versionOf(options.root) })
  const parts = partsOf(options, prepared, talk)
  const box = openBox({ parts, configuration, configured: talk.configured, clock, say })
  const stopping = stopWhenAsked(box, { clock, say })
  try {
    const { withoutControlPlane } = await box.start()
    talk.announce(withoutControlPlane)
  } catch (error) {
    talk.sayFirstStart() // it is made, and may be of use
    if (stopping.hasBegun()) return await stopping.done
    await box.stop()
    throw error
  }
  return stopping.done
}

/** What the control plane tells, and what people are told of it. */
interface Talk {
  readonly configured: BoxOptions['configured']
  firstStart(message: FirstStart, answer: (message: object) => void): void
  isConfigured(refusal: string | undefined): void
  announce(withoutControlPlane: string | undefined): void
  sayFirstStart(): void
}

function openTalk({ root, say }: RunOptions, { settings, places, certificates }: Prepared): Talk {
  const configured = Promise.withResolvers<string | undefined>()
  const version = versionOf(root)
  let told: FirstStart | undefined
  let shown: FirstStart | undefined
  let answerShown = (): void => undefined
  let hasAnnounced = false
  const gone = (): void => {
    shown = told
    answerShown()
  }
  const sayFirstStart = (): void => {
    if (told !== undefined) say(secretLines(told).join('\n'), gone)
  }
  return {
    sayFirstStart,
    configured: configured.promise,
    firstStart(message, answer) {
      answerShown = () => answer(SHOWN)
      // It has ended before it heard of it.
      if (isDeepStrictEqual(message, shown)) return answerShown()
      told = message
      // It came late, since Postgres did; nobody would ever see it otherwise.
      if (hasAnnounced) sayFirstStart()
    },
    isConfigured(refusal) {
      const unnoted = refusal === undefined ? rememberAsked({ settings, places, version }) : undefined
      if (unnoted !== undefined) say(`The next start will wait for its configuration: ${unnoted}`)
      configured.resolve(refusal)
    },
    announce(withoutControlPlane) {
      hasAnnounced = true
      const { fingerprint } = certificates
      const about = { settings, places, fingerprint, firstStart: told, withoutControlPlane }
      // In one piece: the parts write their logs to the same place.
      say(announcement({ version, pid: process.pid, ...about }), gone)
    },
  }
}

function partsOf(options: RunOptions, { settings, places, nginx }: Prepared, talk: Talk) {
  const { clock, say, random, root, environment } = options
  const { databaseUrl } = settings
  const { postgres: folder, run: runFolder } = places
  const embedded = postgresPart((signal) =>
    startPostgres({ folder, runFolder, clock, say, random, endsWithBox: true, signal }),
  )
  const children = { root, places, environment, clock, say }
  const controlPlane = controlPlanePart({
    ...children,
    databaseUrl: () => databaseUrl ?? embedded.url(),
    onMessage(message, answer) {
      if (message.kind === 'first-start') talk.firstStart(message, answer)
      else talk.isConfigured(message.refusal)
    },
  })
  const postgres: Part | undefined = databaseUrl === undefined ? embedded : undefined
  return { postgres, controlPlane, core: corePart(children), nginx: nginxPart(children, nginx) }
}

function versionOf(root: string): string {
  return productVersion(path.join(root, 'package.json'))
}

/**
 * A box that was killed in the midst of a change has a configuration in force that nobody has proved: nginx and
 * registry-core start on the one before it, which served. The control plane brings what is meant into force again.
 */
async function goBackToLastGood(places: BoxPlaces, say: (line: string) => void): Promise<void> {
  const front = applyPlacesOf(places)
  const proved = await findGeneration(front, 'applied')
  const current = await findGeneration(front, 'current')
  if (proved === undefined || proved === current) return
  say(
    `A change of the configuration was cut off (${current ?? 'none'}): starting with the last good one, ${proved}.`,
  )
  await openApplyScript(front).swap(proved)
}

import { z } from 'zod'
import { compileGlob } from '../../oci/glob.js'
import { repositoryGlob } from './globs.js'
import { choice, MAP } from './values.js'

/** A default is one and the same value in each reading, so that settings can be compared. */
const globs = (byDefault: readonly string[], description: string) =>
  z.array(repositoryGlob, 'a list of patterns').meta({ description }).default(byDefault.map(compileGlob))

/** `overlay`: what a bare name means where content of one's own and mirrored content meet. */
export const overlay = z.strictObject(
  {
    show: globs(['**'], 'Local repositories that clients of a mirror view see.'),
    hide: globs([], 'Local repositories that they do not see, although show names them.'),
    prefer: choice(['local', 'upstream'], 'Who answers for a name that both have.').prefault('local'),
    override: globs([], 'Names whose pushes take over what has been served from the upstream before.'),
    localOnly: globs([], 'Names that no upstream is ever asked for.'),
    fallThrough: globs(
      ['library/*'],
      'Names that go on to the upstream tag by tag, although the repository is here.',
    ),
    onRegistry: globs(
      ['library/*'],
      'Names that the registry view fetches from mirrors.default when they are not here.',
    ),
  },
  MAP,
)

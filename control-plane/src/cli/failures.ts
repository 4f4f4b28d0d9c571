import type { Problem } from '../http/problem.schema.js'

/** How `entrepot` ends: 0 done, 1 refused by the box, 2 wrong usage, 3 the box cannot be reached. */
export type ExitCode = 0 | 1 | 2 | 3

/** What ends a command, in words for a person. */
export class CommandFailed extends Error {
  readonly exitCode: Exclude<ExitCode, 0>
  /** What the box has answered, where it was that. */
  readonly problem: Problem | undefined

  constructor(exitCode: Exclude<ExitCode, 0>, message: string, problem?: Problem) {
    super(message)
    this.exitCode = exitCode
    this.problem = problem
  }
}

/** What was typed cannot be meant: exit code 2, nothing was asked. */
export function usageError(message: string): CommandFailed {
  return new CommandFailed(2, message)
}

/** The box gave no answer of its own: exit code 3. */
export function cannotReach(message: string): CommandFailed {
  return new CommandFailed(3, message)
}

/** A problem as sentences: what was wrong, and a line for each field. */
export function refusedBy(problem: Problem): CommandFailed {
  const { title, detail, errors, instance } = problem
  const lines = errors?.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`))
  const request = instance.replace('urn:entrepot:request:', '')
  const said =
    lines === undefined ? [`${title}: ${detail}`] : [`${title}:`, ...lines.map((line) => `  ${line}`)]
  return new CommandFailed(1, [...said, `(request ${request})`].join('\n'), problem)
}

import { type ProcessOptions, runToEnd } from './processes.js'

/** How a command line ended. */
export interface Outcome {
  readonly code: number | null
  /** Standard output, then standard error. */
  readonly output: string
}

/** Runs a program to its end; the caller judges. */
export async function attempt(
  program: string,
  args: readonly string[],
  options?: ProcessOptions,
): Promise<Outcome> {
  const { code, stdout, stderr } = await runToEnd(program, args, options)
  return { code, output: stdout + stderr }
}

/** Runs a program and answers its standard output; throws with all it wrote unless it succeeded. */
export async function run(
  program: string,
  args: readonly string[],
  options?: ProcessOptions,
): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(program, args, options)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`)
  return stdout
}

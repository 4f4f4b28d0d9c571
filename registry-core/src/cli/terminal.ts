/** How a command ends: 0 done, 1 findings, 2 usage, 3 failed. */
export type ExitCode = 0 | 1 | 2 | 3

/** Where a command writes. */
export interface Terminal {
  out(text: string): void
  error(text: string): void
}

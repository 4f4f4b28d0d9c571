import type { Notice } from './notice.js'

/** The configuration cannot be used; each finding names the key, what was found and what is allowed. */
export class ConfigurationError extends Error {
  readonly findings: readonly string[]
  /** What is to be said besides. */
  readonly notices: readonly Notice[]

  constructor(file: string, findings: readonly string[], notices: readonly Notice[] = []) {
    super(findings.map((finding) => `${file}: ${finding}`).join('\n'))
    this.name = 'ConfigurationError'
    this.findings = findings
    this.notices = notices
  }
}

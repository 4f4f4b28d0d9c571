/** The configuration cannot be used; each finding names the key, what was found and what is allowed. */
export class ConfigurationError extends Error {
  readonly findings: readonly string[]

  constructor(file: string, findings: readonly string[]) {
    super(findings.map((finding) => `${file}: ${finding}`).join('\n'))
    this.name = 'ConfigurationError'
    this.findings = findings
  }
}

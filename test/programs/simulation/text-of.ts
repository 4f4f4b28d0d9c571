/** What an error says, for a finding. */
export function textOf(error: unknown): string {
  return Error.isError(error) ? `${error.name}: ${error.message}` : String(error)
}

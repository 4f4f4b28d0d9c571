type Json = Readonly<Record<string, unknown>>

/** JSON merge patch (RFC 7396): null takes a member away, a list is replaced whole. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name]
    else merged[name] = mergePatch(merged[name], value)
  }
  return merged
}

/** The JSON Schema of what may be merged into what this one describes: any of its members, and null for each. */
export function mergePatchSchema({ properties = {}, ...schema }: Json): Json {
  const members = isObject(properties) ? Object.entries(properties) : []
  return {
    ...schema,
    required: [],
    properties: Object.fromEntries(
      members.map(([name, member]) => [name, { anyOf: [member, { type: 'null' }] }]),
    ),
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

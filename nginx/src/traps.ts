import { type Directive, parseDirectives } from './directives.js'

/** Every header that a location with proxy_pass must set: one proxy_set_header switches off those of outer levels. */
const OWN_HEADERS = [
  'Host',
  'Connection',
  'X-Entrepot-View',
  'X-Entrepot-Upstream',
  'X-Entrepot-No-Accel',
  'X-Real-IP',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Request-Id',
  'Forwarded',
  'X-Accel-Redirect',
]

/** What nginx makes of a target by decoding it, and what clients write themselves: never in a header or an answer. */
const UNSAFE_VARIABLES =
  /\$\{?(uri|document_uri|args|query_string|arg_\w+|cookie_\w+|proxy_add_x_forwarded_for)\b/

/**
 * The known ways in which a configuration that nginx accepts is unsafe (captures that later requests or encodings
 * change, aliases that lead out of their folder, targets that nginx decoded), as found in a rendered file.
 */
export function findTraps(conf: string): readonly string[] {
  const http = parseDirectives(conf)
  return everywhere(http).flatMap((directive) => [
    ...captureTraps(directive),
    ...forbiddenTraps(directive),
    ...ifTraps(directive),
    ...(directive.name === 'location' ? locationTraps(directive) : []),
  ])
}

function everywhere(directives: readonly Directive[]): readonly Directive[] {
  return directives.flatMap((directive) => [directive, ...everywhere(directive.block)])
}

function captureTraps({ name, args, line }: Directive): readonly string[] {
  const found: string[] = []
  const words = [name, ...args]
  if (words.some((word) => /\$\{?\d/.test(word))) found.push(`line ${line}: a captured group is used`)
  // A group that captures: an unescaped "(" that neither "?:", a lookaround nor a class makes harmless.
  const isRegex = (word: string): boolean => /^!?~/.test(word)
  const patterns = words.filter((word, at) => isRegex(word) || isRegex(words[at - 1] ?? ''))
  const captures = (pattern: string): boolean =>
    /\((?!\?(?:[:=!>]|<[=!]))/.test(pattern.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]/g, ''))
  if (patterns.some(captures)) found.push(`line ${line}: a regular expression captures`)
  return found
}

function forbiddenTraps({ name, args, line }: Directive): readonly string[] {
  if (['rewrite', 'set', 'try_files', 'root', 'merge_slashes', 'resolver'].includes(name)) {
    return [`line ${line}: ${name} is not used here`]
  }
  if (name.startsWith('open_file_cache')) return [`line ${line}: the store changes under an open_file_cache`]
  const isVariable = args.slice(1).some((word) => word.includes('$'))
  if (name === 'proxy_set_header' && /^X-Entrepot-/i.test(args[0] ?? '') && isVariable) {
    return [`line ${line}: ${args[0]} is what a request makes of it, not what the listener is`]
  }
  const speaks = ['add_header', 'proxy_set_header', 'return', 'proxy_pass', 'error_page', 'alias'].includes(
    name,
  )
  if (speaks && args.some((word) => UNSAFE_VARIABLES.test(word))) {
    return [`line ${line}: ${name} uses what a client wrote: ${args.join(' ')}`]
  }
  return []
}

function ifTraps({ name, block, line }: Directive): readonly string[] {
  const others = name === 'if' && block.some((inner) => inner.name !== 'return')
  return others ? [`line ${line}: an "if" does more than return`] : []
}

function locationTraps({ args, block, line }: Directive): readonly string[] {
  const found: string[] = []
  const place = args.at(-1) ?? ''
  const has = (name: string): boolean => block.some((directive) => directive.name === name)
  const isExact = args.length === 2 && args[0] === '='
  if (args.length > 1 && !isExact) found.push(`line ${line}: a location by ${args[0]}, not by its prefix`)
  for (const alias of block.filter(({ name }) => name === 'alias')) {
    if (isExact && /^\/[^$]*[^$/]$/.test(alias.args[0] ?? '')) continue // one file under one name
    if (!place.endsWith('/') || !alias.args[0]?.endsWith('/')) {
      found.push(`line ${alias.line}: location and alias end with a slash, or ".." leads out of the folder`)
    }
    if (!has('internal') && !isGuardedByTokens(block)) found.push(`line ${line}: files are served to anybody`)
  }
  return [...found, ...proxyTraps(block)]
}

/** Nothing but the name of a token, compared with what the client sent. */
function isGuardedByTokens([first]: readonly Directive[]): boolean {
  return first?.name === 'if' && first.args.join(' ') === '($challenge_refused)'
}

function proxyTraps(block: readonly Directive[]): readonly string[] {
  const passes = block.filter(({ name }) => name === 'proxy_pass')
  return passes.flatMap(({ args: [target = ''], line }) => {
    const found: string[] = []
    const set = block.filter(({ name }) => name === 'proxy_set_header').map(({ args }) => args[0])
    const missing = OWN_HEADERS.filter((header) => !set.includes(header))
    if (missing.length > 0) found.push(`line ${line}: clients can send ${missing.join(', ')}`)
    const [first] = block
    // The control plane's own router reads what the core's grammar is not for.
    const guard = /^http:\/\/api(_\d+)?$/.test(target) ? '($absolute_target)' : '($target_refused)'
    const isGuarded = first?.name === 'if' && first.args.join(' ') === guard
    if (!isGuarded) found.push(`line ${line}: the grammar of the target is not checked first`)
    // The client's own target, unchanged, is the one variable that leads nowhere else.
    if (!/^http:\/\/(?:core(?:_\d+)?(?:\$request_uri)?|api(?:_\d+)?)$/.test(target)) {
      found.push(`line ${line}: proxy_pass to ${target}: its target is decoded or a variable's`)
    }
    return found
  })
}

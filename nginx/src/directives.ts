/** A directive of an nginx file: `name args… ;` or `name args… { block }`. */
export interface Directive {
  readonly name: string
  readonly args: readonly string[]
  readonly block: readonly Directive[]
  readonly line: number
}

type Token = { readonly kind: 'word' | ';' | '{' | '}'; readonly text: string; readonly line: number }

/** The tree of a rendered file. Throws on text that is no nginx configuration. */
export function parseDirectives(conf: string): readonly Directive[] {
  const tokens = tokensOf(conf)
  const directives = parseBlock(tokens)
  const [left] = tokens
  if (left) throw new Error(`line ${left.line}: "${left.text}" closes nothing`)
  return directives
}

/** Takes its tokens off the front, up to the one that closes the block. */
function parseBlock(tokens: Token[]): readonly Directive[] {
  const directives: Directive[] = []
  while (tokens[0] && tokens[0].kind !== '}') {
    const words: Token[] = []
    while (tokens[0]?.kind === 'word') words.push(...tokens.splice(0, 1))
    const [name, ...args] = words
    const [end] = tokens.splice(0, 1)
    if (name === undefined || end === undefined || end.kind === '}') {
      throw new Error(`line ${(end ?? name)?.line ?? 0}: a directive without an end`)
    }
    const block = end.kind === '{' ? parseBlock(tokens) : []
    if (end.kind === '{' && tokens.splice(0, 1).length === 0)
      throw new Error(`line ${end.line}: an open block`)
    directives.push({ name: name.text, args: args.map(({ text }) => text), block, line: name.line })
  }
  return directives
}

function tokensOf(conf: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  let read = 0
  const shape = /\n|[^\S\n]+|#[^\n]*|([;{}])|"((?:[^"\\]|\\[^])*)"|'((?:[^'\\]|\\[^])*)'|[^\s;{}"']+/gy
  for (const [text, mark, double, single] of conf.matchAll(shape)) {
    if (mark === ';' || mark === '{' || mark === '}') tokens.push({ kind: mark, text, line })
    else if (/\S/.test(text) && !text.startsWith('#')) {
      const word = (double ?? single)?.replaceAll(/\\(["'\\])/g, '$1') ?? text
      tokens.push({ kind: 'word', text: word, line })
    }
    line += text.split('\n').length - 1
    read += text.length
  }
  if (read < conf.length) throw new Error(`line ${line}: a quote without an end`)
  return tokens
}

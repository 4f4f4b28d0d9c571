/** What reads the files: a daemon, a distribution of Kubernetes, a builder. */
export const CLIENT_SYSTEMS = [
  ...(['docker', 'containerd', 'podman', 'k3s', 'rke2', 'buildkit', 'kind'] as const),
  ...(['gitlab-dind', 'docker-desktop'] as const),
] as const
export type ClientSystem = (typeof CLIENT_SYSTEMS)[number]

/** What becomes of a file that is there already. */
export type Merge =
  /** It is ours alone, and replaced. */
  | { readonly kind: 'replace' }
  /** A JSON object: these values are put first in their lists, everything else stays. */
  | { readonly kind: 'json-lists'; readonly keys: readonly string[] }
  /** A setting is put into its table, everything else stays; `sentence` says which. */
  | { readonly kind: 'toml-setting'; readonly sentence: string }
  /** Nobody merges it: without such a file it is written, otherwise a person adds what stands here. */
  | { readonly kind: 'by-hand'; readonly sentence: string }
  /** It is not a file of the machine at all, but text for a form or a file of somebody's repository. */
  | { readonly kind: 'paste'; readonly sentence: string }

/** A file of a client, by its path on the client's machine. */
export interface ClientFile {
  readonly path: string
  readonly mode: number
  readonly text: string
  readonly merge: Merge
  /** Where of several forms only one is wanted: `containerd 1.x`. */
  readonly only?: string
}

/** How a client can show the box who it is, where pulls need an account. */
export interface Identification {
  readonly way: 'login and token' | 'static header' | 'client certificate'
  readonly works: boolean
  readonly sentence: string
}

/** All that makes one kind of client use the box; commands are lines for a shell of root. */
export interface ClientFiles {
  readonly system: ClientSystem
  readonly title: string
  readonly files: readonly ClientFile[]
  readonly install: readonly string[]
  readonly reload: readonly string[]
  readonly prove: readonly string[]
  readonly undo: readonly string[]
  readonly identification: readonly Identification[]
  readonly notes: readonly string[]
}

/** One file of its own, which replaces what is there. */
export function ownFile(path: string, text: string, mode = 0o644): ClientFile {
  return { path, mode, text, merge: { kind: 'replace' } }
}

import type { ClientBoxView } from './client-box.js'
import type { Word } from './word.js'

/** Folders in which a system keeps authorities that it is given, and what takes them up. */
export const SYSTEM_TRUST = [
  { folder: '/usr/local/share/ca-certificates', ending: 'crt', command: 'update-ca-certificates' },
  { folder: '/etc/pki/ca-trust/source/anchors', ending: 'pem', command: 'update-ca-trust' },
  { folder: '/etc/pki/trust/anchors', ending: 'pem', command: 'update-ca-certificates' },
  { folder: '/etc/ca-certificates/trust-source/anchors', ending: 'crt', command: 'trust extract-compat' },
] as const

/** Lines that put an authority, already on the machine, into the system's own list; Debian's and Red Hat's way. */
export function trustCommands({ slug }: ClientBoxView, ca: Word): readonly string[] {
  const [debian, redHat] = SYSTEM_TRUST
  return [debian, redHat].map(
    ({ folder, ending, command }, at) =>
      `${at === 0 ? '' : '# Fedora, RHEL: '}install -m 644 ${ca} ${folder}/entrepot-${slug}.${ending} && ${command}`,
  )
}

/** Lines that take it out again. */
export function distrustCommands({ slug }: ClientBoxView): readonly string[] {
  const [debian, redHat] = SYSTEM_TRUST
  return [
    `rm ${debian.folder}/entrepot-${slug}.${debian.ending} && ${debian.command} --fresh`,
    `# Fedora, RHEL: rm ${redHat.folder}/entrepot-${slug}.${redHat.ending} && ${redHat.command}`,
  ]
}

/** What to compare before anything is trusted. */
export function fingerprintNote({ fingerprint }: ClientBoxView): string {
  return `The box's authority has the SHA-256 fingerprint ${fingerprint}: compare it with what the box itself shows (npx entrepot certificates show) before you trust a copy that came over the network.`
}

/** What becomes of logins that clients offer to any mirror that asks. */
export function asksOnMirror({ needsAccount }: ClientBoxView): string {
  return needsAccount
    ? 'wants an account on its mirror listener, and drops and forgets any login that is not its own.'
    : 'asks nobody on its mirror listener, and drops what it is sent.'
}

import { asYaml } from './output.js'

/** How docker, Kubernetes and GitLab are given an account; the password is shown this once. */
export function waysToUse(account: {
  readonly name: string
  readonly password: string
  readonly registry: string
}): string {
  const { name, password, registry } = account
  const auths = { auths: { [registry]: { auth: base64(`${name}:${password}`) } } }
  const secret = {
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/dockerconfigjson' },
    metadata: { name: secretName(name) },
    data: { '.dockerconfigjson': base64(JSON.stringify(auths)) },
  }
  return [
    `The password of ${name}, shown this once: ${password}`,
    '',
    'docker:',
    `  printf %s ${quoted(password)} | docker login --username ${quoted(name)} --password-stdin ${registry}`,
    '',
    'Kubernetes, a pull secret (kubectl apply -f -):',
    ...asYaml(secret)
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
    '',
    'GitLab, a CI/CD variable (masked, not expanded):',
    `  DOCKER_AUTH_CONFIG=${JSON.stringify(auths)}`,
  ].join('\n')
}

/** RFC 1123, as Kubernetes names things. */
function secretName(name: string): string {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return `entrepot-${plain}`.slice(0, 63).replace(/-+$/, '')
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w.@%+:,/-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}

/** Where the tests run: one row a lane. A test file that no row takes, or that two rows take, fails the run. */
export interface Lane {
  readonly name: string
  /** Folders, relative to the repository: the lane runs every test below them. */
  readonly folders: readonly string[]
  /** Folders or files below these that another lane has. */
  readonly except?: readonly string[]
  /** Needs root, daemons or the network: with CI=true only, so that `npm test` changes nothing on a stranger's machine. */
  readonly ciOnly: boolean
  /** Commands that the lane cannot do without. */
  readonly commands: readonly string[]
  /** Two queues run side by side; the lanes of one queue run one after the other, in this order. */
  readonly queue: 'clients' | 'core'
  /** A lane that hangs is ended; several times what it needs on two idle cores. */
  readonly minutes: number
  /** A bound against hanging of one test or hook, not a measure; a test that may take longer says so itself. */
  readonly testSeconds: number
}

const DAEMONS_AND_TOOLS = ['dockerd', 'docker', 'containerd', 'skopeo', 'buildah', 'podman'] as const
/** For the folder of Debian sid, and for daemons with a network of their own. */
const OWN_MACHINES = ['mmdebstrap', 'busybox', 'iptables', 'slirp4netns'] as const

/** Servers and programs of the control plane that are started, killed and started again, by the dozen. */
const CONTROL_PLANE_PROGRAMS = [
  ...['control-plane/test/postgres', 'control-plane/test/box'],
  ...['control-plane/test/cli.test.ts', 'control-plane/test/backup.test.ts'],
  ...['control-plane/test/restore-killed.test.ts', 'control-plane/test/backup-full-disk.test.ts'],
  ...['control-plane/test/starts.test.ts', 'control-plane/test/leases.test.ts'],
  ...['control-plane/test/backup-acme.test.ts', 'control-plane/test/backup-foreign.test.ts'],
] as const

/** A thousand daemons before nginx, and changes of its configuration killed at each step. */
const CROWDS_AND_KILLS = [
  ...['test/front/crowd.test.ts', 'test/front/applying-killed.test.ts'],
  'test/front/applying-under-load.test.ts',
] as const

/** Upstreams that are away or gone, and clients that are hostile for minutes. */
const LONG_MIRRORS = [
  ...['test/mirror/outages.test.ts', 'test/mirror/hostile-clients.test.ts'],
  'test/mirror/removed-upstream.test.ts',
] as const

export const LANES: readonly Lane[] = [
  {
    name: 'unit',
    folders: ['registry-core', 'nginx'],
    ciOnly: false,
    commands: [],
    queue: 'core',
    minutes: 15,
    testSeconds: 60,
  },
  {
    name: 'control-plane',
    folders: ['control-plane'],
    except: CONTROL_PLANE_PROGRAMS,
    ciOnly: false,
    commands: [],
    queue: 'core',
    minutes: 10,
    testSeconds: 60,
  },
  {
    name: 'control-plane-programs',
    folders: CONTROL_PLANE_PROGRAMS,
    ciOnly: true, // npm test keeps to ten minutes
    commands: ['openssl', 'setpriv', 'unshare'],
    queue: 'core',
    minutes: 15,
    testSeconds: 60,
  },
  {
    name: 'api',
    folders: ['test/support', 'test/api'],
    ciOnly: false,
    commands: [], // its targets behind nginx and docker-registry say themselves when those are missing
    queue: 'clients',
    minutes: 10,
    testSeconds: 60,
  },
  {
    name: 'clients',
    folders: ['test/clients'],
    ciOnly: true,
    commands: [
      ...DAEMONS_AND_TOOLS,
      ...['docker-compose', 'docker-registry', 'nginx', 'openssl'],
      ...OWN_MACHINES,
      'socat',
    ],
    queue: 'clients',
    minutes: 30, // a first run of the week makes the folder of Debian sid, half a minute more
    testSeconds: 120,
  },
  {
    name: 'setups',
    folders: ['test/setups'],
    ciOnly: true,
    commands: [
      ...['dockerd', 'docker', 'docker-compose', 'docker-registry', 'nginx', 'openssl', 'curl'],
      ...OWN_MACHINES,
      'socat',
    ],
    queue: 'clients',
    minutes: 25, // a first run makes the base images and builds the image with both builders
    testSeconds: 300, // a line of a page that is typed may start containers and copy what they hold
  },
  {
    name: 'front',
    folders: ['test/front'],
    except: CROWDS_AND_KILLS,
    ciOnly: false,
    commands: ['nginx', 'openssl'],
    queue: 'core',
    minutes: 10,
    testSeconds: 60,
  },
  {
    name: 'serving',
    folders: ['test/serving'],
    ciOnly: false,
    commands: ['openssl', 'curl', 'docker-registry'],
    queue: 'core',
    minutes: 10,
    testSeconds: 60,
  },
  {
    name: 'house',
    folders: ['test/house'],
    ciOnly: false,
    commands: [],
    queue: 'clients',
    minutes: 10,
    testSeconds: 60,
  },
  {
    name: 'install',
    folders: ['test/install'],
    ciOnly: true,
    commands: ['npx', 'git', 'npm', 'dockerd', 'docker', 'curl', 'unshare', ...OWN_MACHINES, 'socat'],
    queue: 'clients',
    minutes: 20, // a first run of the week makes a bare Debian 12
    testSeconds: 60,
  },
  {
    name: 'volume',
    folders: ['test/volume'],
    ciOnly: false,
    commands: ['docker-registry'],
    queue: 'clients',
    minutes: 10,
    testSeconds: 60,
  },
  {
    name: 'events',
    folders: ['test/events'],
    ciOnly: false,
    commands: ['docker-registry'],
    queue: 'clients',
    minutes: 10,
    testSeconds: 60,
  },
  {
    name: 'mirror',
    folders: ['test/mirror'],
    except: LONG_MIRRORS,
    ciOnly: false,
    commands: ['openssl'], // what needs nginx says itself when it is missing
    queue: 'clients',
    minutes: 15,
    testSeconds: 60,
  },
  {
    name: 'mirror-long',
    folders: LONG_MIRRORS,
    ciOnly: true, // npm test keeps to ten minutes
    commands: ['openssl'],
    queue: 'clients',
    minutes: 10,
    testSeconds: 60,
  },
  {
    name: 'mirror-clients',
    folders: ['test/mirror-clients'],
    ciOnly: true,
    commands: [...DAEMONS_AND_TOOLS, 'openssl', 'nginx', 'unshare', ...OWN_MACHINES],
    queue: 'core', // the other one has the other lanes of real clients
    minutes: 20,
    testSeconds: 120,
  },
  {
    name: 'simulation',
    folders: ['test/programs'],
    ciOnly: true, // npm test keeps to ten minutes
    commands: [],
    queue: 'core',
    minutes: 15,
    testSeconds: 60,
  },
  {
    name: 'faults',
    folders: ['test/faults'],
    ciOnly: true, // mounts file systems, kills what it started
    commands: [
      'strace',
      'prlimit',
      'docker-registry',
      'mkfs.ext4',
      'mkfs.xfs',
      'xfs_io',
      'iptables',
      'ip',
      'unshare',
    ],
    queue: 'core',
    minutes: 15,
    testSeconds: 60,
  },
  {
    name: 'box',
    folders: ['test/box', ...CROWDS_AND_KILLS],
    ciOnly: true, // real daemons, and it kills what it started
    commands: [
      ...['dockerd', 'docker', 'containerd', 'podman', 'skopeo', 'nginx', 'openssl', 'curl'],
      ...['flock', 'setpriv', 'unshare', 'pg_ctlcluster'],
      ...OWN_MACHINES,
    ],
    queue: 'core',
    minutes: 20,
    testSeconds: 180,
  },
  {
    name: 'attacks',
    folders: ['test/attacks'],
    ciOnly: true, // starts whole boxes, floods them, and sends a hundred thousand targets
    commands: ['nginx', 'openssl', 'setpriv'],
    queue: 'core',
    minutes: 15,
    testSeconds: 120,
  },
  {
    name: 'models',
    folders: ['test/models'],
    ciOnly: true, // npm test keeps to ten minutes
    commands: ['spin', 'cc'],
    queue: 'clients',
    minutes: 15,
    testSeconds: 60,
  },
]

/** How long each of a dozen deep tests goes on that could go on for ever. */
const DEEP_MINUTES = Number(process.env['DEEP_MINUTES'] ?? '3')

/** `*.deep.test.ts`, wherever they stand: what takes minutes each, or DEEP_MINUTES. `npm run test:deep` only. */
export const DEEP: Lane = {
  name: 'deep',
  folders: ['registry-core', 'nginx', 'control-plane', 'test'],
  ciOnly: false,
  commands: [],
  queue: 'core',
  minutes: 120 + 24 * DEEP_MINUTES,
  testSeconds: 20 * 60,
}

/** The Debian package that has a command, where it is named otherwise. */
const PACKAGES: Readonly<Record<string, string>> = {
  docker: 'docker.io',
  dockerd: 'docker.io',
  'docker-compose': 'docker-compose',
  busybox: 'busybox-static',
  htpasswd: 'apache2-utils',
  pg_ctlcluster: 'postgresql',
  ip: 'iproute2',
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
  xfs_io: 'xfsprogs',
  flock: 'util-linux',
  prlimit: 'util-linux',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  cc: 'gcc libc6-dev',
}

export function packagesOf(commands: readonly string[]): string {
  return [...new Set(commands.map((command) => PACKAGES[command] ?? command))].join(' ')
}

import type { DaemonKind } from '../support/docker-daemon.js'
import { dockerLoginContract } from './docker-login-contract.js'

const KIND: DaemonKind = { title: 'dockerd 28, containerd store', suite: 'sid', store: 'containerd' }

dockerLoginContract(KIND, { way: 'account', front: 'plain HTTP' })
dockerLoginContract(KIND, { way: 'account', front: 'nginx with TLS' })
dockerLoginContract(KIND, { way: 'htpasswd', front: 'TLS of its own' })
dockerLoginContract(KIND, { way: 'auth.token', front: 'plain HTTP' })

import type { DaemonKind } from '../support/docker-daemon.js'
import { dockerLoginContract } from './docker-login-contract.js'

const KIND: DaemonKind = { title: 'dockerd 20.10', suite: 'own', store: 'graph driver' }

dockerLoginContract(KIND, { way: 'account', front: 'plain HTTP' })
dockerLoginContract(KIND, { way: 'htpasswd', front: 'nginx with TLS' })
dockerLoginContract(KIND, { way: 'account', front: 'TLS of its own' })
dockerLoginContract(KIND, { way: 'auth.token', front: 'plain HTTP' })

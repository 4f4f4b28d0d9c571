import type { DaemonKind } from '../support/docker-daemon.js'
import { dockerLoginContract } from './docker-login-contract.js'

const KIND: DaemonKind = { title: 'dockerd 28, graph driver', suite: 'sid', store: 'graph driver' }

dockerLoginContract(KIND, { way: 'account', front: 'nginx with TLS' })
dockerLoginContract(KIND, { way: 'htpasswd', front: 'TLS of its own' })

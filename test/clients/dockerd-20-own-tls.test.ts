import { serverUnderTest } from '../support/served-volume.js'
import { dockerContract } from './docker-contract.js'

dockerContract(
  { title: 'dockerd 20.10', suite: 'own', store: 'graph driver' },
  serverUnderTest(),
  'TLS of its own',
)

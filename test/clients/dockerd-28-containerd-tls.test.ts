import { serverUnderTest } from '../support/served-volume.js'
import { dockerContract } from './docker-contract.js'

dockerContract(
  { title: 'dockerd 28, containerd store', suite: 'sid', store: 'containerd' },
  serverUnderTest(),
  'nginx with TLS',
)

import { serverUnderTest } from '../support/served-volume.js'
import { dockerContract } from './docker-contract.js'

dockerContract({ title: 'dockerd 28, graph driver', suite: 'sid', store: 'graph driver' }, serverUnderTest())

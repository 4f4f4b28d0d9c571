import { startCoreBehindNginx } from '../support/behind-nginx.js'
import { readDifferences } from './suite/differences.js'
import { runLane } from './suite/lane.js'

runLane({
  title: 'registry-core behind nginx',
  needs: [{ program: 'nginx', debianPackage: 'nginx-light' }],
  start: startCoreBehindNginx,
  knownFailures: readDifferences('nginx-differences.md'),
})

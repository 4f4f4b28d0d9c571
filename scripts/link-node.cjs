// npm 10 with both architectures in the lock removes node_modules/.bin/node again: put it back.
// Runs under whatever Node the machine has, so: CommonJS, old syntax, no imports of ours.
'use strict'
const fs = require('fs')
const path = require('path')
try {
  const binary = require.resolve(`node-${process.platform}-${process.arch}/bin/node`)
  const link = path.join(__dirname, '..', 'node_modules', '.bin', 'node')
  fs.mkdirSync(path.dirname(link), { recursive: true })
  fs.rmSync(link, { force: true })
  fs.symlinkSync(path.relative(path.dirname(link), binary), link)
} catch (error) {
  if (error.code !== 'MODULE_NOT_FOUND') throw error // no package for this platform: its own Node is used
}

// What this machine can do at most: sha256 in Node (one and two threads), openssl speed, dd to the disk.
//   node cpu-limits.mjs [--work DIR] [--quick]     (--quick: sha256 only)
import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { execFileSync, spawnSync } from 'node:child_process'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { flag, option } from './cli.mjs'

/** MB/s of hashing `total` bytes in chunks. */
function hashRate({ chunk, total }) {
  const bytes = crypto.randomBytes(chunk)
  const hash = crypto.createHash('sha256')
  const start = performance.now()
  for (let n = 0; n < total; n += chunk) hash.update(bytes)
  hash.digest()
  return total / 1e3 / (performance.now() - start)
}

function medianOf(fn, times = 5) {
  const values = Array.from({ length: times }, fn).sort((a, b) => a - b)
  return Math.round(values[times >> 1])
}

function hashRateInWorker() {
  const job = { chunk: 65536, total: 1 << 30 }
  return new Promise((resolve) =>
    new Worker(new URL(import.meta.url), { workerData: job }).on('message', resolve),
  )
}

function openssl(...args) {
  const { stdout } = spawnSync('openssl', ['speed', '-seconds', '2', ...args], { encoding: 'utf8' })
  return stdout.trim().split('\n').pop()
}

function writeRate(...args) {
  const file = path.join(option('--work', '.'), 'dd.tmp')
  const start = performance.now()
  execFileSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M', 'count=512', ...args], { stdio: 'ignore' })
  const seconds = (performance.now() - start) / 1e3
  fs.unlinkSync(file)
  execFileSync('sync')
  return 536.9 / seconds
}

async function report() {
  const out = { node: process.version, openssl: process.versions.openssl }
  for (const chunk of [4096, 16384, 65536, 1 << 20]) {
    out[`sha256 in ${chunk >> 10} KiB chunks MB/s`] = medianOf(() => hashRate({ chunk, total: 512 << 20 }))
  }
  const two = await Promise.all([hashRateInWorker(), hashRateInWorker()])
  out['sha256 in two worker threads MB/s each'] = two.map(Math.round)
  if (flag('--quick')) return out
  out['openssl sha256 64k'] = openssl('-bytes', '65536', 'sha256')
  out['openssl aes-128-gcm 16k'] = openssl('-bytes', '16384', '-evp', 'aes-128-gcm')
  out['openssl aes-256-gcm 16k'] = openssl('-bytes', '16384', '-evp', 'aes-256-gcm')
  out['dd 512 MiB MB/s'] = medianOf(() => writeRate())
  out['dd 512 MiB conv=fsync MB/s'] = medianOf(() => writeRate('conv=fsync'))
  out['dd 512 MiB oflag=direct MB/s'] = medianOf(() => writeRate('oflag=direct'))
  return out
}

if (isMainThread) console.log(JSON.stringify(await report(), null, 1))
else parentPort.postMessage(hashRate(workerData))

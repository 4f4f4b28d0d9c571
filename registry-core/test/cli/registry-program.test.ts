import { existsSync } from 'node:fs'
import { afterAll, describe, expect, test } from '@jest/globals'
import { makeConfig, REGISTRY_BINARY, runWith, serve } from './process.js'

const config = makeConfig()
afterAll(() => config.remove())

describe('the program registry', () => {
  test('says what can be typed, and its version', async () => {
    const help = await runWith({}, REGISTRY_BINARY, '--help')
    expect([help.code, help.stdout]).toEqual([0, expect.stringContaining('garbage-collect')])
    for (const option of ['--version', '-v']) {
      const { code, stdout } = await runWith({}, REGISTRY_BINARY, option)
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^registry \(entrepot\) \d+\.\d+\.\d+\n$/)])
    }
  })

  test('serves the file that it is given, or that the environment names', async () => {
    const command = `exec ${process.execPath} ${REGISTRY_BINARY} serve`
    const given = await serve(config.file, ['sh', '-c', `${command} ${config.file}`])
    expect(await given.stop()).toBe(0)
    const variable = `REGISTRY_CONFIGURATION_PATH=${config.file}`
    const named = await serve(config.file, ['env', variable, 'sh', '-c', command])
    expect(await named.stop()).toBe(0)
  })

  test('without any file says where it looked', async () => {
    if (existsSync('/etc/docker/registry/config.yml')) return // a machine with Debian's package
    const { code, stderr } = await runWith({ REGISTRY_CONFIGURATION_PATH: '' }, REGISTRY_BINARY, 'serve')
    expect([code, stderr]).toEqual([2, expect.stringContaining('REGISTRY_CONFIGURATION_PATH')])
  })

  test.each([[['-d']], [['--dry-run', '-m']], [['--delete-untagged']], [[]]])(
    'does not collect yet, and no cron job can take it for done: %j',
    async (options) => {
      const { code, stderr } = await runWith({}, REGISTRY_BINARY, 'garbage-collect', ...options, config.file)
      expect([code, stderr]).toEqual([3, expect.stringContaining('does not collect yet')])
      expect(stderr.includes('without a tag stay')).toBe(options.some((option) => /m|untagged/.test(option)))
    },
  )

  test('collects nothing with a wrong configuration either', async () => {
    const { code, stderr } = await runWith({}, REGISTRY_BINARY, 'garbage-collect', '/nowhere.yml')
    expect([code, stderr]).toEqual([2, expect.stringContaining('there is no such file')])
  })
})

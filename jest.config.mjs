// Tests run on the compiled output: what is tested is what ships (no transformer).
export default {
  testEnvironment: 'node',
  transform: {},
  testMatch: ['**/dist/**/*.test.js'],
  coverageProvider: 'v8',
  collectCoverageFrom: ['**/dist/**/*.js', '!**/*.test.js'],
  workerIdleMemoryLimit: '512MB',
}

/** Tests run as ES modules, as the package does; see `npm test`. */
export default {
  testEnvironment: 'node',
  // Ends what hangs. No test is about time, and a busy machine may take ten times as long as an idle one.
  testTimeout: 60_000,
  roots: ['<rootDir>/test', '<rootDir>/sample'],
  testMatch: ['**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  moduleNameMapper: {
    '^nestjs-throttled-udp$': '<rootDir>/src/index.ts',
    '^nestjs-throttled-udp/testing$': '<rootDir>/src/testing/index.ts',
    '^nestjs-throttled-udp/throttler$': '<rootDir>/src/throttler/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  setupFiles: ['reflect-metadata'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/test/package/'],
  workerIdleMemoryLimit: '512MB',
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts'],
};

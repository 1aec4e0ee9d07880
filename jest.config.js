/** Tests run as ES modules, as the package does; see `npm test`. */
const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  setupFiles: ['reflect-metadata'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/test/package/'],
};

const modules = {
  '^nestjs-throttled-udp$': '<rootDir>/src/index.ts',
  '^nestjs-throttled-udp/testing$': '<rootDir>/src/testing/index.ts',
  '^nestjs-throttled-udp/throttler$': '<rootDir>/src/throttler/index.ts',
  '^(\\.{1,2}/.*)\\.js$': '$1',
};

export default {
  // Ends what hangs. No test is about time, and a busy machine may take ten times as long as an idle one.
  testTimeout: 60_000,
  workerIdleMemoryLimit: '512MB',
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts'],
  projects: [
    {
      ...common,
      displayName: 'all',
      roots: ['<rootDir>/test', '<rootDir>/sample'],
      testMatch: ['**/*.spec.ts'],
      moduleNameMapper: modules,
    },
    {
      // As on a machine without koffi: what users see must be the same on both drivers.
      ...common,
      displayName: 'node driver',
      roots: ['<rootDir>/test/e2e'],
      testMatch: ['**/*.spec.ts'],
      moduleNameMapper: { '^koffi$': '<rootDir>/test/support/without-koffi.ts', ...modules },
    },
  ],
};

// Prints jest's results as one line; ends with 1 when there are none, or some failed.
import { readFileSync } from 'node:fs';

let results;
try {
  results = JSON.parse(readFileSync(process.argv[2], 'utf8'));
} catch {
  results = { numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 0, success: false };
  console.log('FAILED: the tests gave no results');
}

const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, success } = results;
// A file that could not be loaded holds no test that could fail: it counts as one.
const failed = numFailedTests + numRuntimeErrorTestSuites;
console.log(`${numPassedTests} passed, ${failed} failed`);
process.exitCode = success && failed === 0 && numPassedTests > 0 ? 0 : 1;

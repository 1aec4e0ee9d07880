/**
 * Does nothing, and tells for how long at the most that was not possible. No TypeScript: what comes first on a
 * processor should need little of it.
 */
const PERIOD_MS = 5;

let lastMs = performance.now();
let longestMs = 0;

setInterval(() => {
  const nowMs = performance.now();
  longestMs = Math.max(longestMs, nowMs - lastMs - PERIOD_MS);
  lastMs = nowMs;
}, PERIOD_MS);
process.on('message', () => {
  process.send?.(longestMs);
  longestMs = 0;
});
process.on('disconnect', () => process.exit());
process.send?.({ port: 0 });

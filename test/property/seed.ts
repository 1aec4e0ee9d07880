/** Repeat a failed run with `FC_SEED=<seed> npm test`; every property shows its seed in its name. */
export const seed = Number(process.env['FC_SEED'] ?? Date.now() % 2 ** 31);

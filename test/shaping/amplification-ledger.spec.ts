import { describe, expect, it } from '@jest/globals';
import { AmplificationLedger } from '../../src/shaping/amplification-ledger.js';

describe('AmplificationLedger', () => {
  const ledgerOf = (factor = 3): AmplificationLedger => new AmplificationLedger(factor, 7);

  it('lets an address have three times what it sent, to the byte', () => {
    const ledger = ledgerOf();
    ledger.received('a', 100);
    expect(ledger.tryTake('a', 200)).toBe(true);
    expect(ledger.tryTake('a', 101)).toBe(false);
    expect(ledger.tryTake('a', 100)).toBe(true);
    expect(ledger.tryTake('a', 1)).toBe(false);
    ledger.received('a', 1);
    expect(ledger.tryTake('a', 3)).toBe(true);
  });

  it('knows nothing of an address that sent nothing', () => {
    expect(ledgerOf().tryTake('a', 1)).toBe(false);
    expect(ledgerOf().tryTake('a', 0)).toBe(false);
    expect(ledgerOf().tryAsk('a', 1000)).toBe(false);
  });

  it('keeps to other factors, with their fractions', () => {
    const ledger = ledgerOf(1.5);
    ledger.received('a', 10);
    expect([ledger.tryTake('a', 16), ledger.tryTake('a', 15)]).toEqual([false, true]);
  });

  it('asks an address at most every 200 ms', () => {
    const ledger = ledgerOf();
    ledger.received('a', 10);
    const asked = [0, 199, 200, 399.9, 400].map((nowMs) => ledger.tryAsk('a', nowMs));
    expect(asked).toEqual([true, false, true, false, true]);
  });

  it('never lets any of a hundred thousand addresses have more than its own bytes allow', () => {
    const ledger = ledgerOf();
    let sent = 0;
    for (let i = 0; i < 100_000; i++) {
      ledger.received(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:1000`, 10);
      // Whether its slot is its own or was another's: 30 bytes, and no more.
      if (ledger.tryTake(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:1000`, 31)) sent++;
    }
    expect(sent).toBe(0);
  });

  it('gives a slot to whoever came last, with nothing of the one before', () => {
    const ledger = ledgerOf();
    ledger.received('first', 1_000_000);
    for (let i = 0; i < 100_000; i++) ledger.received(`other ${i}`, 1);
    expect([ledger.tryTake('other 99999', 4), ledger.tryTake('other 99999', 3)]).toEqual([false, true]);
    // All slots were taken over by now.
    expect(ledger.tryTake('first', 1)).toBe(false);
  });
});

import { describe, expect, it } from '@jest/globals';
import { DropCounters } from '../../src/telemetry/drop-counters.js';

describe('DropCounters', () => {
  it('starts with no reason', () => {
    expect(new DropCounters().snapshot()).toEqual({});
  });

  it('counts datagrams and bytes by reason', () => {
    const drops = new DropCounters();
    drops.count('overflow', 100);
    drops.count('overflow', 50);
    drops.count('expired', 0);
    expect(drops.snapshot()).toEqual({
      overflow: { datagrams: 2, bytes: 150 },
      expired: { datagrams: 1, bytes: 0 },
    });
  });

  it('gives a frozen snapshot that later drops do not change', () => {
    const drops = new DropCounters();
    drops.count('overflow', 100);
    const snapshot = drops.snapshot();
    drops.count('overflow', 100);
    expect(snapshot).toEqual({ overflow: { datagrams: 1, bytes: 100 } });
    expect([Object.isFrozen(snapshot), Object.isFrozen(snapshot['overflow'])]).toEqual([true, true]);
  });

  it('keeps 64 reasons and counts all further ones as other', () => {
    const drops = new DropCounters();
    for (let nth = 0; nth < 1000; nth++) drops.count(`reason ${nth}`, 10);
    const snapshot = drops.snapshot();
    expect(Object.keys(snapshot)).toHaveLength(65);
    expect(snapshot['reason 63']).toEqual({ datagrams: 1, bytes: 10 });
    expect(snapshot['reason 64']).toBeUndefined();
    expect(snapshot['other']).toEqual({ datagrams: 936, bytes: 9360 });
  });

  it('goes on counting known reasons when there is no room for new ones', () => {
    const drops = new DropCounters();
    for (let nth = 0; nth < 100; nth++) drops.count(`reason ${nth}`, 10);
    drops.count('reason 0', 5);
    expect(drops.snapshot()['reason 0']).toEqual({ datagrams: 2, bytes: 15 });
  });

  it.each(['__proto__', 'constructor', 'toString'])('takes %s for a word like others', (reason) => {
    const drops = new DropCounters();
    drops.count(reason, 1);
    expect(Object.entries(drops.snapshot())).toEqual([[reason, { datagrams: 1, bytes: 1 }]]);
  });
});

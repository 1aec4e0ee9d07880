import { describe, expect, it } from '@jest/globals';
import { CongestionWindow } from '../../src/exchange/congestion-window.js';

describe('CongestionWindow', () => {
  it('lets ten datagrams go first, and always one', () => {
    const window = new CongestionWindow(1000);
    let sent = 0;
    for (; window.hasRoomFor(1000); sent++) window.onSent(1000);
    expect(sent).toBe(10);
    expect(new CongestionWindow(100).hasRoomFor(5000)).toBe(true);
  });

  it('doubles in a round trip until the first loss, then halves, and grows by one datagram a round trip', () => {
    const window = new CongestionWindow(1000);
    fill(window);
    window.onAcked(10_000, 0);
    expect(window.bytes).toBe(20_000);
    fill(window);
    window.onLost(1000, 10, 20);
    expect(window.bytes).toBe(10_000);
    // What was sent before the loss was noticed tells nothing about the smaller window.
    window.onAcked(10_000, 15);
    expect(window.bytes).toBe(10_000);
    fill(window);
    for (let i = 0; i < 10; i++) {
      window.onAcked(1000, 30);
      fill(window);
    }
    expect(window.bytes).toBeGreaterThan(10_900);
    expect(window.bytes).toBeLessThan(11_000);
  });

  it('halves once for all losses of a round, and again for those after', () => {
    const window = new CongestionWindow(1000);
    fill(window);
    window.onLost(1000, 0, 10);
    window.onLost(1000, 5, 11);
    expect(window.bytes).toBe(5000);
    window.onLost(1000, 12, 20);
    expect(window.bytes).toBe(2500);
    window.onLost(1000, 25, 30);
    window.onLost(1000, 35, 40);
    expect(window.bytes).toBe(2000);
  });

  it('does not grow while it is not used', () => {
    const window = new CongestionWindow(1000);
    window.onSent(1000);
    window.onAcked(1000, 0);
    expect(window.bytes).toBe(10_000);
  });

  it('falls to two datagrams when nothing comes back, and grows fast up to half of what it was', () => {
    const window = new CongestionWindow(1000);
    window.collapse();
    expect(window.bytes).toBe(2000);
    fill(window);
    window.onAcked(2000, 0);
    expect(window.bytes).toBe(4000);
  });

  it('forgets what was given up, and never counts below 0', () => {
    const window = new CongestionWindow(1000);
    window.onSent(1000);
    window.onGone(1000);
    window.onGone(1000);
    expect(window.underWayBytes).toBe(0);
  });

  function fill(window: CongestionWindow): void {
    while (window.hasRoomFor(1000)) window.onSent(1000);
  }
});

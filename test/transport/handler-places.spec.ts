import { describe, expect, it } from '@jest/globals';
import { PeerAddress } from '../../src/common/peer-address.js';
import {
  HandlerPlaces,
  type HandlerLimits,
  type Standing,
  type Ticket,
  type Visitor,
} from '../../src/transport/handler-places.js';

const KNOWN = PeerAddress.of('10.0.0.1', 1);
const STRANGER = PeerAddress.of('192.0.2.1', 1);

describe('HandlerPlaces', () => {
  it('gives places until they are taken, then lets packets wait in the order they came', () => {
    const { places, wait, told } = setUp({ maxConcurrent: 2 });
    expect(places.tryTake(KNOWN, 1)).toBe('known');
    expect(places.tryTake(KNOWN, 1)).toBe('known');
    expect(places.tryTake(KNOWN, 1)).toBeUndefined();
    wait('a');
    wait('b');
    expect([places.waiting, places.waitingBytes]).toEqual([2, 2 * 612]);
    places.leave('known');
    expect(told).toEqual(['a begins']);
    // A place is free for nobody who has not waited.
    wait('c');
    places.leave('known');
    expect(places.tryTake(KNOWN, 1)).toBeUndefined();
    places.leave('known');
    expect(told).toEqual(['a begins', 'b begins', 'c begins']);
    expect([places.waiting, places.waitingBytes]).toEqual([0, 0]);
    places.leave('known');
    places.leave('known');
    expect(places.tryTake(KNOWN, 2)).toBe('known');
  });

  it('bounds the line in bytes, 512 more for each packet', () => {
    const { places, wait } = setUp({ maxConcurrent: 1, maxWaitingBytes: 2 * 612 });
    places.tryTake(KNOWN, 1);
    expect(wait('a')).toBeDefined();
    expect(places.hasRoom(KNOWN, 100, 1)).toBe(true);
    expect(places.hasRoom(KNOWN, 101, 1)).toBe(false);
    expect(wait('b')).toBeDefined();
    expect(wait('c', KNOWN, { bytes: 0 })).toBeUndefined();
    expect(places.hasRoom(KNOWN, 0, 1)).toBe(false);
    places.leave('known');
    expect(places.hasRoom(KNOWN, 100, 1)).toBe(true);
  });

  it('takes a packet out of the middle of the line', () => {
    const { places, wait, told } = setUp({ maxConcurrent: 1 });
    places.tryTake(KNOWN, 1);
    wait('a');
    const b = wait('b') as Ticket;
    const c = wait('c') as Ticket;
    wait('d');
    places.withdraw(b);
    places.withdraw(b);
    places.withdraw(c);
    expect([places.waiting, places.waitingBytes]).toEqual([2, 2 * 612]);
    places.leave('known');
    places.leave('known');
    expect(told).toEqual(['a begins', 'd begins']);
    places.withdraw(b);
    expect(places.waitingBytes).toBe(0);
  });

  it('goes on to the next when one does not begin', () => {
    const { places, wait, told } = setUp({ maxConcurrent: 1 });
    places.tryTake(KNOWN, 1);
    wait('a', KNOWN, { begins: false });
    wait('b');
    places.leave('known');
    expect(told).toEqual(['a begins', 'b begins']);
    expect(places.tryTake(KNOWN, 1)).toBeUndefined();
    places.leave('known');
    expect(places.tryTake(KNOWN, 1)).toBe('known');
  });

  it('begins a long line of handlers that end at once, one after the other', () => {
    const { places, told } = setUp({ maxConcurrent: 1, maxWaitingBytes: 2 ** 30 });
    places.tryTake(KNOWN, 1);
    for (let nth = 0; nth < 50_000; nth++) {
      places.wait({
        peer: KNOWN,
        bytes: 0,
        places: 1,
        begin: (standing) => {
          told.push('x');
          places.leave(standing);
          return true;
        },
        dismissed: () => undefined,
      });
    }
    places.leave('known');
    expect(told).toHaveLength(50_000);
    expect(places.tryTake(KNOWN, 1)).toBe('known');
  });

  it('lets a packet with several handlers wait for all of its places, and nobody overtake it', () => {
    const { places, wait, told } = setUp({ maxConcurrent: 3 });
    places.tryTake(KNOWN, 2);
    wait('three', KNOWN, { places: 3 });
    expect(places.tryTake(KNOWN, 1)).toBeUndefined();
    expect(places.tryTake(STRANGER, 1)).toBeUndefined();
    places.leave('known');
    expect(told).toEqual([]);
    places.leave('known');
    expect(told).toEqual(['three begins']);
  });

  it('lets a packet with more handlers than there are places run alone', () => {
    const { places, wait, told } = setUp({ maxConcurrent: 2 });
    expect(places.tryTake(KNOWN, 5)).toBe('known');
    wait('a');
    for (let nth = 0; nth < 3; nth++) places.leave('known');
    expect(told).toEqual([]);
    places.leave('known');
    expect(told).toEqual(['a begins']);
  });

  it('sends all away when the line is closed, the oldest first', () => {
    const { places, wait, told } = setUp({ maxConcurrent: 2 });
    places.tryTake(KNOWN, 2);
    wait('a');
    wait('b', STRANGER);
    wait('c');
    places.dismiss();
    expect(told).toEqual(['a goes', 'b goes', 'c goes']);
    expect([places.waiting, places.waitingBytes]).toEqual([0, 0]);
    places.leave('known');
    expect(told).toHaveLength(3);
  });

  describe('with peers that have not proved their address', () => {
    it('gives these half of the places, and the rest to the others', () => {
      const { places, wait, told } = setUp({ maxConcurrent: 4 });
      expect(places.tryTake(STRANGER, 1)).toBe('stranger');
      expect(places.tryTake(STRANGER, 1)).toBe('stranger');
      expect(places.tryTake(STRANGER, 1)).toBeUndefined();
      wait('stranger', STRANGER);
      expect(places.tryTake(KNOWN, 2)).toBe('known');
      wait('known');
      // Who may have it comes first, whoever came first.
      places.leave('known');
      expect(told).toEqual(['known begins']);
      places.leave('stranger');
      expect(told).toEqual(['known begins', 'stranger begins']);
    });

    it('gives them one place where there is one', () => {
      expect(setUp({ maxConcurrent: 1 }).places.tryTake(STRANGER, 1)).toBe('stranger');
    });

    it('gives them half of the line', () => {
      const { places, wait } = setUp({ maxConcurrent: 1, maxWaitingBytes: 4 * 612 });
      places.tryTake(KNOWN, 1);
      expect([1, 2, 3].map((n) => wait(`s${n}`, STRANGER) !== undefined)).toEqual([true, true, false]);
      expect(places.hasRoom(STRANGER, 0, 1)).toBe(false);
      expect([1, 2, 3].map((n) => wait(`k${n}`) !== undefined)).toEqual([true, true, false]);
    });

    it('serves both in the order they came while there is enough', () => {
      const { places, wait, told } = setUp({ maxConcurrent: 4 });
      places.tryTake(KNOWN, 4);
      wait('a', STRANGER);
      wait('b');
      wait('c', STRANGER);
      for (let nth = 0; nth < 3; nth++) places.leave('known');
      expect(told).toEqual(['a begins', 'b begins', 'c begins']);
    });
  });

  it('lets the line run for 8 ms in a turn of the event loop, and goes on in the next', () => {
    const { places, wait, told, clock, soon } = setUp({ maxConcurrent: 1 });
    places.tryTake(KNOWN, 1);
    for (const name of ['a', 'b', 'c', 'd', 'e']) wait(name, KNOWN, { begins: false, workMs: 5 });
    places.leave('known');
    expect(told).toEqual(['a begins', 'b begins']);
    expect(clock.nowMs).toBe(10);
    // Nobody overtakes meanwhile.
    expect(places.tryTake(KNOWN, 1)).toBeUndefined();
    soon.shift()!();
    expect(told).toEqual(['a begins', 'b begins', 'c begins', 'd begins']);
    soon.shift()!();
    soon.shift()!();
    expect(told).toHaveLength(5);
    expect(soon).toHaveLength(0);
    expect(places.tryTake(KNOWN, 1)).toBe('known');
  });

  function setUp(limits: Partial<HandlerLimits>) {
    const clock = { nowMs: 0 };
    const soon: (() => void)[] = [];
    const scheduler = { now: () => clock.nowMs, soon: (task: () => void) => void soon.push(task) };
    const places = new HandlerPlaces({ maxConcurrent: 1, maxWaitingBytes: 2 ** 20, ...limits }, scheduler);
    places.isProven = (peer) => peer !== STRANGER;
    const told: string[] = [];
    const wait = (
      name: string,
      peer = KNOWN,
      { begins = true, workMs = 0, ...rest }: Partial<Visitor> & { begins?: boolean; workMs?: number } = {},
    ): Ticket | undefined =>
      places.wait({
        peer,
        bytes: 100,
        places: 1,
        begin: (_standing: Standing) => {
          told.push(`${name} begins`);
          clock.nowMs += workMs;
          return begins;
        },
        dismissed: () => void told.push(`${name} goes`),
        ...rest,
      });
    return { places, wait, told, clock, soon };
  }
});

import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { PeerAddress } from '../../src/common/peer-address.js';
import type { ReceivedDatagram } from '../../src/endpoint/datagram-socket.js';
import { PortionFeed } from '../../src/endpoint/portion-feed.js';

describe('PortionFeed', () => {
  afterEach(() => void jest.restoreAllMocks());

  it('lets what a portion began come to rest before it hands on the next', async () => {
    const { feed, told } = makeFeed(async (text) => {
      for (let step = 0; step < 5; step++) await Promise.resolve();
      told.push(`${text} has rested`);
    });
    feed.begin(batchOf('abcdef'));
    expect(told).toEqual(['abcd']);
    await nextTurn();
    expect(told).toEqual(['abcd', 'abcd has rested', 'ef', 'ef has rested', 'end of 6']);
  });

  it('has in hand the whole of a batch until all of it has come to rest', async () => {
    const inHand: number[] = [];
    const { feed } = makeFeed(async () => {
      inHand.push(feed.inHand);
      await Promise.resolve();
      inHand.push(feed.inHand);
    });
    expect(feed.inHand).toBe(0);
    feed.begin(batchOf('abcde'));
    await nextTurn();
    expect(inHand).toEqual([5, 5, 5, 5]);
    expect(feed.inHand).toBe(0);
  });

  it('hands on one batch from within the end of another', async () => {
    const { feed, told } = makeFeed(
      () => undefined,
      (datagrams) => {
        if (datagrams === 2) feed.begin(batchOf('xyz'));
      },
    );
    feed.begin(batchOf('ab'));
    await nextTurn();
    expect(told).toEqual(['ab', 'end of 2', 'xyz', 'end of 3']);
  });

  it('hands on no more of a batch when it was stopped', async () => {
    const { feed, told } = makeFeed((text) => {
      if (text === 'abcd') feed.stop();
    });
    feed.begin(batchOf('abcdefghij'));
    await nextTurn();
    expect(told).toEqual(['abcd', 'end of 10']);
    feed.stop();
    feed.begin(batchOf('k'));
    await nextTurn();
    expect(told.slice(2)).toEqual(['k', 'end of 1']);
  });

  it('goes on with the rest when the listener throws', async () => {
    const { feed, told } = makeFeed((text) => {
      if (text === 'abcd') throw new Error('from the listener');
    });
    expect(() => feed.begin(batchOf('abcdefg'))).toThrow('from the listener');
    await nextTurn();
    expect(told).toEqual(['abcd', 'efg', 'end of 7']);
  });

  it('looks at no clock for a batch that is one portion, and learns from those that are several', async () => {
    let nowMs = 0;
    const now = jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
    const { feed, told } = makeFeed((text) => {
      nowMs += text.length / 100;
    });
    feed.begin(batchOf('abcd'));
    await nextTurn();
    expect(now).not.toHaveBeenCalled();
    feed.begin(batchOf('x'.repeat(60)));
    await nextTurn();
    expect(told.map((text) => text.length).slice(2, -1)).toEqual([4, 30, 26]);
  });

  function makeFeed(
    onPortion: (text: string) => unknown,
    onEnd: (datagrams: number) => void = () => undefined,
  ) {
    const told: string[] = [];
    const feed = new PortionFeed(
      {
        onDatagrams: (portion) => {
          const text = portion.map(({ data }) => data.toString()).join('');
          told.push(text);
          void onPortion(text);
        },
      },
      (datagrams) => {
        told.push(`end of ${datagrams}`);
        onEnd(datagrams);
      },
    );
    return { feed, told };
  }
});

function batchOf(text: string): ReceivedDatagram[] {
  return Array.from(text, (letter) => ({ data: Buffer.from(letter), peer: PEER }));
}

const PEER = PeerAddress.of('127.0.0.1', 9);

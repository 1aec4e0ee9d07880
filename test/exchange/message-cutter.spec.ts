import { describe, expect, it } from '@jest/globals';
import { MessageCutter } from '../../src/exchange/message-cutter.js';

describe('MessageCutter', () => {
  const fate = (): { left: () => void } => ({ left: () => undefined });
  const cutAll = (cutter: MessageCutter) => {
    const pieces = [];
    for (let piece = cutter.cut(); piece !== undefined; piece = cutter.cut()) pieces.push(piece);
    return pieces;
  };

  it('cuts a message from its beginning to its end, without a copy', () => {
    const cutter = new MessageCutter(4);
    const message = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const told = fate();
    cutter.push(message, true, told);
    expect(cutter.piecesOf(9)).toBe(3);
    const [first, second, third] = cutAll(cutter);
    expect(first).toEqual({
      payload: Uint8Array.of(1, 2, 3, 4),
      messageBytes: 9,
      isLast: false,
      isEnd: false,
      fate: undefined,
    });
    expect(second).toMatchObject({
      payload: Uint8Array.of(5, 6, 7, 8),
      messageBytes: undefined,
      isLast: false,
    });
    expect(third).toEqual({
      payload: Uint8Array.of(9),
      messageBytes: undefined,
      isLast: true,
      isEnd: true,
      fate: told,
    });
    expect(third?.payload.buffer).toBe(message.buffer);
  });

  it.each([
    [0, 1],
    [1, 1],
    [4, 1],
    [5, 2],
    [8, 2],
  ])('makes of %i bytes, 4 in a piece, %i', (bytes, pieces) => {
    const cutter = new MessageCutter(4);
    cutter.push(new Uint8Array(bytes), false, undefined);
    expect(cutter.piecesOf(bytes)).toBe(pieces);
    const cut = cutAll(cutter);
    expect(cut.map(({ isLast }) => isLast)).toEqual(cut.map((_, index) => index === pieces - 1));
    expect(cut.reduce((sum, { payload }) => sum + payload.length, 0)).toBe(bytes);
    expect(cut[0]?.messageBytes).toBe(bytes);
  });

  it('cuts one message after the other', () => {
    const cutter = new MessageCutter(2);
    cutter.push(Uint8Array.of(1, 2, 3), false, undefined);
    cutter.push(new Uint8Array(0), false, undefined);
    cutter.push(Uint8Array.of(4), true, undefined);
    expect(cutAll(cutter).map(({ payload, isLast, isEnd }) => [[...payload], isLast, isEnd])).toEqual([
      [[1, 2], false, false],
      [[3], true, false],
      [[], true, false],
      [[4], true, true],
    ]);
  });

  it('lets go of what is not cut, and of a message in part too', () => {
    const cutter = new MessageCutter(2);
    const [one, two, three] = [fate(), fate(), fate()];
    cutter.push(Uint8Array.of(1), false, one);
    cutter.push(Uint8Array.of(1, 2, 3), false, two);
    cutter.push(Uint8Array.of(1), false, undefined);
    cutter.push(Uint8Array.of(1), true, three);
    cutter.cut();
    cutter.cut();
    expect(cutter.clear()).toEqual([two, three]);
    expect(cutter.cut()).toBeUndefined();
  });
});

import { describe, expect, it } from '@jest/globals';
import { EndpointEvents } from '../../src/endpoint/endpoint.events.js';
import { ManualClock } from '../../src/testing/manual-clock.js';

describe('EndpointEvents', () => {
  it('turns what a listener throws into an error', () => {
    const { events, errors, unobserved } = setUp();
    events.on('close', () => {
      throw new Error('broken');
    });
    events.emit('close');
    expect(errors).toEqual(['broken']);
    expect(unobserved).toEqual([]);
  });

  it('turns what a listener rejects with into an error', async () => {
    const { events, errors } = setUp();
    // A user's async function: the types allow it, as EventEmitter does.
    const listener: () => unknown = async () => {
      throw new Error('late');
    };
    events.on('close', listener);
    events.emit('close');
    await new ManualClock().advance(0);
    expect(errors).toEqual(['late']);
  });

  it.each(['throws', 'rejects'])(
    'does not tell a listener for errors that %s of its own failure',
    async (how) => {
      const unobserved: string[] = [];
      const events = new EndpointEvents((error) => void unobserved.push(error.message));
      let calls = 0;
      const listener: () => unknown =
        how === 'throws'
          ? () => {
              calls++;
              throw new Error('second');
            }
          : async () => {
              calls++;
              throw new Error('second');
            };
      events.on('error', listener);
      events.error(new Error('first'));
      await new ManualClock().advance(0);
      expect([calls, unobserved]).toEqual([1, ['second']]);
    },
  );

  it('hands errors on while nobody listens', () => {
    const unobserved: string[] = [];
    const events = new EndpointEvents((error) => void unobserved.push(error.message));
    events.error(new Error('alone'));
    expect(unobserved).toEqual(['alone']);
  });

  it('refuses an event that there is not', () => {
    expect(() => setUp().events.on('message' as 'close', () => undefined)).toThrow(
      "there is no event 'message'; events are listening, error, close, drop, overflow",
    );
  });

  function setUp() {
    const unobserved: string[] = [];
    const errors: string[] = [];
    const events = new EndpointEvents((error) => void unobserved.push(error.message));
    events.on('error', (error) => void errors.push(error.message));
    return { events, errors, unobserved };
  }
});

import { describe, expect, it } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { InvalidOptionError } from '../../src/common/invalid-option.error.js';
import type { MutablePassage } from '../../src/endpoint/passage.js';
import { Bandwidth, TrafficClass, Unmetered } from '../../src/transport/handler-terms.decorators.js';
import { passageOf } from '../../src/transport/handler-terms.js';

const EXTRAS = 'microservices:pattern_extras';

describe('decorators of handlers', () => {
  it('reach the strategy with the handler, above the pattern or below it', () => {
    class Sensor {
      @MessagePattern('above') @Bandwidth(1000) above(): void {}
      @Bandwidth(1000) @MessagePattern('below') below(): void {}
      @TrafficClass('bulk') @MessagePattern('class') @Bandwidth(1000) both(): void {}
      @MessagePattern('plain') plain(): void {}
      @EventPattern<string>('event', { ours: 1 }) @TrafficClass('control') event(): void {}
    }
    const rates = ['above', 'below', 'both', 'plain'].map(
      (name) => of(Sensor, name).limit?.rateBytesPerSecond,
    );
    expect(rates).toEqual([1000, 1000, 1000, undefined]);
    expect(['above', 'both', 'event'].map((name) => of(Sensor, name).rank)).toEqual([1, 2, 0]);
    expect(extrasOf(Sensor, 'event')).toMatchObject({ ours: 1 });
  });

  it('on a controller are the default of each of its handlers, with a limit each', () => {
    @Controller()
    @Bandwidth('2 kB/s')
    @TrafficClass('bulk')
    class Logs {
      @MessagePattern('one') one(): void {}
      @MessagePattern('two') two(): void {}
      @MessagePattern('three') @Bandwidth('1 kB/s') three(): void {}
      @MessagePattern('four') @TrafficClass('control') four(): void {}
      @MessagePattern('five') @Unmetered() five(): void {}
      helper(): void {}
    }
    const rates = ['one', 'two', 'three', 'four'].map((name) => of(Logs, name).limit?.rateBytesPerSecond);
    expect(rates).toEqual([2000, 2000, 1000, 2000]);
    expect(['one', 'three', 'four'].map((name) => of(Logs, name).rank)).toEqual([2, 2, 0]);
    expect(of(Logs, 'one').limit).not.toBe(of(Logs, 'two').limit);
    expect(of(Logs, 'five')).toMatchObject({ isUnmetered: true, limit: undefined, rank: 2 });
    expect(extrasOf(Logs, 'helper')).toBeUndefined();
  });

  it('on a handler bring back a limit that its controller has lifted', () => {
    @Unmetered()
    class Health {
      @MessagePattern('live') live(): void {}
      @MessagePattern('dump') @Bandwidth(1000) dump(): void {}
    }
    expect([of(Health, 'live').isUnmetered, of(Health, 'dump').isUnmetered]).toEqual([true, false]);
    expect(of(Health, 'dump').limit?.rateBytesPerSecond).toBe(1000);
  });

  it('share one limit between the patterns of one handler, in each transport for itself', () => {
    class Lists {
      @MessagePattern(['list', 'all']) @Bandwidth(1000) list(): void {}
    }
    const known = new WeakMap<object, MutablePassage>();
    const [list, all] = [1, 2].map(() => passageOf({ ...extrasOf(Lists, 'list') }, 0, known));
    expect(list).toBe(all);
    expect(passageOf({ ...extrasOf(Lists, 'list') }, 0, new WeakMap()).limit).not.toBe(list?.limit);
  });

  describe('on controllers that inherit handlers', () => {
    class Base {
      @MessagePattern('shared') shared(@Payload() data: number): string {
        return `${this.name()} ${data}`;
      }
      @MessagePattern('own') @Bandwidth(7000) own(): void {}
      name(): string {
        return 'base';
      }
    }
    @Bandwidth(1000)
    class First extends Base {
      override name(): string {
        return 'first';
      }
    }
    @Bandwidth(2000)
    class Second extends Base {}
    class Third extends Base {}
    @TrafficClass('bulk')
    class OfFirst extends First {}

    it('stay with the controller', () => {
      const rates = [First, Second, Third, Base].map((each) => of(each, 'shared').limit?.rateBytesPerSecond);
      expect(rates).toEqual([1000, 2000, undefined, undefined]);
      expect(of(First, 'shared').limit).not.toBe(of(Second, 'shared').limit);
    });

    it('do not outweigh what the handler says', () => {
      expect([First, Second, Third].map((each) => of(each, 'own').limit?.rateBytesPerSecond)).toEqual([
        7000, 7000, 7000,
      ]);
    });

    it('add to those of the controller that is inherited from', () => {
      expect(of(OfFirst, 'shared')).toMatchObject({ rank: 2, limit: { rateBytesPerSecond: 1000 } });
      expect(of(First, 'shared').rank).toBe(1);
    });

    it('leave the handler what it was', () => {
      const method = (First.prototype as unknown as Record<string, () => void>)['shared']!;
      expect([method.name, new First().shared(5), new Second().shared(6)]).toEqual([
        'shared',
        'first 5',
        'base 6',
      ]);
      expect(Reflect.getMetadata('microservices:pattern', method)).toEqual(['shared']);
    });
  });

  it('refuse at once what cannot be meant', () => {
    expect(() => Bandwidth('fast')).toThrow(InvalidOptionError);
    expect(() => Bandwidth('fast')).toThrow(/^@Bandwidth is not clear: 'fast'/);
    expect(() => Bandwidth({ rate: 1, brust: 1 } as never)).toThrow(/^@Bandwidth.brust is not an option/);
    expect(() => TrafficClass('urgent' as never)).toThrow(/^@TrafficClass must be one of/);
  });
});

function extrasOf(type: { prototype: object }, method: string): Record<string, unknown> | undefined {
  const handler = (type.prototype as Record<string, object>)[method]!;
  return Reflect.getMetadata(EXTRAS, handler) as Record<string, unknown> | undefined;
}

function of(type: { prototype: object }, method: string): MutablePassage {
  return passageOf(extrasOf(type, method) ?? {}, 0, new WeakMap());
}

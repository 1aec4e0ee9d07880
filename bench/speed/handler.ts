import { Controller, Module } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';

/** What all servers of the comparison answer. */
export function answerTo(data: Reading): { name: string; mean: number } {
  return { name: data.name, mean: (data.values[0]! + data.values[1]!) / 2 };
}

export interface Reading {
  readonly name: string;
  readonly values: readonly number[];
}

/** About as large as requests of telemetry are. */
export const READING: Reading = { name: 'sensor-17', values: [21.5, 22.25] };

export const PATTERN = 'mean';

export const EVENT = 'reading';

/** Answered with a text of so many bytes. */
export const TEXT = 'text';

let events = 0;

let text = '';

/** Events that have come to the handler of this process. */
export function eventsSoFar(): number {
  return events;
}

@Controller()
class MeanController {
  @MessagePattern(PATTERN) mean(@Payload() data: Reading): { name: string; mean: number } {
    return answerTo(data);
  }

  @MessagePattern(TEXT) text(@Payload() bytes: number): string {
    text = text.length === bytes ? text : Buffer.alloc(bytes, 'x').toString('latin1');
    return text;
  }

  @EventPattern<string>(EVENT) reading(@Payload() _data: Reading): void {
    events++;
  }
}

@Module({ controllers: [MeanController] })
export class MeanModule {}

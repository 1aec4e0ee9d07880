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

let events = 0;

/** Events that have come to the handler of this process. */
export function eventsSoFar(): number {
  return events;
}

@Controller()
class MeanController {
  @MessagePattern(PATTERN) mean(@Payload() data: Reading): { name: string; mean: number } {
    return answerTo(data);
  }

  @EventPattern<string>(EVENT) reading(@Payload() _data: Reading): void {
    events++;
  }
}

@Module({ controllers: [MeanController] })
export class MeanModule {}

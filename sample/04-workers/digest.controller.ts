import { createHash } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';

/** Work for the processor: what workers are for. */
@Controller()
export class DigestController {
  @MessagePattern('digest') digest(@Payload() text: string): { worker: number; digest: string } {
    let digest = text;
    for (let round = 0; round < ROUNDS; round++) digest = createHash('sha256').update(digest).digest('hex');
    return { worker: process.pid, digest };
  }
}

// About a millisecond: what asks must not need the processors itself.
const ROUNDS = 1000;

import { Controller, Module } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { ThrottledUdpModule } from 'nestjs-throttled-udp';
import { HOST, PORT, QUEUE_LIMIT, UPLOAD_LIMIT } from './settings.js';

@Controller()
export class QuickstartController {
  /** For a person with `nc`. */
  @MessagePattern('sum') sum(@Payload() data: number[]): number {
    return data.reduce((total, value) => total + value, 0);
  }

  /** About a kilobyte: what the load asks for, again and again. */
  @MessagePattern('page') page(@Payload() number: number): { number: number; text: string } {
    return { number, text: 'lorem ipsum '.repeat(80) };
  }
}

@Module({
  imports: [
    ThrottledUdpModule.forRoot({
      host: HOST,
      port: PORT,
      upload: UPLOAD_LIMIT,
      download: '1 MB/s',
      queue: { maxBytes: QUEUE_LIMIT },
    }),
  ],
  controllers: [QuickstartController],
})
export class AppModule {}

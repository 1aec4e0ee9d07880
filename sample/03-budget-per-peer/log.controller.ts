import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Bandwidth, Peer, PeerAddress, TrafficClass } from 'nestjs-throttled-udp';
import { LogStore } from './log-store.js';

@Controller()
export class LogController {
  constructor(private readonly store: LogStore) {}

  @EventPattern<string>('line') append(@Payload() line: unknown, @Peer() peer: PeerAddress): void {
    if (typeof line === 'string') this.store.add(line, peer.key);
  }

  /** The last few lines: short, and somebody waits for them. */
  @MessagePattern('tail') tail(@Payload() count: unknown): string[] {
    return this.store.last(typeof count === 'number' ? Math.min(count, MAX_TAIL) : 1);
  }

  /** All lines. Everything else that must leave goes before them, and together they never take more than this. */
  @MessagePattern('export')
  @TrafficClass('bulk')
  @Bandwidth('60 kB/s')
  async *export(): AsyncGenerator<string[]> {
    const lines = this.store.last(Infinity);
    for (let at = 0; at < lines.length; at += PAGE_LINES) yield lines.slice(at, at + PAGE_LINES);
  }
}

const MAX_TAIL = 10;

// About a kilobyte: a datagram that no network cuts up.
const PAGE_LINES = 5;

import { JsonCodec, type Packet } from 'nestjs-throttled-udp';

/**
 * JSON, but a large reply is written once and has only its id changed after: to see what it costs to send so many
 * bytes, without what it costs to make them. For one reply under way at a time.
 */
export class ReadyCodec extends JsonCodec {
  #ready: Uint8Array | undefined;

  override encode(packet: Packet): Uint8Array {
    if (packet.kind !== 'reply' || packet.stamp === undefined || !isLarge(packet.response)) {
      return super.encode(packet);
    }
    this.#ready ??= super.encode(packet);
    const ready = Buffer.from(this.#ready.buffer, this.#ready.byteOffset, this.#ready.length);
    // Behind the stamp, which is taken off again.
    ready.write(String(packet.id), ready.indexOf(ID) + ID.length, 'latin1');
    return ready;
  }
}

function isLarge(response: unknown): boolean {
  return typeof response === 'string' && response.length > 100_000;
}

const ID = '"id":"';

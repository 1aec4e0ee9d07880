/** What this sample's test uses of `bittorrent-dht`. */
declare module 'bittorrent-dht' {
  import type { EventEmitter } from 'node:events';

  export class Client extends EventEmitter {
    constructor(options: { bootstrap: readonly string[] | false; host?: string });
    readonly nodeId: Buffer;
    readonly nodes: { toArray(): { id: Buffer; host: string; port: number }[] };
    listen(port: number, address: string, onListening?: () => void): void;
    address(): { address: string; port: number };
    announce(infoHash: Buffer, port: number, done: (error: Error | null) => void): void;
    lookup(infoHash: Buffer, done?: (error: Error | null) => void): void;
    destroy(done?: () => void): void;
  }
}

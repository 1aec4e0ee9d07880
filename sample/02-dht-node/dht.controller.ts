import { Controller, UseInterceptors } from '@nestjs/common';
import { MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { Peer, PeerAddress } from 'nestjs-throttled-udp';
import { ID_BYTES, toCompactNodes, toCompactPeer } from './compact.js';
import { DhtService } from './dht.service.js';
import { KRPC_PROTOCOL_ERROR, type KrpcValues } from './krpc.codec.js';
import { LearnInterceptor } from './learn.interceptor.js';
import { PeerStore } from './peer-store.js';
import { TokenService } from './token.service.js';

/** The four queries of BEP 5. */
@Controller()
@UseInterceptors(LearnInterceptor)
export class DhtController {
  constructor(
    private readonly dht: DhtService,
    private readonly peers: PeerStore,
    private readonly tokens: TokenService,
  ) {}

  @MessagePattern('ping') ping(): KrpcValues {
    return { id: this.dht.id };
  }

  @MessagePattern('find_node') findNode(@Payload() values: KrpcValues): KrpcValues {
    const target = idOf(values, 'target');
    return { id: this.dht.id, nodes: toCompactNodes(this.dht.table.closest(target)) };
  }

  @MessagePattern('get_peers') getPeers(
    @Payload() values: KrpcValues,
    @Peer() peer: PeerAddress,
  ): KrpcValues {
    const infoHash = idOf(values, 'info_hash');
    const found = this.peers.find(infoHash);
    return {
      id: this.dht.id,
      token: this.tokens.create(peer.address),
      ...(found.length > 0 ? { values: found } : { nodes: toCompactNodes(this.dht.table.closest(infoHash)) }),
    };
  }

  @MessagePattern('announce_peer') announce(
    @Payload() values: KrpcValues,
    @Peer() peer: PeerAddress,
  ): KrpcValues {
    const infoHash = idOf(values, 'info_hash');
    if (!this.tokens.isValid(values['token'], peer.address)) throw refusal('bad token');
    const port = values['implied_port'] === 1 ? peer.port : Number(values['port']);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw refusal('port must be 1 to 65535');
    const compact = toCompactPeer({ address: peer.address, port });
    if (compact !== undefined) this.peers.add(infoHash, compact);
    return { id: this.dht.id };
  }
}

function idOf(values: KrpcValues, name: string): Buffer {
  const id = values[name];
  if (Buffer.isBuffer(id) && id.length === ID_BYTES) return id;
  throw refusal(`${name} must be ${ID_BYTES} bytes`);
}

function refusal(message: string): RpcException {
  return new RpcException({ code: KRPC_PROTOCOL_ERROR, message });
}

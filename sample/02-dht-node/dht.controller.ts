import { Controller, UseInterceptors } from '@nestjs/common';
import { Ctx, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { Peer, PeerAddress, UdpContext } from 'nestjs-throttled-udp';
import { ID_BYTES, NODE_BYTES, toCompactNodes, toCompactPeer } from './compact.js';
import { DhtService } from './dht.service.js';
import { fitting } from './fitting.js';
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

  @MessagePattern('find_node') findNode(
    @Payload() values: KrpcValues,
    @Ctx() context: UdpContext,
  ): KrpcValues {
    return { id: this.dht.id, nodes: this.#nodesNear(idOf(values, 'target'), context) };
  }

  @MessagePattern('get_peers') getPeers(
    @Payload() values: KrpcValues,
    @Peer() peer: PeerAddress,
    @Ctx() context: UdpContext,
  ): KrpcValues {
    const infoHash = idOf(values, 'info_hash');
    const found = fitting(this.peers.find(infoHash), VALUE_BYTES, context.getDatagram());
    return {
      id: this.dht.id,
      token: this.tokens.create(peer.address),
      ...(found.length > 0 ? { values: found } : { nodes: this.#nodesNear(infoHash, context) }),
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

  #nodesNear(id: Buffer, context: UdpContext): Buffer {
    return toCompactNodes(fitting(this.dht.table.closest(id), NODE_BYTES, context.getDatagram()));
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

// `6:` and the six bytes of a peer.
const VALUE_BYTES = 8;

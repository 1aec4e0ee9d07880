/** What all frames begin with. */
export interface FrameHead {
  /** The request, or the confirmable event, that it belongs to: 16 hexadecimal digits. */
  readonly id: string;
  /** Life of the server: its own where it speaks, the one last heard of where the client does (0: none). */
  readonly epoch: number;
  /** The client instance, 16 hexadecimal digits: in frames of the asking side only. */
  readonly client?: string | undefined;
}

/** The handler runs, or its reply waits to leave: ask again slowly. */
export interface PendingFrame extends FrameHead {
  readonly kind: 'pending';
  /** Milliseconds that it will take at the least, if that is known. */
  readonly waitMs: number;
}

/** Nothing was done; try again later. */
export interface BusyFrame extends FrameHead {
  readonly kind: 'busy';
  readonly retryAfterMs: number;
}

/** Why the server can say nothing more about a request. */
export type GoneReason =
  'outcome-unknown' | 'lease' | 'too-large' | 'overflow' | 'closing' | 'no-handler' | 'failed';

/** The server knows nothing of the request any more, or will not take it. */
export interface GoneFrame extends FrameHead {
  readonly kind: 'gone';
  readonly reason: GoneReason;
}

/** The address must prove that it receives what is sent there: by sending the token back. */
export interface ChallengeFrame extends FrameHead {
  readonly kind: 'challenge';
  /** 16 bytes. */
  readonly token: Uint8Array;
  /** Nothing was done with the question: it is to be sent again, behind the proof. */
  readonly isRefusal: boolean;
}

/** The token that a server has sent to this address. */
export interface ProofFrame extends FrameHead {
  readonly kind: 'proof';
  readonly client: string;
  readonly token: Uint8Array;
}

/** A confirmable event is here, or a request was given up. */
export interface DoneFrame extends FrameHead {
  readonly kind: 'received' | 'cancelled';
}

/** The client no longer wants the answer, or asks what became of the request. */
export interface AskingFrame extends FrameHead {
  readonly kind: 'cancel' | 'probe';
  readonly client: string;
}

/** What has come of a run of segments, from either side. */
export interface AckFrame extends FrameHead {
  readonly kind: 'ack';
  /** Every segment before this number is here. 2^32 - 1: all are, whatever their number. */
  readonly next: number;
  /** How many segments from `next` on there is room for. */
  readonly window: number;
  /** Bit i (lowest bit of the first byte first) stands for segment `next + 1 + i`. At most 32 bytes. */
  readonly bitmap: Uint8Array;
  /** Asks for a sign of life. */
  readonly wantsAnswer: boolean;
}

/** A piece of a message, from either side. */
export interface SegmentFrame extends FrameHead, SegmentBody {
  readonly kind: 'segment';
  /** Milliseconds since the first segment was sent first; of the asking side only. */
  readonly ageMs: number;
}

/** What a segment says beside the head of its frame. */
export interface SegmentBody {
  /** Number in its run, from 0. */
  readonly seq: number;
  /** A message begins, and is so many bytes long. */
  readonly messageBytes: number | undefined;
  /** A message ends. */
  readonly isLast: boolean;
  /** The run ends. */
  readonly isEnd: boolean;
  /** The sender waits for an acknowledgement before it goes on. */
  readonly wantsAck: boolean;
  readonly payload: Uint8Array;
}

/** What a binary frame says; PROTOCOL.md has the layout. */
export type Frame =
  | PendingFrame
  | BusyFrame
  | GoneFrame
  | ChallengeFrame
  | DoneFrame
  | AskingFrame
  | ProofFrame
  | AckFrame
  | SegmentFrame;

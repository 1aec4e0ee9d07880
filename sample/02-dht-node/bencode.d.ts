/** What this sample uses of `bencode`. Byte strings come out as Uint8Array, dictionaries as plain objects. */
declare module 'bencode' {
  const bencode: {
    encode(value: unknown): Uint8Array;
    decode(data: Uint8Array): unknown;
  };
  export default bencode;
}

/**
 * A receive buffer with room for some hundreds of small datagrams. The kernel's own has room for about 160: of 256 that
 * are under way between two processes it drops some, and what is sent again would be measured. TCP's grows by itself.
 */
export const WIDE = '1 MiB';

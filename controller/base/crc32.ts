/** CRC-32 of bytes or of a text as UTF-8. */

/** Loading `node:zlib` takes 2 ms, and commands that only read the database need none of it. */
export const crc32 = (data: string | Uint8Array): number => process.getBuiltinModule("node:zlib").crc32(data);
